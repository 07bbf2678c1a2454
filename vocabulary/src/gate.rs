//! Gates of a release: expressions over a run's numbers, like `error_rate < 1%`, that must hold for it to pass.
//!
//! They are no isolation: what is delivered to the wrong request is a finding, whatever its gates say. What they hold a
//! gateway to beside that is the user's to say. A gate without samples neither holds nor fails: it makes the run
//! Inconclusive, for missing data is never green. (A plan's gates, which hold replies back, are
//! [directives](crate::directive).)
//!
//! ```
//! use vocabulary::gate::{Comparison, Gate, Metric};
//!
//! let gate: Gate = "error_rate < 1%".parse()?;
//! assert_eq!((gate.metric, gate.comparison), (Metric::ErrorRate, Comparison::Below));
//! assert_eq!(gate.to_string(), "error_rate < 1%");
//! # Ok::<(), vocabulary::gate::GateError>(())
//! ```

mod expression;
mod metric;

use serde::{Deserialize, Serialize};

use crate::record::RunRecord;

pub use expression::GateError;
pub use metric::{Metric, Quantity, Reading};

/// One gate, as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Gate {
    /// What is measured.
    pub metric: Metric,
    /// How it must compare.
    pub comparison: Comparison,
    /// To what.
    pub bound: Bound,
}

/// How a reading must compare to the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Comparison {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
}

impl Comparison {
    /// Every comparison, those of two signs first: a reader tries them in this order.
    pub const ALL: [Comparison; 5] =
        [Comparison::AtMost, Comparison::AtLeast, Comparison::Equal, Comparison::Below, Comparison::Above];

    /// The sign.
    pub fn sign(self) -> &'static str {
        match self {
            Comparison::Below => "<",
            Comparison::AtMost => "<=",
            Comparison::Above => ">",
            Comparison::AtLeast => ">=",
            Comparison::Equal => "==",
        }
    }

    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Comparison::Below => value < bound,
            Comparison::AtMost => value <= bound,
            Comparison::Above => value > bound,
            Comparison::AtLeast => value >= bound,
            Comparison::Equal => value == bound,
        }
    }
}

/// A number with its unit, as it was written: `1%` stays one per cent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// The number, of that unit.
    pub number: f64,
    /// The unit.
    pub unit: Unit,
}

/// The unit of a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// None: a count.
    One,
    /// `%`
    Percent,
    /// `us`
    Microseconds,
    /// `ms`
    Milliseconds,
    /// `s`
    Seconds,
    /// `m`
    Minutes,
}

impl Unit {
    /// Every unit that is written, the longer ones first: a reader tries them in this order.
    pub const WRITTEN: [Unit; 5] =
        [Unit::Percent, Unit::Microseconds, Unit::Milliseconds, Unit::Seconds, Unit::Minutes];

    /// How it is written.
    pub fn suffix(self) -> &'static str {
        match self {
            Unit::One => "",
            Unit::Percent => "%",
            Unit::Microseconds => "us",
            Unit::Milliseconds => "ms",
            Unit::Seconds => "s",
            Unit::Minutes => "m",
        }
    }

    /// What has this unit.
    pub fn quantity(self) -> Quantity {
        match self {
            Unit::One => Quantity::Count,
            Unit::Percent => Quantity::Share,
            Unit::Microseconds | Unit::Milliseconds | Unit::Seconds | Unit::Minutes => Quantity::Time,
        }
    }
}

impl Bound {
    /// The bound as readings are: a count, a share of one, milliseconds.
    pub fn value(self) -> f64 {
        match self.unit {
            Unit::One | Unit::Milliseconds => self.number,
            Unit::Percent => self.number / 100.0,
            Unit::Microseconds => self.number / 1000.0,
            Unit::Seconds => self.number * 1000.0,
            Unit::Minutes => self.number * 60_000.0,
        }
    }
}

/// How a gate ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateState {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// Nothing was measured that it could be held against.
    NoSamples,
}

