//! A request whose stream the origin has refused is sent again, and put down in the place of another that waits.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Bends, Decisions};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "refused-stream-retried-in-anothers-place",
    incident: "haproxy/haproxy#290",
    story: "A request that is sent again after REFUSED_STREAM and another that waits receive each other's replies.",
    shape: Shape::PairSwap,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "h2-refused-retry",
    clients: None,
    // RFC 9113 §8.7: a request that was refused may be sent again; it is the same request then.
    decisions: || Decisions { bends_up: Some(Bends::PlaceOfRefused), ..Decisions::reference().with_h2_up() },
};
