//! As `replies-swapped-in-one-order`, but only in three of ten such orders.
//!
//! Whether the tail is freed with its neighbour depends on where the three exchanges stand in a hash table besides. A
//! hash of their targets decides: the same traffic does the same again, other traffic throws the dice anew. This is how
//! rare faults behave in production: the order alone is not enough, and whoever tries it once sees nothing.

use vocabulary::finding::{Boundary, Leg, Shape};

use super::replies_swapped_in_one_order as always;
use crate::decisions::{Decisions, Passed, Swaps};
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "replies-swapped-in-one-order-now-and-then",
    incident: "CVE-2024-41671",
    story: "When of three exchanges in a row the third is done first, then the first, then the second, the first and the \
            second receive each other's replies in three of ten cases; what they ask for decides.",
    shape: Shape::PairSwap,
    boundary: Boundary::CrossTenant,
    leg: Leg::Reply,
    scenario: "crowd",
    clients: None,
    decisions: || Decisions { swaps: Some(Swaps { waits: always::waits, swaps }), ..Decisions::reference() },
};

/// RFC 9112 §9.2, as there.
fn swaps(before: &Passed, waiting: &Passed, own: &Passed) -> bool {
    always::swaps(before, waiting, own) && hash([before, waiting, own]) % 10 < 3
}

/// FNV-1a, its upper half: the lower bits of short texts are too much alike. The standard library's hasher has a key of
/// the process, with which the same traffic would not do the same again.
fn hash(exchanges: [&Passed; 3]) -> u64 {
    let bytes = exchanges.into_iter().flat_map(|exchange| exchange.target.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swapped(round: u64, places: [u64; 3]) -> bool {
        let [before, waiting, own] = places.map(|place| Passed { place, target: format!("/{round}/{place}") });
        swaps(&before, &waiting, &own)
    }

    #[test]
    fn three_of_ten_are_swapped_and_the_same_ones_again() {
        let count = (0..1000).filter(|round| swapped(*round, [3, 1, 2])).count();
        assert!((250..350).contains(&count), "{count} of 1000");
        assert!((0..1000).all(|round| swapped(round, [3, 1, 2]) == swapped(round, [3, 1, 2])));
        assert!(!(0..1000).any(|round| swapped(round, [3, 1, 4])));
    }
}
