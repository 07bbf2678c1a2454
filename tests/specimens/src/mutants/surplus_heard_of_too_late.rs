//! Idle connections are watched, and one is handed out as long as nothing has been heard of it.
//!
//! What has come is heard of in the order in which the kernel tells it. When a client's request is told before the surplus, both
//! of them long there, the connection is taken first.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "surplus-heard-of-too-late",
    incident: "CVE-2026-48931",
    story: "The pool closes an idle connection when the event loop tells it that there is something to read, and hands one \
            out without looking: a request whose event comes first receives the surplus.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "surplus-frozen",
    clients: None,
    // RFC 9112 §9.2: what nobody has heard of yet is no answer to the next request either.
    decisions: || Decisions { looks_when_taken: false, ..Decisions::reference() },
};
