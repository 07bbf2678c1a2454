//! What follows a request that asks for an upgrade goes up as it is, before the upgrade was accepted.
//!
//! The origin answers in HTTP and reads on: what was meant for another protocol is a request, and its reply waits on the
//! pooled connection for whoever comes next.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "upgrade-tail-sent-raw",
    incident: "CVE-2026-2833, CVE-2026-73548",
    story: "Bytes behind an Upgrade are forwarded raw before the origin has agreed; refused, they are a request on a pooled connection.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "upgrade-refused-with-tail",
    clients: None,
    decisions: || Decisions { runs_on: |request| request.fields.has("upgrade"), ..Decisions::reference() },
};
