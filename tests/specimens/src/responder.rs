//! The reply's half of a client's stream. RFC 9113 §8.1: interim replies, a head, DATA, perhaps trailers.
//!
//! Two sides of an exchange use it: the one that sends the reply, and the one that listens whether the client is still
//! there, who learns of a reset in no other place. They are parts of one task, and neither holds it while it waits.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::Response;

use crate::frames::Queue;
use crate::worker::Buffer;

/// One per stream.
#[derive(Debug)]
pub(crate) struct Responder {
    voice: Mutex<Voice>,
}

#[derive(Debug)]
struct Voice {
    respond: SendResponse<Bytes>,
    /// The body, when the head has been sent.
    body: Option<SendStream<Bytes>>,
    /// Whether a head could not be sent: the client has gone.
    failed: bool,
}

impl Responder {
    pub(crate) fn new(respond: SendResponse<Bytes>) -> Responder {
        Responder { voice: Mutex::new(Voice { respond, body: None, failed: false }) }
    }

    /// Sends a head, interim or final.
    pub(crate) fn head(&self, head: Response<()>, ends_with_head: bool) {
        let mut voice = self.voice();
        let sent = match head.status().is_informational() {
            true => voice.respond.send_informational(head),
            false => voice.respond.send_response(head, ends_with_head).map(|body| voice.body = Some(body)),
        };
        voice.failed |= sent.is_err();
    }

    /// Sends what waits; through a buffer that is not its own alone, if there is one.
    pub(crate) async fn send(&self, queue: &mut Queue, shared: Option<Buffer>) -> Result<(), Gone> {
        let mut stalled = false;
        poll_fn(|context| self.poll_send(queue, &mut stalled, shared.as_ref(), context)).await
    }

    fn poll_send(
        &self,
        queue: &mut Queue,
        stalled: &mut bool,
        shared: Option<&Buffer>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Gone>> {
        let mut voice = self.voice();
        if voice.failed {
            return Poll::Ready(Err(Gone));
        }
        // What comes before the head are interim replies, and those wait for no window.
        let Some(body) = &mut voice.body else { return Poll::Ready(Ok(())) };
        let sent = match shared {
            Some(shared) => queue.poll_send_from(stalled, shared, body, context),
            None => queue.poll_send(body, context),
        };
        sent.map_err(|_| Gone)
    }

    /// Waits until the client resets the stream, or its connection is over.
    pub(crate) async fn gone(&self) {
        poll_fn(|context| {
            let mut voice = self.voice();
            let reset = match &mut voice.body {
                Some(body) => body.poll_reset(context),
                None => voice.respond.poll_reset(context),
            };
            reset.map(drop)
        })
        .await;
    }

    /// Says that no more of the reply will come. RFC 9113 §8.1: without END_STREAM it is not complete.
    pub(crate) fn cut(&self) {
        self.voice().respond.send_reset(Reason::INTERNAL_ERROR);
    }

    fn voice(&self) -> MutexGuard<'_, Voice> {
        self.voice.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The client takes nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;
