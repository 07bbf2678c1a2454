//! What `Connection` names goes no further, even if it says where the body ends.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::body::Framing;
use crate::decisions::Decisions;
use crate::head::RequestHead;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "named-length-not-passed-on",
    incident: "CVE-2022-45059",
    story: "`Connection: Content-Length` takes the length out of the request, and its body goes out without any.",
    shape: Shape::GhostRequest,
    boundary: Boundary::SameTenant,
    leg: Leg::Request,
    scenario: "te-cl-disagreement",
    clients: None,
    decisions: || Decisions { announces, ..Decisions::reference() },
};

/// RFC 9110 §7.6.1 takes the field out, RFC 9112 §6 asks for another that frames what is forwarded.
fn announces(head: &RequestHead, framing: Framing) -> Framing {
    match framing {
        Framing::Length(_) if head.fields.lists("connection", "content-length") => Framing::None,
        framing => framing,
    }
}
