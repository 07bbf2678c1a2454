//! After four chunked replies in a row on one upstream connection, the last but one is written once more.
//!
//! Decoded chunks are gathered in a buffer that is taken from a list of free ones and given back when the reply has
//! gone. A reply with a length needs none and lets the list settle; a run of chunked ones gives the same buffer back
//! twice, and it is written out before it was filled anew. A client library lost its requests' bodies to each other
//! this way.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "reply-repeated-after-chunked-run",
    incident: "CVE-2023-45286",
    story: "Every fourth chunked reply in a row on one upstream connection is replaced by the one before it.",
    shape: Shape::DuplicateDelivery,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "plain-concurrency",
    clients: None,
    // RFC 9112 §7.1.3: a chunked reply is what its own chunks held.
    decisions: || Decisions {
        repeats: Some(|stretch| stretch.chunked > 0 && stretch.chunked % 4 == 0),
        ..Decisions::reference()
    },
};
