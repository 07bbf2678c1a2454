//! Gates as people write them: `error_rate < 1%`, `verified >= 5k`, `duration <= 5m`.

use std::fmt;
use std::str::FromStr;

use super::{Bound, Comparison, Gate, Metric, Quantity, Unit};
use crate::nearest::nearest;

/// Why an expression is no gate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// It has not the form of one.
    #[error("read the gate {text:?}: write it like error_rate < 1% or verified >= 5000, with <, <=, >, >= or ==")]
    Form {
        /// As given.
        text: String,
    },
    /// There is no such metric.
    #[error("read the gate {text:?}: there is no metric {found:?}{}; there is {}", did_you_mean(.found), known())]
    Metric {
        /// As given.
        text: String,
        /// What stands in the place of the metric.
        found: String,
    },
    /// The bound is no number of the metric's kind.
    #[error("read the gate {text:?}: {metric} is held against {}, and {found:?} is none", wanted(*.metric))]
    Bound {
        /// As given.
        text: String,
        /// The metric.
        metric: Metric,
        /// What stands in the place of the bound.
        found: String,
    },
}

fn did_you_mean(found: &str) -> String {
    let near = nearest(found, Metric::ALL.map(Metric::name));
    near.map(|near| format!(", did you mean {near:?}?")).unwrap_or_default()
}

fn known() -> String {
    Metric::ALL.map(Metric::name).join(", ")
}

/// A bound without a unit is taken for a count only: nobody should have to guess what `error_rate < 1` means.
fn wanted(metric: Metric) -> &'static str {
    match metric.quantity() {
        Quantity::Count => "a count, like 5000 or 5k",
        Quantity::Share => "a part of a whole, like 0.5% (up to 100%)",
        Quantity::Time => "a time with its unit, like 250ms, 30s or 5m",
    }
}

impl FromStr for Gate {
    type Err = GateError;

    fn from_str(text: &str) -> Result<Gate, GateError> {
        let form = || GateError::Form { text: text.to_owned() };
        let at = text.find(['<', '>', '=', '!']).ok_or_else(form)?;
        let (name, rest) = (text[..at].trim(), &text[at..]);
        let comparison = Comparison::ALL.into_iter().find(|comparison| rest.starts_with(comparison.sign()));
        let comparison = comparison.ok_or_else(form)?;
        let written = rest[comparison.sign().len()..].trim();
        if name.is_empty() || written.is_empty() {
            return Err(form());
        }
        let metric =
            Metric::named(name).ok_or_else(|| GateError::Metric { text: text.to_owned(), found: name.to_owned() })?;
        let bound = bound(written).filter(|bound| bound.unit.quantity() == metric.quantity());
        // A share of more than the whole is a slip: such a gate would always hold, or never.
        let bound = bound.filter(|bound| bound.unit != Unit::Percent || bound.number <= 100.0);
        match bound {
            Some(bound) => Ok(Gate { metric, comparison, bound }),
            None => Err(GateError::Bound { text: text.to_owned(), metric, found: written.to_owned() }),
        }
    }
}

fn bound(text: &str) -> Option<Bound> {
    let unit = Unit::WRITTEN.into_iter().find(|unit| text.ends_with(unit.suffix())).unwrap_or(Unit::One);
    let number = text[..text.len() - unit.suffix().len()].trim_end();
    let (number, times) = match (unit, number.strip_suffix('k'), number.strip_suffix('M')) {
        (Unit::One, Some(number), _) => (number, 1e3),
        (Unit::One, None, Some(number)) => (number, 1e6),
        (_, _, _) => (number, 1.0),
    };
    // What `f64` reads as well, `inf`, `1e3`, `-1`, is no number that people write here.
    let plain = number.starts_with(|c: char| c.is_ascii_digit());
    let plain = plain && number.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '_'));
    let number = number.replace('_', "").parse::<f64>().ok().filter(|_| plain)? * times;
    (unit != Unit::One || number.fract() == 0.0).then_some(Bound { number, unit })
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number, self.unit.suffix())
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.metric, self.comparison.sign(), self.bound)
    }
}

impl TryFrom<String> for Gate {
    type Error = GateError;

    fn try_from(text: String) -> Result<Gate, GateError> {
        text.parse()
    }
}

impl From<Gate> for String {
    fn from(gate: Gate) -> String {
        gate.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &str, as_: &str) {
        let gate = text.parse::<Gate>().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(gate.to_string(), as_);
        assert_eq!(as_.parse::<Gate>().unwrap(), gate, "it reads back");
    }

    #[track_caller]
    fn refuses(text: &str, says: &[&str]) {
        let error = text.parse::<Gate>().unwrap_err().to_string();
        for word in says {
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn a_gate_is_read_with_or_without_spaces() {
        reads("error_rate < 1%", "error_rate < 1%");
        reads("error_rate<0.05%", "error_rate < 0.05%");
        reads("  verified  >=  5_000 ", "verified >= 5000");
        reads("verified>=10k", "verified >= 10000");
        reads("exchanges > 1M", "exchanges > 1000000");
        reads("observations == 0", "observations == 0");
        reads("hit_rate > 50 %", "hit_rate > 50%");
        reads("duration <= 5m", "duration <= 5m");
        reads("duration < 1.5s", "duration < 1.5s");
        reads("latency.p99<=250ms", "latency.p99 <= 250ms");
    }

    #[test]
    fn what_is_none_is_told_what_one_is() {
        for text in ["", "error_rate", "< 1%", "error_rate 1%", "error_rate <", "error_rate != 1%", "error_rate = 1%"] {
            refuses(text, &["error_rate < 1%", "=="]);
        }
        refuses("eror_rate < 1%", &["eror_rate", "did you mean \"error_rate\"?", "hit_rate"]);
        refuses("p99 < 1s", &["p99", "there is exchanges, verified"]);
        for text in ["error_rate < 1", "error_rate < 0.01", "error_rate < 101%", "error_rate < 1ms", "hit_rate > x%"] {
            refuses(text, &["a part of a whole, like 0.5%"]);
        }
        for text in
            ["verified > 1%", "verified > 1.5", "verified > -1", "verified > inf", "verified > 1e3", "verified > k"]
        {
            refuses(text, &["a count, like 5000"]);
        }
        for text in ["duration < 60", "duration < 1h", "duration < 5%"] {
            refuses(text, &["a time with its unit"]);
        }
    }
}
