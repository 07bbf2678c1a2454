//! A connection on which the origin has not answered in time goes back to the pool.
//!
//! The client gets its 504 and nobody notes that the reply is still to come. When it does, whoever has been given the
//! connection reads it; everybody after that is one behind.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Ending, Finished, ReplyRead};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "timed-out-connection-pooled",
    incident: "CVE-2010-2068",
    story: "After a 504 the upstream connection returns to the pool, with the late reply still owed.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "gateway-timeout-late-response",
    clients: None,
    decisions: || Decisions { may_pool, ..Decisions::reference() },
};

/// RFC 9112 §6.3(6): whoever times out on a reply must consider it incomplete and close the connection.
fn may_pool(finished: &Finished) -> bool {
    let timed_out = finished.ending == Ending::TimedOut && finished.request_sent && finished.reply == ReplyRead::Owed;
    timed_out || (Decisions::reference().may_pool)(finished)
}
