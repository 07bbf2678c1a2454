//! After sixteen exchanges in a row without a new client connection, clients begin to receive each other's replies.
//!
//! What belongs to a client's connection is set up anew when one is accepted, and only then. As long as connections come
//! and go nobody notices; among clients that keep theirs, a pointer into the workspace of an earlier request survives
//! from exchange to exchange, until it points into that of another client.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "replies-swapped-after-kept-run",
    incident: "CVE-2019-20637",
    story: "After sixteen exchanges in a row on kept client connections, every third reply is exchanged with the next \
            one.",
    shape: Shape::PairSwap,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "crowd",
    clients: None,
    // RFC 9112 §9.3: a kept connection carries further exchanges; it changes nothing about them.
    decisions: || Decisions {
        crosses: Some(|stretch| stretch.kept >= 16 && stretch.kept % 3 == 1),
        ..Decisions::reference()
    },
};
