//! Who asked first on the connection to the origin asks for all who share it.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Keeps};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "shared-connection-keeps-identity",
    incident: "CVE-2026-88007",
    story: "Requests on the shared connection carry the credential of the first who asked on it.",
    shape: Shape::RequestSplice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Request,
    scenario: "h2-coalesced-authorities",
    clients: None,
    // RFC 9113 §9.1.1: connections are shared, requests are not; RFC 9110 §11.6.2: a credential is its request's.
    decisions: || Decisions { keeps: Some(Keeps::IdentityOfConnection), ..Decisions::reference().with_h2_up() },
};
