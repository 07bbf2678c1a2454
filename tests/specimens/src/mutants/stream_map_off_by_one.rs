//! Two streams that are open at the same time receive each other's replies: the map from the origin's streams to the
//! clients is off by one.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Bends, Decisions};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "stream-map-off-by-one",
    incident: "haproxy/haproxy#290",
    story: "Two streams that are open on one connection receive each other's replies.",
    shape: Shape::PairSwap,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "h2-reverse-completion",
    clients: None,
    // RFC 9113 §5.1.1: a frame belongs to the stream that it names.
    decisions: || Decisions { bends_up: Some(Bends::NeighboursSwapped), ..Decisions::reference().with_h2_up() },
};
