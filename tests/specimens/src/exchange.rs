//! One request and its reply on one upstream connection, or on a stream of one that is shared.
//!
//! Two sides run at the same time: the request goes up while the reply, interim or final, may already come down. The
//! side that sends keeps listening when it is done, because a client that goes away ends the exchange: then the reply
//! is still owed and the upstream connection is worth nothing (CVE-2023-28858).

mod astray;
mod down;
mod fetch;
mod source;
mod taken;
mod up;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use crate::asker::Asker;
use crate::body::{Encoder, Framing};
use crate::cache::Fill;
use crate::decisions::{Behind, Decisions, Ending, Finished, ReplyEnd, ReplyRead};
use crate::gateway::Gateway;
use crate::head::Malformed;
use crate::inbox::Inbox;
use crate::outlet::{Text, ToOrigin};
use crate::pool::Upstream;
use crate::request::Request;
use crate::scratch::Scratch;
use crate::trunk::Trunk;
use crate::wire::{After, write_request};

use source::Source;

pub(crate) use fetch::{Fetched, fetch};
pub(crate) use taken::Taken;

/// What the client has of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A whole final reply.
    Delivered(After),
    /// The head of a reply that turns the connections into a tunnel.
    Tunnel,
    /// Nothing of a final reply yet: the gateway answers with this status, or tries again.
    Unanswered {
        status: u16,
        /// Whether the origin closed before any byte of a reply.
        closed_before_reply: bool,
        /// Whether the client's request has been read to its end.
        request_read: bool,
        /// Whether the origin has said that it has not worked on it, and how.
        refused: Option<Refusal>,
    },
    /// A 304 that confirms nothing of what is stored; nothing of it has been passed on.
    Unconfirmed,
    /// A piece of a reply, or it is gone: nothing may follow.
    Cut(CutBy),
}

impl Outcome {
    /// Whether nothing more comes of it.
    pub(crate) fn is_over(self) -> bool {
        match self {
            Outcome::Delivered(_) | Outcome::Tunnel | Outcome::Cut(_) => true,
            Outcome::Unanswered { .. } | Outcome::Unconfirmed => false,
        }
    }
}

/// How an origin says that it has not worked on a request. RFC 9113 §8.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// By a reset of the stream, REFUSED_STREAM.
    Stream,
    /// By a GOAWAY whose last stream stands before it.
    Connection,
}

/// How a client learns that its reply is not complete. RFC 9112 §8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CutBy {
    /// The framing shows it.
    Close,
    /// A close would end the reply, so only a reset shows it.
    Reset,
}

/// What was relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relayed {
    /// A whole final reply.
    Reply(After),
    /// The head of one that opens a tunnel.
    Tunnel,
}

/// Why the reply did not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The origin was silent for too long.
    TimedOut,
    /// The origin closed, reset, or broke its framing.
    Broken,
    /// The origin reset the stream, or we did because of what came on it; the connection goes on.
    Reset,
    /// The origin has not worked on the request, and says so.
    NotProcessed(Refusal),
    /// The client would not take it.
    ClientGone,
    /// It is whole, and not what was asked for: a 304 for something else than is stored.
    Unconfirmed,
}

impl From<Malformed> for Fault {
    fn from(_: Malformed) -> Fault {
        Fault::Broken
    }
}

/// Why the sending side ended before the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// The client closed or reset.
    ClientGone,
    /// The client's body is broken, or does not come: the status to say so.
    ClientBroken(u16),
}

/// How far the sending side has come; the reply's side looks at it.
#[derive(Debug, Default)]
struct Sending {
    /// The client's request has been read to its end.
    read: AtomicBool,
    /// The whole request was written to the origin.
    sent: AtomicBool,
    /// When there was nothing more to send, or no way to send it: from then on the origin owes a reply.
    over: OnceLock<Instant>,
}

/// How far the reply's side has come.
#[derive(Debug)]
struct Receiving {
    read: ReplyRead,
    any_byte: bool,
    framed: bool,
    end: ReplyEnd,
    interims: usize,
    doubtful: bool,
    closing: bool,
    /// A piece of a message has been written to the client, and not all of it.
    within_message: bool,
    cut_by: CutBy,
}

impl Receiving {
    fn nothing() -> Receiving {
        Receiving {
            read: ReplyRead::Owed,
            any_byte: false,
            framed: false,
            end: ReplyEnd::Unknown,
            interims: 0,
            doubtful: false,
            closing: false,
            within_message: false,
            cut_by: CutBy::Close,
        }
    }

    /// What is known of the upstream connection when the exchange is over.
    fn finished(
        &self,
        ending: Ending,
        request: &Request,
        sending: &Sending,
        inbox: &mut Inbox,
        decisions: &Decisions,
    ) -> Finished {
        let surplus = match (decisions.behind)(inbox.bytes()) {
            Behind::Nothing => false,
            Behind::Surplus => true,
            Behind::Padding(bytes) => {
                inbox.consume(bytes);
                false
            }
        };
        Finished {
            ending,
            request_sent: sending.sent.load(Ordering::Relaxed),
            expects: request.expects(),
            reply: self.read,
            framed: self.framed,
            end: self.end,
            doubtful: self.doubtful,
            surplus,
            closing: self.closing,
        }
    }
}

/// What a request's attempts have in common. The reference tries again only where the first one left nothing.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// How many there have been, the present one included.
    pub(crate) count: u32,
    /// What goes up instead of the body that the client has sent.
    pub(crate) body: Option<Vec<u8>>,
    /// What those before have taken of the body that the client has sent.
    pub(crate) taken: Taken,
    /// How the one before was refused.
    pub(crate) refused: Option<Refusal>,
    /// What those before have brought of a reply's body.
    piece: Vec<u8>,
}

