//! A client has given up, and the place of its stream is given to the next request at once. The origin has not heard of it:
//! the reply that is still to come goes to whoever has the place.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Bends, Decisions};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "reset-stream-place-reused",
    incident: "CVE-2026-101356",
    story: "The late reply to a stream that its client had reset is given to the request that came next.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "h2-reset-then-reply",
    clients: None,
    // RFC 9113 §5.1: what comes on a stream that was reset is nobody's.
    decisions: || Decisions { bends_up: Some(Bends::PlaceOfReset), ..Decisions::reference().with_h2_up() },
};
