//! One request and its reply on one upstream connection.
//!
//! Two sides run at the same time: the request goes up while the reply, interim or final, may already come down. The
//! side that sends keeps listening when it is done, because a client that goes away ends the exchange: then the reply
//! is still owed and the upstream connection is worth nothing (CVE-2023-28858).

mod astray;
mod down;
mod fetch;
mod up;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use crate::cache::Fill;
use crate::client::Client;
use crate::decisions::{Behind, Decisions, Ending, Finished, ReplyEnd, ReplyRead};
use crate::gateway::Gateway;
use crate::head::Malformed;
use crate::inbox::Inbox;
use crate::pool::Upstream;
use crate::request::Request;
use crate::wire::After;

pub(crate) use fetch::{Fetched, fetch};
pub(crate) use up::gone;

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
    /// What those before have brought of a reply's body.
    piece: Vec<u8>,
}

/// Sends the request and relays the reply. Says what the client has, and what is known of the upstream connection.
pub(crate) async fn run(
    client: &mut Client,
    upstream: &mut Upstream,
    request: &Request,
    gateway: &Gateway,
    fill: &mut Option<Fill<'_>>,
    attempts: &mut Attempts,
) -> (Outcome, Finished) {
    let sending = Sending::default();
    let mut receiving = Receiving::nothing();
    let (place, kept) = (gateway.ring.enter(), client.requests > 1);
    let name = gateway.decisions.correlates.and_then(|name| name(&request.head));
    let ticket = name.map(|name| gateway.pending.enter(name));
    let authority = (gateway.decisions.authority)(&request.head.host, &upstream.authority);
    let again = attempts.body.take();
    let (from_client, to_client) = client.stream.split();
    let (from_upstream, to_upstream) = upstream.stream.split();
    let condition = fill.as_ref().and_then(Fill::validator).map(<[u8]>::to_vec);
    let up = up::Up {
        from_client,
        inbox: &mut client.inbox,
        to_upstream,
        request,
        authority,
        condition,
        again,
        gateway,
        sending: &sending,
    };
    let down = down::Down {
        from_upstream,
        inbox: &mut upstream.inbox,
        to_client,
        request,
        gateway,
        sending: &sending,
        receiving: &mut receiving,
        scratch: &mut upstream.scratch,
        unfinished: &mut upstream.unfinished,
        piece: &mut attempts.piece,
        ticket,
        place,
        kept,
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
        Ok(Err(Fault::Broken)) => (Ending::UpstreamBroken, Some(502)),
        Err(Stop::ClientBroken(status)) => (Ending::ClientBroken, Some(status)),
        Ok(Err(Fault::ClientGone)) | Err(Stop::ClientGone) => (Ending::ClientGone, None),
    };
    let outcome = match (ended, status) {
        (Ok(Ok(Relayed::Reply(after))), _) => Outcome::Delivered(after),
        (Ok(Err(Fault::Unconfirmed)), _) => Outcome::Unconfirmed,
        (Ok(Ok(Relayed::Tunnel)), _) => Outcome::Tunnel,
        (_, Some(status)) if !receiving.within_message => Outcome::Unanswered {
            status,
            closed_before_reply: ending == Ending::UpstreamBroken && !receiving.any_byte,
            request_read: sending.read.load(Ordering::Relaxed),
        },
        _ => Outcome::Cut(receiving.cut_by),
    };
    let finished = receiving.finished(ending, request, &sending, &mut upstream.inbox, &gateway.decisions);
    (outcome, finished)
}
