//! The generator's only source of chance: a stream of numbers that a case's seed decides.
//!
//! SplitMix64 in ten lines of our own, so that a plan's bytes do not depend on the version of a library: a seed that
//! somebody wrote into an issue must still draw the same plan after an upgrade. Nothing here needs to be secret.

use std::hash::Hasher;

use vocabulary::identity::CaseNumber;

/// A stream of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The dice of one case: a hash of the run's seed, the scenario's name and the case's number.
    pub(crate) fn of_case(seed: u64, scenario: &str, case: CaseNumber) -> Dice {
        let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
        hash.write(&seed.to_le_bytes());
        hash.write(scenario.as_bytes());
        hash.write(&case.0.to_le_bytes());
        Dice(hash.finish())
    }

    /// Dice of their own, which these decide: how often either is thrown makes no difference to the other.
    pub(crate) fn fork(&mut self) -> Dice {
        Dice(self.next())
    }

    /// A number below `bound`, which is at least 1.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.below((high - low).saturating_add(1))
    }

    /// Yes once in `n` times.
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of several things.
    pub(crate) fn pick<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len() as u64) as usize]
    }

    /// Puts things into a random order.
    pub(crate) fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// FNV-1a. The standard library's hasher promises no stable values.
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_never_changes() {
        let mut dice = Dice::of_case(7, "plain-concurrency", CaseNumber(3));
        let first: Vec<u64> = (0..4).map(|_| dice.below(1000)).collect();
        assert_eq!(first, [228, 769, 256, 196]);
    }

    #[test]
    fn both_ends_of_a_range_are_drawn() {
        let mut dice = Dice(1);
        let drawn: std::collections::BTreeSet<u64> = (0..100).map(|_| dice.within(3, 5)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [3, 4, 5]);
    }
}
