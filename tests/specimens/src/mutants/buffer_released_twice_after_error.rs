//! When the origin breaks off a reply, its buffer is given back by the one who reads and by the one who clears up. From
//! then on it is in the list of free ones twice.
//!
//! Nothing is wrong with the failed exchange. Much later two others take the same buffer at the same time, and one is
//! answered with what was meant for the other.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Keeps};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "buffer-released-twice-after-error",
    incident: "CVE-2019-17638, CVE-2016-8745",
    story: "After a broken reply two clients share one buffer: what one receives is overwritten with what the \
            other is to receive.",
    shape: Shape::Splice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "error-path-recycle",
    clients: None,
    // RFC 9112 §6.3: a reply's body is what its own connection brought.
    decisions: || Decisions { keeps: Some(Keeps::BufferTwice), ..Decisions::reference() },
};
