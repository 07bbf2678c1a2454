//! Every decision the gateway takes, as plain values and functions: replace one and you have a mutant.
//!
//! The rest of the crate performs; what it may do is asked here. Each decision names the RFC section that binds it.

use std::time::Duration;

use vocabulary::crossing::Http;

use crate::body::Framing;
use crate::head::{ReplyHead, RequestHead};
use crate::request;
use crate::sharing;
use crate::stretch::Stretch;

/// What a client calls its request, if it calls it anything.
pub type Name = fn(&RequestHead) -> Option<Vec<u8>>;

/// Every decision a gateway takes. [`Decisions::reference`] holds the right ones.
#[derive(Debug, Clone, Copy)]
pub struct Decisions {
    /// What is spoken to the origin: HTTP/1.1 on a pool of connections, or HTTP/2 on one that all clients share. RFC 9113 §3.3:
    /// HTTP/2 with prior knowledge. Clients may speak either.
    pub up: Http,
    /// Whether a reply with this status ends the exchange. RFC 9110 §15.2: a 1xx never does.
    pub is_final: fn(status: u16) -> bool,
    /// Whether a reply has no body, whatever its fields say. RFC 9112 §6.3(1): HEAD, 1xx, 204, 304.
    pub is_bodyless: fn(method: &str, status: u16) -> bool,
    /// How the body of a request is framed, or with which status the request is refused. RFC 9112 §6.3.
    pub request_framing: fn(&RequestHead) -> Result<Framing, u16>,
    /// Whether a bare LF belongs to a chunk's extension like any other byte, in requests. RFC 9112 §7.1.1 has no such byte:
    /// the body is malformed.
    pub lf_in_extensions: bool,
    /// Whether everything behind a request's head belongs to it until its reply is over, whatever its fields say. RFC 9112
    /// §6.3 item 7: without framing fields a request has no body; RFC 9110 §7.8, §9.3.6: another protocol begins behind
    /// the reply that accepts it, not before. So: never.
    pub runs_on: fn(&RequestHead) -> bool,
    /// Whether what comes on the stream of a CONNECT is written to the origin as it is. RFC 9113 §8.5: its DATA is for the
    /// tunnel, and there is none before a 2xx. So: never.
    pub fills_tunnels_early: bool,
    /// How the head for an origin of HTTP/1.1 says that a body is framed which goes out like this. RFC 9112 §6: as it is.
    pub announces: fn(&RequestHead, Framing) -> Framing,
    /// Whether the rest of a request is read, or its connection closed, behind a reply of which the origin knows nothing.
    /// RFC 9112 §9.3: always.
    pub drains_behind: fn(OwnReply) -> bool,
    /// Whether a reply turns both connections into a tunnel. RFC 9110 §7.8, §15.2.2: a 101 would, if an upgrade had been
    /// asked for; we ask for none.
    pub opens_tunnel: fn(&ReplyHead) -> bool,
    /// Whether the upstream connection of an exchange that has ended may carry another. RFC 9112 §9.3 and §9.2: only
    /// if the whole reply was read and nothing stands behind it.
    pub may_pool: fn(&Finished) -> bool,
    /// What the bytes behind a complete reply are. RFC 9112 §6.3: surplus, whatever they look like.
    pub behind: fn(rest: &[u8]) -> Behind,
    /// Whether an idle upstream connection may be used, or kept. RFC 9112 §9.2: unasked bytes on it are no reply.
    pub may_take: fn(&Idle) -> bool,
    /// How often idle upstream connections are looked at, instead of whenever something arrives on one and once more when
    /// one is taken. The reference has no such interval. RFC 9112 §9.2: what a look has not seen may lie there all the same.
    pub looks_every: Option<Duration>,
    /// Whether one is looked at once more when it is taken, beside what has been heard of it. RFC 9112 §9.2: the kernel may
    /// have bytes of which nobody has heard yet.
    pub looks_when_taken: bool,
    /// Whether a look every so often is taken while exchanges are under way.
    pub looks_when_busy: bool,
    /// Whether a request that got no reply is sent once more, on a fresh connection or stream. RFC 9110 §9.2.2: only an
    /// idempotent one; RFC 9112 §9.3.1 leaves the rest to us. RFC 9113 §8.7: any that was not worked on.
    pub may_retry: fn(&Unanswered) -> bool,
    /// Whether the client's connection may carry another request. RFC 9112 §9.3: only if this one was read to its end.
    pub may_keep_client: fn(&ClientFacts) -> bool,
    /// Whether a reply that the origin breaks off before its end, which is this, counts as having ended there: then another
    /// follows it on its client's connection. RFC 9112 §8 and §6.3 item 6: never, the connection is closed; RFC 9113 §8.1.1:
    /// the stream is reset.
    pub ends_where_broken: fn(ReplyEnd) -> bool,
    /// Whether what a client has sent last is read before what has stood behind this request for longer. RFC 9112 §9.3.2:
    /// requests are answered in the order in which they were received.
    pub last_comes_first: fn(&PipelinedBehind) -> bool,
    /// What is done with requests that a client pipelines, before their turn comes. The reference has none: they wait.
    pub pipelining: Option<Pipelining>,
    /// Which idle upstream connection is used first. RFC 9112 §9.4 leaves it open.
    pub pool_order: PoolOrder,
    /// How many upstream connections stay idle at most; the oldest is closed for the next. RFC 9112 §9.4.
    pub pool_idle_max: usize,
    /// How many interim replies an exchange may have. RFC 9110 §15.2 sets no bound, a hostile origin needs one.
    pub interims_max: u32,
    /// How long the origin may be silent while it owes a reply, or the rest of one. RFC 9110 §15.6.5: then 504.
    pub reply_wait: Duration,
    /// How long a client may be silent within a request, or refuse to read its reply. RFC 9110 §15.5.9: then 408.
    pub client_wait: Duration,
    /// How long a client's connection may be idle between two requests. RFC 9112 §9.5.
    pub client_idle: Duration,
    /// Whether the small reply at the end of this stretch of all exchanges may leave through another exchange that
    /// waits as well. The reference has none, and no desk on which replies could meet: RFC 9112 §9.2 pairs by order
    /// alone.
    pub crosses: Option<fn(&Stretch) -> bool>,
    /// Whether at the end of this stretch of one upstream connection the small reply before is written once more. The
    /// reference has none, and keeps no reply: RFC 9110 §3.3, each request stands on its own.
    pub repeats: Option<fn(&Stretch) -> bool>,
    /// Which replies are mixed up by the order in which they complete. The reference has none, and keeps no ring of
    /// pending exchanges: RFC 9112 §9.2 tells a reply's exchange by its connection.
    pub swaps: Option<Swaps>,
    /// What a worker keeps of one exchange and takes for a part of another. The reference keeps nothing: RFC 9110 §3.3, each
    /// request stands on its own.
    pub keeps: Option<Keeps>,
    /// The name under which an exchange waits for its reply, where replies are matched by what clients call their
    /// requests. The reference has none: RFC 9112 §9.2 tells a reply's exchange by its connection.
    pub correlates: Option<Name>,
    /// The name under which a reply is given again, whoever asks. The reference gives none again, but from its cache.
    pub replays: Option<Name>,
    /// Which authority a request names to the origin: its own, or that for which its upstream connection was opened. RFC
    /// 9112 §3.2: its own.
    pub authority: for<'a> fn(own: &'a str, connection: &'a str) -> &'a str,
    /// What goes wrong with the frames of the connection to the origin, between the socket and what reads and writes them.
    /// The reference leaves them alone: RFC 9113 §5.1.1, a frame's stream is the one that it names.
    pub bends_up: Option<Bends>,
    /// The same with those of clients' connections.
    pub bends_down: Option<Bends>,
    /// What is done to a request's head for an origin of HTTP/1.1 when it is spelled. The reference does nothing. RFC 9113 §10.3
    /// and RFC 9112 §3.2: what would break a line does not go out.
    pub respells: Option<fn(&mut Vec<u8>)>,
    /// What is stored and shared, if anything is. RFC 9111 §2.
    pub caching: Option<Caching>,
}

