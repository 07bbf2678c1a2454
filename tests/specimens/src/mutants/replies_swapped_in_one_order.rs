//! Of three exchanges in a row, two receive each other's replies if the third is done first, then the first, then the
//! second.
//!
//! Pending exchanges stand in a ring, in the order in which they were passed on. A reply that leaves from the middle
//! leaves a hole, and the tail, when its reply comes next, is not freed alone but with its neighbour: the two are then
//! taken out from the wrong end. Every other order frees slot after slot and is right. So it was with a queue of
//! libcurl that was sorted anew while some of its requests were still being sent.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::{Decisions, Passed, Swaps};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "replies-swapped-in-one-order",
    incident: "curl/curl#1380",
    story: "When of three exchanges in a row the third is done first, then the first, then the second, the first and the \
            second receive each other's replies.",
    shape: Shape::PairSwap,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "crowd",
    clients: None,
    decisions: || Decisions { swaps: Some(Swaps { waits, swaps }), ..Decisions::reference() },
};

/// The first is done directly after the third.
pub(super) fn waits(before: &Passed, own: &Passed) -> bool {
    before.place == own.place + 2
}

/// And directly after it the second. RFC 9112 §9.2: each came on a connection of its own, which says whose it is.
pub(super) fn swaps(_before: &Passed, waiting: &Passed, own: &Passed) -> bool {
    waiting.place + 1 == own.place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn third_first_second_is_the_only_order_of_three_that_swaps() {
        let passed = |place| Passed { place, target: String::new() };
        let swapped = |order: [u64; 3]| {
            let [before, waiting, own] = order.map(passed);
            waits(&before, &waiting) && swaps(&before, &waiting, &own)
        };
        let orders = (1..=6).flat_map(|a| (1..=6).flat_map(move |b| (1..=6).map(move |c| [a, b, c])));
        let found: Vec<[u64; 3]> = orders.filter(|order| swapped(*order)).collect();
        assert_eq!(found, [[3, 1, 2], [4, 2, 3], [5, 3, 4], [6, 4, 5]]);
    }
}
