//! Idle connections are looked at every few milliseconds, and what was seen last counts when one is taken.
//!
//! As long as the process runs, surplus on an idle connection is found soon. When it has had no processor for a while, the
//! surplus and the next request wait for it together, and the request comes first.

use std::time::Duration;

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

/// Much less than surplus must have lain there to count.
const LOOKS_EVERY: Duration = Duration::from_millis(5);

pub(super) const MUTANT: Mutant = Mutant {
    name: "surplus-checked-too-early",
    incident: "oven-sh/bun#41987",
    story: "The pool looks at its idle connections every 5 ms, and hands one out without looking again.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "surplus-frozen",
    clients: None,
    // RFC 9112 §9.2: what a look has not seen is no answer to the next request either.
    decisions: || Decisions { looks_every: Some(LOOKS_EVERY), looks_when_taken: false, ..Decisions::reference() },
};
