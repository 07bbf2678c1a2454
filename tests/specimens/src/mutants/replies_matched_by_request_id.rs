//! Whoever waits for a reply is found by `X-Request-Id`, in a table in which a second entry of a name hides the first.
//!
//! Clients choose that name, and count from one like everybody else. Two who do so at the same time receive each other's
//! replies if the first is answered first.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::head::RequestHead;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "replies-matched-by-request-id",
    incident: "CVE-2026-25536, CVE-2026-105755",
    story: "Two clients who call their requests by the same X-Request-Id at the same time receive each other's \
            replies.",
    shape: Shape::PairSwap,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "duplicate-request-id",
    clients: None,
    // RFC 9112 §9.2: a reply belongs to the request that its connection asked first.
    decisions: || Decisions { correlates: Some(request_id), ..Decisions::reference() },
};

fn request_id(request: &RequestHead) -> Option<Vec<u8>> {
    request.fields.values("x-request-id").next().map(<[u8]>::to_vec)
}