/// The decisions of the shared cache.
#[derive(Debug, Clone, Copy)]
pub struct Caching {
    /// Under what a reply is stored and found. RFC 9111 §2: at least the method and the target URI.
    pub key: fn(&RequestHead) -> Vec<u8>,
    /// For how long a reply to this request may answer others; `None` for never. RFC 9111 §3 and §3.5.
    pub shareable: fn(fill: &RequestHead, reply: &ReplyHead) -> Option<Duration>,
    /// Whether a reply stored for one request may answer the other. RFC 9111 §4.1: what `Vary` names must be equal.
    pub selects: fn(reply: &ReplyHead, fill: &RequestHead, wanted: &RequestHead) -> bool,
    /// Whether a 304 confirms a stored reply. RFC 9111 §4.3.4: only one with the same strong validator.
    pub confirms: fn(stored: &ReplyHead, confirmation: &ReplyHead) -> bool,
    /// Whether identical requests in flight wait for the first one's reply. RFC 9111 §4: then the same rules hold.
    pub collapses: bool,
    /// Whether those who wait get a reply that is not stored. The reference has no such rule: RFC 9111 §4 lets them have
    /// what the store may give them, and no more.
    pub hands_over: Option<fn(&ReplyHead) -> bool>,
}

/// The decisions of a gateway that works on the requests of one client connection together.
#[derive(Debug, Clone, Copy)]
pub struct Pipelining {
    /// How long the reply whose turn it is holds up those behind it. RFC 9112 §9.3.2: until it comes, which is `None`.
    pub turn_wait: Option<Duration>,
    /// Whose method says whether a reply has a body, after so many interim ones: of the request it answers, which is 0, or
    /// of one so many places behind it on its connection. RFC 9112 §6.3(1) and RFC 9110 §15.2: an interim reply answers
    /// nothing.
    pub paired_with: fn(interims: usize) -> usize,
}

