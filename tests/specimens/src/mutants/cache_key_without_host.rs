//! The key is the path: whose path it is does not matter.
//!
//! As in a proxy that serves one site, until it serves two (Pingora 2026).

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Caching, Decisions};
use crate::head::RequestHead;
use crate::mutants::Mutant;
use crate::sharing;

pub(super) const MUTANT: Mutant = Mutant {
    name: "cache-key-without-host",
    incident: "CVE-2026-2836",
    story: "The cache key leaves the host out: one site is answered with the page of another.",
    shape: Shape::DuplicateDelivery,
    boundary: Boundary::CrossTenant,
    leg: Leg::Store,
    scenario: "same-path-other-authority",
    clients: None,
    decisions: || Decisions::caching_with(|right| Caching { key, ..right }),
};

/// RFC 9111 §2: the key holds at least the method and the target URI, of which the authority is a part.
fn key(request: &RequestHead) -> Vec<u8> {
    sharing::key(&RequestHead { host: String::new(), ..request.clone() })
}
