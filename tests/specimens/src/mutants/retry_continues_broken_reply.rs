//! A reply that breaks off is asked for once more, and read into the same buffer, behind what the first attempt has
//! brought.
//!
//! The request is safe to repeat, and each of the two replies would have been right. The client receives the beginning
//! of one and then the whole of the other, with a length that fits both together.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Keeps};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "retry-continues-broken-reply",
    incident: "haproxy/haproxy#290",
    story: "A client receives a piece of the first attempt's reply and the whole of the second's as one.",
    shape: Shape::Splice,
    boundary: Boundary::SameLane,
    leg: Leg::Reply,
    scenario: "retry-duplicate-body",
    clients: None,
    // RFC 9112 §6: a reply is one message; RFC 9110 §9.2.2 lets the request be repeated, not the replies be joined.
    decisions: || Decisions {
        keeps: Some(Keeps::BrokenReply),
        may_retry: |request| request.idempotent && !request.has_body,
        ..Decisions::reference()
    },
};
