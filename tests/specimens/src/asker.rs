//! One request, from whoever asks it: answered here, from the store, or by the origin.
//!
//! It does not matter to it whether its client has a connection to itself or a stream of one.

use std::sync::Arc;

use h2::RecvStream;
use tokio::time::{Instant, timeout, timeout_at};
use vocabulary::crossing::Http;

use crate::body::{Decoder, Encoder, Framing, Progress};
use crate::cache::{Fill, Join, Stored};
use crate::client::{Client, LINGER_BYTES_MAX, LINGER_WAIT, Next};
use crate::decisions::{Caching, ClientFacts, Decisions, Keeps, OwnReply, PipelinedBehind, Unanswered};
use crate::exchange::{self, Attempts, CutBy, Fetched, Outcome};
use crate::frames::{FrameBody, Queue};
use crate::gateway::Gateway;
use crate::head::Fields;
use crate::inlet::Inlet;
use crate::letter::Letter;
use crate::outlet::{Text, ToClient};
use crate::pool::Upstream;
use crate::request::{Request, is_for_us};
use crate::responder::{Gone, Responder};
use crate::sharing;
use crate::tunnel;
use crate::wire::{After, Ends, own_reply};

/// How often a request is sent at most, whatever the decisions say.
const ATTEMPTS_MAX: u32 = 4;

/// The client's side of one exchange.
#[derive(Debug)]
pub(crate) struct Asker<'a> {
    pub(crate) body: Inlet<'a>,
    pub(crate) reply: ToClient<'a>,
    /// Whether its client connection had carried another before.
    pub(crate) kept: bool,
}

impl<'a> Asker<'a> {
    /// Of a request that has come on a connection.
    pub(crate) fn on_connection(client: &'a mut Client, request: &Request, decisions: &Decisions) -> Asker<'a> {
        let kept = client.requests > 1;
        let (from, to) = client.stream.split();
        let decoder = Decoder::of_request(request.framing, decisions);
        let body = Inlet::Connection { from, inbox: &mut client.inbox, decoder };
        Asker { body, reply: ToClient::Connection(to, Text::new(Encoder::Plain)), kept }
    }

    /// Of a request that has come on a stream.
    pub(crate) fn on_stream(
        body: RecvStream,
        responder: Arc<Responder>,
        request: &Request,
        kept: bool,
    ) -> Asker<'static> {
        let reply = ToClient::Stream { responder: Arc::clone(&responder), head: None, queue: Queue::default() };
        let body = Inlet::Stream { body: FrameBody::new(body, request.framing), responder };
        Asker { body, reply, kept }
    }

    /// Has the request answered.
    pub(crate) async fn serve(mut self, gateway: &Gateway, request: &mut Request) -> Next {
        if let Some(keeps) = gateway.decisions.keeps {
            gateway.worker.prepare(keeps, &mut request.head.fields).await;
        }
        if let Some(name) = gateway.decisions.replays.and_then(|name| name(&request.head))
            && let Some(letter) = gateway.answered.find(&name)
        {
            // What follows an unread body has no boundary.
            return self.write_letter(gateway, &letter, after(gateway, request, !request.has_body())).await;
        }
        match gateway.decisions.caching {
            Some(_) | None if is_for_us(&request.head) => self.answer(gateway, request).await,
            Some(caching) if sharing::may_ask(&request.head) => self.share(gateway, &caching, request).await,
            Some(_) | None => self.forward(gateway, request, None).await,
        }
    }

    /// Answers from the store, or behind somebody who asked for the same, or from the origin. RFC 9111 §4.
    async fn share(mut self, gateway: &Gateway, caching: &Caching, request: &Request) -> Next {
        let key = (caching.key)(&request.head);
        if let Some(stored) = gateway.cache.find(caching, &key, &request.head) {
            return self.write_stored(gateway, request, &stored).await;
        }
        // RFC 9110 §9.3.1: a body has no meaning in a GET, but it may have one for the origin: what comes of it is for nobody
        // else, and nobody waits for it.
        if request.has_body() {
            return self.forward(gateway, request, None).await;
        }
        let mut flight = None;
        if caching.collapses {
            match gateway.cache.join(&key) {
                Join::Lead(lead) => flight = Some(lead),
                Join::Wait(landing) => {
                    tokio::select! {
                        biased;
                        // There are no permits: it only closes.
                        _ = timeout(gateway.decisions.reply_wait, landing.over.acquire()) => {}
                        () = self.body.gone() => return Next::Cut(CutBy::Close),
                    }
                    // RFC 9111 §4: a collapsed request obeys the same rules, so it asks the store again. If the reply
                    // was not for all, everybody who waited goes to the origin at once.
                    if let Some(handed_over) = landing.handed_over.get() {
                        return self.write_stored(gateway, request, handed_over).await;
                    }
                    if let Some(stored) = gateway.cache.find(caching, &key, &request.head) {
                        return self.write_stored(gateway, request, &stored).await;
                    }
                }
            }
        }
        let unconfirmed = gateway.cache.find_unconfirmed(caching, &key, &request.head);
        let fill = gateway.cache.fill(*caching, key, flight).confirming(unconfirmed);
        self.forward(gateway, request, Some(fill)).await
    }