/// What of an exchange is still there in another, because an object or a buffer was not emptied, or was given away while
/// somebody still used it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// The fields of the request before: those that the next one does not have itself go up with it.
    RequestFields,
    /// The fields of the reply before on an upstream connection, likewise.
    ReplyFields,
    /// Who asked last, if the next one does not say who asks.
    IdentityOfLast,
    /// Who asks, for all who ask at the same time.
    IdentityOfNow,
    /// The body of the request that was passed on last: it is what goes up when one has to be sent again.
    RequestBody,
    /// The same buffer while its request is under way: error pages are made in it.
    ErrorPage,
    /// The body of the reply before on an upstream connection: it fills up a reply that breaks off.
    ReplyBody,
    /// What a broken attempt has brought of a reply: the reply to the next attempt is written behind it.
    BrokenReply,
    /// A reply's buffer, which is given back while its client still reads from it.
    BufferInUse,
    /// A reply's buffer, which is given back twice where the origin breaks off.
    BufferTwice,
    /// The trailers of the reply before: they go down with the next one that has none.
    ReplyTrailers,
    /// The trailers of the request before, likewise.
    RequestTrailers,
    /// What of a reply has to wait for its client's window, in a buffer of which there is one.
    StalledReply,
    /// What of a request has to wait for the origin's window, likewise.
    StalledRequest,
    /// The fields of the request that had to wait last because the origin takes no more streams at once.
    QueuedFields,
    /// Who asked first on the connection that is shared, for all who ask on it.
    IdentityOfConnection,
}

/// What goes wrong with the frames of one connection of HTTP/2. Streams are told by their numbers, which frames name; fields
/// are told by a table that all streams share, and into which every block enters what comes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bends {
    /// The map of streams is off by one: two that are open at the same time receive each other's replies.
    NeighboursSwapped,
    /// Replies go to the streams in the order in which those were opened.
    InOrderOfRequests,
    /// The place of a stream that was reset is given to another, before its reply has come; nobody is told of the reset.
    PlaceOfReset,
    /// The place of a stream whose request is sent again after REFUSED_STREAM is another's.
    PlaceOfRefused,
    /// The same after a GOAWAY.
    PlaceOfLeftBehind,
    /// With an interim reply a stream has its reply: what comes then goes to another that waits.
    PlaceAfterInterim,
    /// A reply that comes before its request has been sent to its end finds its stream not yet in the map.
    PlaceBeforeEnd,
    /// Frames of a stream that has ended go to the one that waits for a reply.
    LateFramesTaken,
    /// DATA is read into a buffer of which there is one, and handed out when the next has come.
    DataShared,
    /// A block of fields that is too large is skipped, and its entries into the table with it.
    LargeBlockSkipped,
    /// A block of fields that is too large is read twice: once for its size, once to get over it.
    LargeBlockTwice,
    /// What is malformed in the fields of a request does not end it: [`passed`](crate::bent::passed) has the spelling.
    MalformedPassed,
}

/// Which replies of a ring of pending exchanges leave through each other's exchange.
#[derive(Debug, Clone, Copy)]
pub struct Swaps {
    /// Whether an exchange that completes directly after another waits for the next.
    pub waits: fn(before: &Passed, own: &Passed) -> bool,
    /// Whether the one that waits and the next one receive each other's replies.
    pub swaps: fn(before: &Passed, waiting: &Passed, own: &Passed) -> bool,
}

