//! The argument of `private` is skipped, and with it the cookie that it names.
//!
//! `private="set-cookie"` lets a shared cache store the reply without the field. This one stores it whole, so that the next
//! tenant is logged in as the first (undici 2026, Flask sessions 2023).

use std::time::Duration;

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Caching, Decisions};
use crate::head::{ReplyHead, RequestHead};
use crate::mutants::Mutant;
use crate::sharing;

pub(super) const MUTANT: Mutant = Mutant {
    name: "private-cookie-stored",
    incident: "CVE-2026-13697, CVE-2023-30861",
    story: "The cache stores a reply together with the Set-Cookie that its private directive names.",
    shape: Shape::DuplicateDelivery,
    boundary: Boundary::CrossTenant,
    leg: Leg::Store,
    scenario: "cache-cookie-bleed",
    clients: None,
    decisions: || Decisions::caching_with(|right| Caching { shareable, ..right }),
};

/// RFC 9111 §5.2.2.7: a shared cache must not store the fields that the argument lists.
fn shareable(fill: &RequestHead, reply: &ReplyHead) -> Option<Duration> {
    let qualified =
        reply.fields.values("cache-control").any(|value| value.windows(9).any(|part| part == b"private=\""));
    if !qualified {
        return sharing::shareable(fill, reply);
    }
    let heard = sharing::without_directive(reply, "private");
    let fields = sharing::without_field(&heard.fields, "set-cookie");
    sharing::shareable(fill, &ReplyHead { fields, ..heard })
}
