//! What happened in a case: observations from both ends, and the sealed history that the oracle judges.
//!
//! An exchange goes *sent* (client) → *seen* (origin) → *replied* (origin) → *received* or *gave up* (client). Both
//! ends report [`Observation`]s as they happen; [`History::seal`] sorts them by exchange and connection, and turns the
//! numbers on the wire into the numbers of the plan. Nothing here judges.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::canary::{BodyState, Claim, Encoding};
use crate::directive::FaultKind;
use crate::identity::{
    Attempt, ConnectionId, DeliveryId, ExchangeId, GateId, LaneId, Moment, Ordinal, StreamId, TenantId,
};
use crate::plan::{EventKind, Plan};

/// One thing that one of our ends saw or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observation {
    /// A client has sent a request.
    Sent(Sent),
    /// A request has arrived at the origin.
    Seen(Seen),
    /// A body has been read of a request that was reported before, because its reply did not wait for it.
    BodySeen(BodySeen),
    /// The origin has emitted a reply.
    Replied(Replied),
    /// A client has accepted a reply.
    Received(Received),
    /// A client has ended an exchange without a whole reply.
    GaveUp(GaveUp),
    /// Bytes came to a client on a connection on which nothing was asked.
    Unasked(Unasked),
    /// The gateway has opened a connection to the origin.
    UpstreamOpened {
        /// Which.
        connection: ConnectionId,
        /// When.
        at: Moment,
    },
    /// A connection to the origin has ended.
    UpstreamClosed {
        /// Which.
        connection: ConnectionId,
        /// Who ended it.
        by: Closer,
        /// When.
        at: Moment,
    },
    /// A planned fault has been performed, or was kept from it.
    Fault(Fault),
    /// Something that plans can wait for has happened.
    Event {
        /// To which exchange.
        exchange: ExchangeId,
        /// What.
        kind: EventKind,
        /// When.
        at: Moment,
    },
    /// A gate has opened.
    GateOpened(GateOpened),
}

/// A request as a client sent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The exchange that it begins.
    pub exchange: ExchangeId,
    /// Who sent it.
    pub lane: LaneId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The client connection it went out on.
    pub connection: ConnectionId,
    /// Its position on that connection.
    pub ordinal: Ordinal,
    /// The stream that it is, in HTTP/2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamId>,
    /// When its first byte was handed to the kernel.
    pub at: Moment,
    /// Its head, printable, at most [`crate::limits::EXCERPT_BYTES_MAX`].
    pub head: String,
}

/// A request as it arrived at the origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Whose it is, by any request canary in it; none: the gateway's own (a health check, a refresh).
    pub exchange: Option<ExchangeId>,
    /// Which arrival of the exchange, starting at 1.
    pub attempt: Attempt,
    /// The upstream connection.
    pub connection: ConnectionId,
    /// Its position on that connection.
    pub ordinal: Ordinal,
    /// The stream that it is, in HTTP/2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamId>,
    /// When its head had been read.
    pub at: Moment,
    /// Every verified canary in it, head and body.
    pub canaries: Vec<Found>,
    /// Canary-shaped texts that verify under no key.
    pub unverified: u32,
    /// How many exchanges the origin had seen and not yet replied to, this one included.
    pub in_flight: u32,
    /// The `Host` that it named.
    pub authority: Option<String>,
    /// Its head, printable.
    pub head: String,
}

/// The body of a request that was reported without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodySeen {
    /// The exchange that the request was reported for.
    pub exchange: Option<ExchangeId>,
    /// The upstream connection.
    pub connection: ConnectionId,
    /// The request's position on it.
    pub ordinal: Ordinal,
    /// Every verified canary in the body and its trailer.
    pub canaries: Vec<Found>,
    /// Canary-shaped texts that verify under no key.
    pub unverified: u32,
}

/// A verified canary and where it stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Found {
    /// What the canary says.
    pub claim: Claim,
    /// In which part of the message.
    pub place: Place,
    /// In which encoding.
    pub encoding: Encoding,
}

/// A part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The head of an interim reply.
    Interim,
    /// The request or status line and the fields.
    Head,
    /// The body.
    Body,
    /// The trailer.
    Trailer,
    /// Bytes outside any message.
    Outside,
}

