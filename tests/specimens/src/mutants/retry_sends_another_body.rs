//! A request whose connection breaks is sent once more, with the body that is in the buffer: whoever sent one last.
//!
//! A library gave the buffer of a retried request back twice, and the body of one request went out with the head of
//! another, perhaps to another server.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Keeps};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "retry-sends-another-body",
    incident: "CVE-2023-45286",
    story: "A request that is tried again goes to the origin with the body of another client's request.",
    shape: Shape::RequestSplice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Request,
    scenario: "retry-duplicate-body",
    clients: None,
    // RFC 9110 §9.2.2 lets a gateway repeat what it knows to be safe. That it repeats a POST is no finding; whose body it
    // sends is.
    decisions: || Decisions {
        keeps: Some(Keeps::RequestBody),
        may_retry: |request| request.closed_before_reply,
        ..Decisions::reference()
    },
};
