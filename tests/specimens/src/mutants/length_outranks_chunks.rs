//! Where a request has both, the length is believed and not the chunks.
//!
//! What stands behind the length is the next request to the gateway, and still the body to everybody who follows the RFC.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::body::Framing;
use crate::decisions::Decisions;
use crate::head::RequestHead;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "length-outranks-chunks",
    incident: "CVE-2026-2835, CVE-2021-46825",
    story: "A Content-Length beside Transfer-Encoding is believed: the rest of the chunks is read as the next request.",
    shape: Shape::GhostRequest,
    boundary: Boundary::SameTenant,
    leg: Leg::Request,
    scenario: "te-cl-disagreement",
    clients: None,
    decisions: || Decisions { request_framing, ..Decisions::reference() },
};

/// RFC 9112 §6.3 item 3: the transfer coding outranks the length.
fn request_framing(head: &RequestHead) -> Result<Framing, u16> {
    match (head.fields.is_chunked(), head.fields.content_length()) {
        (Ok(true), Ok(Some(length))) => Ok(Framing::Length(length)),
        _ => (Decisions::reference().request_framing)(head),
    }
}
