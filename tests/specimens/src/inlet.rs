//! Where a client's request comes from, behind its head: from a connection, or from a stream.

use std::future::pending;
use std::sync::Arc;

use transport::ReadHalf;

use crate::body::{Decoder, Progress};
use crate::frames::FrameBody;
use crate::head::{Fields, HEAD_BYTES_MAX, Malformed};
use crate::inbox::Inbox;
use crate::responder::Responder;

/// What is left of a client's request.
#[derive(Debug)]
pub(crate) enum Inlet<'a> {
    /// On a connection of HTTP/1.1, on which the next request may follow.
    Connection { from: ReadHalf<'a>, inbox: &'a mut Inbox, decoder: Decoder },
    /// On a stream of HTTP/2.
    Stream { body: FrameBody, responder: Arc<Responder> },
}

/// Why no more of a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Its client closed or reset.
    Gone,
    /// It breaks its own framing: RFC 9113 §8.1.1, another length than it declares.
    Broken,
}

impl Inlet<'_> {
    /// Hands out what of the body has arrived.
    pub(crate) fn drain(&mut self, content: impl FnMut(&[u8])) -> Result<Progress, Malformed> {
        match self {
            Inlet::Connection { inbox, decoder, .. } => decoder.drain(inbox, content),
            Inlet::Stream { body, .. } => Ok(body.drain(content)),
        }
    }

    /// Waits for more. May be cancelled: no byte is lost.
    pub(crate) async fn fill(&mut self) -> Result<(), Lost> {
        match self {
            Inlet::Connection { from, inbox, .. } => match inbox.fill(from).await {
                Ok(1..) => Ok(()),
                Ok(0) | Err(_) => Err(Lost::Gone),
            },
            Inlet::Stream { body, .. } => {
                body.fill().await.map_err(|error| if error.is_library() { Lost::Broken } else { Lost::Gone })
            }
        }
    }

    /// The trailer fields of a body that has ended.
    pub(crate) fn trailers(&self) -> &Fields {
        match self {
            Inlet::Connection { decoder, .. } => &decoder.trailers,
            Inlet::Stream { body, .. } => &body.trailers,
        }
    }

    /// Waits until the client closes or resets. A half-close counts as gone, as it does for nginx: until a write fails it
    /// looks just like a full one, and waiting for that would keep exchanges alive for nobody. What the client pipelines
    /// meanwhile is kept, up to a bound; behind that we no longer see it go.
    pub(crate) async fn gone(&mut self) {
        match self {
            Inlet::Connection { from, inbox, .. } => {
                while inbox.len() <= HEAD_BYTES_MAX {
                    if !matches!(inbox.fill(from).await, Ok(1..)) {
                        return;
                    }
                }
                pending().await
            }
            Inlet::Stream { responder, .. } => responder.gone().await,
        }
    }

    /// Puts what the client has sent last before what stands behind this request for longer.
    pub(crate) fn turn_around(&mut self) {
        if let Inlet::Connection { inbox, .. } = self {
            inbox.turn_around();
        }
    }
}
