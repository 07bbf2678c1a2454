//! Requests on the connection to the origin name the authority for which it was opened.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "shared-connection-keeps-authority",
    incident: "CVE-2026-6734",
    story: "Requests on the shared connection name the host of the first who asked on it.",
    shape: Shape::RequestSplice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Request,
    scenario: "h2-authority-of-the-connection",
    clients: None,
    // RFC 9113 §8.3.1: `:authority` is the request's own.
    decisions: || Decisions { authority: |_, connection| connection, ..Decisions::reference().with_h2_up() },
};
