//! The object that holds a request's fields is used again, and not emptied: those that the next request does not have
//! itself go up with it.
//!
//! As long as all requests have the same fields nobody notices. The first bare one behind a rich one tells the origin
//! what the rich one had: tokens, cookies, names.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Keeps};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "request-fields-left-over",
    incident: "CVE-2024-4109, CVE-2011-3375",
    story: "A request goes to the origin with those fields of the request before that it does not have itself.",
    shape: Shape::RequestSplice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Request,
    scenario: "field-omission-bleed",
    clients: None,
    // RFC 9110 §3.3: a request's meaning is in that request alone.
    decisions: || Decisions { keeps: Some(Keeps::RequestFields), ..Decisions::reference() },
};
