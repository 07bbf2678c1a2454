//! Idle connections are looked at when there is nothing else to do.
//!
//! What comes on an idle connection is seen by housekeeping, which a busy process puts off. The request that makes it busy
//! finds the connection as it is.

use std::time::Duration;

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "idle-surplus-unseen-while-busy",
    incident: "CVE-2026-105481",
    story: "Unasked bytes on pooled connections are looked for every 20 ms, but not while any exchange is under way.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "surplus-busy-loop",
    clients: None,
    // RFC 9112 §9.2: what nobody has looked at is no answer to the next request either.
    decisions: || Decisions {
        looks_every: Some(Duration::from_millis(20)),
        looks_when_taken: false,
        looks_when_busy: false,
        ..Decisions::reference()
    },
};
