//! The body of an HTTP/1.0 request is thought to end with its connection, as that of a reply would.
//!
//! What follows such a request is passed on as its body. The origin knows that it has none, and answers twice.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::head::RequestHead;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "old-request-runs-on",
    incident: "CVE-2026-2835",
    story: "An HTTP/1.0 request without a length is taken to run to the end of its connection; what follows it is passed on raw.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "tail-after-head",
    clients: None,
    decisions: || Decisions { runs_on, ..Decisions::reference() },
};

/// RFC 9112 §6.3 item 7: a request without framing fields has no body, whatever its version.
fn runs_on(request: &RequestHead) -> bool {
    request.http_10 && !request.fields.has("content-length")
}