/// A delivery: a reply that the origin emitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replied {
    /// Its number.
    pub delivery: DeliveryId,
    /// The attempt that it answers.
    pub attempt: Attempt,
    /// Whether it was asked for.
    pub kind: DeliveryKind,
    /// Its status.
    pub status: u16,
    /// The upstream connection.
    pub connection: ConnectionId,
    /// The position on it of the request that it answers, or behind which it was emitted.
    pub ordinal: Ordinal,
    /// The stream on which it went out, in HTTP/2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamId>,
    /// When its first byte was handed to the kernel.
    pub at: Moment,
    /// When its last planned byte was accepted by the kernel.
    pub done_at: Moment,
    /// Whether all planned bytes were accepted while the peer had neither closed nor reset.
    pub performed: Performed,
    /// Bytes of body that were meant, before any cut.
    pub body_bytes: u64,
    /// Whether the origin cut it off on purpose.
    pub cut: bool,
    /// The delivery with which a surplus shares one write.
    pub same_write_as: Option<DeliveryId>,
    /// When the gateway's kernel had acknowledged all bytes on the connection, where that was seen.
    pub acknowledged_at: Option<Moment>,
    /// The status line and fields, printable.
    pub head: String,
}

/// Whether a delivery was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryKind {
    /// The reply that its exchange was owed.
    Owed,
    /// Surplus: nobody asked for it.
    Surplus,
}

/// Whether an act of ours was done in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Performed {
    /// Every planned byte was accepted by the kernel on a connection whose peer had neither closed nor reset.
    Fully,
    /// The peer had closed before.
    PeerClosedFirst,
    /// A bound passed before: what it waited for did not come.
    Expired,
    /// The request's version forbids the act (no interim reply and no chunked body towards HTTP/1.0), or has no such thing
    /// (no chunks in HTTP/2, no streams in HTTP/1.1).
    VersionForbids,
}

/// A planned fault and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The exchange that it was planned for.
    pub exchange: ExchangeId,
    /// What.
    pub kind: FaultKind,
    /// How far it got.
    pub performed: Performed,
    /// The upstream connection, where it happened on one.
    pub connection: Option<ConnectionId>,
    /// When it was done or given up.
    pub at: Moment,
}

/// A reply as a client accepted it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// The exchange for which it was accepted.
    pub exchange: ExchangeId,
    /// Who accepted it.
    pub lane: LaneId,
    /// The client connection.
    pub connection: ConnectionId,
    /// The position of the request on that connection.
    pub ordinal: Ordinal,
    /// The stream on which it came, in HTTP/2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamId>,
    /// When its first byte was read.
    pub first_at: Moment,
    /// When it was complete.
    pub at: Moment,
    /// Its status.
    pub status: u16,
    /// The statuses of interim replies before it.
    pub interims: Vec<u16>,
    /// Every verified canary in it.
    pub canaries: Vec<Found>,
    /// Canary-shaped texts that verify under no key.
    pub unverified: u32,
    /// How its body compares with what its begin stripe promises.
    pub body: BodyState,
    /// Bytes of body, decoded from its framing.
    pub body_bytes: u64,
    /// Whether its framing says that it is whole.
    pub completeness: Completeness,
    /// Its status line and fields, printable.
    pub head: String,
    /// The beginning of its body, printable.
    pub body_start: String,
}

/// What the framing of a reply says of its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Completeness {
    /// Whole, by length or last chunk, or without a body.
    Whole,
    /// Ended by the end of the connection: a cut-off could not be seen.
    CloseDelimited,
    /// Cut off: the connection ended before the framing said so, or the framing broke.
    CutOff,
}

/// The end of an exchange without a whole reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GaveUp {
    /// Which exchange.
    pub exchange: ExchangeId,
    /// Whose client.
    pub lane: LaneId,
    /// The client connection, where there was one.
    pub connection: Option<ConnectionId>,
    /// Why.
    pub why: Why,
    /// When.
    pub at: Moment,
    /// What had come of the reply: it is checked like a whole one.
    pub partial: Option<Box<Received>>,
}

