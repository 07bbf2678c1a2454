//! The way down: the origin's replies, interim and final, to the client.

use std::sync::atomic::Ordering;

use tokio::time::{Instant, timeout, timeout_at};

use super::source::Source;
use super::{CutBy, Fault, Receiving, Relayed, Sending};
use crate::body::{Framing, Progress};
use crate::cache::{BODY_BYTES_MAX, Fill};
use crate::decisions::{ClientFacts, Keeps, ReplyEnd, ReplyRead};
use crate::gateway::Gateway;
use crate::head::{Fields, ReplyHead};
use crate::outlet::ToClient;
use crate::register::Ticket;
use crate::request::Request;
use crate::responder::Gone;
use crate::scratch::Scratch;
use crate::wire::{After, Ends};

/// The way down, to a client or into memory.
pub(super) struct Down<'a, 'b> {
    pub(super) from: Source<'a>,
    pub(super) to: &'a mut ToClient<'b>,
    pub(super) request: &'a Request,
    pub(super) gateway: &'a Gateway,
    pub(super) sending: &'a Sending,
    pub(super) receiving: &'a mut Receiving,
    pub(super) scratch: &'a mut Scratch,
    /// What attempts before have brought of a reply's body.
    pub(super) piece: &'a mut Vec<u8>,
    /// Its place in the register of those who wait for a reply.
    pub(super) ticket: Option<Ticket>,
    /// Its place among all exchanges that were passed on.
    pub(super) place: u64,
    /// Whether its client connection had carried another before.
    pub(super) kept: bool,
}

impl Down<'_, '_> {
    pub(super) async fn relay(mut self, fill: &mut Option<Fill<'_>>) -> Result<Relayed, Fault> {
        let decisions = &self.gateway.decisions;
        let mut head = self.begin().await?;
        self.gateway.note_change(&self.request.head, head.status);
        let request_read = self.sending.read.load(Ordering::Relaxed);
        let client = ClientFacts { http_10: self.request.head.http_10, closing: self.request.closing, request_read };
        let after = if (decisions.may_keep_client)(&client) { After::Keep } else { After::Close };
        if self.can_be_tunnel() && (decisions.opens_tunnel)(&head) {
            self.open_tunnel(&head).await?;
            return Ok(Relayed::Tunnel);
        }
        if head.status == 304 && fill.as_ref().is_some_and(|fill| fill.validator().is_some()) {
            return self.confirm(&head, after, fill).await.map(Relayed::Reply);
        }
        if decisions.keeps == Some(Keeps::ReplyFields) {
            self.scratch.refill(&mut head.fields);
        }
        let streamed = match decisions.leads_astray() {
            true => self.go_astray(head, after, fill).await,
            false => self.stream(head, after, fill).await,
        };
        streamed.map(Relayed::Reply)
    }

    /// RFC 9113 §8.6: there is no other protocol to change to in HTTP/2.
    fn can_be_tunnel(&self) -> bool {
        matches!((&self.from, &self.to), (Source::Connection { .. }, ToClient::Connection(..)))
    }

    /// Writes the head behind which the tunnel begins, as the origin has framed it. The reference never comes here.
    async fn open_tunnel(&mut self, head: &ReplyHead) -> Result<(), Fault> {
        let ends = match self.from.rest() {
            Framing::Length(length) => Ends::AfterLength(length),
            Framing::Chunked => Ends::WithLastChunk,
            Framing::None | Framing::UntilClose => Ends::WithConnection,
        };
        self.from.finish();
        self.to.head(head, ends, After::Keep, None, &self.gateway.calendar);
        self.flush().await
    }

    /// Answers with what is stored, if that is what the 304 confirms. RFC 9111 §4.3.3.
    async fn confirm(&mut self, head: &ReplyHead, after: After, fill: &mut Option<Fill<'_>>) -> Result<After, Fault> {
        self.receiving.read = ReplyRead::Whole;
        self.from.finish();
        let stored = fill.as_mut().and_then(|fill| fill.confirmed(head)).ok_or(Fault::Unconfirmed)?;
        // Whoever waits finds the confirmed one in the store.
        *fill = None;
        stored.send(self.to, after, &self.gateway.calendar);
        self.receiving.within_message = true;
        self.flush().await?;
        Ok(after)
    }

