//! An upstream connection keeps the authority of the request that it was opened for, and the pool does not look at it.
//!
//! As long as all clients ask for one host nobody notices. With two hosts behind one gateway a request for one,
//! credentials and all, goes to the other.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "connection-keeps-authority",
    incident: "CVE-2026-6734, CVE-2026-54765",
    story: "A request that takes a pooled connection asks the origin for the host of whoever had it opened.",
    shape: Shape::RequestSplice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Request,
    scenario: "pool-key-confusion",
    clients: None,
    // RFC 9112 §3.2: the authority is the target's own.
    decisions: || Decisions { authority: |_, connection| connection, ..Decisions::reference() },
};
