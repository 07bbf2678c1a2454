//! A block of fields that is too large is skipped, with the entries that it makes into the table which all streams share.
//! From then on the places of the table are off, and heads decode to the fields of others.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Bends, Decisions};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "large-block-skipped",
    incident: "CVE-2023-32731",
    story: "Behind a block of fields that was too large, heads have the fields of other replies.",
    shape: Shape::Splice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "h2-hpack-skip",
    clients: None,
    // RFC 9113 §4.3: whoever refuses a block decodes it all the same; RFC 7541 §2.2: the table is the connection's.
    decisions: || Decisions { bends_up: Some(Bends::LargeBlockSkipped), ..Decisions::reference().with_h2_up() },
};
