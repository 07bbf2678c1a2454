//! The simulated network's only source of chance.
//!
//! SplitMix64, written out, so that what a seed means does not depend on the version of a library. Nothing here needs to
//! be secret.

use std::time::Duration;

/// What a segment's latency is drawn from, in milliseconds: tokio's timer knows nothing smaller. Most segments are there
/// at once, as on loopback; the others let somebody else go first.
const LATENCIES_MS: [u64; 7] = [0, 0, 0, 0, 1, 1, 2];

/// A stream of numbers.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// How long something is on its way.
    pub(crate) fn latency(&mut self) -> Duration {
        let count = LATENCIES_MS.len() as u128;
        Duration::from_millis(LATENCIES_MS[((u128::from(self.next()) * count) >> 64) as usize])
    }

    /// Where something stands among all that arrives in the same millisecond.
    pub(crate) fn lot(&mut self) -> u32 {
        (self.next() >> 32) as u32
    }

    /// Heads or tails.
    pub(crate) fn coin(&mut self) -> bool {
        self.next() >> 63 == 1
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_never_changes() {
        let mut dice = Dice::new(7);
        let drawn: Vec<u128> = (0..12).map(|_| dice.latency().as_millis()).collect();
        assert_eq!(drawn, [0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
    }

    #[test]
    fn most_segments_are_there_at_once_and_every_latency_is_drawn() {
        let mut dice = Dice::new(1);
        let drawn: Vec<u128> = (0..700).map(|_| dice.latency().as_millis()).collect();
        let count = |latency| drawn.iter().filter(|drawn| **drawn == latency).count();
        assert!(count(0) > count(1) && count(1) > count(2) && count(2) > 0, "{} {} {}", count(0), count(1), count(2));
    }
}
