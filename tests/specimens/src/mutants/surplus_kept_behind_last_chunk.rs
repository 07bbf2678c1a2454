//! Bytes behind the last chunk stay with the pooled connection.
//!
//! The decoder says that the body has ended and returns what it has not used; its caller drops that count. The bytes stay in
//! the buffer, and the next reply is read from there.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Finished, ReplyEnd};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "surplus-kept-behind-last-chunk",
    incident: "oven-sh/bun#37436",
    story: "Bytes behind the last chunk of a reply stay in the read buffer and answer the next request.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "chunked-trailing",
    clients: None,
    decisions: || Decisions { may_pool, ..Decisions::reference() },
};

/// RFC 9112 §6.3(4): a chunked reply ends with its last chunk and the trailers; what follows is no separate reply.
fn may_pool(finished: &Finished) -> bool {
    let chunked = finished.end == ReplyEnd::LastChunk;
    (Decisions::reference().may_pool)(&Finished { surplus: finished.surplus && !chunked, ..*finished })
}