    /// Sends the request to the origin and its reply back.
    pub(crate) async fn forward(mut self, gateway: &Gateway, request: &Request, mut fill: Option<Fill<'_>>) -> Next {
        let decisions = &gateway.decisions;
        let _under_way = Arc::clone(&gateway.under_way);
        let mut attempts = Attempts::default();
        if decisions.up == Http::H2 {
            attempts.taken.keep();
        }
        loop {
            attempts.count += 1;
            let tried = match decisions.up {
                Http::H1 => self.try_connection(gateway, request, &mut fill, &mut attempts).await,
                Http::H2 => self.try_stream(gateway, request, &mut fill, &mut attempts).await,
            };
            let Some((outcome, reused)) = tried else {
                return self.refuse(gateway, 502, after(gateway, request, !request.has_body())).await;
            };
            if (decisions.last_comes_first)(&PipelinedBehind { chunked: request.framing == Framing::Chunked }) {
                self.body.turn_around();
            }
            if decisions.keeps == Some(Keeps::ErrorPage) && request.has_body() && outcome.is_over() {
                gateway.worker.note_request_body(Vec::new());
            }
            match outcome {
                Outcome::Delivered(after) => return after.into(),
                // It has been passed through.
                Outcome::Tunnel => return Next::Cut(CutBy::Close),
                Outcome::Cut(by) => return Next::Cut(by),
                // RFC 9111 §4.3.4: what the origin has not confirmed is no answer; it is asked for the whole.
                Outcome::Unconfirmed => {}
                Outcome::Unanswered { status, closed_before_reply, request_read, refused } => {
                    let unanswered = Unanswered {
                        reused,
                        closed_before_reply,
                        idempotent: request.is_idempotent(),
                        has_body: request.has_body(),
                        not_processed: refused.is_some(),
                        repeatable: attempts.taken.is_whole(),
                        first: attempts.count == 1,
                    };
                    if attempts.count >= ATTEMPTS_MAX || !(decisions.may_retry)(&unanswered) {
                        return self.refuse(gateway, status, after(gateway, request, request_read)).await;
                    }
                    attempts.refused = refused;
                    if request.has_body() && refused.is_none() {
                        // The client's bytes are gone; a mutant that sends a body again has kept one.
                        attempts.body = Some(gateway.worker.request_body());
                    }
                }
            }
        }
    }

    /// Tries a connection of HTTP/1.1: a pooled one with the first attempt, else a fresh one. Says what came of it, and whether
    /// the connection had been used before; nothing if there is none.
    async fn try_connection(
        &mut self,
        gateway: &Gateway,
        request: &Request,
        fill: &mut Option<Fill<'_>>,
        attempts: &mut Attempts,
    ) -> Option<(Outcome, bool)> {
        let decisions = &gateway.decisions;
        let pooled = if attempts.count == 1 { gateway.pool.take(decisions) } else { None };
        let reused = pooled.is_some();
        let mut upstream = match pooled {
            Some(upstream) => upstream,
            None => Upstream::connect(&gateway.origin, &request.head.host, decisions.reply_wait).await.ok()?,
        };
        let (outcome, finished) = exchange::run(self, &mut upstream, request, gateway, fill, attempts).await;
        if outcome == Outcome::Tunnel {
            tunnel::pass_through(self, &mut upstream).await;
        } else if (decisions.may_pool)(&finished) {
            gateway.pool.put(upstream, decisions);
        }
        Some((outcome, reused))
    }

    /// Tries a stream of the shared connection, or of a fresh one. Says the same.
    async fn try_stream(
        &mut self,
        gateway: &Gateway,
        request: &Request,
        fill: &mut Option<Fill<'_>>,
        attempts: &mut Attempts,
    ) -> Option<(Outcome, bool)> {
        let (mut trunk, reused) = gateway.trunks.take(gateway, request).await?;
        let outcome = exchange::run_on_stream(self, &mut trunk, request, gateway, fill, attempts).await;
        Some((outcome, reused))
    }

