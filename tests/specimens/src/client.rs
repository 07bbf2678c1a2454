//! One client connection: its requests one after the other, each answered before the next is looked at.
//!
//! Pipelined requests wait in the inbox (RFC 9112 §9.3.2: answers in the order of the requests).

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout, timeout_at};
use transport::Stream;

use crate::body::{Decoder, Framing, Progress};
use crate::cache::{Fill, Join, Stored};
use crate::decisions::{Caching, ClientFacts, Keeps, OwnReply, PipelinedBehind, Unanswered};
use crate::exchange::{self, Attempts, CutBy, Outcome, gone};
use crate::gateway::Gateway;
use crate::head::{RawRequest, parse_request};
use crate::inbox::Inbox;
use crate::letter::Letter;
use crate::line::{self, Line, Turn};
use crate::pool::Upstream;
use crate::request::{Request, admit, is_for_us};
use crate::sharing;
use crate::tunnel;
use crate::wire::{After, write_own};

/// How long and how much the gateway reads from a client to which it has said its last word.
const LINGER_WAIT: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How often a request is sent at most, whatever the decisions say.
const ATTEMPTS_MAX: u32 = 4;

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: Stream,
    pub(crate) inbox: Inbox,
    /// Requests on it so far, the present one included.
    pub(crate) requests: u64,
}

/// How a client's connection goes on after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// With the next request.
    Request,
    /// It ends, and the client shall have all that was written.
    Farewell,
    /// It ends at once.
    Cut(CutBy),
}

impl From<After> for Next {
    fn from(after: After) -> Next {
        match after {
            After::Keep => Next::Request,
            After::Close => Next::Farewell,
        }
    }
}

/// Serves a client until its connection ends.
pub(crate) async fn attend(stream: Stream, gateway: Arc<Gateway>) {
    // Without it answers are late, not wrong.
    let _ = stream.set_nodelay(true);
    let mut client = Client { stream, inbox: Inbox::default(), requests: 0 };
    let mut line = gateway.decisions.pipelining.map(Line::new);
    loop {
        let next = match &mut line {
            Some(line) => client.serve_line(&gateway, line).await,
            None => client.serve_next(&gateway).await,
        };
        match next {
            Next::Request => {}
            Next::Farewell => return client.say_farewell().await,
            Next::Cut(CutBy::Close) => return,
            Next::Cut(CutBy::Reset) => {
                // If it fails the client sees a close: worse, but there is nothing left to do.
                let _ = client.stream.set_zero_linger();
                return;
            }
        }
    }
}

impl Client {
    async fn serve_next(&mut self, gateway: &Gateway) -> Next {
        let raw = match self.next_head(gateway).await {
            Ok(Some(raw)) => raw,
            Ok(None) => return Next::Cut(CutBy::Close),
            Err(status) => return self.refuse(gateway, status, After::Close).await,
        };
        let mut request = match admit(raw, &gateway.decisions) {
            Ok(request) => request,
            Err(status) => return self.refuse(gateway, status, After::Close).await,
        };
        self.requests += 1;
        if let Some(keeps) = gateway.decisions.keeps {
            gateway.worker.prepare(keeps, &mut request.head.fields).await;
        }
        if let Some(name) = gateway.decisions.replays.and_then(|name| name(&request.head))
            && let Some(letter) = gateway.answered.find(&name)
        {
            // What follows an unread body has no boundary.
            return self.write_letter(gateway, &letter, after(gateway, &request, !request.has_body())).await;
        }
        match gateway.decisions.caching {
            Some(_) | None if is_for_us(&request.head) => self.answer(gateway, &request).await,
            Some(caching) if sharing::may_ask(&request.head) => self.share(gateway, &caching, &request).await,
            Some(_) | None => self.forward(gateway, &request, None).await,
        }
    }

