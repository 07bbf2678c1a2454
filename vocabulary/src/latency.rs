//! How long a gateway kept requests and replies: a small histogram, kept for each case and added up over a run.
//!
//! Buckets grow with what they hold: eight to each doubling, so that a quantile is told an eighth too high at most, in
//! some two hundred counts whatever was measured.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Buckets to each doubling, and the bits that tell them apart.
const BITS: u32 = 3;

/// Counts of microseconds by bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Latency {
    counts: BTreeMap<u32, u64>,
}

/// The quantiles of a histogram, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quantiles {
    /// How many were measured.
    pub samples: u64,
    /// Half were no longer.
    pub p50_us: u64,
    /// 90 of 100 were no longer.
    pub p90_us: u64,
    /// 99 of 100 were no longer.
    pub p99_us: u64,
}

impl Latency {
    /// Takes one in.
    pub fn record(&mut self, us: u64) {
        *self.counts.entry(bucket(us)).or_default() += 1;
    }

    /// Takes in all of another.
    pub fn add(&mut self, other: &Latency) {
        for (bucket, count) in &other.counts {
            *self.counts.entry(*bucket).or_default() += count;
        }
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The quantiles; none where nothing was measured.
    pub fn quantiles(&self) -> Option<Quantiles> {
        let samples: u64 = self.counts.values().sum();
        let quantile = |percent: u64| self.at_rank((samples * percent).div_ceil(100));
        (samples > 0).then(|| Quantiles { samples, p50_us: quantile(50), p90_us: quantile(90), p99_us: quantile(99) })
    }

    /// The most that the bucket of this rank holds, the first rank being one.
    fn at_rank(&self, rank: u64) -> u64 {
        let mut seen = 0;
        let at = self.counts.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        at.map_or(0, |(bucket, _)| most(*bucket))
    }
}

/// The bucket of a number: its own up to sixteen, then by its first four bits.
fn bucket(us: u64) -> u32 {
    let shift = us.checked_ilog2().unwrap_or(0).saturating_sub(BITS);
    (shift << BITS) + (us >> shift) as u32
}

/// The largest number of a bucket.
fn most(bucket: u32) -> u64 {
    let shift = (bucket >> BITS).saturating_sub(1);
    let first = u64::from(bucket - (shift << BITS));
    (first << shift) + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_lies_in_its_bucket_and_no_bucket_is_wider_than_an_eighth() {
        for us in (0..5_000).chain((1..60).map(|bits| (1_u64 << bits) - 1)).chain((1..60).map(|bits| 1 << bits)) {
            let most = most(bucket(us));
            assert!(most >= us && most - us <= us / 8, "{us}: {most}");
            assert_eq!(bucket(most), bucket(us), "{us}");
            assert_eq!(bucket(most + 1), bucket(us) + 1, "{us}");
        }
    }

    #[test]
    fn a_quantile_is_what_so_many_did_not_exceed() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantiles(), None);
        (1..=100).for_each(|us| latency.record(us));
        let Quantiles { samples, p50_us, p90_us, p99_us } = latency.quantiles().unwrap();
        assert_eq!((samples, p50_us, p90_us, p99_us), (100, 51, 95, 103));
        let mut twice = latency.clone();
        twice.add(&latency);
        assert_eq!(twice.quantiles().map(|all| (all.samples, all.p50_us)), Some((200, 51)));
    }

    #[test]
    fn it_reads_back_as_it_was_written() {
        let mut latency = Latency::default();
        [0, 7, 8, 900, 1_000_000].into_iter().for_each(|us| latency.record(us));
        let text = serde_json::to_string(&latency).unwrap();
        assert_eq!(serde_json::from_str::<Latency>(&text).unwrap(), latency);
    }
}