/// Why a client ended an exchange without a whole reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// As planned.
    Aborted,
    /// No reply came in time.
    NoReply,
    /// The gateway closed the connection.
    Closed,
    /// The gateway reset the connection, or the stream.
    Reset,
    /// The gateway said that it has not worked on the request: REFUSED_STREAM, or a GOAWAY before its stream (RFC 9113
    /// §8.7).
    Refused,
    /// The gateway's bytes were no HTTP, or broke a bound.
    Malformed,
    /// No connection to the gateway could be made.
    Unreachable,
}

/// Bytes on a client connection on which nothing was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unasked {
    /// Who owned the connection.
    pub lane: LaneId,
    /// Which connection.
    pub connection: ConnectionId,
    /// The exchange that had used it last.
    pub after: Option<ExchangeId>,
    /// When they were read.
    pub at: Moment,
    /// What they look like.
    pub looks_like: UnaskedKind,
    /// How many.
    pub bytes: u64,
    /// Every verified canary in them.
    pub canaries: Vec<Found>,
    /// Their beginning, printable.
    pub excerpt: String,
}

/// What unasked bytes look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnaskedKind {
    /// A 408, or another 4xx that announces the close: lawful on an idle connection.
    ErrorBeforeClose,
    /// Empty lines: lawful noise (RFC 9112 §2.2).
    EmptyLines,
    /// A whole reply head: a second final reply.
    Reply,
    /// Frames of a stream that the client has reset: they were under way (RFC 9113 §5.1).
    AfterReset,
    /// Frames of a stream that was never opened, or that had ended (RFC 9113 §5.1).
    LateFrames,
    /// Anything else.
    Garbage,
}

/// Who ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closer {
    /// The gateway.
    Gateway,
    /// Our origin, as planned or between cases.
    Origin,
}

/// A gate that has opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateOpened {
    /// Which.
    pub gate: GateId,
    /// How many exchanges it was to await.
    pub awaited: u32,
    /// How many had arrived.
    pub arrived: u32,
    /// The order in which it released them.
    pub released: Vec<ExchangeId>,
    /// When.
    pub at: Moment,
}

impl GateOpened {
    /// Whether the gate opened because all had arrived, and not because a bound passed.
    pub fn in_full(&self) -> bool {
        self.arrived >= self.awaited
    }
}

/// Everything that happened in one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// What was planned.
    pub plan: Plan,
    /// What happened to each exchange of the plan that was sent or seen.
    pub exchanges: BTreeMap<ExchangeId, ExchangeHistory>,
    /// Every upstream connection that was used or alive.
    pub upstream: BTreeMap<ConnectionId, UpstreamHistory>,
    /// Requests without a canary of this run: the gateway's own.
    pub strangers: Vec<Seen>,
    /// Bytes outside any exchange.
    pub unasked: Vec<Unasked>,
    /// What became of the planned faults, in order.
    pub faults: Vec<Fault>,
    /// The gates that opened, in order.
    pub gates: Vec<GateOpened>,
    /// The deliveries of earlier cases that were emitted in this one, and those of exchanges that are not planned.
    pub others: Vec<Replied>,
}

/// What happened to one exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeHistory {
    /// As the client sent it.
    pub sent: Option<Sent>,
    /// Its arrivals at the origin.
    pub seen: Vec<Seen>,
    /// Its deliveries.
    pub replied: Vec<Replied>,
    /// How it ended at the client.
    pub end: Option<ExchangeEnd>,
    /// What else happened to it, and when.
    pub events: Vec<(EventKind, Moment)>,
}

/// How an exchange ended at the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExchangeEnd {
    /// With a reply.
    Received(Received),
    /// Without a whole one.
    GaveUp(GaveUp),
}

impl ExchangeHistory {
    /// What the client read, whole or in part.
    pub fn reading(&self) -> Option<&Received> {
        match self.end.as_ref()? {
            ExchangeEnd::Received(received) => Some(received),
            ExchangeEnd::GaveUp(gave_up) => gave_up.partial.as_deref(),
        }
    }

    /// When the client was done with it.
    pub fn ended_at(&self) -> Option<Moment> {
        self.end.as_ref().map(|end| match end {
            ExchangeEnd::Received(received) => received.at,
            ExchangeEnd::GaveUp(gave_up) => gave_up.at,
        })
    }
}

