//! The object that holds a reply's fields is used again, and not emptied: those that the next reply does not have itself
//! go down with it, cookies among them.
//!
//! A proxy did this between two messages of its protocol: a reply without fields had no message for them, and the fields
//! of the one before were sent once more.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Keeps};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "reply-fields-left-over",
    incident: "CVE-2023-34981",
    story: "A client receives, with its own reply, those fields of the reply before that its own does not have.",
    shape: Shape::Splice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "field-omission-bleed",
    clients: None,
    // RFC 9112 §6: a reply's fields are those of its own head.
    decisions: || Decisions { keeps: Some(Keeps::ReplyFields), ..Decisions::reference() },
};
