//! A reply that comes before its request has been sent to its end finds its stream not in the map yet, and goes to another
//! that waits.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Bends, Decisions};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "early-reply-finds-no-stream",
    incident: "CVE-2025-31699",
    story: "A reply that comes before the request's end goes to another stream that waits.",
    shape: Shape::PairSwap,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "h2-early-final",
    clients: None,
    // RFC 9113 §8.1: a server may reply before it has received the whole request.
    decisions: || Decisions { bends_up: Some(Bends::PlaceBeforeEnd), ..Decisions::reference().with_h2_up() },
};
