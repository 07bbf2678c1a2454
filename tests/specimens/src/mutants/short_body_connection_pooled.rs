//! A client of HTTP/2 ends its stream before its body is as long as it had declared. The stream has ended, so nothing more is
//! to be sent, and the upstream connection is pooled.
//!
//! HTTP/1.1 has no other end of a body than its length: the origin waits for the rest, and reads the next request as that.

use vocabulary::crossing::Http;
use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Ending, Finished};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "short-body-connection-pooled",
    incident: "CVE-2026-90678",
    story: "An upstream connection on which a body is shorter than declared is pooled, and the next request swallowed.",
    shape: Shape::RequestSplice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Request,
    scenario: "short-body-downgrade",
    clients: Some(Http::H2),
    decisions: || Decisions { may_pool, ..Decisions::reference() },
};

/// RFC 9112 §6.3 item 6: a connection on which a body is incomplete is closed.
fn may_pool(finished: &Finished) -> bool {
    finished.ending == Ending::ClientBroken || (Decisions::reference().may_pool)(finished)
}
