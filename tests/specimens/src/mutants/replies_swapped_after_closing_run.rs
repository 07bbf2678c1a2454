//! After three requests in a row that ask for the connection to be closed, two clients receive each other's replies.
//!
//! Closing puts away what the exchange held, a step later than the reply's end. Three such steps in a row overtake the
//! exchange that already uses the object. Rails lost track of the current user in the same way, when a reply was not
//! closed before the next request of its thread.

use vocabulary::crossing::Http;
use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "replies-swapped-after-closing-run",
    incident: "CVE-2022-23634",
    story: "After every three requests in a row with Connection: close, two clients receive each other's replies.",
    shape: Shape::PairSwap,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "plain-concurrency",
    clients: Some(Http::H1),
    // RFC 9112 §9.6: close concerns the connection, not the replies of others.
    decisions: || Decisions {
        crosses: Some(|stretch| stretch.closing > 0 && stretch.closing % 3 == 0),
        ..Decisions::reference()
    },
};
