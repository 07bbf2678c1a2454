//! Two streams of one client connection receive each other's replies: the map from the connections behind the gateway to the
//! streams before it is off by one.
//!
//! As long as every tenant has a client of its own it only mixes up what belongs together. A proxy before the gateway, or an
//! application that many use, puts many tenants on one connection.

use vocabulary::crossing::Http;
use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Bends, Decisions};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "client-streams-off-by-one",
    incident: "haproxy/haproxy#290, haproxy/haproxy#2070",
    story: "Two streams of one client connection receive each other's replies, each of which came on a connection of its own.",
    shape: Shape::PairSwap,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "h2-coalesced-authorities",
    clients: Some(Http::H2),
    // RFC 9113 §8.1: a reply goes out on the stream of its request.
    decisions: || Decisions { bends_down: Some(Bends::NeighboursSwapped), ..Decisions::reference() },
};
