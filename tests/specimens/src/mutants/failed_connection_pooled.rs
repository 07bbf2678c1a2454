//! A connection on which reading a body has failed goes back to the pool.
//!
//! The origin has stalled in the middle of the body for too long. The client's reply is cut off, which is right; whether the
//! upstream connection must be closed is decided on the path of replies that came to their end. The rest of the body comes
//! when somebody else waits there.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Ending, Finished, ReplyRead};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "failed-connection-pooled",
    incident: "CVE-2012-3502",
    story: "When a reply stalls half-way, its client is cut off and the upstream connection returns to the pool.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "midbody-failure-reuse",
    clients: None,
    decisions: || Decisions { may_pool, ..Decisions::reference() },
};

/// RFC 9112 §6.3(6): a body that stalls until the recipient gives up is incomplete, and its connection must be closed.
fn may_pool(finished: &Finished) -> bool {
    let failed = finished.ending == Ending::TimedOut && finished.request_sent && finished.reply == ReplyRead::Begun;
    failed || (Decisions::reference().may_pool)(finished)
}
