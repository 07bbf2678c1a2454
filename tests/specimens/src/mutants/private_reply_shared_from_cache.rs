//! The cache stores whatever a GET brings, for whomever asks for the same URL next.
//!
//! Credentials, `private` and missing freshness do not matter to it: what a content delivery network does when
//! caching is switched on for a path that it was never meant for (Steam 2015, Klarna 2021, Railway 2026).

use std::time::Duration;

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Caching, Decisions};
use crate::head::{ReplyHead, RequestHead};
use crate::mutants::Mutant;
use crate::sharing;

/// How long it keeps what came without a lifetime.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

pub(super) const MUTANT: Mutant = Mutant {
    name: "private-reply-shared-from-cache",
    incident: "Klarna 2021, Railway 2026",
    story: "The cache ignores Authorization, private and missing freshness: one tenant's reply answers the next one.",
    shape: Shape::DuplicateDelivery,
    boundary: Boundary::CrossTenant,
    leg: Leg::Store,
    scenario: "same-url-other-tenant",
    clients: None,
    decisions: || Decisions::caching_with(|right| Caching { shareable, ..right }),
};

/// RFC 9111 §3 and §3.5 forbid nearly all of this; of the directives only no-store and an explicit lifetime are heard.
fn shareable(fill: &RequestHead, reply: &ReplyHead) -> Option<Duration> {
    let forbidden = reply.fields.lists("cache-control", "no-store");
    let plain = fill.method == "GET" && reply.status == 200;
    (plain && !forbidden).then(|| sharing::lifetime(&reply.fields).unwrap_or(DEFAULT_LIFETIME))
}
