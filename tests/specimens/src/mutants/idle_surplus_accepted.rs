//! An idle connection is used whatever has come on it meanwhile.
//!
//! Only whether the origin has closed it is looked at. A reply that came while nobody had asked is read as the answer to the
//! next request.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "idle-surplus-accepted",
    incident: "CVE-2026-6733",
    story: "A reply that comes on an idle pooled connection is kept, and answers the next request.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "surplus-after-long-idle",
    clients: None,
    // RFC 9112 §9.2: a reply on a connection without an outstanding request is not valid.
    decisions: || Decisions { may_take: |idle| !idle.closed, ..Decisions::reference() },
};
