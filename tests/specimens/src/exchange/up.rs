//! The way up: the request to the origin, then an ear on its client.

use std::sync::atomic::Ordering;

use tokio::time::{Instant, timeout};

use super::{Sending, Stop, Taken};
use crate::body::{Framing, Progress};
use crate::decisions::Keeps;
use crate::gateway::Gateway;
use crate::head::Malformed;
use crate::inlet::{Inlet, Lost};
use crate::outlet::ToOrigin;
use crate::request::Request;

/// The way up, behind the request's head.
pub(super) struct Up<'a, 'b> {
    pub(super) from: &'a mut Inlet<'b>,
    pub(super) to: ToOrigin<'a>,
    pub(super) request: &'a Request,
    /// The body, where it does not come from the client any more.
    pub(super) again: Option<Vec<u8>>,
    /// What attempts before have taken from the client.
    pub(super) taken: &'a mut Taken,
    pub(super) gateway: &'a Gateway,
    pub(super) sending: &'a Sending,
}

impl Up<'_, '_> {
    /// Sends the request, then listens whether the client is still there. Ends only if the exchange must.
    pub(super) async fn send(mut self) -> Stop {
        if let Err(stop) = self.send_all().await {
            return stop;
        }
        let _ = self.sending.over.set(Instant::now());
        self.from.gone().await;
        Stop::ClientGone
    }

    /// `Expect: 100-continue` needs nothing special here (RFC 9110 §10.1.1): the head goes up at once, the origin's
    /// 100 comes down like every interim reply, and the body is passed on if and when the client sends it.
    async fn send_all(&mut self) -> Result<(), Stop> {
        let gateway = self.gateway;
        let decisions = &gateway.decisions;
        if let Some(body) = self.again.take() {
            self.to.content(&body);
            self.to.end(self.from.trailers());
            self.sending.read.store(true, Ordering::Relaxed);
            let sent = self.to.flush(gateway, decisions.reply_wait).await.is_ok();
            self.sending.sent.store(sent, Ordering::Relaxed);
            return Ok(());
        }
        // On a stream its own end is there.
        if self.request.framing == Framing::UntilClose && matches!(self.from, Inlet::Connection { .. }) {
            return self.run_on().await;
        }
        let keeps_body =
            matches!(decisions.keeps, Some(Keeps::RequestBody | Keeps::ErrorPage)) && self.request.has_body();
        let mut kept = keeps_body.then(Vec::new);
        self.to.content(self.taken.bytes());
        loop {
            let (to, taken) = (&mut self.to, &mut self.taken);
            let progress = self
                .from
                .drain(|content| {
                    to.content(content);
                    taken.note(content);
                    kept.iter_mut().for_each(|kept| kept.extend_from_slice(content));
                })
                .map_err(|Malformed| Stop::ClientBroken(400))?;
            if progress == Progress::Done {
                self.sending.read.store(true, Ordering::Relaxed);
                let mut trailers = self.from.trailers().clone();
                if decisions.keeps == Some(Keeps::RequestTrailers) {
                    gateway.worker.refill_trailers(&mut trailers);
                }
                self.to.end(&trailers);
                kept.take().into_iter().for_each(|body| gateway.worker.note_request_body(body));
            }
            // An origin that no longer reads may have answered early (RFC 9112 §9.5): the reply's side decides.
            if self.to.flush(gateway, decisions.reply_wait).await.is_err() {
                return Ok(());
            }
            if progress == Progress::Done {
                self.sending.sent.store(true, Ordering::Relaxed);
                return Ok(());
            }
            match timeout(decisions.client_wait, self.from.fill()).await {
                Ok(Ok(())) => {}
                Ok(Err(Lost::Gone)) => return Err(Stop::ClientGone),
                Ok(Err(Lost::Broken)) => return Err(Stop::ClientBroken(400)),
                Err(_) => return Err(Stop::ClientBroken(408)),
            }
        }
    }

    /// Sends everything that the client sends, as it comes, for as long as the reply takes. The reference never comes here.
    async fn run_on(&mut self) -> Result<(), Stop> {
        loop {
            if let Inlet::Connection { inbox, .. } = self.from {
                self.to.raw(inbox.bytes());
                inbox.consume(inbox.len());
            }
            if self.to.flush(self.gateway, self.gateway.decisions.reply_wait).await.is_err() {
                return Ok(());
            }
            self.sending.read.store(true, Ordering::Relaxed);
            self.sending.sent.store(true, Ordering::Relaxed);
            let _ = self.sending.over.set(Instant::now());
            if self.from.fill().await.is_err() {
                return Err(Stop::ClientGone);
            }
        }
    }
}
