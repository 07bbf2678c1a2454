//! A final reply to a request that expects a 100 ends it: the body, never sent, is forgotten, and the connection pooled.
//!
//! To the gateway nothing is owed any more. The origin has read a `Content-Length`, and reads on.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Finished};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "expect-refused-connection-pooled",
    incident: "CVE-2024-24791, golang/go#67555",
    story: "After a final reply to Expect: 100-continue the upstream connection is pooled although the body was never sent.",
    shape: Shape::RequestSplice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Request,
    scenario: "expect-early-final",
    clients: None,
    decisions: || Decisions { may_pool, ..Decisions::reference() },
};

/// RFC 9112 §9.3 knows no exception for RFC 9110 §10.1.1: a body that was announced is sent, or the connection closed.
fn may_pool(finished: &Finished) -> bool {
    let request_sent = finished.request_sent || finished.expects;
    (Decisions::reference().may_pool)(&Finished { request_sent, ..*finished })
}
