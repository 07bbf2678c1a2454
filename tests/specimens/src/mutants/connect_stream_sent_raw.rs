//! A CONNECT that comes on a stream is passed on over a pooled connection, and what fills the stream goes up as it is, before
//! the tunnel was accepted.
//!
//! Clients of HTTP/1.1 frame what they send behind a CONNECT, or leave it out. A stream needs no frame of that kind, so
//! that nothing frames it for the origin either: what it was meant for the tunnel is the next request there.

use vocabulary::crossing::Http;
use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "connect-stream-sent-raw",
    incident: "CVE-2026-56866, CVE-2026-71324",
    story: "The DATA of a CONNECT is written unframed to a pooled connection; a refused tunnel leaves a request of its client there.",
    shape: Shape::Shift,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "h2-connect-refused",
    clients: Some(Http::H2),
    decisions: || Decisions { fills_tunnels_early: true, ..Decisions::reference() },
};
