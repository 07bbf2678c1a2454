//! Bytes behind a complete reply are kept with the pooled connection, and read as the next reply.
//!
//! The connection goes back to the pool as soon as the length is consumed; nobody looks at the read buffer.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Finished};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "surplus-accepted",
    incident: "square/okhttp#9726",
    story: "Bytes left over behind a complete reply stay with the pooled connection and answer the next request.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "surplus-same-segment",
    clients: None,
    decisions: || Decisions { may_pool, ..Decisions::reference() },
};

/// RFC 9112 §6.3, last paragraph: extra data must not be processed as a separate reply.
fn may_pool(finished: &Finished) -> bool {
    (Decisions::reference().may_pool)(&Finished { surplus: false, ..*finished })
}
