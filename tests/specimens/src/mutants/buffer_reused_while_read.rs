//! A reply's buffer is free again as soon as the origin has filled it, though its client still reads from it.
//!
//! It takes a client who is not done when the next reply comes: alone, or with replies of one piece, everybody receives
//! what is theirs.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Keeps};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "buffer-reused-while-read",
    incident: "CVE-2021-25122, CVE-2026-101356",
    story: "Whoever reads a reply in several pieces finds, from the second piece on, that of whoever was \
            answered meanwhile.",
    shape: Shape::Splice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "buffer-residue-scan",
    clients: None,
    // RFC 9112 §6.3: a reply's body is what its own connection brought.
    decisions: || Decisions { keeps: Some(Keeps::BufferInUse), ..Decisions::reference() },
};
