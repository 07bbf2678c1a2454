//! A reply is kept under the `Idempotency-Key` of its request, and given again to whoever comes with that key.
//!
//! For a client that tries again this is what the key is for. But a key is one client's word: another's request with the
//! same one is another request.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::head::RequestHead;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "replies-repeated-by-idempotency-key",
    incident: "CVE-2026-105755, CVE-2026-105754",
    story: "A client whose Idempotency-Key another client has used before receives that one's reply, and its own \
            request is never made.",
    shape: Shape::DuplicateDelivery,
    boundary: Boundary::CrossTenant,
    leg: Leg::Store,
    scenario: "duplicate-request-id",
    clients: None,
    // RFC 9111 §4 and §3.5: a stored reply answers neither a POST nor somebody else's credential.
    decisions: || Decisions { replays: Some(idempotency_key), ..Decisions::reference() },
};

fn idempotency_key(request: &RequestHead) -> Option<Vec<u8>> {
    request.fields.values("idempotency-key").next().map(<[u8]>::to_vec)
}
