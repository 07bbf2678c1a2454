//! Who asks is kept in a place of the worker's, which a request without credentials does not overwrite.
//!
//! It was meant to be cleared at the end of each request, and is, but for the ways out that nobody thought of. Whoever
//! comes next and says nothing of himself is let in as the one before.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Keeps};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "identity-inherited-by-anonymous",
    incident: "CVE-2026-5795, CVE-2022-23634",
    story: "A request without credentials goes to the origin with those of the client before.",
    shape: Shape::RequestSplice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Request,
    scenario: "principal-context-race",
    clients: None,
    // RFC 9110 §11.6.2: credentials are those that the client has sent.
    decisions: || Decisions { keeps: Some(Keeps::IdentityOfLast), ..Decisions::reference() },
};