/// What happened on one upstream connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamHistory {
    /// The exchanges that arrived on it, in order; none for a request without a canary of this run.
    pub arrivals: Vec<(Ordinal, Option<ExchangeId>)>,
    /// When the gateway opened it, where that was in this case.
    pub opened_at: Option<Moment>,
    /// When and by whom it was ended.
    pub closed: Option<(Closer, Moment)>,
}

impl History {
    /// Sorts observations by exchange and connection. `base` is what was added to the plan's exchange numbers on the
    /// wire; a number at or below it belongs to an earlier case.
    pub fn seal(plan: Plan, base: u32, observations: Vec<Observation>) -> History {
        let mut history = History {
            plan,
            exchanges: BTreeMap::new(),
            upstream: BTreeMap::new(),
            strangers: Vec::new(),
            unasked: Vec::new(),
            faults: Vec::new(),
            gates: Vec::new(),
            others: Vec::new(),
        };
        let local = Renumber { base };
        for observation in observations {
            history.add(local.observation(observation));
        }
        history
    }

    fn add(&mut self, observation: Observation) {
        match observation {
            Observation::Sent(sent) => {
                let exchange = self.exchange(sent.exchange);
                exchange.sent = Some(sent);
            }
            Observation::Seen(seen) => {
                let connection = self.upstream.entry(seen.connection).or_default();
                connection.arrivals.push((seen.ordinal, seen.exchange));
                match seen.exchange {
                    Some(exchange) if !exchange.is_of_earlier_case() => self.exchange(exchange).seen.push(seen),
                    _ => self.strangers.push(seen),
                }
            }
            Observation::BodySeen(body) => self.add_body(body),
            Observation::Replied(replied) => match replied.delivery.exchange.is_of_earlier_case() {
                false => self.exchange(replied.delivery.exchange).replied.push(replied),
                true => self.others.push(replied),
            },
            Observation::Received(received) => {
                let exchange = self.exchange(received.exchange);
                exchange.end = Some(ExchangeEnd::Received(received));
            }
            Observation::GaveUp(gave_up) => {
                let exchange = self.exchange(gave_up.exchange);
                exchange.end = Some(ExchangeEnd::GaveUp(gave_up));
            }
            Observation::Unasked(unasked) => self.unasked.push(unasked),
            Observation::UpstreamOpened { connection, at } => {
                self.upstream.entry(connection).or_default().opened_at = Some(at);
            }
            Observation::UpstreamClosed { connection, by, at } => {
                self.upstream.entry(connection).or_default().closed.get_or_insert((by, at));
            }
            Observation::Fault(fault) => self.faults.push(fault),
            Observation::Event { exchange, kind, at } => {
                if !exchange.is_of_earlier_case() {
                    self.exchange(exchange).events.push((kind, at));
                }
            }
            Observation::GateOpened(opened) => self.gates.push(opened),
        }
    }

    /// What stood in a body belongs to the request whose head announced it.
    fn add_body(&mut self, body: BodySeen) {
        let seen = body.exchange.and_then(|exchange| self.exchanges.get_mut(&exchange)).map(|it| &mut it.seen);
        let seen = seen.unwrap_or(&mut self.strangers);
        let request = |seen: &&mut Seen| (seen.connection, seen.ordinal) == (body.connection, body.ordinal);
        if let Some(seen) = seen.iter_mut().find(request) {
            seen.canaries.extend(body.canaries);
            seen.unverified += body.unverified;
        }
    }

    fn exchange(&mut self, exchange: ExchangeId) -> &mut ExchangeHistory {
        self.exchanges.entry(exchange).or_default()
    }
}

/// Turns numbers on the wire into numbers of the plan.
#[derive(Debug, Clone, Copy)]
struct Renumber {
    base: u32,
}

impl Renumber {
    fn exchange(self, wire: ExchangeId) -> ExchangeId {
        match wire.0.checked_sub(self.base) {
            Some(local) if local > 0 => ExchangeId(local),
            _ => ExchangeId::of_earlier_case(wire.0),
        }
    }

    fn delivery(self, wire: DeliveryId) -> DeliveryId {
        DeliveryId { exchange: self.exchange(wire.exchange), number: wire.number }
    }

    /// A tenant's canary names no exchange: its 0 stays 0.
    fn found(self, mut found: Vec<Found>) -> Vec<Found> {
        for one in &mut found {
            if one.claim.exchange.0 != 0 {
                one.claim.exchange = self.exchange(one.claim.exchange);
            }
        }
        found
    }

