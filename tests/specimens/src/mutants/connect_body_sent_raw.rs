//! A CONNECT is passed on over a pooled connection, and what follows it goes up as it is, before it was accepted.
//!
//! The origin refuses, keeps the connection, and reads on: what its client meant for the tunnel is a request now, and its
//! reply waits for whoever comes next.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "connect-body-sent-raw",
    incident: "CVE-2026-56866, CVE-2026-71324",
    story: "What follows a CONNECT is passed on unframed; a refused one leaves a request of its client on the pooled connection.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "connect-refused-with-body",
    clients: None,
    decisions: || Decisions { runs_on: |request| request.method == "CONNECT", ..Decisions::reference() },
};
