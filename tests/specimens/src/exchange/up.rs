//! The way up: the request to the origin, then an ear on its client.

use std::future::pending;
use std::sync::atomic::Ordering;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};
use transport::{ReadHalf, WriteHalf};

use super::{Sending, Stop};
use crate::body::{Decoder, Encoder, Framing, Progress};
use crate::decisions::Keeps;
use crate::gateway::Gateway;
use crate::head::{HEAD_BYTES_MAX, Malformed};
use crate::inbox::Inbox;
use crate::request::Request;
use crate::wire::write_request;

/// The way up.
pub(super) struct Up<'a> {
    pub(super) from_client: ReadHalf<'a>,
    pub(super) inbox: &'a mut Inbox,
    pub(super) to_upstream: WriteHalf<'a>,
    pub(super) request: &'a Request,
    /// The validator that the origin is asked about.
    pub(super) condition: Option<Vec<u8>>,
    /// What it names as its target's authority.
    pub(super) authority: &'a str,
    /// The body, where it does not come from the client any more.
    pub(super) again: Option<Vec<u8>>,
    pub(super) gateway: &'a Gateway,
    pub(super) sending: &'a Sending,
}

impl Up<'_> {
    /// Sends the request, then listens whether the client is still there. Ends only if the exchange must.
    pub(super) async fn send(mut self) -> Stop {
        if let Err(stop) = self.send_all().await {
            return stop;
        }
        let _ = self.sending.over.set(Instant::now());
        gone(&mut self.from_client, self.inbox).await;
        Stop::ClientGone
    }

    /// `Expect: 100-continue` needs nothing special here (RFC 9110 §10.1.1): the head goes up at once, the origin's
    /// 100 comes down like every interim reply, and the body is passed on if and when the client sends it.
    async fn send_all(&mut self) -> Result<(), Stop> {
        let gateway = self.gateway;
        let decisions = &gateway.decisions;
        let mut out = Vec::new();
        let condition = self.condition.as_deref();
        if let Some(body) = self.again.take() {
            let framing = Framing::Length(body.len() as u64);
            write_request(&mut out, self.request, self.authority, framing, condition);
            out.extend_from_slice(&body);
            self.sending.read.store(true, Ordering::Relaxed);
            let written = timeout(decisions.reply_wait, self.to_upstream.write_all(&out)).await;
            self.sending.sent.store(matches!(written, Ok(Ok(()))), Ordering::Relaxed);
            return Ok(());
        }
        write_request(&mut out, self.request, self.authority, self.request.framing, condition);
        if self.request.framing == Framing::UntilClose {
            return self.run_on(out).await;
        }
        let keeps_body =
            matches!(decisions.keeps, Some(Keeps::RequestBody | Keeps::ErrorPage)) && self.request.has_body();
        let mut kept = keeps_body.then(Vec::new);
        let mut decoder = Decoder::of_request(self.request.framing, decisions);
        let encoder = match self.request.framing {
            Framing::Chunked => Encoder::Chunked,
            Framing::None | Framing::Length(_) | Framing::UntilClose => Encoder::Plain,
        };
        loop {
            let progress = decoder
                .drain(self.inbox, |content| {
                    encoder.content(&mut out, content);
                    kept.iter_mut().for_each(|kept| kept.extend_from_slice(content));
                })
                .map_err(|Malformed| Stop::ClientBroken(400))?;
            if progress == Progress::Done {
                self.sending.read.store(true, Ordering::Relaxed);
                encoder.end(&mut out, &decoder.trailers);
                kept.take().into_iter().for_each(|body| gateway.worker.note_request_body(body));
            }
            // An origin that no longer reads may have answered early (RFC 9112 §9.5): the reply's side decides.
            match timeout(decisions.reply_wait, self.to_upstream.write_all(&out)).await {
                Ok(Ok(())) => out.clear(),
                Ok(Err(_)) | Err(_) => return Ok(()),
            }
            if progress == Progress::Done {
                self.sending.sent.store(true, Ordering::Relaxed);
                return Ok(());
            }
            match timeout(decisions.client_wait, self.inbox.fill(&mut self.from_client)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) => return Err(Stop::ClientGone),
                Err(_) => return Err(Stop::ClientBroken(408)),
            }
        }
    }
}

impl Up<'_> {
    /// Sends everything that the client sends, as it comes, for as long as the reply takes. The reference never comes here.
    async fn run_on(&mut self, mut out: Vec<u8>) -> Result<(), Stop> {
        loop {
            out.extend_from_slice(self.inbox.bytes());
            self.inbox.consume(self.inbox.len());
            match timeout(self.gateway.decisions.reply_wait, self.to_upstream.write_all(&out)).await {
                Ok(Ok(())) => out.clear(),
                Ok(Err(_)) | Err(_) => return Ok(()),
            }
            self.sending.read.store(true, Ordering::Relaxed);
            self.sending.sent.store(true, Ordering::Relaxed);
            let _ = self.sending.over.set(Instant::now());
            if !matches!(self.inbox.fill(&mut self.from_client).await, Ok(1..)) {
                return Err(Stop::ClientGone);
            }
        }
    }
}

/// Waits until the client closes or resets. A half-close counts as gone, as it does for nginx: until a write fails it
/// looks just like a full one, and waiting for that would keep exchanges alive for nobody. What the client pipelines
/// meanwhile is kept, up to a bound; behind that we no longer see it go.
pub(crate) async fn gone(from_client: &mut ReadHalf<'_>, inbox: &mut Inbox) {
    while inbox.len() <= HEAD_BYTES_MAX {
        if !matches!(inbox.fill(from_client).await, Ok(1..)) {
            return;
        }
    }
    pending().await
}
