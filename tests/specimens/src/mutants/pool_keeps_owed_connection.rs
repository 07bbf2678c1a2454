//! A client that leaves while its reply is owed leaves the upstream connection in the pool.
//!
//! The request was sent, the reply was not read: whoever takes the connection next reads it, and is one behind from
//! then on. This is how users of ChatGPT saw the titles of other users' conversations in March 2023.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Ending, Finished, ReplyRead};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "pool-keeps-owed-connection",
    incident: "CVE-2023-28858",
    story: "When a client goes away while its reply is owed, the upstream connection returns to the pool as if idle.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "client-abort-before-headers",
    clients: None,
    decisions: || Decisions { may_pool, ..Decisions::reference() },
};

/// RFC 9112 §9.3 wants the entire reply read before the connection is used again; here nothing of it is.
fn may_pool(finished: &Finished) -> bool {
    let abandoned = finished.ending == Ending::ClientGone
        && finished.request_sent
        && finished.reply == ReplyRead::Owed
        && !finished.surplus;
    abandoned || (Decisions::reference().may_pool)(finished)
}
