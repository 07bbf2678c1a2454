//! The body that an origin sends to a HEAD stays with the pooled connection.
//!
//! That a HEAD has no body is known, and so nothing is read after the head. That the origin has sent one all the same shows
//! only when the next reply is read.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Finished, ReplyEnd};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "head-body-left-on-connection",
    incident: "hyperium/hyper#640",
    story: "Bytes behind the reply to a HEAD stay in the read buffer and answer the next request.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "head-with-body",
    clients: None,
    decisions: || Decisions { may_pool, ..Decisions::reference() },
};

/// RFC 9112 §6.3(1): the reply to a HEAD ends with its head, whatever the origin thinks.
fn may_pool(finished: &Finished) -> bool {
    let to_head = finished.end == ReplyEnd::Request;
    (Decisions::reference().may_pool)(&Finished { surplus: finished.surplus && !to_head, ..*finished })
}
