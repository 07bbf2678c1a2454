//! A message's body in frames of HTTP/2: one that comes, and one that waits to be sent.
//!
//! Both hold back what the other side of the gateway has not taken yet: a window is given back for what has been passed
//! on, and nothing is sent without one (RFC 9113 §5.2).

use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use h2::{Reason, RecvStream, SendStream};

use crate::body::{Framing, Progress, may_trail};
use crate::head::Fields;
use crate::translate;
use crate::worker::Buffer;

/// Reads one body.
#[derive(Debug)]
pub(crate) struct FrameBody {
    stream: RecvStream,
    framing: Framing,
    /// What has come and was not handed out.
    arrived: Bytes,
    /// What was handed out, and its window not given back.
    handed_out: usize,
    over: bool,
    /// The trailer fields of a body that has ended.
    pub(crate) trailers: Fields,
}

impl FrameBody {
    /// The body of a stream, framed like this as far as the message's head says so. Behind what has no body nothing is read.
    pub(crate) fn new(stream: RecvStream, framing: Framing) -> FrameBody {
        let over = framing == Framing::None || stream.is_end_stream();
        FrameBody { stream, framing, arrived: Bytes::new(), handed_out: 0, over, trailers: Fields::default() }
    }

    /// How the body is framed.
    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    /// Hands out what has arrived.
    pub(crate) fn drain(&mut self, mut content: impl FnMut(&[u8])) -> Progress {
        if !self.arrived.is_empty() {
            content(&self.arrived);
            self.handed_out += self.arrived.len();
            self.arrived.clear();
        }
        if self.over { Progress::Done } else { Progress::More }
    }

    /// Waits for more. May be cancelled: no byte is lost.
    pub(crate) async fn fill(&mut self) -> Result<(), h2::Error> {
        // A stream that is over has no window any more.
        let _ = self.stream.flow_control().release_capacity(std::mem::take(&mut self.handed_out));
        match self.stream.data().await {
            Some(arrived) => {
                self.arrived = arrived?;
                self.over = self.stream.is_end_stream();
            }
            None => {
                self.trailers = self.stream.trailers().await?.map(|map| translate::fields(&map)).unwrap_or_default();
                self.over = true;
            }
        }
        Ok(())
    }
}

/// What waits to be sent on a stream.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    bytes: BytesMut,
    /// The trailers with which the message ends, or none, if its end has come.
    end: Option<Fields>,
    /// Whether it has been sent to its end.
    closed: bool,
}

impl Queue {
    /// Of a message that has ended with its head.
    pub(crate) fn closed() -> Queue {
        Queue { closed: true, ..Queue::default() }
    }

    /// Whether nothing more will be sent.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn content(&mut self, content: &[u8]) {
        if !self.closed {
            self.bytes.extend_from_slice(content);
        }
    }

    pub(crate) fn end(&mut self, trailers: &Fields) {
        if !self.closed {
            self.end = Some(trailers.iter().filter(|(name, _)| may_trail(name)).collect());
        }
    }

    /// Sends what waits, as far as there is a window for it; ready when nothing waits any more.
    pub(crate) fn poll_send(
        &mut self,
        stream: &mut SendStream<Bytes>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), h2::Error>> {
        while !self.bytes.is_empty() {
            stream.reserve_capacity(self.bytes.len());
            if stream.capacity() == 0 {
                match ready!(stream.poll_capacity(context)) {
                    Some(room) => room?,
                    None => return Poll::Ready(Err(Reason::STREAM_CLOSED.into())),
                };
                continue;
            }
            let piece = self.bytes.split_to(stream.capacity().min(self.bytes.len())).freeze();
            self.closed = self.bytes.is_empty() && self.end.take_if(|trailers| trailers.is_empty()).is_some();
            stream.send_data(piece, self.closed)?;
        }
        if let Some(trailers) = self.end.take() {
            self.closed = true;
            match trailers.is_empty() {
                true => stream.send_data(Bytes::new(), true)?,
                false => stream.send_trailers(translate::map(&trailers))?,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// As [`Queue::poll_send`], for a mutant: what has to wait for a window waits in a buffer that is not its own alone.
    pub(crate) fn poll_send_from(
        &mut self,
        stalled: &mut bool,
        shared: &Buffer,
        stream: &mut SendStream<Bytes>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), h2::Error>> {
        if *stalled {
            self.bytes = BytesMut::from(shared.piece(0..self.bytes.len()).as_slice());
        }
        let sent = self.poll_send(stream, context);
        *stalled = sent.is_pending();
        if *stalled {
            shared.fill(&self.bytes);
        }
        sent
    }
}
