//! What stands behind a reply is skipped up to the next status line.
//!
//! A length that counts characters, or forgets a line end, leaves a few bytes behind each reply. To get along with such
//! origins, a few bytes that look like nothing are padding. What the origin's body spelled behind them is the next reply.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Behind, Decisions};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "tail-skipped-to-status-line",
    incident: "curl/curl#5440",
    story: "Bytes behind a reply that are no status line count as padding; a status line in them begins the next reply.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "content-length-mismatch",
    clients: None,
    decisions: || Decisions { behind, ..Decisions::reference() },
};

/// RFC 9112 §6.3: a Content-Length says where the reply ends; more than that must not be processed as a separate reply.
fn behind(rest: &[u8]) -> Behind {
    const STATUS_LINE: &[u8] = b"HTTP/1.";
    match rest.windows(STATUS_LINE.len()).position(|window| window == STATUS_LINE) {
        Some(bytes @ 1..) => Behind::Padding(bytes),
        Some(0) | None => (Decisions::reference().behind)(rest),
    }
}
