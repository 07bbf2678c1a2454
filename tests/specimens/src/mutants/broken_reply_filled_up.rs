//! A reply that breaks off before its declared length is sent at that length all the same: behind what came stands what
//! the buffer held before.
//!
//! A page that ended in the middle of a tag made a parser run on into its neighbours; a form without a value printed
//! what lay in its place. Whole replies never show it.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Keeps};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "broken-reply-filled-up",
    incident: "Cloudbleed 2017, CVE-2025-5777",
    story: "Where the origin breaks off a reply, its client receives the rest of an earlier one behind it.",
    shape: Shape::Splice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "buffer-residue-scan",
    clients: None,
    // RFC 9112 §8: an incomplete reply is passed on as one, and nothing else fills it up.
    decisions: || Decisions { keeps: Some(Keeps::ReplyBody), ..Decisions::reference() },
};