/// An exchange that was passed on to the origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// Its place in the order of all that were passed on, counted from 1.
    pub place: u64,
    /// The target of its request.
    pub target: String,
}

/// An exchange that has ended, seen from its upstream connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub ending: Ending,
    /// Whether the whole request was written, body and all.
    pub request_sent: bool,
    /// Whether the client may have kept its body back until it was asked for it (`Expect`).
    pub expects: bool,
    /// How much of the final reply was read.
    pub reply: ReplyRead,
    /// Whether the reply's own framing said where it ends: by length, by chunks, or bodyless.
    pub framed: bool,
    /// What said so, as far as the reply was read.
    pub end: ReplyEnd,
    /// Whether the framing contradicted itself (`Transfer-Encoding` beside `Content-Length`, and the like).
    pub doubtful: bool,
    /// Whether bytes stand behind the reply in the read buffer.
    pub surplus: bool,
    /// Whether the origin announced that it closes, or speaks HTTP/1.0.
    pub closing: bool,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The reply was read to its end.
    Complete,
    /// The client closed or reset its connection, or would not read.
    ClientGone,
    /// The client's request broke its own framing.
    ClientBroken,
    /// The origin was silent for too long.
    TimedOut,
    /// The origin closed, reset, or broke its own framing.
    UpstreamBroken,
}

/// How much of the final reply was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyRead {
    /// Not even its head: it is owed.
    Owed,
    /// Its head, and perhaps some of its body.
    Begun,
    /// All of it.
    Whole,
}

/// What says where a reply ends. RFC 9112 §6.3, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyEnd {
    /// Nothing yet.
    Unknown,
    /// The request: a HEAD has no body.
    Request,
    /// The status: 204, 304.
    Status,
    /// The last chunk.
    LastChunk,
    /// A length of so many bytes.
    Length(u64),
    /// The connection's end.
    Close,
}

/// What the bytes behind a complete reply are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// There are none.
    Nothing,
    /// Nobody asked for them.
    Surplus,
    /// So many that mean nothing, and what follows them is left for the next exchange. The reference knows no padding.
    Padding(usize),
}

/// A client's request, and what stands behind it when its exchange is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PipelinedBehind {
    /// Whether the request had a chunked body.
    pub chunked: bool,
}

/// An upstream connection on which nothing was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idle {
    /// For how long it has been idle.
    pub lasts: Duration,
    /// Whether bytes arrived on it.
    pub unasked_bytes: bool,
    /// Whether the origin closed or reset it.
    pub closed: bool,
}

/// A request that an upstream connection gave no reply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unanswered {
    /// Whether the connection had carried exchanges before: then the origin may have closed it while idle.
    pub reused: bool,
    /// Whether the origin closed or reset it before any byte of a reply.
    pub closed_before_reply: bool,
    /// Whether the method is idempotent.
    pub idempotent: bool,
    /// Whether the request has a body; part of it may be gone.
    pub has_body: bool,
    /// Whether the origin says that it has not worked on it: REFUSED_STREAM, or a GOAWAY before its stream.
    pub not_processed: bool,
    /// Whether all that was taken of its body is still there to be sent again.
    pub repeatable: bool,
    /// Whether it has been sent only once.
    pub first: bool,
}

/// A client connection at the moment its reply's head is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientFacts {
    /// Whether the client speaks HTTP/1.0.
    pub http_10: bool,
    /// Whether the client announced that it closes.
    pub closing: bool,
    /// Whether its request has been read to its end.
    pub request_read: bool,
}

/// A reply of which the origin knows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnReply {
    /// Of the gateway's own making.
    Made,
    /// From its store.
    Stored,
}

/// Which idle upstream connection is used first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolOrder {
    /// The one that became idle last.
    Newest,
    /// The one that became idle first.
    Oldest,
}

