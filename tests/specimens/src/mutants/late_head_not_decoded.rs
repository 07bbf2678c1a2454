//! A head that comes on a stream which was reset is thrown away as it comes, with the entries that it makes into the table
//! which all streams share.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Bends, Decisions};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "late-head-not-decoded",
    incident: "apache/trafficserver#8448",
    story: "Behind the late head of a stream that its client had reset, heads have the fields of other replies.",
    shape: Shape::Splice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "h2-reset-then-reply",
    clients: None,
    // RFC 9113 §4.3, §5.1: what is ignored on a stream that was reset is decoded all the same.
    decisions: || Decisions { bends_up: Some(Bends::LateHeadSkipped), ..Decisions::reference().with_h2_up() },
};
