//! One stored reply for each URL, whatever `Vary` names.
//!
//! The origin says by which fields its replies differ, and the cache does not listen (Hono 2026).

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Caching, Decisions};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "cache-ignores-vary",
    incident: "CVE-2026-44457",
    story: "The cache ignores Vary: the reply to one credential, or one cookie, answers all.",
    shape: Shape::DuplicateDelivery,
    boundary: Boundary::CrossTenant,
    leg: Leg::Store,
    scenario: "cache-cookie-bleed",
    clients: None,
    decisions: || Decisions::caching_with(|right| Caching { selects: |_, _, _| true, ..right }),
};
