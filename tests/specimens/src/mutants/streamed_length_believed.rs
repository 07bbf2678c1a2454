//! The length that a request declares in HTTP/2 is passed on, and so is everything that comes on its stream.
//!
//! Towards the origin the length ends the body; what stands behind it is the next request there.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::bent::passed::DECLARED_LENGTH;
use crate::body::Framing;
use crate::decisions::{Bends, Decisions};
use crate::head::RequestHead;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "streamed-length-believed",
    incident: "CVE-2021-21295, CVE-2021-36740",
    story: "A content-length that is shorter than the DATA of its stream is passed on to an origin of HTTP/1.1, and the DATA \
            with it.",
    shape: Shape::GhostRequest,
    boundary: Boundary::SameTenant,
    leg: Leg::Request,
    scenario: "h2-framing-downgrade",
    clients: None,
    decisions: || Decisions { bends_down: Some(Bends::MalformedPassed), request_framing, ..Decisions::reference() },
};

/// RFC 9113 §8.1.1: such a request is malformed, and is not forwarded.
fn request_framing(head: &RequestHead) -> Result<Framing, u16> {
    let declared = head.fields.values(DECLARED_LENGTH).next();
    match declared.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok()) {
        Some(length) => Ok(Framing::Length(length)),
        None => (Decisions::reference().request_framing)(head),
    }
}
