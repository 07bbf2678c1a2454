//! Frames of a stream that has ended are taken for the reply of the one that waits.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Bends, Decisions};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "late-frames-taken-for-reply",
    incident: "apache/trafficserver#8448",
    story: "What comes on an ended stream is given to the next request.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "h2-late-frames",
    clients: None,
    // RFC 9113 §5.1: a stream that has ended carries nothing any more.
    decisions: || Decisions { bends_up: Some(Bends::LateFramesTaken), ..Decisions::reference().with_h2_up() },
};
