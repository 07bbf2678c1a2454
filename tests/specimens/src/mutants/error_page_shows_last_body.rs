//! Error pages are made in the buffer through which requests' bodies go, while one is still in it.
//!
//! Only who is refused sees it, and whoever had sent something just before is the one who is seen.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Keeps};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "error-page-shows-last-body",
    incident: "CVE-2024-21733",
    story: "An error page of the gateway holds the beginning of the body that another client has sent.",
    shape: Shape::Fragment,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "error-path-recycle",
    clients: None,
    // RFC 9110 §15.6.3: a 502 is about the origin's reply; nobody else's request has a place in it.
    decisions: || Decisions { keeps: Some(Keeps::ErrorPage), ..Decisions::reference() },
};
