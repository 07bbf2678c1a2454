//! A request that the gateway answers itself is done with its head; its body is read as the next request.
//!
//! What is easily overlooked in handlers that never ask for a body: error pages, health checks, `OPTIONS *`.

use vocabulary::crossing::Http;
use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, OwnReply};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "own-reply-leaves-body-unread",
    incident: "CVE-2020-26281, actix/actix-web#2632",
    story: "The body of a request that the gateway answers itself is not read, and begins the next request.",
    shape: Shape::GhostRequest,
    boundary: Boundary::SameTenant,
    leg: Leg::Request,
    scenario: "local-reply-undrained-body",
    clients: Some(Http::H1),
    decisions: || Decisions { drains_behind, ..Decisions::reference() },
};

/// RFC 9112 §9.3: whoever does not want a body has to read it all the same.
fn drains_behind(own: OwnReply) -> bool {
    own != OwnReply::Made
}
