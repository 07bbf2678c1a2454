//! Query parameters are sorted before they are looked up.
//!
//! For most applications their order means nothing; for those that take the first of several, or the last, it does. The
//! origin still gets them as they were sent, so that it knows nothing of the bargain.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Caching, Decisions};
use crate::head::RequestHead;
use crate::mutants::Mutant;
use crate::sharing;

pub(super) const MUTANT: Mutant = Mutant {
    name: "cache-key-with-sorted-query",
    incident: "CVE-2026-30246, in a milder form",
    story: "The cache key sorts the query: ?b=2&a=1 is answered with the reply to ?a=1&b=2.",
    shape: Shape::DuplicateDelivery,
    boundary: Boundary::CrossTenant,
    leg: Leg::Store,
    scenario: "cache-key-ambiguity",
    clients: None,
    decisions: || Decisions::caching_with(|right| Caching { key, ..right }),
};

/// RFC 9110 §4.2.3: URIs that differ in the order of their query are not equivalent.
fn key(request: &RequestHead) -> Vec<u8> {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let mut parameters: Vec<&str> = query.split('&').collect();
    parameters.sort_unstable();
    sharing::key(&RequestHead { target: format!("{path}?{}", parameters.join("&")), ..request.clone() })
}
