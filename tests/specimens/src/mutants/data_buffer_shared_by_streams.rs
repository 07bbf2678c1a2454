//! DATA of all streams is read into one buffer and handed out when the next has come, by when another's stands there.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Bends, Decisions};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "data-buffer-shared-by-streams",
    incident: "CVE-2021-25122",
    story: "The body of one stream has pieces of another's in it, where their frames alternate.",
    shape: Shape::Splice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "h2-interleaved-data",
    clients: None,
    // RFC 9113 §5: DATA belongs to the stream that it names, however the frames of several alternate.
    decisions: || Decisions { bends_up: Some(Bends::DataShared), ..Decisions::reference().with_h2_up() },
};
