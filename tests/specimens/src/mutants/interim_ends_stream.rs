//! An interim reply counts as the reply of its stream. The final one comes for a stream that waits for nothing any more, and
//! goes to another that does.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Bends, Decisions};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "interim-ends-stream",
    incident: "nginx/nginx#1427",
    story: "Behind an interim reply the final one goes to another stream that waits.",
    shape: Shape::PairSwap,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "h2-interim-storm",
    clients: None,
    // RFC 9113 §8.1: a reply is any number of interim heads, and then a final one, on one stream.
    decisions: || Decisions { bends_up: Some(Bends::PlaceAfterInterim), ..Decisions::reference().with_h2_up() },
};
