//! Bytes behind a reply without a body stay with the pooled connection.
//!
//! Surplus is looked for where a body is read. A 204, a 304 or a length of zero takes a shorter way, on which the connection
//! is released as soon as the head has been parsed.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Finished, ReplyEnd};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "surplus-kept-behind-bodyless",
    incident: "oven-sh/bun#37438",
    story: "Bytes behind a 204, a 304 or a reply of length zero stay in the read buffer and answer the next request.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "bodyless-surplus",
    clients: None,
    decisions: || Decisions { may_pool, ..Decisions::reference() },
};

/// RFC 9112 §6.3(1): the reply ends with its head, so that what follows is surplus, and is no separate reply.
fn may_pool(finished: &Finished) -> bool {
    let bodyless = matches!(finished.end, ReplyEnd::Status | ReplyEnd::Length(0));
    (Decisions::reference().may_pool)(&Finished { surplus: finished.surplus && !bodyless, ..*finished })
}
