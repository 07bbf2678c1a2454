//! Trailers stay where they were put down, and go up with the next request that has none.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Keeps};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "request-trailers-left-over",
    incident: "CVE-2026-88041",
    story: "A request without trailers goes to the origin with those of the request before.",
    shape: Shape::RequestSplice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Request,
    scenario: "h2-trailer-bleed",
    clients: None,
    // RFC 9110 §6.5: trailers are fields of the message that they end.
    decisions: || Decisions { keeps: Some(Keeps::RequestTrailers), ..Decisions::reference().with_h2_up() },
};
