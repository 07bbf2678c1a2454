//! Only a connection that has been idle for a second is looked at before it is used.
//!
//! Looking costs a system call, and what has been used a moment ago is healthy. Unasked bytes that came within that second
//! are read as the answer to the next request.

use std::time::Duration;

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Idle};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "idle-surplus-looked-for-after-a-second",
    incident: "square/okhttp#9726",
    story: "Unasked bytes on a pooled connection are looked for only when it has been idle for a second.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "surplus-while-idle",
    clients: None,
    decisions: || Decisions { may_take, ..Decisions::reference() },
};

/// RFC 9112 §9.2: unasked bytes are no reply, however fresh they are.
fn may_take(idle: &Idle) -> bool {
    const FRESH: Duration = Duration::from_secs(1);
    !idle.closed && (!idle.unasked_bytes || idle.lasts < FRESH)
}
