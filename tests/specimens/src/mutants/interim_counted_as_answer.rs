//! An interim reply uses up its request's place in the list of methods.
//!
//! Which request a reply answers, and so whether it has a body, is told by a list of methods that every reply shortens. After
//! a 103 the reply to a GET is written as one to the HEAD behind it: its head announces a body that does not come, and the
//! client reads the next reply as that body.

use vocabulary::crossing::Http;
use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Pipelining};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "interim-counted-as-answer",
    incident: "CVE-2026-100666",
    story: "After an interim reply, the final one is framed for the method of the request that was pipelined behind.",
    shape: Shape::Splice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "interim-method-queue",
    clients: Some(Http::H1),
    decisions: || {
        let right = Decisions::pipelining();
        // RFC 9110 §15.2: an interim reply answers nothing. RFC 9112 §6.3(1): the method is that of the request answered.
        Decisions {
            pipelining: right.pipelining.map(|line| Pipelining { paired_with: |interims| interims, ..line }),
            ..right
        }
    },
};