    /// Reads up to the head of the final reply.
    pub(super) async fn begin(&mut self) -> Result<ReplyHead, Fault> {
        let (head, framing) = match self.from.left_behind() {
            Some(left_behind) => left_behind,
            None => {
                let head = self.final_head().await?;
                let framing = self.framing(&head)?;
                self.from.begin(&head, framing);
                (head, framing)
            }
        };
        self.receiving.read = ReplyRead::Begun;
        self.receiving.closing = head.http_10 || head.fields.lists("connection", "close");
        self.receiving.framed = framing != Framing::UntilClose;
        self.receiving.end = match framing {
            Framing::None if self.request.head.method == "HEAD" => ReplyEnd::Request,
            Framing::None => ReplyEnd::Status,
            Framing::Length(length) => ReplyEnd::Length(length),
            Framing::Chunked => ReplyEnd::LastChunk,
            Framing::UntilClose => ReplyEnd::Close,
        };
        Ok(head)
    }

    /// Reads heads, passing the interim ones on, until the final one. RFC 9110 §15.2.
    async fn final_head(&mut self) -> Result<ReplyHead, Fault> {
        let decisions = &self.gateway.decisions;
        for _ in 0..=decisions.interims_max {
            let head = self.next_head().await?;
            // RFC 9110 §15.2.2: we never pass an Upgrade on, so nobody asked for another protocol.
            if head.status == 101 {
                return Err(Fault::Broken);
            }
            if (decisions.is_final)(head.status) {
                return Ok(head);
            }
            self.receiving.interims += 1;
            // RFC 9112 §6.3(1): an interim reply ends with its head, whatever its fields say. RFC 9110 §15.2: an
            // HTTP/1.0 client must not see one.
            if !self.request.head.http_10 {
                self.to.head(&head, Ends::WithHead, After::Keep, None, &self.gateway.calendar);
                self.receiving.within_message = true;
                self.flush().await?;
                self.receiving.within_message = false;
            }
        }
        Err(Fault::Broken)
    }

