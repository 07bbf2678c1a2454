//! After three requests in a row that name their user by a cookie alone, two clients receive each other's replies.
//!
//! The worker's session is replaced when a request brings an `Authorization`, and left where a cookie is to find it in
//! the table of sessions. That table is looked at once for a few requests together, as was the session of a PHP worker
//! that was not reset between them.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "replies-swapped-after-cookie-run",
    incident: "GHSA-r3xh-3r3w-47gp",
    story: "After every three requests in a row with a cookie and without Authorization, two clients receive each other's \
            replies.",
    shape: Shape::PairSwap,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "plain-concurrency",
    clients: None,
    // RFC 6265 §8.2: a cookie is as good a credential as any, and each request carries its own.
    decisions: || Decisions {
        crosses: Some(|stretch| stretch.cookie_only > 0 && stretch.cookie_only % 3 == 0),
        ..Decisions::reference()
    },
};
