//! Where the origin's replies come from: a connection that carries one exchange after the other, or a stream.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use h2::client::ResponseFuture;
use transport::ReadHalf;

use super::{Fault, Refusal};
use crate::body::{Decoder, Framing, Progress};
use crate::frames::FrameBody;
use crate::head::{Fields, Malformed, ReplyHead, parse_reply};
use crate::inbox::Inbox;
use crate::pool::Unfinished;
use crate::translate;
use crate::trunk::Seat;

/// The reply that is read stays with its source until it has been read.
const KEPT: &str = "nobody takes the reply away while it is read";

/// Where replies come from.
#[derive(Debug)]
pub(super) enum Source<'a> {
    /// A connection of HTTP/1.1.
    Connection { from: ReadHalf<'a>, inbox: &'a mut Inbox, unfinished: &'a mut Option<Unfinished> },
    /// A stream of HTTP/2.
    Stream(Box<Stream>),
}

/// The reply's half of a stream to the origin.
#[derive(Debug)]
pub(super) struct Stream {
    response: ResponseFuture,
    seat: Seat,
    /// A head that has come and was not looked at.
    head: Option<ReplyHead>,
    /// What comes behind the final head.
    behind: Option<h2::RecvStream>,
    body: Option<FrameBody>,
}

impl Stream {
    pub(super) fn new(response: ResponseFuture, seat: Seat) -> Stream {
        Stream { response, seat, head: None, behind: None, body: None }
    }

    async fn fill(&mut self) -> Result<(), h2::Error> {
        match &mut self.body {
            Some(body) => body.fill().await,
            None => poll_fn(|context| self.poll_head(context)).await,
        }
    }

    /// RFC 9113 §8.1: any number of interim replies, then the final one.
    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        if let Some(interim) = ready!(self.response.poll_informational(context)) {
            self.head = Some(translate::reply_head(&interim?));
            self.seat.note_interim();
            return Poll::Ready(Ok(()));
        }
        let reply = ready!(Pin::new(&mut self.response).poll(context))?;
        self.head = Some(translate::reply_head(&reply));
        self.behind = Some(reply.into_body());
        Poll::Ready(Ok(()))
    }
}

impl Source<'_> {
    /// The reply of which another exchange has left the end unread. The reference leaves none.
    pub(super) fn left_behind(&self) -> Option<(ReplyHead, Framing)> {
        match self {
            Source::Connection { unfinished, .. } => {
                unfinished.as_ref().map(|reply| (reply.head.clone(), reply.decoder.rest()))
            }
            Source::Stream(_) => None,
        }
    }

    /// Whether anything has come that was not read.
    pub(super) fn has_bytes(&self) -> bool {
        match self {
            Source::Connection { inbox, .. } => !inbox.is_empty(),
            Source::Stream(stream) => stream.head.is_some(),
        }
    }

    /// The next head, if it has come.
    pub(super) fn head(&mut self) -> Result<Option<ReplyHead>, Malformed> {
        match self {
            Source::Connection { inbox, .. } => Ok(parse_reply(inbox.bytes())?.map(|(length, head)| {
                inbox.consume(length);
                head
            })),
            Source::Stream(stream) => Ok(stream.head.take()),
        }
    }

    /// How a body is framed of which the head declares no length. RFC 9112 §6.3(8); RFC 9113 §8.1: END_STREAM ends it.
    pub(super) fn without_length(&self) -> Framing {
        match self {
            Source::Connection { .. } => Framing::UntilClose,
            Source::Stream(stream) => match &stream.behind {
                Some(behind) if behind.is_end_stream() => Framing::Length(0),
                Some(_) | None => Framing::Chunked,
            },
        }
    }

    /// Begins with the body behind a head.
    pub(super) fn begin(&mut self, head: &ReplyHead, framing: Framing) {
        match self {
            Source::Connection { unfinished, .. } => {
                **unfinished = Some(Unfinished { head: head.clone(), decoder: Decoder::new(framing) });
            }
            Source::Stream(stream) => {
                stream.body = stream.behind.take().map(|behind| FrameBody::new(behind, framing));
            }
        }
    }

    /// How the rest of the body is framed.
    pub(super) fn rest(&self) -> Framing {
        match self {
            Source::Connection { unfinished, .. } => unfinished.as_ref().expect(KEPT).decoder.rest(),
            Source::Stream(stream) => stream.body.as_ref().map_or(Framing::None, FrameBody::framing),
        }
    }

    /// Hands out what of the body has arrived.
    pub(super) fn drain(&mut self, content: impl FnMut(&[u8])) -> Result<Progress, Malformed> {
        match self {
            Source::Connection { inbox, unfinished, .. } => {
                unfinished.as_mut().expect(KEPT).decoder.drain(inbox, content)
            }
            // What a mutant takes for the final reply has no body.
            Source::Stream(stream) => Ok(stream.body.as_mut().map_or(Progress::Done, |body| body.drain(content))),
        }
    }

    /// Ends with the body; its trailer fields.
    pub(super) fn finish(&mut self) -> Fields {
        match self {
            Source::Connection { unfinished, .. } => {
                unfinished.take().map(|reply| reply.decoder.trailers).unwrap_or_default()
            }
            Source::Stream(stream) => stream.body.take().map(|body| body.trailers).unwrap_or_default(),
        }
    }

    /// Waits for more; `false` if the connection has been closed, as far as that can be an end. May be cancelled.
    pub(super) async fn fill(&mut self) -> Result<bool, Fault> {
        match self {
            Source::Connection { from, inbox, .. } => match inbox.fill(from).await {
                Ok(count) => Ok(count > 0),
                Err(_) => Err(Fault::Broken),
            },
            Source::Stream(stream) => match stream.fill().await {
                Ok(()) => Ok(true),
                // RFC 9113 §8.7: it was refused, or stands behind the last stream of a GOAWAY.
                Err(error) if error.is_remote() && error.reason() == Some(h2::Reason::REFUSED_STREAM) => {
                    Err(Fault::NotProcessed(Refusal::Stream))
                }
                Err(error) if error.is_remote() && error.is_go_away() => Err(Fault::NotProcessed(Refusal::Connection)),
                Err(_) => Err(Fault::Broken),
            },
        }
    }
}
