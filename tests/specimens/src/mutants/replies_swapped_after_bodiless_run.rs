//! After thirty-two requests in a row without a body, two clients receive each other's replies.
//!
//! An exchange's object is put back into the cache when its request's body has been read to its end. One without a body
//! is put back in two places; the next request with a body clears the copy away, but a long run fills the cache with
//! copies, and then two requests that run at the same time get the same object.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "replies-swapped-after-bodiless-run",
    incident: "CVE-2016-8745",
    story: "After every thirty-two requests in a row without a body, two clients receive each other's replies.",
    shape: Shape::PairSwap,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "plain-concurrency",
    clients: None,
    // RFC 9110 §3.3: no request's meaning depends on those before it.
    decisions: || Decisions {
        crosses: Some(|stretch| stretch.without_body > 0 && stretch.without_body % 32 == 0),
        ..Decisions::reference()
    },
};