/// A gate, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GateRecord {
    /// The gate, written out.
    pub expression: Gate,
    /// How it ended.
    pub state: GateState,
    /// What was measured: a count, a share of one, or milliseconds. None without samples.
    pub value: Option<f64>,
    /// What it was held against, in the same unit.
    pub bound: f64,
    /// What the value was measured on.
    pub samples: u64,
}

impl Gate {
    /// Holds the gate against a run.
    pub fn judge(self, record: &RunRecord) -> GateRecord {
        let Reading { value, samples } = self.metric.read(record);
        let bound = self.bound.value();
        let state = match value {
            None => GateState::NoSamples,
            Some(value) if self.comparison.holds(value, bound) => GateState::Passed,
            Some(_) => GateState::Failed,
        };
        GateRecord { expression: self, state, value, bound, samples }
    }
}

impl GateRecord {
    /// What became of it, without the gate itself: `failed: 4.2% of 1204 requests`.
    pub fn told(&self) -> String {
        let metric = self.expression.metric;
        let state = match self.state {
            GateState::Passed => "passed",
            GateState::Failed => "failed",
            GateState::NoSamples => return format!("no samples: 0 {}", metric.samples()),
        };
        let value = self.value.unwrap_or_default();
        match metric.quantity() {
            Quantity::Count => format!("{state}: {value}"),
            Quantity::Share => format!("{state}: {}% of {} {}", rounded(value * 100.0), self.samples, metric.samples()),
            Quantity::Time if self.samples == 1 => format!("{state}: {}ms", rounded(value)),
            Quantity::Time => format!("{state}: {}ms of {} {}", rounded(value), self.samples, metric.samples()),
        }
    }
}

/// As many digits as tell a value from a bound that somebody would write.
fn rounded(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record_of;

    fn judged(gate: &str, record: &RunRecord) -> (GateState, String) {
        let judged = gate.parse::<Gate>().unwrap().judge(record);
        (judged.state, judged.told())
    }

    #[test]
    fn a_gate_passes_up_to_its_bound_and_fails_beyond_it() {
        let record = record_of(&[("gateway's own error", 3), ("no reply", 1)], 300);
        for (gate, state) in [
            ("error_rate < 1%", GateState::Failed),
            ("error_rate <= 1%", GateState::Passed),
            ("error_rate == 1%", GateState::Passed),
            ("error_rate >= 1%", GateState::Passed),
            ("error_rate > 1%", GateState::Failed),
            ("error_rate < 1.01%", GateState::Passed),
            ("exchanges >= 300", GateState::Passed),
            ("exchanges >= 301", GateState::Failed),
        ] {
            assert_eq!(judged(gate, &record).0, state, "{gate}");
        }
    }

    #[test]
    fn without_samples_nothing_passes_and_nothing_fails() {
        let record = record_of(&[], 300);
        let (state, told) = judged("hit_rate > 50%", &record);
        assert_eq!((state, told.as_str()), (GateState::NoSamples, "no samples: 0 requests that could have been hits"));
        let nothing = record_of(&[], 0);
        for metric in Metric::ALL {
            let bound = match metric.quantity() {
                Quantity::Count => "5",
                Quantity::Share => "5%",
                Quantity::Time => "5ms",
            };
            for sign in ["<", ">="] {
                let (state, told) = judged(&format!("{metric} {sign} {bound}"), &nothing);
                assert_eq!(state, GateState::NoSamples, "{metric} {sign} {bound}: {told}");
            }
        }
    }

    #[test]
    fn what_became_of_it_is_told_with_what_it_was_measured_on() {
        let record = record_of(&[("gateway's own error", 1)], 300);
        assert_eq!(judged("error_rate < 0.1%", &record).1, "failed: 0.333333% of 300 requests");
        assert_eq!(judged("exchanges > 1k", &record).1, "failed: 300");
        assert_eq!(judged("duration < 1s", &record).1, "passed: 5ms");
    }
}