    /// Serves the requests that can be worked on together, or else the next one alone.
    async fn serve_line(&mut self, gateway: &Arc<Gateway>, line: &mut Line) -> Next {
        line.admit(&mut self.inbox, gateway);
        if line.is_empty() {
            return match self.inbox.is_empty() {
                // It may be one of many.
                true => self.listen(gateway).await,
                false => self.serve_next(gateway).await,
            };
        }
        let Turn { request, fetched, as_head } = tokio::select! {
            biased;
            turn = line.next() => turn,
            read = self.inbox.fill(&mut self.stream), if line::has_room(&self.inbox) => return match read {
                Ok(1..) => Next::Request,
                Ok(0) | Err(_) => Next::Cut(CutBy::Close),
            },
        };
        self.requests += 1;
        let Some(fetched) = fetched else { return self.forward(gateway, &request, None).await };
        let mut out = fetched.interims.0;
        let after = after(gateway, &request, true);
        fetched.letter.write_to(as_head, &mut out, after, &gateway.calendar);
        self.write(gateway, &out, after).await
    }

    /// Waits for the first bytes of a request.
    async fn listen(&mut self, gateway: &Gateway) -> Next {
        match timeout(gateway.decisions.client_idle, self.inbox.fill(&mut self.stream)).await {
            Ok(Ok(1..)) => Next::Request,
            Ok(Ok(0) | Err(_)) | Err(_) => Next::Cut(CutBy::Close),
        }
    }

