//! What of a request has to wait for the origin's window waits in a buffer of which there is one.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Keeps};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "stalled-request-buffer-shared",
    incident: "CVE-2019-17638",
    story: "Of two requests that wait for the origin's windows, one goes on with the other's bytes.",
    shape: Shape::RequestSplice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Request,
    scenario: "h2-settings-shrink",
    clients: None,
    // RFC 9113 §5.2.1: what waits for a window is the stream's own.
    decisions: || Decisions { keeps: Some(Keeps::StalledRequest), ..Decisions::reference().with_h2_up() },
};
