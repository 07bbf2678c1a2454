//! A `Content-Length` that is no number counts as none: the request has no body, and what follows it is the next one.
//!
//! A parser that yields zero on failure is all it takes.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::body::Framing;
use crate::decisions::Decisions;
use crate::head::RequestHead;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "malformed-length-overlooked",
    incident: "CVE-2026-2835",
    story: "A Content-Length that cannot be read is overlooked, and the body behind it read as the next request.",
    shape: Shape::GhostRequest,
    boundary: Boundary::SameTenant,
    leg: Leg::Request,
    scenario: "pipelined-bad-first",
    clients: None,
    decisions: || Decisions { request_framing, ..Decisions::reference() },
};

/// RFC 9112 §6.3 item 5: such a request is answered with a 400, and its connection closed.
fn request_framing(head: &RequestHead) -> Result<Framing, u16> {
    match (head.fields.has("transfer-encoding"), head.fields.content_length()) {
        (false, Err(_)) => Ok(Framing::None),
        _ => (Decisions::reference().request_framing)(head),
    }
}
