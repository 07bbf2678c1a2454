//! The fields of a request that waits because the origin takes no more streams are kept in a place of which there is one.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Keeps};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "queued-fields-shared",
    incident: "CVE-2020-13943",
    story: "A request that had to wait for its stream goes out with the fields of another that waited.",
    shape: Shape::RequestSplice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Request,
    scenario: "h2-settings-shrink",
    clients: None,
    // RFC 9113 §5.1.2: whoever has reached the limit of streams waits; the request stays what it is.
    decisions: || Decisions { keeps: Some(Keeps::QueuedFields), ..Decisions::reference().with_h2_up() },
};
