//! A transfer coding counts if it is chunked and nothing else; beside any other, the length does.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::body::Framing;
use crate::decisions::Decisions;
use crate::head::RequestHead;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "unknown-coding-overlooked",
    incident: "CVE-2026-2835",
    story: "Of `Transfer-Encoding: identity, chunked` nothing is known, so that the Content-Length beside it counts.",
    shape: Shape::GhostRequest,
    boundary: Boundary::SameTenant,
    leg: Leg::Request,
    scenario: "te-cl-disagreement",
    clients: None,
    decisions: || Decisions { request_framing, ..Decisions::reference() },
};

/// RFC 9112 §6.3 items 3 and 4: a Transfer-Encoding outranks a Content-Length, whatever it names.
fn request_framing(head: &RequestHead) -> Result<Framing, u16> {
    match (head.fields.is_chunked(), head.fields.content_length()) {
        (Err(_), Ok(Some(length))) => Ok(Framing::Length(length)),
        _ => (Decisions::reference().request_framing)(head),
    }
}
