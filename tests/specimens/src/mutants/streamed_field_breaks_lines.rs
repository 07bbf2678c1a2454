//! The fields of a request in HTTP/2 are written on lines as they are.
//!
//! There a value may hold any byte, as far as its encoding goes; on a line a CR and an LF end it.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::bent::passed::break_lines;
use crate::decisions::{Bends, Decisions};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "streamed-field-breaks-lines",
    incident: "CVE-2021-33193, CVE-2022-45060",
    story: "A field's value with line breaks in it is written to the origin as it is: behind an empty line another request begins.",
    shape: Shape::GhostRequest,
    boundary: Boundary::SameTenant,
    leg: Leg::Request,
    scenario: "h2-framing-downgrade",
    clients: None,
    // RFC 9113 §8.2.1 and §10.3: such a request is malformed.
    decisions: || Decisions {
        bends_down: Some(Bends::MalformedPassed),
        respells: Some(break_lines),
        ..Decisions::reference()
    },
};
