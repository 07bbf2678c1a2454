//! Trailers stay where they were put down, and go down with the next reply that has none.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Keeps};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "reply-trailers-left-over",
    incident: "CVE-2026-88041",
    story: "A reply without trailers has those of the reply before.",
    shape: Shape::Splice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "h2-trailer-bleed",
    clients: None,
    // RFC 9113 §8.1: trailers end the message that they follow.
    decisions: || Decisions { keeps: Some(Keeps::ReplyTrailers), ..Decisions::reference().with_h2_up() },
};
