//! `private` is a word that the cache does not know.
//!
//! It reads lifetimes and `no-store`, and takes the rest of `Cache-Control` for advice to browsers (Hono 2026).

use std::time::Duration;

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Caching, Decisions};
use crate::head::{ReplyHead, RequestHead};
use crate::mutants::Mutant;
use crate::sharing;

pub(super) const MUTANT: Mutant = Mutant {
    name: "cache-ignores-private",
    incident: "CVE-2026-24472",
    story: "The cache does not know private: what the origin meant for one tenant answers all.",
    shape: Shape::DuplicateDelivery,
    boundary: Boundary::CrossTenant,
    leg: Leg::Store,
    scenario: "cache-directive-matrix",
    clients: None,
    decisions: || Decisions::caching_with(|right| Caching { shareable, ..right }),
};

/// RFC 9111 §5.2.2.7: a shared cache must not store such a reply.
fn shareable(fill: &RequestHead, reply: &ReplyHead) -> Option<Duration> {
    sharing::shareable(fill, &sharing::without_directive(reply, "private"))
}
