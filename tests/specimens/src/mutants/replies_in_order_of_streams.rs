//! Replies are handed out in the order in which the streams were opened, as on a connection of HTTP/1.1, whichever stream
//! they name.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Bends, Decisions};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "replies-in-order-of-streams",
    incident: "haproxy/haproxy#2070",
    story: "The replies of a connection are handed out in the order of its requests, not by their streams.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "h2-reverse-completion",
    clients: None,
    // RFC 9113 §5: streams are independent; their replies come in any order.
    decisions: || Decisions { bends_up: Some(Bends::InOrderOfRequests), ..Decisions::reference().with_h2_up() },
};
