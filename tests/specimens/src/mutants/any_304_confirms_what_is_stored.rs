//! Any 304 is taken to mean the reply that is stored.
//!
//! Which one the origin spoke of, its validator would say; nobody compares it (Squid 2016, undici 2026).

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Caching, Decisions};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "any-304-confirms-what-is-stored",
    incident: "CVE-2016-10002, CVE-2026-116630",
    story: "A 304 for one tenant freshens the stored reply of another, which is then the answer.",
    shape: Shape::Splice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Store,
    scenario: "revalidation-304-cross",
    clients: None,
    decisions: || Decisions::caching_with(|right| Caching { confirms: |_, _| true, ..right }),
};
