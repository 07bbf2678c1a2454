//! A block of fields that is too large is decoded twice, once for its size and once to get over it, so that its entries stand
//! in the table twice.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Bends, Decisions};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "large-block-decoded-twice",
    incident: "CVE-2023-32731, grpc/grpc#33463",
    story: "Behind a block of fields that was too large, heads have the fields of other replies.",
    shape: Shape::Splice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "h2-hpack-skip",
    clients: None,
    // RFC 7541 §3.2: a block is decoded once, in its turn.
    decisions: || Decisions { bends_up: Some(Bends::LargeBlockTwice), ..Decisions::reference().with_h2_up() },
};