/// Sends the request on a connection and relays the reply. Says what the client has, and what is known of the connection.
pub(crate) async fn run(
    asker: &mut Asker<'_>,
    upstream: &mut Upstream,
    request: &Request,
    gateway: &Gateway,
    fill: &mut Option<Fill<'_>>,
    attempts: &mut Attempts,
) -> (Outcome, Finished) {
    let authority = (gateway.decisions.authority)(&request.head.host, &upstream.authority);
    let condition = fill.as_ref().and_then(Fill::validator).map(<[u8]>::to_vec);
    let framing = attempts.framing(request);
    let encoder = if framing == Framing::Chunked { Encoder::Chunked } else { Encoder::Plain };
    let mut text = Text::new(encoder);
    let announced = (gateway.decisions.announces)(&request.head, framing);
    write_request(&mut text.out, request, authority, announced, condition.as_deref());
    if let Some(respell) = gateway.decisions.respells {
        respell(&mut text.out);
    }
    let (from, to) = upstream.stream.split();
    let from = Source::Connection { from, inbox: &mut upstream.inbox, unfinished: &mut upstream.unfinished };
    let to = ToOrigin::Connection(to, text);
    let ends = Ends { from, to, scratch: &mut upstream.scratch };
    let (outcome, ending, sending, receiving) = relay(asker, ends, request, gateway, fill, attempts).await;
    let finished = receiving.finished(ending, request, &sending, &mut upstream.inbox, &gateway.decisions);
    (outcome, finished)
}

/// Sends the request on a stream and relays the reply. Says what the client has.
pub(crate) async fn run_on_stream(
    asker: &mut Asker<'_>,
    trunk: &mut Trunk,
    request: &Request,
    gateway: &Gateway,
    fill: &mut Option<Fill<'_>>,
    attempts: &mut Attempts,
) -> Outcome {
    let condition = fill.as_ref().and_then(Fill::validator).map(<[u8]>::to_vec);
    let framing = attempts.framing(request);
    let opened = match trunk.open(request, gateway, framing, condition.as_deref(), attempts.refused).await {
        Ok(opened) => opened,
        Err(status) => {
            // Nothing of it has been sent: RFC 9113 §8.7, it may be sent on another connection.
            let refused = (status == 502).then_some(Refusal::Connection);
            return Outcome::Unanswered { status, closed_before_reply: true, request_read: false, refused };
        }
    };
    let from = Source::Stream(Box::new(source::Stream::new(opened.response, opened.seat)));
    let ends = Ends { from, to: ToOrigin::Stream(opened.body, opened.queue), scratch: &mut Scratch::default() };
    relay(asker, ends, request, gateway, fill, attempts).await.0
}

/// The origin's side of an exchange.
struct Ends<'a> {
    from: Source<'a>,
    to: ToOrigin<'a>,
    scratch: &'a mut Scratch,
}

async fn relay(
    asker: &mut Asker<'_>,
    ends: Ends<'_>,
    request: &Request,
    gateway: &Gateway,
    fill: &mut Option<Fill<'_>>,
    attempts: &mut Attempts,
) -> (Outcome, Ending, Sending, Receiving) {
    let sending = Sending::default();
    let mut receiving = Receiving::nothing();
    let place = gateway.ring.enter();
    let name = gateway.decisions.correlates.and_then(|name| name(&request.head));
    let ticket = name.map(|name| gateway.pending.enter(name));
    let Ends { from, to, scratch } = ends;
    let up = up::Up {
        from: &mut asker.body,
        to,
        request,
        again: attempts.body.take(),
        taken: &mut attempts.taken,
        gateway,
        sending: &sending,
    };
    let down = down::Down {
        from,
        to: &mut asker.reply,
        request,
        gateway,
        sending: &sending,
        receiving: &mut receiving,
        scratch,
        piece: &mut attempts.piece,
        ticket,
        place,
        kept: asker.kept,
    };
    // The sending side first: what was sent is known before a reply to it is judged.
    let ended = tokio::select! {
        biased;
        stop = up.send() => Err(stop),
        relayed = down.relay(fill) => Ok(relayed),
    };
    let (ending, status) = match ended {
        Ok(Ok(_) | Err(Fault::Unconfirmed)) => (Ending::Complete, None),
        Ok(Err(Fault::TimedOut)) => (Ending::TimedOut, Some(504)),
        Ok(Err(Fault::Broken | Fault::Reset | Fault::NotProcessed(_))) => (Ending::UpstreamBroken, Some(502)),
        Err(Stop::ClientBroken(status)) => (Ending::ClientBroken, Some(status)),
        Ok(Err(Fault::ClientGone)) | Err(Stop::ClientGone) => (Ending::ClientGone, None),
    };
    let refused = match ended {
        Ok(Err(Fault::NotProcessed(refusal))) => Some(refusal),
        Ok(_) | Err(_) => None,
    };
    let outcome = match (ended, status) {
        (Ok(Ok(Relayed::Reply(after))), _) => Outcome::Delivered(after),
        (Ok(Err(Fault::Unconfirmed)), _) => Outcome::Unconfirmed,
        (Ok(Ok(Relayed::Tunnel)), _) => Outcome::Tunnel,
        (_, Some(status)) if !receiving.within_message => Outcome::Unanswered {
            status,
            closed_before_reply: matches!(ended, Ok(Err(Fault::Broken | Fault::NotProcessed(_))))
                && !receiving.any_byte,
            request_read: sending.read.load(Ordering::Relaxed),
            refused,
        },
        _ => Outcome::Cut(receiving.cut_by),
    };
    (outcome, ending, sending, receiving)
}
