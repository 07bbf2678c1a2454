//! A request that the origin's GOAWAY has left behind is sent again, and put down in the place of another that waits.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Bends, Decisions};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "request-left-behind-in-anothers-place",
    incident: "haproxy/haproxy#290",
    story: "A request that is sent again after a GOAWAY and another that waits receive each other's replies.",
    shape: Shape::PairSwap,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "h2-goaway-mid-flight",
    clients: None,
    // RFC 9113 §6.8: streams behind the last one that a GOAWAY names were not worked on; what becomes of them is each one's own.
    decisions: || Decisions { bends_up: Some(Bends::PlaceOfLeftBehind), ..Decisions::reference().with_h2_up() },
};
