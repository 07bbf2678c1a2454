//! What can be wrong with a reply: the shapes, how bad each is, and a finding with its evidence.
//!
//! Shape says how replies moved, [`Boundary`] how far, [`Leg`] where. A [`Finding`] never exists without [`Evidence`]:
//! the request that was sent, the request that the origin saw, the reply that was received.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::history::Closer;
use crate::identity::{ConnectionId, DeliveryId, ExchangeId, LaneId, Moment, Ordinal, TenantId};
use crate::scenario::Level;

/// How replies moved between requests. The order is the order in which the oracle explains an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Parts of two owners stand in one reply.
    Splice,
    /// The same delivery was accepted by two exchanges.
    DuplicateDelivery,
    /// Two exchanges received each other's replies.
    PairSwap,
    /// More than two exchanges received each other's replies in a ring.
    Rotation,
    /// Receiver and owner arrived on the same upstream connection, the receiver k > 0 requests later.
    Shift,
    /// The owner had finished or given up before the receiver was sent.
    StaleDelivery,
    /// A piece of a foreign canary or stripe stands in a reply that is otherwise the receiver's own.
    Fragment,
    /// A foreign reply that none of the shapes above explains.
    Misdelivery,
    /// What existed only inside a framed body arrived at the origin as a request of its own.
    GhostRequest,
    /// The origin saw a foreign credential, authority, header or body part in a request.
    RequestSplice,
    /// Reply bytes that belong to no request.
    Desync,
    /// The status that the client received is not the one that the origin emitted, nor a lawful conversion of it.
    StatusMismatch,
    /// A reply that the origin cut off was presented as complete.
    TruncationAsComplete,
}

impl Shape {
    /// Every shape, in the order of the enum.
    pub const ALL: [Shape; 13] = [
        Shape::Splice,
        Shape::DuplicateDelivery,
        Shape::PairSwap,
        Shape::Rotation,
        Shape::Shift,
        Shape::StaleDelivery,
        Shape::Fragment,
        Shape::Misdelivery,
        Shape::GhostRequest,
        Shape::RequestSplice,
        Shape::Desync,
        Shape::StatusMismatch,
        Shape::TruncationAsComplete,
    ];

    /// The shape that stands for those between which chance decides. Bytes that a connection owes may come to be a reply of
    /// their own or the rest of another's, by how they are cut; of replies in a wrong order two may change places, or more.
    pub fn kin(self) -> Shape {
        match self {
            Shape::Splice => Shape::Shift,
            Shape::Rotation => Shape::PairSwap,
            Shape::DuplicateDelivery
            | Shape::PairSwap
            | Shape::Shift
            | Shape::StaleDelivery
            | Shape::Fragment
            | Shape::Misdelivery
            | Shape::GhostRequest
            | Shape::RequestSplice
            | Shape::Desync
            | Shape::StatusMismatch
            | Shape::TruncationAsComplete => self,
        }
    }

    /// The shape in prose, as cards and tables write it.
    pub fn words(self) -> &'static str {
        match self {
            Shape::Splice => "splice",
            Shape::DuplicateDelivery => "duplicate delivery",
            Shape::PairSwap => "pair swap",
            Shape::Rotation => "rotation",
            Shape::Shift => "shift",
            Shape::StaleDelivery => "stale delivery",
            Shape::Fragment => "fragment",
            Shape::Misdelivery => "misdelivery",
            Shape::GhostRequest => "ghost request",
            Shape::RequestSplice => "request splice",
            Shape::Desync => "desync",
            Shape::StatusMismatch => "status mismatch",
            Shape::TruncationAsComplete => "truncation reported as complete",
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// How far apart receiver and owner are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Boundary {
    /// Both belong to one client worker.
    SameLane,
    /// Both belong to one tenant, but to different client workers.
    SameTenant,
    /// They belong to different tenants.
    CrossTenant,
}

impl Boundary {
    /// Every boundary, the nearest first.
    pub const ALL: [Boundary; 3] = [Boundary::SameLane, Boundary::SameTenant, Boundary::CrossTenant];
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Boundary::SameLane => "same lane",
            Boundary::SameTenant => "same tenant",
            Boundary::CrossTenant => "cross-tenant",
        })
    }
}

