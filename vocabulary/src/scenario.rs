//! What a scenario says of itself, and what must have happened for its silence to count.
//!
//! The open language of scenarios (ranges, choices, lanes) belongs to the crate `scenarios`; here is the head that
//! travels with every plan: name, level, [`Obligation`]s, and the closed list of reasons ([`Prevented`]) for which a
//! correct gateway may keep an obligation from being met.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::crossing::Http;
use crate::directive::FaultKind;
use crate::finding::Shape;

/// What a plan carries of its scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioHead {
    /// Its name, which is the stem of its file and is never renumbered.
    pub name: String,
    /// Its family, which is the folder of its file.
    pub family: String,
    /// One line.
    pub title: String,
    /// What a user of the gateway would suffer.
    pub story: String,
    /// Real cases that it retells.
    pub incidents: Vec<String>,
    /// The requirement that a correct gateway keeps, with its RFC section.
    pub requirement: String,
    /// How binding that is.
    pub level: Level,
    /// The shapes that its mutants show. Another shape is still a finding.
    pub may_reveal: Vec<Shape>,
    /// What must have happened for silence to count.
    pub must_exercise: Vec<Obligation>,
    /// What may rightly keep it from happening.
    pub may_be_prevented_by: Vec<Prevented>,
    /// What the clients must speak for it to make sense; none: whatever they speak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<Http>,
    /// What the gateway must speak to the origin for it to make sense; none: whatever it speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<Http>,
}

impl ScenarioHead {
    /// A head with nothing but a name: level must, no obligations. For plans that retell no incident.
    pub fn bare(name: &str) -> ScenarioHead {
        ScenarioHead {
            name: name.to_owned(),
            family: "none".to_owned(),
            title: String::new(),
            story: String::new(),
            incidents: Vec::new(),
            requirement: String::new(),
            level: Level::Must,
            may_reveal: Vec::new(),
            must_exercise: Vec::new(),
            may_be_prevented_by: Vec::new(),
            down: None,
            up: None,
        }
    }
}

/// How binding a requirement is, and so what a finding of the scenario does to the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// A finding makes the run Violated.
    Must,
    /// A finding makes the gate fail.
    Should,
    /// Never a finding: an observation.
    Observe,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Must => "must",
            Level::Should => "should",
            Level::Observe => "observe",
        })
    }
}

/// What must have happened for silence to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Obligation {
    /// So many exchanges were in flight at the origin at once.
    Overlap(u32),
    /// A fault of this kind was performed in full.
    FaultPerformed(FaultKind),
    /// So many exchanges of another tenant, sent after the first performed fault, ended with an accounted reply.
    FollowUps(u32),
    /// So many streams were held at once on one upstream connection.
    StreamsHeld(u32),
    /// A gate released its replies in the planned order.
    OrderReleased,
    /// The origin saw a client's abort: the upstream connection was closed, or it was reused, while a reply was owed.
    ClientAbortSeen,
    /// A reply came from the gateway's store.
    DeliveredFromCache,
    /// So many requests arrived on one upstream connection.
    RequestsPerUpstreamConnection(u32),
    /// An upstream connection was idle while surplus bytes lay on it.
    IdleGap,
    /// So many exchanges of another tenant, sent after the first performed fault, went out on client connections that share
    /// upstream connections with the faulty one's.
    Affinity(u32),
}

impl fmt::Display for Obligation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Obligation::Overlap(n) => write!(f, "overlap({n})"),
            Obligation::FaultPerformed(kind) => write!(f, "fault-performed({})", kind.word()),
            Obligation::FollowUps(n) => write!(f, "follow-ups({n}, other tenant)"),
            Obligation::StreamsHeld(n) => write!(f, "streams-held({n})"),
            Obligation::OrderReleased => write!(f, "order-released"),
            Obligation::ClientAbortSeen => write!(f, "client-abort-seen"),
            Obligation::DeliveredFromCache => write!(f, "delivered-from-cache"),
            Obligation::RequestsPerUpstreamConnection(n) => write!(f, "requests-per-upstream-connection({n})"),
            Obligation::IdleGap => write!(f, "idle-gap"),
            Obligation::Affinity(n) => write!(f, "affinity({n}, other tenant)"),
        }
    }
}

/// Why an obligation was rightly not met: the witness. A closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prevented {
    /// The gateway closed the connection before the fault could be performed.
    PeerClosedFirst,
    /// At least 20 exchanges, each on a new upstream connection.
    NoUpstreamReuse,
    /// The gateway answered itself: the origin saw no attempt.
    AnsweredByGateway,
    /// The gateway serialises: three times of three the awaited requests did not arrive together.
    Serialised,
    /// The gateway strips the carrier that the fault needs.
    CarrierStripped,
    /// The gateway refuses the method.
    MethodRefused,
    /// The gateway's reply timeout is not known.
    TimeoutUnknown,
    /// The gateway speaks HTTP/1.0 to the origin, which forbids the fault (no interim reply, no chunked body).
    Http10Upstream,
    /// Nothing came from a store: every request that a stored reply could have answered reached the origin.
    NoHit,
    /// The gateway keeps a request back until it has its whole body: of at least 3 bodies that came slowly, it sent no head
    /// before the last byte.
    BodyBuffered,
    /// The gateway keeps a reply back until it has it whole: of at least 2 clients that gave up amid a reply, none did before
    /// the origin was done with it.
    ReplyBuffered,
    /// At least 20 exchanges on at least 5 client connections, none of which shared an upstream connection with another.
    NoUpstreamSharing,
}

impl Prevented {
    /// The witness as scenarios and records write it.
    pub fn word(self) -> &'static str {
        match self {
            Prevented::PeerClosedFirst => "peer-closed-first",
            Prevented::NoUpstreamReuse => "no-upstream-reuse",
            Prevented::AnsweredByGateway => "answered-by-gateway",
            Prevented::Serialised => "serialised",
            Prevented::CarrierStripped => "carrier-stripped",
            Prevented::MethodRefused => "method-refused",
            Prevented::TimeoutUnknown => "timeout-unknown",
            Prevented::Http10Upstream => "http10-upstream",
            Prevented::NoHit => "no-hit",
            Prevented::BodyBuffered => "body-buffered",
            Prevented::ReplyBuffered => "reply-buffered",
            Prevented::NoUpstreamSharing => "no-upstream-sharing",
        }
    }
}

/// How an obligation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObligationState {
    /// It happened.
    Met,
    /// It was rightly kept from happening, and this is the witness.
    Prevented(Prevented),
    /// It did not happen, and nothing excuses it: silence proves nothing.
    Unmet,
    /// This case's plan did not try it; another's must. A scenario all of whose cases say so leaves it unmet.
    NotPlanned,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn obligations_are_externally_tagged() {
        let json = serde_json::to_string(&Obligation::FaultPerformed(FaultKind::Interim)).unwrap();
        assert_eq!(json, r#"{"fault-performed":"interim"}"#);
        assert_eq!(serde_json::to_string(&Obligation::OrderReleased).unwrap(), r#""order-released""#);
    }

    #[test]
    fn the_word_of_a_witness_is_the_one_that_its_json_uses() {
        let all = [
            Prevented::PeerClosedFirst,
            Prevented::NoUpstreamSharing,
            Prevented::NoHit,
            Prevented::BodyBuffered,
            Prevented::ReplyBuffered,
        ];
        for witness in all {
            assert_eq!(serde_json::to_string(&witness).unwrap(), format!("\"{}\"", witness.word()));
        }
    }
}