    async fn write_stored(&mut self, gateway: &Gateway, request: &Request, stored: &Stored) -> Next {
        let after = after(gateway, request, may_drain(request));
        stored.send(&mut self.reply, after, &gateway.calendar);
        self.flush_and_drain(gateway, after, OwnReply::Stored).await
    }

    /// Answers without the origin.
    async fn answer(&mut self, gateway: &Gateway, request: &Request) -> Next {
        let after = after(gateway, request, may_drain(request));
        send_own(&mut self.reply, gateway, 200, after, b"");
        self.flush_and_drain(gateway, after, OwnReply::Made).await
    }

    /// RFC 9112 §9.3: what is left of the request is read before the connection carries another. The reply goes first: a
    /// client may wait for it with its body.
    async fn flush_and_drain(&mut self, gateway: &Gateway, after: After, own: OwnReply) -> Next {
        let next = self.flush(gateway, after).await;
        let drains = next == Next::Request && (gateway.decisions.drains_behind)(own);
        if drains && !self.drain().await { Next::Farewell } else { next }
    }

    /// Reads the rest of a request, bounded in time and bytes; whether it came to its end.
    async fn drain(&mut self) -> bool {
        let until = Instant::now() + LINGER_WAIT;
        let mut bytes = 0;
        loop {
            match self.body.drain(|content| bytes += content.len()) {
                Ok(Progress::Done) => return true,
                Ok(Progress::More) if bytes <= LINGER_BYTES_MAX => {}
                Ok(Progress::More) | Err(_) => return false,
            }
            if !matches!(timeout_at(until, self.body.fill()).await, Ok(Ok(()))) {
                return false;
            }
        }
    }

    async fn write_letter(&mut self, gateway: &Gateway, letter: &Letter, after: After) -> Next {
        letter.send(&mut self.reply, after, &gateway.calendar);
        self.flush(gateway, after).await
    }

    /// Answers with a reply that has been fetched, which may leave as one to a HEAD.
    pub(crate) async fn write_fetched(
        mut self,
        gateway: &Gateway,
        request: &Request,
        fetched: Fetched,
        as_head: bool,
    ) -> Next {
        if let ToClient::Connection(_, text) = &mut self.reply {
            text.out = fetched.interims.0;
        }
        if self.reply.flush(gateway).await.is_err() {
            return Next::Cut(CutBy::Close);
        }
        let after = after(gateway, request, true);
        fetched.letter.send_to(as_head, &mut self.reply, after, &gateway.calendar);
        self.flush(gateway, after).await
    }

    async fn refuse(&mut self, gateway: &Gateway, status: u16, after: After) -> Next {
        refuse(&mut self.reply, gateway, status, after).await
    }

    async fn flush(&mut self, gateway: &Gateway, after: After) -> Next {
        flush(&mut self.reply, gateway, after).await
    }
}

/// Answers with a status and nothing else.
pub(crate) async fn refuse(reply: &mut ToClient<'_>, gateway: &Gateway, status: u16, after: After) -> Next {
    let page = match gateway.decisions.keeps {
        Some(Keeps::ErrorPage) => gateway.worker.page(),
        Some(_) | None => Vec::new(),
    };
    send_own(reply, gateway, status, after, &page);
    flush(reply, gateway, after).await
}

async fn flush(reply: &mut ToClient<'_>, gateway: &Gateway, after: After) -> Next {
    match reply.flush(gateway).await {
        Ok(()) => after.into(),
        Err(Gone) => Next::Cut(CutBy::Close),
    }
}

/// Sends a reply of the gateway's own; the reference's page is empty.
fn send_own(reply: &mut ToClient<'_>, gateway: &Gateway, status: u16, after: After, page: &[u8]) {
    reply.head(&own_reply(status), Ends::AfterLength(page.len() as u64), after, None, &gateway.calendar);
    reply.content(page);
    reply.end(&Fields::default());
}

/// Whether the rest of a request may be read behind a reply that did not wait for it. Not if it is large; nor if its
/// client expects to be asked for it: it may then send it or not, RFC 9110 §10.1.1.
fn may_drain(request: &Request) -> bool {
    match request.framing {
        Framing::None => true,
        Framing::Length(length) => length <= LINGER_BYTES_MAX as u64 && !request.expects(),
        Framing::Chunked => !request.expects(),
        Framing::UntilClose => false,
    }
}

/// What becomes of the client's connection.
fn after(gateway: &Gateway, request: &Request, request_read: bool) -> After {
    let facts = ClientFacts { http_10: request.head.http_10, closing: request.closing, request_read };
    if (gateway.decisions.may_keep_client)(&facts) { After::Keep } else { After::Close }
}