/// Where the mix-up happened, known because the origin records what it saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leg {
    /// On the way to the origin.
    Request,
    /// On the way back: the receiver's own request reached the origin.
    Reply,
    /// In the gateway's store: no attempt of the receiver reached the origin, or it was not what answered.
    Store,
    /// Made by the gateway itself.
    Mint,
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Leg::Request => "request leg",
            Leg::Reply => "reply leg",
            Leg::Store => "store leg",
            Leg::Mint => "mint leg",
        })
    }
}

/// How bad a finding is, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Another tenant's secret.
    Leak,
    /// The own tenant's, of another exchange.
    Swap,
    /// An extra or a missing reply.
    Desync,
    /// Bytes changed.
    Corruption,
    /// Bytes missing.
    Truncation,
    /// Too old.
    Staleness,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Leak => "leak",
            Severity::Swap => "swap",
            Severity::Desync => "desync",
            Severity::Corruption => "corruption",
            Severity::Truncation => "truncation",
            Severity::Staleness => "staleness",
        })
    }
}

/// Why a foreign reply cannot be the origin's own fault, or that it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// The reply was owed to its owner, who had asked for it: nobody else may receive it.
    Owed,
    /// The reply was surplus, and stood in one write with bytes of the reply before it that the client has received.
    SameSegment,
    /// The reply was surplus, and the gateway's kernel had acknowledged it while nothing was in flight.
    Acknowledged,
    /// The reply was surplus, and came on a stream that had ended: its number says whose it is (RFC 9113 §5.1), and no
    /// recipient can take it for the answer to another request.
    EndedStream,
    /// The gateway passes whole connections through, byte for byte: a tunnel, whose client has to cope with what the
    /// origin sends (RFC 9112 §6.3 and §9.2 bind recipients of HTTP). An observation, never a finding.
    PassedThrough,
    /// The reply was surplus and nothing proves that it was early: HTTP/1.1 cannot tell it from an answer. An
    /// observation, never a finding.
    Race,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Proof::Owed => "owed",
            Proof::SameSegment => "same segment",
            Proof::Acknowledged => "acknowledged by the gateway's kernel",
            Proof::EndedStream => "on an ended stream",
            Proof::PassedThrough => "passed through",
            Proof::Race => "race",
        })
    }
}

/// One wrong delivery: who received, what they received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The exchange whose client received the delivery.
    pub receiver: ExchangeId,
    /// The delivery it received, and by it the owner.
    pub delivery: DeliveryId,
}

/// Something a gateway did that it must not do, with its proof. Example: `e2` of tenant 2 received `d1` of tenant 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `f1`, `f2`, … in the order of finding.
    pub id: String,
    /// Stable over runs, seeds, ports and times: a hash of scenario, shape, boundary and leg.
    pub fingerprint: String,
    /// The scenario that revealed it.
    pub scenario: String,
    /// How binding the broken requirement is.
    pub level: Level,
    /// The RFC section that a correct gateway keeps.
    pub requirement: String,
    /// One sentence of fact: who received whose reply, and how it slipped.
    pub sentence: String,
    /// How replies moved.
    pub shape: Shape,
    /// By how many requests, when the shape is a shift.
    pub shift: Option<u32>,
    /// How far.
    pub boundary: Boundary,
    /// How bad.
    pub severity: Severity,
    /// Where.
    pub leg: Leg,
    /// Why it cannot be the origin's own fault.
    pub proof: Proof,
    /// The wrong deliveries, in the order in which they were received.
    pub edges: Vec<Edge>,
    /// The exchange that it is about: of the first edge, the receiver.
    pub subject: ExchangeId,
    /// What proves it.
    pub evidence: Evidence,
    /// How often the gateway gave the same finding in this run: plans in which it was seen.
    pub cases: u32,
    /// The size of the smallest plan known to fail.
    pub shrunk: Size,
    /// How often a replay of the plan failed again.
    pub reproduction: Reproduction,
    /// What the same plan does where the fault is left out, or the gateway is another.
    #[serde(default)]
    pub counterfactual: Counterfactual,
    /// What was tried to make the plan smaller.
    #[serde(default)]
    pub shrinking: Shrinking,
    /// How the reply came to the wrong request, step by step, each with what ties it to the one before.
    #[serde(default)]
    pub chain: Vec<ProofStep>,
    /// What would have excused it, and why it does not.
    #[serde(default)]
    pub excuses: Vec<Excuse>,
    /// The plan that revealed it: a path relative to the run folder.
    pub plan: String,
    /// The same as a script that needs nothing but Python 3: a path relative to the run folder, empty where none was made.
    #[serde(default)]
    pub script: String,
}

