//! Behind a chunked request, what arrives later is read before what was there already.
//!
//! What the chunks leave over is put aside and joined again with what has come meanwhile, in the wrong order. A request that
//! was pipelined at once is answered after one that came half a second later.

use vocabulary::crossing::Http;
use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "late-request-overtakes-behind-chunked",
    incident: "CVE-2024-41671",
    story: "Of the requests pipelined behind a chunked one, the last to arrive is answered first.",
    shape: Shape::PairSwap,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "pipelined-chunked-then-late",
    clients: Some(Http::H1),
    // RFC 9112 §9.3.2: in the order in which they were received.
    decisions: || Decisions { last_comes_first: |behind| behind.chunked, ..Decisions::reference() },
};
