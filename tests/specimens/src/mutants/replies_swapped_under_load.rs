//! Two clients that wait at the same time now and then receive each other's replies.
//!
//! Every seventh reply may meet another one: a table of pending replies whose key is not unique, as in
//! gateways that pair by an id that clients choose. One request at a time never shows it. Seven, because a number that
//! divides the count of clients would let the same one wait, in vain, behind the others for ever.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "replies-swapped-under-load",
    incident: "CVE-2026-25536",
    story: "When replies arrive at about the same time, two clients now and then receive each other's.",
    shape: Shape::PairSwap,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "plain-concurrency",
    clients: None,
    // RFC 9112 §9.2: a reply belongs to the request that its connection asked first.
    decisions: || Decisions { crosses: Some(|stretch| stretch.exchanges % 7 == 0), ..Decisions::reference() },
};
