//! What of a reply has to wait for its client's window waits in a buffer of which there is one.

use vocabulary::crossing::Http;
use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Keeps};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "stalled-reply-buffer-shared",
    incident: "CVE-2019-17638",
    story: "Of two replies that wait for their clients' windows, one goes on with the other's bytes.",
    shape: Shape::Splice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "h2-window-stall",
    clients: Some(Http::H2),
    // RFC 9113 §5.2.1: what waits for a window is the stream's own.
    decisions: || Decisions { keeps: Some(Keeps::StalledReply), ..Decisions::reference().with_h2_up() },
};
