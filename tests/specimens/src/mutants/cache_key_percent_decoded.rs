//! The key is the decoded path, what is sent to the origin is not.
//!
//! Encoded and plain delimiters fall together, and with them the resources that they tell apart (Litestar 2026).

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Caching, Decisions};
use crate::head::RequestHead;
use crate::mutants::Mutant;
use crate::sharing;

pub(super) const MUTANT: Mutant = Mutant {
    name: "cache-key-percent-decoded",
    incident: "CVE-2026-25480",
    story: "The cache key decodes the path: /a/b is answered with the reply to /a%2Fb.",
    shape: Shape::DuplicateDelivery,
    boundary: Boundary::CrossTenant,
    leg: Leg::Store,
    scenario: "cache-key-ambiguity",
    clients: None,
    decisions: || Decisions::caching_with(|right| Caching { key, ..right }),
};

/// RFC 3986 §2.2: a delimiter that is encoded is data, and the plain one is not.
fn key(request: &RequestHead) -> Vec<u8> {
    let target = request.target.replace("%2F", "/").replace("%2f", "/");
    sharing::key(&RequestHead { target, ..request.clone() })
}
