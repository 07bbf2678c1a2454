//! Of the fields that `Vary` names, only the first is compared.
//!
//! Most replies vary by `Accept-Encoding` alone, and a cache that was made for those is right until a credential or a cookie
//! stands behind it (Hono 2026).

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Caching, Decisions};
use crate::head::{ReplyHead, RequestHead};
use crate::mutants::Mutant;
use crate::sharing;

pub(super) const MUTANT: Mutant = Mutant {
    name: "only-first-vary-field-compared",
    incident: "CVE-2026-44457",
    story: "The cache compares the first field that Vary names: who differs in the second one only gets what was \
            another's.",
    shape: Shape::DuplicateDelivery,
    boundary: Boundary::CrossTenant,
    leg: Leg::Store,
    scenario: "cache-directive-matrix",
    clients: None,
    decisions: || Decisions::caching_with(|right| Caching { selects, ..right }),
};

/// RFC 9111 §4.1: all the fields that `Vary` names must match.
fn selects(reply: &ReplyHead, fill: &RequestHead, wanted: &RequestHead) -> bool {
    let mut fields = sharing::without_field(&reply.fields, "vary");
    if let Some(first) = reply.fields.members("vary").next() {
        fields.push(b"Vary", first);
    }
    sharing::selects(&ReplyHead { fields, ..reply.clone() }, fill, wanted)
}
