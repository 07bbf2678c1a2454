//! What a gate can be held against: each metric with its exact numerator and denominator, read from the record.

use std::fmt;

use crate::latency::Quantiles;
use crate::record::{GATEWAYS_OWN_ERROR, REPEATED_ATTEMPT, RunRecord, UNANSWERED};

/// A number of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Requests sent.
    Exchanges,
    /// Replies verified.
    Verified,
    /// Replies verified after a performed fault.
    Exposures,
    /// Faults performed in full.
    FaultsPerformed,
    /// Findings that are not suppressed.
    Findings,
    /// Findings that are suppressed.
    Suppressed,
    /// What looked wrong and cannot be held against the gateway.
    Observations,
    /// Uses of an upstream connection on which something was still owed.
    NearMisses,
    /// Scenarios that the gateway rightly kept from biting.
    ScenariosPrevented,
    /// Scenarios that were left out.
    ScenariosSkipped,
    /// Verified replies, of all requests.
    VerifiedRate,
    /// The gateway's own errors, of all requests.
    ErrorRate,
    /// Requests without any reply, of all requests.
    NoAnswerRate,
    /// Attempts that the gateway has repeated, for each request.
    RetryRate,
    /// Hits, of the requests that could have been some.
    HitRate,
    /// The bound on the rate of wrong replies.
    UpperBound95,
    /// How long the run took.
    Duration,
    /// What the gateway kept half of the requests and replies for at most.
    LatencyP50,
    /// The same for 90 of 100.
    LatencyP90,
    /// The same for 99 of 100.
    LatencyP99,
}

/// What kind of number it is, and so in which unit a bound must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// A count.
    Count,
    /// A part of a whole, written in per cent.
    Share,
    /// A time, in milliseconds.
    Time,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// A count, a share of one, or milliseconds. None where there is nothing that it could have been measured on.
    pub value: Option<f64>,
    /// What it was measured on: the denominator, where there is one.
    pub samples: u64,
}

impl Reading {
    fn count(count: u64, samples: u64) -> Reading {
        Reading { value: (samples > 0).then_some(count as f64), samples }
    }

    fn time(latency: Option<Quantiles>, us: fn(Quantiles) -> u64) -> Reading {
        let value = latency.map(|latency| us(latency) as f64 / 1000.0);
        Reading { value, samples: latency.map_or(0, |latency| latency.samples) }
    }

    fn share(count: u64, samples: u64) -> Reading {
        Reading { value: (samples > 0).then(|| count as f64 / samples as f64), samples }
    }
}

impl Metric {
    /// Every metric, counts first.
    pub const ALL: [Metric; 20] = [
        Metric::Exchanges,
        Metric::Verified,
        Metric::Exposures,
        Metric::FaultsPerformed,
        Metric::Findings,
        Metric::Suppressed,
        Metric::Observations,
        Metric::NearMisses,
        Metric::ScenariosPrevented,
        Metric::ScenariosSkipped,
        Metric::VerifiedRate,
        Metric::ErrorRate,
        Metric::NoAnswerRate,
        Metric::RetryRate,
        Metric::HitRate,
        Metric::UpperBound95,
        Metric::Duration,
        Metric::LatencyP50,
        Metric::LatencyP90,
        Metric::LatencyP99,
    ];

