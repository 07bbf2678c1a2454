//! The parts of the key are put one behind the other.
//!
//! Where one ends and the next begins is lost, so that two requests can spell the same text (@fastify/reply-from 2026).

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Caching, Decisions};
use crate::head::RequestHead;
use crate::mutants::Mutant;
use crate::sharing;

pub(super) const MUTANT: Mutant = Mutant {
    name: "cache-key-without-delimiter",
    incident: "CVE-2026-16158",
    story: "The cache key joins path and query without a mark: /me?x is answered with the reply to /mex, and the other way round.",
    shape: Shape::DuplicateDelivery,
    boundary: Boundary::CrossTenant,
    leg: Leg::Store,
    scenario: "cache-key-ambiguity",
    clients: None,
    decisions: || Decisions::caching_with(|right| Caching { key, ..right }),
};

/// RFC 9111 §2: the key identifies the request; a text that two of them spell does not.
fn key(request: &RequestHead) -> Vec<u8> {
    sharing::key(&RequestHead { target: request.target.replacen('?', "", 1), ..request.clone() })
}
