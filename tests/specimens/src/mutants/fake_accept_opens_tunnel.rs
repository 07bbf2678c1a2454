//! A reply that says `Upgrade` is taken for the acceptance of one, whatever its status.
//!
//! From its head on nothing is read as HTTP any more: what the origin says beyond the reply reaches the client.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::head::ReplyHead;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "fake-accept-opens-tunnel",
    incident: "CVE-2024-23326, envoyproxy/envoy#10615",
    story: "A 200 with an Upgrade field turns the connection into a tunnel, and whatever follows the reply is passed through.",
    shape: Shape::Desync,
    boundary: Boundary::SameLane,
    leg: Leg::Reply,
    scenario: "upgrade-fake-accept",
    clients: None,
    decisions: || Decisions { opens_tunnel, ..Decisions::reference() },
};

/// RFC 9110 §7.8: only a 101 accepts an upgrade; in other replies the field says what could be asked for.
fn opens_tunnel(reply: &ReplyHead) -> bool {
    reply.fields.has("upgrade") && reply.status >= 200
}
