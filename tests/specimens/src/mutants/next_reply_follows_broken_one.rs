//! A reply that the origin breaks off counts as having ended there, and its client's connection as free for the next one.
//!
//! The client knows better: by the declared length more must come, and it reads the head and body of the next reply as that.

use vocabulary::crossing::Http;
use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, ReplyEnd};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "next-reply-follows-broken-one",
    incident: "twisted/twisted#3618",
    story: "Where the origin breaks off a reply in a pipeline, the next one is read as its rest.",
    shape: Shape::Splice,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "pipelined-broken-reply",
    clients: Some(Http::H1),
    // RFC 9112 §6.3 item 6: the connection on which a message is incomplete is closed.
    decisions: || Decisions { ends_where_broken: |end| matches!(end, ReplyEnd::Length(_)), ..Decisions::reference() },
};
