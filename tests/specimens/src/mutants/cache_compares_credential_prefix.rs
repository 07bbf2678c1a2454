//! Of the fields that `Vary` names the first 20 bytes are compared.
//!
//! Tokens of one issuer begin alike: the algorithm, the issuer, the year stand in front (LiteLLM 2026).

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Caching, Decisions};
use crate::head::{Fields, ReplyHead, RequestHead};
use crate::mutants::Mutant;
use crate::sharing;

pub(super) const MUTANT: Mutant = Mutant {
    name: "cache-compares-credential-prefix",
    incident: "CVE-2026-35030",
    story: "The cache compares the first 20 bytes of a credential, in which all tokens of one issuer are the same.",
    shape: Shape::DuplicateDelivery,
    boundary: Boundary::CrossTenant,
    leg: Leg::Store,
    scenario: "cache-key-ambiguity",
    clients: None,
    decisions: || Decisions::caching_with(|right| Caching { selects, ..right }),
};

/// How much of a value is compared, in bytes.
const PREFIX_BYTES: usize = 20;

/// RFC 9111 §4.1: the fields that `Vary` names must match, from their first byte to their last.
fn selects(reply: &ReplyHead, fill: &RequestHead, wanted: &RequestHead) -> bool {
    sharing::selects(reply, &shortened(fill), &shortened(wanted))
}

fn shortened(request: &RequestHead) -> RequestHead {
    let mut fields = Fields::default();
    request.fields.iter().for_each(|(name, value)| fields.push(name, &value[..value.len().min(PREFIX_BYTES)]));
    RequestHead { fields, ..request.clone() }
}