/// Counts that say how big a plan is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Tenants that take part.
    pub tenants: u32,
    /// Exchanges planned.
    pub exchanges: u32,
    /// Faults planned.
    pub faults: u32,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: u32| if count == 1 { "" } else { "s" };
        let Size { tenants, exchanges, faults } = *self;
        write!(f, "{tenants} tenant{}, ", plural(tenants))?;
        write!(f, "{exchanges} exchange{}, ", plural(exchanges))?;
        write!(f, "{faults} fault{}", plural(faults))
    }
}

/// A measured rate: the plan was run `runs` times and failed `failed` times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reproduction {
    /// Replays.
    pub runs: u32,
    /// Replays that showed the same fingerprint.
    pub failed: u32,
}

/// What the plan of a finding does under other conditions: the difference is the cause. A rate without runs was not
/// measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counterfactual {
    /// What was left out for `without`.
    pub left_out: LeftOut,
    /// The same plan without that, on this gateway.
    pub without: Reproduction,
    /// The same plan, on the reference gateway.
    pub on_reference: Reproduction,
}

/// What a counterfactual leaves out of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftOut {
    /// Every fault, at both ends.
    #[default]
    Faults,
    /// Being in flight together: the same requests go one after the other, for plans whose only fault is an order.
    Overlap,
}

/// What was tried to make a plan smaller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shrinking {
    /// The size of the plan that revealed the finding.
    pub from: Size,
    /// Smaller plans that were tried.
    pub tried: u32,
    /// Runs of the gateway that this took.
    pub runs: u32,
    /// Milliseconds that this took.
    pub duration_ms: u64,
    /// Whether the time for it was up before nothing smaller was left to try.
    pub cut_short: bool,
}

/// One step of the way on which a reply came to the wrong request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofStep {
    /// When.
    pub at: Moment,
    /// At which end of ours it was seen.
    pub end: End,
    /// The exchange it concerns.
    pub exchange: Option<ExchangeId>,
    /// The connection it concerns: the client's or the upstream one, as `end` says.
    pub connection: Option<ConnectionId>,
    /// What happens, for people, present tense.
    pub event: String,
    /// What ties it to what it follows from.
    pub tie: Tie,
}

/// What ties a step of a proof to what it follows from, which is the step before, or the last one of its own exchange
/// or connection: why its place is not in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tie {
    /// It is the first step.
    First,
    /// A canary that was sent in a step before stands in what is seen here.
    Canary,
    /// Both happen on one connection, whose bytes have an order.
    SameConnection,
    /// Both left in one write.
    SameWrite,
    /// The gateway's kernel had acknowledged the bytes before this happened.
    Acknowledged,
    /// One of our ends waited for the other step before it did this.
    Awaited,
    /// Both moments were read from one clock in one process.
    SameClock,
}

impl fmt::Display for Tie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tie::First => "first",
            Tie::Canary => "canary",
            Tie::SameConnection => "same connection",
            Tie::SameWrite => "same write",
            Tie::Acknowledged => "acknowledged",
            Tie::Awaited => "awaited",
            Tie::SameClock => "same clock",
        })
    }
}

/// Something that makes a foreign reply lawful, tried on a finding, and why it does not apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excuse {
    /// What would have excused it, in a few words.
    pub excuse: String,
    /// Where it stands: an RFC section; where it would be a mistake of ours, what of ours excludes it.
    pub source: String,
    /// The fact that rules it out.
    pub ruled_out_by: String,
}

/// What proves a finding, exchange by exchange, in the order of the story.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The exchanges that matter: owners and receivers.
    pub exchanges: Vec<ExchangeEvidence>,
    /// What happened, in order, one line of fact each.
    pub timeline: Vec<TimelineEntry>,
}

