//! Requests for the same URL wait for the first one's reply, and get it, whatever it says.
//!
//! The rule that keeps a private reply out of the store is not asked for those who wait in front of it (Squid 2016).

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Caching, Decisions};
use crate::head::ReplyHead;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "private-reply-handed-to-those-who-wait",
    incident: "CVE-2016-10003",
    story: "Collapsed requests all get the reply of the first, though it is for the first alone.",
    shape: Shape::DuplicateDelivery,
    boundary: Boundary::CrossTenant,
    leg: Leg::Store,
    scenario: "coalesce-cross-principal",
    clients: None,
    decisions: || Decisions::caching_with(|right| Caching { hands_over: Some(hands_over), ..right }),
};

/// RFC 9111 §4: what must not be used from the store must not be used for a request that was collapsed either. Only
/// no-store is heard here.
fn hands_over(reply: &ReplyHead) -> bool {
    reply.status == 200 && !reply.fields.lists("cache-control", "no-store")
}