    fn received(self, mut received: Received) -> Received {
        received.exchange = self.exchange(received.exchange);
        received.canaries = self.found(received.canaries);
        received
    }

    fn observation(self, observation: Observation) -> Observation {
        match observation {
            Observation::Sent(mut sent) => {
                sent.exchange = self.exchange(sent.exchange);
                Observation::Sent(sent)
            }
            Observation::Seen(mut seen) => {
                seen.exchange = seen.exchange.map(|exchange| self.exchange(exchange));
                seen.canaries = self.found(seen.canaries);
                Observation::Seen(seen)
            }
            Observation::BodySeen(mut body) => {
                body.exchange = body.exchange.map(|exchange| self.exchange(exchange));
                body.canaries = self.found(body.canaries);
                Observation::BodySeen(body)
            }
            Observation::Replied(mut replied) => {
                replied.delivery = self.delivery(replied.delivery);
                replied.same_write_as = replied.same_write_as.map(|delivery| self.delivery(delivery));
                Observation::Replied(replied)
            }
            Observation::Received(received) => Observation::Received(self.received(received)),
            Observation::GaveUp(mut gave_up) => {
                gave_up.exchange = self.exchange(gave_up.exchange);
                gave_up.partial = gave_up.partial.map(|partial| Box::new(self.received(*partial)));
                Observation::GaveUp(gave_up)
            }
            Observation::Unasked(mut unasked) => {
                unasked.after = unasked.after.map(|exchange| self.exchange(exchange));
                unasked.canaries = self.found(unasked.canaries);
                Observation::Unasked(unasked)
            }
            Observation::Fault(mut fault) => {
                fault.exchange = self.exchange(fault.exchange);
                Observation::Fault(fault)
            }
            Observation::Event { exchange, kind, at } => {
                Observation::Event { exchange: self.exchange(exchange), kind, at }
            }
            Observation::GateOpened(mut opened) => {
                opened.released = opened.released.into_iter().map(|exchange| self.exchange(exchange)).collect();
                Observation::GateOpened(opened)
            }
            Observation::UpstreamOpened { .. } | Observation::UpstreamClosed { .. } => observation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::plan_of;

    fn event(exchange: u32) -> Observation {
        Observation::Event { exchange: ExchangeId(exchange), kind: EventKind::Seen, at: Moment(1) }
    }

    #[test]
    fn numbers_on_the_wire_become_numbers_of_the_plan() {
        let history = History::seal(plan_of(&[1, 2]), 100, vec![event(101), event(102)]);
        assert_eq!(history.exchanges.keys().copied().collect::<Vec<_>>(), [ExchangeId(1), ExchangeId(2)]);
    }

    #[test]
    fn what_belongs_to_an_earlier_case_is_not_taken_for_this_one() {
        let history = History::seal(plan_of(&[1, 2]), 100, vec![event(2), event(100)]);
        assert!(history.exchanges.is_empty());
    }

    #[test]
    fn a_body_that_is_seen_later_belongs_to_its_request() {
        let seen = |exchange: u32, ordinal| {
            Observation::Seen(Seen {
                exchange: Some(ExchangeId(exchange)),
                attempt: Attempt(1),
                connection: ConnectionId(1),
                ordinal: Ordinal(ordinal),
                stream: None,
                at: Moment(1),
                canaries: Vec::new(),
                unverified: 0,
                in_flight: 1,
                authority: None,
                head: String::new(),
            })
        };
        let body = |exchange: u32, ordinal| {
            let (exchange, connection, ordinal) = (Some(ExchangeId(exchange)), ConnectionId(1), Ordinal(ordinal));
            Observation::BodySeen(BodySeen { exchange, connection, ordinal, canaries: Vec::new(), unverified: 3 })
        };
        let observations = vec![seen(101, 1), seen(102, 2), body(101, 1), body(102, 7), body(9, 1)];
        let history = History::seal(plan_of(&[1, 2]), 100, observations);
        let unverified = |exchange| history.exchanges[&ExchangeId(exchange)].seen[0].unverified;
        assert_eq!((unverified(1), unverified(2)), (3, 0));
    }
}