/// One exchange of the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeEvidence {
    /// Its number in the plan.
    pub exchange: ExchangeId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Which client worker sent it.
    pub lane: LaneId,
    /// The client connection it went out on.
    pub client_connection: ConnectionId,
    /// Its position on that connection.
    pub client_ordinal: Ordinal,
    /// The upstream connection on which the origin saw it, where it did.
    pub upstream_connection: Option<ConnectionId>,
    /// Its position there.
    pub upstream_ordinal: Option<Ordinal>,
    /// The head of the request as sent, printable.
    pub request_sent: String,
    /// The head of the request as the origin saw it, printable.
    pub request_seen: Option<String>,
    /// What the origin emitted for it.
    pub emitted: Vec<Emitted>,
    /// The head of the reply as received, and the beginning of its body, printable.
    pub reply_received: Option<String>,
    /// The deliveries whose canaries stand in the reply.
    pub deliveries: Vec<DeliveryId>,
    /// The beginning of the bytes that came unasked after it on its connection, printable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub came_unasked: Option<String>,
}

/// One delivery of an exchange, as the origin emitted it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emitted {
    /// Which.
    pub delivery: DeliveryId,
    /// Its status.
    pub status: u16,
    /// Whether nobody had asked for it.
    pub surplus: bool,
    /// The upstream connection.
    pub connection: ConnectionId,
    /// Its status line and fields, printable.
    pub head: String,
}

/// One line of the evidence's timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// When.
    pub at: Moment,
    /// Where it was seen.
    pub end: End,
    /// What happened, for programs: pictures are drawn from it and never from the prose.
    pub step: TimelineStep,
    /// What happened, for people, present tense.
    pub event: String,
    /// The exchange it concerns.
    pub exchange: Option<ExchangeId>,
    /// The connection it concerns.
    pub connection: Option<ConnectionId>,
}

/// What happened, in the order of an exchange's life: first what its client did, then what the origin did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimelineStep {
    /// The client sends the request.
    Sends,
    /// The client accepts a reply.
    Receives {
        /// Its status.
        status: u16,
        /// The deliveries whose canaries stand in it; those of interim replies before it are not counted.
        deliveries: Vec<DeliveryId>,
    },
    /// The client ends the exchange without a whole reply; the prose says why.
    GivesUp,
    /// Bytes come on the client's connection after the exchange, unasked.
    Unasked {
        /// How many.
        bytes: u64,
        /// The deliveries whose canaries stand in them.
        deliveries: Vec<DeliveryId>,
    },
    /// The origin sees the request.
    Sees {
        /// Its position on the upstream connection.
        ordinal: Ordinal,
    },
    /// The origin writes an interim reply.
    Interim {
        /// Its status.
        status: u16,
    },
    /// The origin writes a delivery.
    Replies {
        /// Which.
        delivery: DeliveryId,
        /// Its status.
        status: u16,
        /// Whether nobody had asked for it.
        surplus: bool,
    },
    /// The upstream connection ends.
    Closes {
        /// Who ends it.
        by: Closer,
    },
}

/// The end of ours at which something was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The clients in front of the gateway.
    Client,
    /// The origin behind it.
    Origin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shapes_are_listed_in_order_and_written_apart() {
        assert!(Shape::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        let words: std::collections::BTreeSet<_> = Shape::ALL.iter().map(|shape| shape.words()).collect();
        assert_eq!(words.len(), Shape::ALL.len());
    }

    #[test]
    fn the_worst_severity_comes_first() {
        assert!(Severity::Leak < Severity::Swap && Severity::Swap < Severity::Desync);
    }

    #[test]
    fn a_step_is_written_under_its_name() {
        let delivery = DeliveryId { exchange: ExchangeId(1), number: 2 };
        for (step, written) in [
            (TimelineStep::Sends, r#""sends""#),
            (TimelineStep::GivesUp, r#""gives-up""#),
            (TimelineStep::Sees { ordinal: Ordinal(2) }, r#"{"sees":{"ordinal":2}}"#),
            (TimelineStep::Closes { by: Closer::Gateway }, r#"{"closes":{"by":"gateway"}}"#),
            (
                TimelineStep::Unasked { bytes: 64, deliveries: vec![delivery] },
                r#"{"unasked":{"bytes":64,"deliveries":[{"exchange":1,"number":2}]}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&step).unwrap(), written);
            assert_eq!(serde_json::from_str::<TimelineStep>(written).unwrap(), step);
        }
    }
}
