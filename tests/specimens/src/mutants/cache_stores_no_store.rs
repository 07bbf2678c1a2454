//! `no-store` is a word that the cache does not know.
//!
//! The lifetime beside it counts: what was never to be written down anywhere is kept for all (Hono 2026).

use std::time::Duration;

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Caching, Decisions};
use crate::head::{ReplyHead, RequestHead};
use crate::mutants::Mutant;
use crate::sharing;

pub(super) const MUTANT: Mutant = Mutant {
    name: "cache-stores-no-store",
    incident: "CVE-2026-24472",
    story: "The cache does not know no-store: a reply that also names a lifetime is kept, and answers all.",
    shape: Shape::DuplicateDelivery,
    boundary: Boundary::CrossTenant,
    leg: Leg::Store,
    scenario: "cache-directive-matrix",
    clients: None,
    decisions: || Decisions::caching_with(|right| Caching { shareable, ..right }),
};

/// RFC 9111 §5.2.2.5: no cache must store any part of such a reply.
fn shareable(fill: &RequestHead, reply: &ReplyHead) -> Option<Duration> {
    sharing::shareable(fill, &sharing::without_directive(reply, "no-store"))
}
