//! Who asks is kept in a place of the worker's while it is looked up elsewhere. Whoever comes in meanwhile overwrites
//! it, and both go on as the second.
//!
//! A thread serves one request at a time, and such a place is right; a worker that goes on with another while one waits
//! needs one for each request.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Keeps};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "identity-shared-by-worker",
    incident: "CVE-2026-48529, CVE-2025-59052, CVE-2025-49574",
    story: "Of two clients who ask at the same time, both requests go to the origin with the credentials of one.",
    shape: Shape::RequestSplice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Request,
    scenario: "principal-context-race",
    clients: None,
    // RFC 9110 §11.6.2: credentials are those that the client has sent.
    decisions: || Decisions { keeps: Some(Keeps::IdentityOfNow), ..Decisions::reference() },
};
