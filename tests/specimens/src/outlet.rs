//! Where messages go: replies to clients, requests to the origin, on connections or on streams.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use http::Response;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use transport::WriteHalf;

use crate::body::Encoder;
use crate::date::Calendar;
use crate::decisions::Keeps;
use crate::frames::Queue;
use crate::gateway::Gateway;
use crate::head::{Fields, ReplyHead};
use crate::responder::{Gone, Responder};
use crate::translate;
use crate::wire::{After, Ends, write_reply};

/// Bytes of HTTP/1.1 that wait to be written.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) out: Vec<u8>,
    encoder: Encoder,
}

impl Text {
    /// Of a message whose body is written like this.
    pub(crate) fn new(encoder: Encoder) -> Text {
        Text { out: Vec::new(), encoder }
    }

    fn content(&mut self, content: &[u8]) {
        self.encoder.content(&mut self.out, content);
    }

    fn end(&mut self, trailers: &Fields) {
        self.encoder.end(&mut self.out, trailers);
    }

    async fn write(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> Result<(), Gone> {
        let written = to.write_all(&self.out).await.map_err(|_| Gone);
        self.out.clear();
        written
    }
}

/// Where a reply goes.
#[derive(Debug)]
pub(crate) enum ToClient<'a> {
    /// On the connection of its request.
    Connection(WriteHalf<'a>, Text),
    /// Into memory, as HTTP/1.1.
    Memory(Text),
    /// On the stream of its request.
    Stream {
        responder: Arc<Responder>,
        /// The head that waits to be sent.
        head: Option<Response<()>>,
        queue: Queue,
    },
}

impl ToClient<'_> {
    /// Into memory.
    pub(crate) fn memory() -> ToClient<'static> {
        ToClient::Memory(Text::new(Encoder::Plain))
    }

    /// Sends a head, interim or final, with the next flush; `age` in seconds if it comes from the store. What was to be sent
    /// before and was not is no more.
    pub(crate) fn head(&mut self, head: &ReplyHead, ends: Ends, after: After, age: Option<u64>, calendar: &Calendar) {
        if let ToClient::Connection(_, text) = self {
            text.out.clear();
        }
        match self {
            ToClient::Connection(_, text) | ToClient::Memory(text) => {
                write_reply(&mut text.out, head, ends, after, age, calendar);
                text.encoder = ends.encoder();
            }
            ToClient::Stream { head: waiting, queue, .. } => {
                let ends_with_head = matches!(ends, Ends::WithHead | Ends::WithHeadOf(_) | Ends::AfterLength(0));
                *waiting = Some(translate::response(head, ends, age, calendar));
                *queue = if ends_with_head { Queue::closed() } else { Queue::default() };
            }
        }
    }

    /// Sends a piece of the body, with the next flush.
    pub(crate) fn content(&mut self, content: &[u8]) {
        match self {
            ToClient::Connection(_, text) | ToClient::Memory(text) => text.content(content),
            ToClient::Stream { queue, .. } => queue.content(content),
        }
    }

    /// Sends the body's end, with the next flush.
    pub(crate) fn end(&mut self, trailers: &Fields) {
        match self {
            ToClient::Connection(_, text) | ToClient::Memory(text) => text.end(trailers),
            ToClient::Stream { queue, .. } => queue.end(trailers),
        }
    }

    /// Waits until the client takes what was sent, for so long.
    pub(crate) async fn flush(&mut self, gateway: &Gateway) -> Result<(), Gone> {
        let shared = (gateway.decisions.keeps == Some(Keeps::StalledReply)).then(|| gateway.worker.stalled());
        let flushed = async {
            match self {
                ToClient::Connection(to, text) => text.write(to).await,
                ToClient::Memory(_) => Ok(()),
                ToClient::Stream { responder, head, queue } => {
                    head.take().into_iter().for_each(|head| responder.head(head, queue.is_closed()));
                    responder.send(queue, shared).await
                }
            }
        };
        timeout(gateway.decisions.client_wait, flushed).await.unwrap_or(Err(Gone))
    }

    /// What was sent into memory.
    pub(crate) fn into_memory(self) -> Vec<u8> {
        match self {
            ToClient::Connection(_, text) | ToClient::Memory(text) => text.out,
            ToClient::Stream { .. } => Vec::new(),
        }
    }
}

/// Where a request goes, behind its head.
#[derive(Debug)]
pub(crate) enum ToOrigin<'a> {
    /// On a connection of its own; the head stands in the text.
    Connection(WriteHalf<'a>, Text),
    /// On a stream; the head has been sent.
    Stream(SendStream<Bytes>, Queue),
}

impl ToOrigin<'_> {
    /// Sends a piece of the body, with the next flush.
    pub(crate) fn content(&mut self, content: &[u8]) {
        match self {
            ToOrigin::Connection(_, text) => text.content(content),
            ToOrigin::Stream(_, queue) => queue.content(content),
        }
    }

    /// Sends the body's end, with the next flush.
    pub(crate) fn end(&mut self, trailers: &Fields) {
        match self {
            ToOrigin::Connection(_, text) => text.end(trailers),
            ToOrigin::Stream(_, queue) => queue.end(trailers),
        }
    }

    /// Sends bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        if let ToOrigin::Connection(_, text) = self {
            text.out.extend_from_slice(bytes);
        }
    }

    /// Waits until the origin takes what was sent, for so long.
    pub(crate) async fn flush(&mut self, gateway: &Gateway, wait: Duration) -> Result<(), Gone> {
        let shared = (gateway.decisions.keeps == Some(Keeps::StalledRequest)).then(|| gateway.worker.stalled());
        let flushed = async {
            match self {
                ToOrigin::Connection(to, text) => text.write(to).await,
                ToOrigin::Stream(stream, queue) => {
                    let mut stalled = false;
                    let sent = std::future::poll_fn(|context| match &shared {
                        Some(shared) => queue.poll_send_from(&mut stalled, shared, stream, context),
                        None => queue.poll_send(stream, context),
                    });
                    sent.await.map_err(|_| Gone)
                }
            }
        };
        timeout(wait, flushed).await.unwrap_or(Err(Gone))
    }
}