    /// Its name in an expression.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Exchanges => "exchanges",
            Metric::Verified => "verified",
            Metric::Exposures => "exposures",
            Metric::FaultsPerformed => "faults_performed",
            Metric::Findings => "findings",
            Metric::Suppressed => "suppressed",
            Metric::Observations => "observations",
            Metric::NearMisses => "near_misses",
            Metric::ScenariosPrevented => "scenarios_prevented",
            Metric::ScenariosSkipped => "scenarios_skipped",
            Metric::VerifiedRate => "verified_rate",
            Metric::ErrorRate => "error_rate",
            Metric::NoAnswerRate => "no_answer_rate",
            Metric::RetryRate => "retry_rate",
            Metric::HitRate => "hit_rate",
            Metric::UpperBound95 => "upper_bound_95",
            Metric::Duration => "duration",
            Metric::LatencyP50 => "latency.p50",
            Metric::LatencyP90 => "latency.p90",
            Metric::LatencyP99 => "latency.p99",
        }
    }

    /// The metric of this name.
    pub fn named(name: &str) -> Option<Metric> {
        Metric::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// What it is exactly: the numerator, and of what.
    pub fn means(self) -> &'static str {
        match self {
            Metric::Exchanges => "requests sent, over all scenarios.",
            Metric::Verified => {
                "replies whose canaries are all their receiver's own, or lawfully shared with it, over all scenarios."
            }
            Metric::Exposures => "verified replies to requests that were sent after a fault had been performed.",
            Metric::FaultsPerformed => "planned misbehaviours of our ends that were performed in full.",
            Metric::Findings => "findings, without those that are suppressed.",
            Metric::Suppressed => "findings that a suppression covers.",
            Metric::Observations => "what looked wrong and cannot be held against the gateway, a kind counted once.",
            Metric::NearMisses => {
                "further requests on an upstream connection on which something was still owed, over all scenarios."
            }
            Metric::ScenariosPrevented => {
                "scenarios that the gateway rightly kept from biting; their silence bounds nothing."
            }
            Metric::ScenariosSkipped => "scenarios that were chosen and left out, each with its reason.",
            Metric::VerifiedRate => {
                "verified replies, of all requests sent. Clients that give up as planned are among the requests."
            }
            Metric::ErrorRate => {
                "replies of status 400 to 599 that the gateway made itself (no canary of the origin in them), of all requests sent. \
                 A faulty request that it refuses is none."
            }
            Metric::NoAnswerRate => {
                "requests that got no reply (none came, or the connection was closed, reset, refused or not reached), of all \
                 requests sent. Clients that give up as planned are not counted, but are among the requests."
            }
            Metric::RetryRate => "attempts beyond the first that arrived at the origin, for each request sent.",
            Metric::HitRate => {
                "replies that the gateway's store gave, of the requests that a fresh reply could lawfully have answered."
            }
            Metric::UpperBound95 => {
                "3/N over the N exposures of scenarios that could bite: with 95 % confidence fewer replies are wrong. It has no \
                 samples where something was found or nothing was exposed."
            }
            Metric::Duration => "from the start of the run to its end. A run that was cut short has none.",
            Metric::LatencyP50 => {
                "what the gateway kept a request (from the client's first byte to the origin) and then its reply (from the origin \
                 to the client) for, so that half of the plain exchanges took no longer: verified ones without a request body, \
                 without a fault, with one attempt. What our origin waits for by plan is not in it. Told an eighth too high at most."
            }
            Metric::LatencyP90 => "as latency.p50, for 90 of 100 plain exchanges.",
            Metric::LatencyP99 => "as latency.p50, for 99 of 100 plain exchanges.",
        }
    }

    /// What kind of number it is.
    pub fn quantity(self) -> Quantity {
        match self {
            Metric::Exchanges
            | Metric::Verified
            | Metric::Exposures
            | Metric::FaultsPerformed
            | Metric::Findings
            | Metric::Suppressed
            | Metric::Observations
            | Metric::NearMisses
            | Metric::ScenariosPrevented
            | Metric::ScenariosSkipped => Quantity::Count,
            Metric::VerifiedRate
            | Metric::ErrorRate
            | Metric::NoAnswerRate
            | Metric::RetryRate
            | Metric::HitRate
            | Metric::UpperBound95 => Quantity::Share,
            Metric::Duration | Metric::LatencyP50 | Metric::LatencyP90 | Metric::LatencyP99 => Quantity::Time,
        }
    }

    /// What it is measured on, in the plural.
    pub fn samples(self) -> &'static str {
        match self {
            Metric::Exchanges
            | Metric::Verified
            | Metric::Exposures
            | Metric::FaultsPerformed
            | Metric::Findings
            | Metric::Suppressed
            | Metric::Observations
            | Metric::NearMisses
            | Metric::VerifiedRate
            | Metric::ErrorRate
            | Metric::NoAnswerRate
            | Metric::RetryRate => "requests",
            Metric::ScenariosPrevented | Metric::ScenariosSkipped => "scenarios",
            Metric::HitRate => "requests that could have been hits",
            Metric::UpperBound95 => "exposures that bound it",
            Metric::Duration => "runs that ended",
            Metric::LatencyP50 | Metric::LatencyP90 | Metric::LatencyP99 => "plain exchanges",
        }
    }

    /// Reads it from a record.
    pub fn read(self, record: &RunRecord) -> Reading {
        let totals = &record.totals;
        let sent = totals.exchanges;
        let anomalies = |names: &[&str]| -> u64 {
            let all = record.scenarios.iter().flat_map(|scenario| &scenario.anomalies);
            all.filter(|(name, _)| names.contains(&name.as_str())).map(|(_, count)| count).sum()
        };
        let near_misses = record.scenarios.iter().flat_map(|scenario| scenario.near_misses.values()).sum();
        let run = record.scenarios.iter().filter(|scenario| scenario.exchanges > 0).count() as u64;
        let prevented = record.scenarios.iter().filter(|scenario| scenario.is_prevented()).count() as u64;
        match self {
            Metric::Exchanges => Reading::count(sent, sent),
            Metric::Verified => Reading::count(totals.verified, sent),
            Metric::Exposures => Reading::count(totals.exposures, sent),
            Metric::FaultsPerformed => Reading::count(totals.faults_performed, sent),
            Metric::Findings => Reading::count(record.findings.len() as u64, sent),
            Metric::Suppressed => Reading::count(record.suppressed.len() as u64, sent),
            Metric::Observations => Reading::count(record.observations.len() as u64, sent),
            Metric::NearMisses => Reading::count(near_misses, sent),
            Metric::ScenariosPrevented => Reading::count(prevented, run),
            Metric::ScenariosSkipped => {
                let skipped = record.skipped.len() as u64;
                Reading::count(skipped, run + skipped)
            }
            Metric::VerifiedRate => Reading::share(totals.verified, sent),
            Metric::ErrorRate => Reading::share(anomalies(&[GATEWAYS_OWN_ERROR]), sent),
            Metric::NoAnswerRate => Reading::share(anomalies(&UNANSWERED), sent),
            Metric::RetryRate => Reading::share(anomalies(&[REPEATED_ATTEMPT]), sent),
            Metric::HitRate => Reading::share(totals.store.hits, totals.store.possible),
            Metric::UpperBound95 => match totals.upper_bound_95 {
                None => Reading { value: None, samples: 0 },
                Some(bound) => Reading { value: Some(bound), samples: (3.0 / bound).round() as u64 },
            },
            Metric::LatencyP50 => Reading::time(totals.latency, |latency| latency.p50_us),
            Metric::LatencyP90 => Reading::time(totals.latency, |latency| latency.p90_us),
            Metric::LatencyP99 => Reading::time(totals.latency, |latency| latency.p99_us),
            Metric::Duration => match record.duration_ms.filter(|_| sent > 0) {
                None => Reading { value: None, samples: 0 },
                Some(ms) => Reading { value: Some(ms as f64), samples: 1 },
            },
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record_of;

    fn read(metric: Metric, anomalies: &[(&str, u64)]) -> Option<f64> {
        metric.read(&record_of(anomalies, 200)).value
    }

    #[test]
    fn every_name_is_found_again_and_no_other_is() {
        for metric in Metric::ALL {
            assert_eq!(Metric::named(metric.name()), Some(metric));
            assert!(metric.means().ends_with('.'), "{metric}");
        }
        assert_eq!(Metric::named("errors"), None);
    }

    #[test]
    fn each_rate_counts_what_it_says_and_nothing_else() {
        let own = ("gateway's own error", 2);
        let unanswered = [("no reply", 1), ("closed without a reply", 1), ("reset without a reply", 1)];
        let repeated = ("attempt repeated by the gateway", 10);
        assert_eq!(read(Metric::ErrorRate, &[own, repeated, unanswered[0]]), Some(0.01));
        assert_eq!(read(Metric::NoAnswerRate, &[&unanswered[..], &[own, repeated]].concat()), Some(0.015));
        assert_eq!(read(Metric::RetryRate, &[own, repeated]), Some(0.05));
        for metric in [Metric::ErrorRate, Metric::NoAnswerRate, Metric::RetryRate] {
            assert_eq!(read(metric, &[("own body altered", 9)]), Some(0.0), "{metric}");
        }
    }

    #[test]
    fn a_latency_is_read_in_milliseconds() {
        let mut record = record_of(&[], 200);
        assert_eq!(Metric::LatencyP99.read(&record), Reading { value: None, samples: 0 });
        record.totals.latency = Some(Quantiles { samples: 40, p50_us: 900, p90_us: 1500, p99_us: 2500 });
        assert_eq!(Metric::LatencyP50.read(&record), Reading { value: Some(0.9), samples: 40 });
        assert_eq!(Metric::LatencyP99.read(&record), Reading { value: Some(2.5), samples: 40 });
    }

    #[test]
    fn the_bound_has_the_exposures_that_it_follows_from() {
        let mut record = record_of(&[], 200);
        record.totals.upper_bound_95 = crate::record::upper_bound_95(5212);
        assert_eq!(Metric::UpperBound95.read(&record).samples, 5212);
        record.totals.upper_bound_95 = None;
        assert_eq!(Metric::UpperBound95.read(&record), Reading { value: None, samples: 0 });
    }
}
