//! A client that leaves in the middle of its reply leaves the upstream connection in the pool.
//!
//! The parser belongs to the connection, and nobody resets it: what the origin still sends of the old body is handed to
//! whoever has taken the connection. An event stream that its reader had cancelled went on in another caller's reply this
//! way.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Ending, Finished, ReplyRead};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "half-read-connection-pooled",
    incident: "http4s/http4s-netty#999",
    story: "When a client goes away within its reply, the connection returns to the pool, and the next client receives the rest.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "client-abort-mid-body",
    clients: None,
    decisions: || Decisions { may_pool, ..Decisions::reference() },
};

/// RFC 9112 §9.3: a reply must be read to its end before its connection carries another.
fn may_pool(finished: &Finished) -> bool {
    let abandoned =
        finished.ending == Ending::ClientGone && finished.request_sent && finished.reply == ReplyRead::Begun;
    abandoned || (Decisions::reference().may_pool)(finished)
}
