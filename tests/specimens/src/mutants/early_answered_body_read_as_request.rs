//! A client's connection is kept behind an early reply, and the rest of the body is read as the next request.
//!
//! The reply is complete, so the exchange is over; that its request is not is forgotten. What comes of it depends on the
//! rest: bytes that run into the next request's method, or a request of their own.

use vocabulary::crossing::Http;
use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{ClientFacts, Decisions};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "early-answered-body-read-as-request",
    incident: "CVE-2025-55702, actix/actix-web#2632",
    story: "Behind an early reply the rest of the request's body is read as the next request of its client.",
    shape: Shape::RequestSplice,
    boundary: Boundary::SameLane,
    leg: Leg::Request,
    scenario: "early-final-unsent-body",
    clients: Some(Http::H1),
    decisions: || Decisions { may_keep_client, ..Decisions::reference() },
};

/// RFC 9112 §9.3: a server reads the entire body, or closes the connection.
fn may_keep_client(client: &ClientFacts) -> bool {
    (Decisions::reference().may_keep_client)(&ClientFacts { request_read: true, ..*client })
}
