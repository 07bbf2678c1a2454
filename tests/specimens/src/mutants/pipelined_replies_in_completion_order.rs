//! Pipelined requests are worked on together, and whichever reply comes first leaves first.
//!
//! The writer waits a moment for the reply whose turn it is, so that quick origins never show it. Behind a slow request the
//! quick ones overtake, and as HTTP/1.1 knows replies by their order alone, everybody receives somebody else's.

use std::time::Duration;

use vocabulary::crossing::Http;
use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Pipelining};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "pipelined-replies-in-completion-order",
    incident: "CVE-2023-46137",
    story: "The replies to pipelined requests leave in the order in which they come, if the first of them takes longer than 10 ms.",
    shape: Shape::PairSwap,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "pipelined-slow-fast",
    clients: Some(Http::H1),
    decisions: || {
        let right = Decisions::pipelining();
        let turn_wait = Some(Duration::from_millis(10));
        // RFC 9112 §9.3.2: replies are sent in the order in which the requests were received.
        Decisions { pipelining: right.pipelining.map(|line| Pipelining { turn_wait, ..line }), ..right }
    },
};
