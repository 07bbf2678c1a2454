//! An upstream connection goes back to the pool although the request's body has not been sent to its end.
//!
//! The origin has answered early, and waits for the rest of the body: the next request is swallowed as a part of it.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Finished};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "early-answered-connection-pooled",
    incident: "CVE-2025-31699, hyperium/hyper#2646",
    story: "When the origin answers early, the upstream connection is pooled with the rest of the body unsent.",
    shape: Shape::RequestSplice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Request,
    scenario: "early-final-unsent-body",
    clients: None,
    decisions: || Decisions { may_pool, ..Decisions::reference() },
};

/// RFC 9112 §9.3: the origin reads the entire body before the next request.
fn may_pool(finished: &Finished) -> bool {
    // Who waits to be asked for the body is another story.
    let request_sent = finished.request_sent || !finished.expects;
    (Decisions::reference().may_pool)(&Finished { request_sent, ..*finished })
}