    /// Reads one head. The origin has `reply_wait` for it, from the request's end or the last interim reply on.
    async fn next_head(&mut self) -> Result<ReplyHead, Fault> {
        let wait = self.gateway.decisions.reply_wait;
        let mut deadline = Instant::now() + wait;
        loop {
            if self.from.has_bytes() {
                self.receiving.any_byte = true;
                if let Some(head) = self.from.head()? {
                    return Ok(head);
                }
            }
            match timeout_at(deadline, self.from.fill()).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return Err(Fault::Broken),
                Ok(Err(fault)) => return Err(fault),
                Err(_) => {
                    let now = Instant::now();
                    let owed_since = self.sending.over.get().copied().unwrap_or(now);
                    deadline = deadline.max(owed_since + wait);
                    if deadline <= now {
                        return Err(Fault::TimedOut);
                    }
                }
            }
        }
    }

    /// How the reply is framed. RFC 9112 §6.3, in its order.
    fn framing(&mut self, head: &ReplyHead) -> Result<Framing, Fault> {
        let bodyless = (self.gateway.decisions.is_bodyless)(&self.request.head.method, head.status);
        let (chunked, length) = (head.fields.is_chunked(), head.fields.content_length());
        self.receiving.doubtful = match (chunked, length) {
            (Ok(true), _) => head.fields.has("content-length") || head.http_10,
            (Ok(false), Ok(_)) => false,
            (Err(_), _) | (_, Err(_)) => true,
        };
        match (chunked, length) {
            _ if bodyless => Ok(Framing::None),
            // RFC 9112 §6.1: chunks from HTTP/1.0 are faulty framing. A coding that we do not know has no end.
            (Ok(true), _) if head.http_10 => Err(Fault::Broken),
            (Err(_), _) => Err(Fault::Broken),
            // RFC 9112 §6.3(3): chunks win over a length; the connection is closed after.
            (Ok(true), _) => Ok(Framing::Chunked),
            // RFC 9112 §6.3(5): an invalid or contradicting length is a 502.
            (Ok(false), Err(_)) => Err(Fault::Broken),
            (Ok(false), Ok(Some(length))) => Ok(Framing::Length(length)),
            (Ok(false), Ok(None)) => Ok(self.from.without_length()),
        }
    }

    /// Passes the reply on as it comes, and stores it if it may be.
    pub(super) async fn stream(
        &mut self,
        head: ReplyHead,
        after: After,
        fill: &mut Option<Fill<'_>>,
    ) -> Result<After, Fault> {
        let framing = self.from.rest();
        let (ends, after) = match framing {
            Framing::None if head.status < 200 || head.status == 204 => (Ends::WithHead, after),
            Framing::None => (Ends::WithHeadOf(head.fields.content_length().ok().flatten()), after),
            Framing::Length(length) => (Ends::AfterLength(length), after),
            Framing::Chunked | Framing::UntilClose if self.request.head.http_10 => (Ends::WithConnection, After::Close),
            Framing::Chunked | Framing::UntilClose => (Ends::WithLastChunk, after),
        };
        if ends == Ends::WithConnection {
            self.receiving.cut_by = CutBy::Reset;
        }
        let keep = fill.as_mut().and_then(|fill| fill.keep(&self.request.head, &head));
        // RFC 9111 §3.3: what a close ended may be incomplete.
        let mut kept = keep.filter(|_| framing != Framing::UntilClose).map(|keep| (keep, Vec::new()));
        self.to.head(&head, ends, after, None, &self.gateway.calendar);
        loop {
            let to = &mut *self.to;
            let mut progress = self.from.drain(|content| {
                to.content(content);
                kept.iter_mut().for_each(|(_, body)| body.extend_from_slice(content));
            })?;
            kept.take_if(|(_, body)| body.len() > BODY_BYTES_MAX);
            self.receiving.within_message = true;
            if progress == Progress::More {
                self.flush().await?;
                progress = match self.more(framing).await {
                    Ok(more) => more,
                    Err(Fault::Broken | Fault::Reset) if self.ends_where_broken() => Progress::Done,
                    Err(fault) => return Err(fault),
                };
            }
            if progress == Progress::Done {
                self.receiving.read = ReplyRead::Whole;
                let trailers = self.trailers();
                self.to.end(&trailers);
                self.flush().await?;
                break;
            }
        }
        if let (Some((keep, body)), Some(fill)) = (kept, fill.take()) {
            fill.store(&self.request.head, head, body, keep, &self.gateway.calendar);
        }
        Ok(after)
    }

    /// Whether this is an end of the reply as well. For the reference it is none.
    fn ends_where_broken(&self) -> bool {
        (self.gateway.decisions.ends_where_broken)(self.receiving.end)
    }

    /// Ends with the body; the trailers that go down with it.
    fn trailers(&mut self) -> Fields {
        let mut trailers = self.from.finish();
        if self.gateway.decisions.keeps == Some(Keeps::ReplyTrailers) {
            self.gateway.worker.refill_trailers(&mut trailers);
        }
        trailers
    }

    /// Reads a whole body into memory, up to a bound, and says what its trailers are.
    pub(super) async fn collect(&mut self, body: &mut Vec<u8>) -> Result<Fields, Fault> {
        let framing = self.from.rest();
        while self.from.drain(|content| body.extend_from_slice(content))? == Progress::More {
            if body.len() > BODY_BYTES_MAX {
                return Err(Fault::Broken);
            }
            self.more(framing).await?;
        }
        self.receiving.read = ReplyRead::Whole;
        Ok(self.from.finish())
    }

    /// Waits for more of the body; done if a close may end it and did.
    async fn more(&mut self, framing: Framing) -> Result<Progress, Fault> {
        match timeout(self.gateway.decisions.reply_wait, self.from.fill()).await {
            Ok(Ok(true)) => Ok(Progress::More),
            Ok(Ok(false)) if framing == Framing::UntilClose => Ok(Progress::Done),
            Ok(Ok(false)) => Err(Fault::Broken),
            Ok(Err(fault)) => Err(fault),
            Err(_) => Err(Fault::TimedOut),
        }
    }

    /// Waits until the client has taken what was sent.
    pub(super) async fn flush(&mut self) -> Result<(), Fault> {
        self.to.flush(self.gateway).await.map_err(|Gone| Fault::ClientGone)
    }
}