    /// Reads the next request's head; nothing if the client closes or is idle for too long, a status if it errs.
    async fn next_head(&mut self, gateway: &Gateway) -> Result<Option<RawRequest>, u16> {
        let mut deadline = None;
        loop {
            if !self.inbox.is_empty() {
                if let Some((length, raw)) = parse_request(self.inbox.bytes())? {
                    self.inbox.consume(length);
                    return Ok(Some(raw));
                }
                // From its first byte on, a head has so long in all, however slowly it drips.
                deadline.get_or_insert_with(|| Instant::now() + gateway.decisions.client_wait);
            }
            let until = deadline.unwrap_or_else(|| Instant::now() + gateway.decisions.client_idle);
            match timeout_at(until, self.inbox.fill(&mut self.stream)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) => return Ok(None),
                Err(_) if deadline.is_none() => return Ok(None),
                Err(_) => return Err(408),
            }
        }
    }

    /// Answers from the store, or behind somebody who asked for the same, or from the origin. RFC 9111 §4.
    async fn share(&mut self, gateway: &Gateway, caching: &Caching, request: &Request) -> Next {
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
                    let (mut from_client, _) = self.stream.split();
                    tokio::select! {
                        biased;
                        // There are no permits: it only closes.
                        _ = timeout(gateway.decisions.reply_wait, landing.over.acquire()) => {}
                        () = gone(&mut from_client, &mut self.inbox) => return Next::Cut(CutBy::Close),
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
    async fn forward(&mut self, gateway: &Gateway, request: &Request, mut fill: Option<Fill<'_>>) -> Next {
        let decisions = &gateway.decisions;
        let _under_way = Arc::clone(&gateway.under_way);
        let mut pooled = gateway.pool.take(decisions);
        let mut attempts = Attempts::default();
        loop {
            attempts.count += 1;
            let reused = pooled.is_some();
            let connected = match pooled.take() {
                Some(upstream) => Ok(upstream),
                None => Upstream::connect(&gateway.origin, &request.head.host, decisions.reply_wait).await,
            };
            let Ok(mut upstream) = connected else {
                return self.refuse(gateway, 502, after(gateway, request, !request.has_body())).await;
            };
            let (outcome, finished) =
                exchange::run(self, &mut upstream, request, gateway, &mut fill, &mut attempts).await;
            if outcome == Outcome::Tunnel {
                tunnel::pass_through(self, &mut upstream).await;
                return Next::Cut(CutBy::Close);
            }
            if (decisions.may_pool)(&finished) {
                gateway.pool.put(upstream, decisions);
            } else {
                drop(upstream);
            }
            if (decisions.last_comes_first)(&PipelinedBehind { chunked: request.framing == Framing::Chunked }) {
                self.inbox.turn_around();
            }
            if decisions.keeps == Some(Keeps::ErrorPage) && request.has_body() && outcome.is_over() {
                gateway.worker.note_request_body(Vec::new());
            }
            match outcome {
                Outcome::Delivered(after) => return after.into(),
                Outcome::Tunnel => unreachable!("it has been passed through"),
                Outcome::Cut(by) => return Next::Cut(by),
                // RFC 9111 §4.3.4: what the origin has not confirmed is no answer; it is asked for the whole.
                Outcome::Unconfirmed => {}
                Outcome::Unanswered { status, closed_before_reply, request_read } => {
                    let unanswered = Unanswered {
                        reused,
                        closed_before_reply,
                        idempotent: request.is_idempotent(),
                        has_body: request.has_body(),
                    };
                    // `pooled` is empty now: a second time it is a fresh connection, and the reference tries no third.
                    if attempts.count >= ATTEMPTS_MAX || !(decisions.may_retry)(&unanswered) {
                        return self.refuse(gateway, status, after(gateway, request, request_read)).await;
                    }
                    if request.has_body() {
                        // The client's bytes are gone; a mutant that sends a body again has kept one.
                        attempts.body = Some(gateway.worker.request_body());
                    }
                }
            }
        }
    }

    async fn write_stored(&mut self, gateway: &Gateway, request: &Request, stored: &Stored) -> Next {
        let mut out = Vec::new();
        let after = after(gateway, request, may_drain(request));
        stored.write(&mut out, after, &gateway.calendar);
        self.write_and_drain(gateway, request, &out, after, OwnReply::Stored).await
    }

    /// Answers without the origin.
    async fn answer(&mut self, gateway: &Gateway, request: &Request) -> Next {
        let mut out = Vec::new();
        let after = after(gateway, request, may_drain(request));
        write_own(&mut out, 200, after, b"", &gateway.calendar);
        self.write_and_drain(gateway, request, &out, after, OwnReply::Made).await
    }

    /// RFC 9112 §9.3: what is left of the request is read before the connection carries another. The reply goes first: a
    /// client may wait for it with its body.
    async fn write_and_drain(
        &mut self,
        gateway: &Gateway,
        request: &Request,
        out: &[u8],
        after: After,
        own: OwnReply,
    ) -> Next {
        let next = self.write(gateway, out, after).await;
        let drains = next == Next::Request && (gateway.decisions.drains_behind)(own);
        if drains && !self.drain(gateway, request).await { Next::Farewell } else { next }
    }

    /// Reads the rest of a request, bounded in time and bytes; whether it came to its end.
    async fn drain(&mut self, gateway: &Gateway, request: &Request) -> bool {
        let mut decoder = Decoder::of_request(request.framing, &gateway.decisions);
        let until = Instant::now() + LINGER_WAIT;
        let mut bytes = 0;
        loop {
            match decoder.drain(&mut self.inbox, |content| bytes += content.len()) {
                Ok(Progress::Done) => return true,
                Ok(Progress::More) if bytes <= LINGER_BYTES_MAX => {}
                Ok(Progress::More) | Err(_) => return false,
            }
            if !matches!(timeout_at(until, self.inbox.fill(&mut self.stream)).await, Ok(Ok(1..))) {
                return false;
            }
        }
    }

    async fn write_letter(&mut self, gateway: &Gateway, letter: &Letter, after: After) -> Next {
        let mut out = Vec::new();
        letter.write(&mut out, after, &gateway.calendar);
        self.write(gateway, &out, after).await
    }

    async fn refuse(&mut self, gateway: &Gateway, status: u16, after: After) -> Next {
        let page = match gateway.decisions.keeps {
            Some(Keeps::ErrorPage) => gateway.worker.page(),
            Some(_) | None => Vec::new(),
        };
        let mut out = Vec::new();
        write_own(&mut out, status, after, &page, &gateway.calendar);
        self.write(gateway, &out, after).await
    }

    async fn write(&mut self, gateway: &Gateway, out: &[u8], after: After) -> Next {
        match timeout(gateway.decisions.client_wait, self.stream.write_all(out)).await {
            Ok(Ok(())) => after.into(),
            Ok(Err(_)) | Err(_) => Next::Cut(CutBy::Close),
        }
    }

    /// Closes so that the last reply arrives. RFC 9112 §9.6: a full close while the client still sends would reset the
    /// connection and tear the reply away, so the reading half stays open for a while.
    async fn say_farewell(mut self) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        let until = Instant::now() + LINGER_WAIT;
        let mut bytes = 0;
        while bytes < LINGER_BYTES_MAX {
            self.inbox.consume(self.inbox.len());
            match timeout_at(until, self.inbox.fill(&mut self.stream)).await {
                Ok(Ok(count @ 1..)) => bytes += count,
                Ok(Ok(0) | Err(_)) | Err(_) => return,
            }
        }
    }
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
