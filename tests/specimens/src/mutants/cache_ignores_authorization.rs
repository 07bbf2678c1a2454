//! That a request carried a credential says nothing to the cache.
//!
//! It looks at replies only. An origin that relies on `Authorization` being enough, and declares a lifetime for the
//! browser, has its replies shared (Souin and others, 2022 to 2026).

use std::time::Duration;

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Caching, Decisions};
use crate::head::{ReplyHead, RequestHead};
use crate::mutants::Mutant;
use crate::sharing;

pub(super) const MUTANT: Mutant = Mutant {
    name: "cache-ignores-authorization",
    incident: "darkweak/souin#247",
    story: "The cache never looks at Authorization: a reply with a lifetime answers whoever asks for the same URL.",
    shape: Shape::DuplicateDelivery,
    boundary: Boundary::CrossTenant,
    leg: Leg::Store,
    scenario: "cache-auth-unkeyed",
    clients: None,
    decisions: || Decisions::caching_with(|right| Caching { shareable, ..right }),
};

/// RFC 9111 §3.5: such a reply must not be used for another request, unless it says that it may.
fn shareable(fill: &RequestHead, reply: &ReplyHead) -> Option<Duration> {
    let fields = sharing::without_field(&fill.fields, "authorization");
    sharing::shareable(&RequestHead { fields, ..fill.clone() }, reply)
}
