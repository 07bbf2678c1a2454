//! A cache hit is done with its request's head; the body is read as the next request.
//!
//! A GET has no body, except where it has one (RFC 9110 §9.3.1).

use vocabulary::crossing::Http;
use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, OwnReply};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "cache-hit-leaves-body-unread",
    incident: "CVE-2025-4366",
    story: "The body of a request that the store answers is not read, and begins the next request.",
    shape: Shape::GhostRequest,
    boundary: Boundary::SameTenant,
    leg: Leg::Request,
    scenario: "local-reply-undrained-body",
    clients: Some(Http::H1),
    decisions: || Decisions { drains_behind, ..Decisions::caching() },
};

/// RFC 9112 §9.3: whoever does not want a body has to read it all the same.
fn drains_behind(own: OwnReply) -> bool {
    own != OwnReply::Stored
}
