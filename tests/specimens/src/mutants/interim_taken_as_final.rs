//! Any interim reply but a 103 is taken for the final one.
//!
//! The client is sent the 100 and nothing after it. The upstream connection looks spent and goes back to the pool,
//! while the origin still owes the real reply: whoever comes next receives it.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "interim-taken-as-final",
    incident: "nginx/nginx#1427",
    story: "Any 1xx but 103 counts as the final reply: the connection goes back to the pool with the real one owed.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "interim-100-late-final",
    clients: None,
    // RFC 9110 §15.2: one or more 1xx may come before the final reply, asked for or not.
    decisions: || Decisions { is_final: |status| status != 103, ..Decisions::reference() },
};
