//! The key ends at the question mark.
//!
//! Somebody meant to raise the hit rate of pages with tracking parameters (Fiber 2026).

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Caching, Decisions};
use crate::head::RequestHead;
use crate::mutants::Mutant;
use crate::sharing;

pub(super) const MUTANT: Mutant = Mutant {
    name: "cache-key-without-query",
    incident: "CVE-2026-30246",
    story: "The cache key leaves the query out: /?user=2 is answered with the reply to /?user=1.",
    shape: Shape::DuplicateDelivery,
    boundary: Boundary::CrossTenant,
    leg: Leg::Store,
    scenario: "cache-key-ambiguity",
    clients: None,
    decisions: || Decisions::caching_with(|right| Caching { key, ..right }),
};

/// RFC 9110 §4.2.2: the query is a part of what the URI identifies.
fn key(request: &RequestHead) -> Vec<u8> {
    let target = request.target.split('?').next().unwrap_or_default().to_owned();
    sharing::key(&RequestHead { target, ..request.clone() })
}
