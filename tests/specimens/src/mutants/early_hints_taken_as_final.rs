//! A 103 is taken for the final reply; other interim replies are not.
//!
//! The mistake of programs that know 100 as a special case and have never met early hints.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "early-hints-taken-as-final",
    incident: "lalinsky/dusty#159",
    story: "A 103 counts as the final reply: the connection goes back to the pool with the real one owed.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "interim-103-split",
    clients: None,
    // RFC 9110 §15.2: a client must parse 1xx replies it did not expect; RFC 8297 §2: a 103 is one of them.
    decisions: || Decisions { is_final: |status| status >= 200 || status == 103, ..Decisions::reference() },
};