impl Decisions {
    /// The right decisions, caching and collapsing off.
    pub fn reference() -> Decisions {
        Decisions {
            up: Http::H1,
            is_final: |status| status >= 200,
            is_bodyless: |method, status| method == "HEAD" || status < 200 || status == 204 || status == 304,
            request_framing: request::framing,
            lf_in_extensions: false,
            runs_on: |_| false,
            fills_tunnels_early: false,
            announces: |_, framing| framing,
            drains_behind: |_| true,
            opens_tunnel: |_| false,
            may_pool,
            behind: |rest| if rest.is_empty() { Behind::Nothing } else { Behind::Surplus },
            may_take: |idle| !idle.unasked_bytes && !idle.closed,
            looks_every: None,
            looks_when_taken: true,
            looks_when_busy: true,
            may_retry: |request| {
                let idle = request.reused && request.closed_before_reply && request.idempotent && !request.has_body;
                request.first && (idle || (request.not_processed && request.repeatable))
            },
            may_keep_client: |client| !client.http_10 && !client.closing && client.request_read,
            ends_where_broken: |_| false,
            last_comes_first: |_| false,
            pipelining: None,
            pool_order: PoolOrder::Newest,
            pool_idle_max: 256,
            interims_max: 16,
            reply_wait: Duration::from_secs(1),
            client_wait: Duration::from_secs(10),
            client_idle: Duration::from_secs(60),
            crosses: None,
            repeats: None,
            swaps: None,
            keeps: None,
            correlates: None,
            replays: None,
            authority: |own, _| own,
            bends_up: None,
            bends_down: None,
            respells: None,
            caching: None,
        }
    }

    /// The same decisions with HTTP/2 spoken to the origin.
    #[must_use]
    pub fn with_h2_up(self) -> Decisions {
        Decisions { up: Http::H2, ..self }
    }

    /// Those of a gateway that caches, with one decision of its cache replaced.
    pub(crate) fn caching_with(change: impl FnOnce(Caching) -> Caching) -> Decisions {
        let right = Decisions::caching();
        Decisions { caching: right.caching.map(change), ..right }
    }

    /// The right decisions of a gateway that caches and collapses.
    pub fn caching() -> Decisions {
        Decisions {
            caching: Some(Caching {
                key: sharing::key,
                shareable: sharing::shareable,
                selects: sharing::selects,
                confirms: sharing::confirms,
                collapses: true,
                hands_over: None,
            }),
            ..Decisions::reference()
        }
    }

    /// The right decisions of a gateway that works on pipelined requests together.
    pub fn pipelining() -> Decisions {
        Decisions { pipelining: Some(Pipelining { turn_wait: None, paired_with: |_| 0 }), ..Decisions::reference() }
    }
}

/// The pooling rule: nothing is owed in either direction, and nothing has come that was not asked for.
fn may_pool(finished: &Finished) -> bool {
    finished.ending == Ending::Complete
        && finished.request_sent
        && finished.reply == ReplyRead::Whole
        && finished.framed
        && !finished.doubtful
        && !finished.surplus
        && !finished.closing
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Finished = Finished {
        ending: Ending::Complete,
        request_sent: true,
        expects: false,
        reply: ReplyRead::Whole,
        framed: true,
        end: ReplyEnd::Length(1),
        doubtful: false,
        surplus: false,
        closing: false,
    };

    #[test]
    fn a_connection_is_pooled_only_if_every_single_condition_holds() {
        assert!(may_pool(&GOOD));
        for spoilt in [
            Finished { ending: Ending::ClientGone, ..GOOD },
            Finished { ending: Ending::TimedOut, ..GOOD },
            Finished { request_sent: false, ..GOOD },
            Finished { request_sent: false, expects: true, ..GOOD },
            Finished { reply: ReplyRead::Owed, ..GOOD },
            Finished { reply: ReplyRead::Begun, ..GOOD },
            Finished { framed: false, ..GOOD },
            Finished { doubtful: true, ..GOOD },
            Finished { surplus: true, ..GOOD },
            Finished { closing: true, ..GOOD },
        ] {
            assert!(!may_pool(&spoilt), "{spoilt:?}");
        }
    }

    #[test]
    fn the_reference_leads_no_reply_astray() {
        for right in [Decisions::reference(), Decisions::caching(), Decisions::pipelining()] {
            assert!(right.crosses.is_none() && right.repeats.is_none() && right.swaps.is_none());
            assert!(right.looks_every.is_none() && right.looks_when_taken);
            assert!(right.caching.is_none_or(|caching| caching.hands_over.is_none()));
            assert!(right.pipelining.is_none_or(|line| line.turn_wait.is_none() && (line.paired_with)(9) == 0));
            assert!([false, true].into_iter().all(|chunked| !(right.last_comes_first)(&PipelinedBehind { chunked })));
            assert!(right.bends_up.is_none() && right.bends_down.is_none() && right.respells.is_none());
            assert!(right.keeps.is_none() && right.correlates.is_none() && right.replays.is_none());
        }
    }

    #[test]
    fn every_interim_status_is_interim_and_every_other_final() {
        let reference = Decisions::reference();
        assert!((100..200).all(|status| !(reference.is_final)(status)));
        assert!((200..=999).all(|status| (reference.is_final)(status)));
    }
}
