//! A bare LF in a chunk's extension is read over as a part of it.
//!
//! To others it ends the line; the two see different chunks from there on.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "line-feed-in-chunk-extension",
    incident: "CVE-2025-55315, CVE-2025-58056",
    story: "A bare LF within a chunk extension does not make the body malformed, so that its end can be moved.",
    shape: Shape::GhostRequest,
    boundary: Boundary::SameTenant,
    leg: Leg::Request,
    scenario: "te-cl-disagreement",
    clients: None,
    decisions: || Decisions { lf_in_extensions: true, ..Decisions::reference() },
};
