//! Suppressions: findings that somebody answers for until a day, and that do not fail a run until then.
//!
//! A suppression names a fingerprint and never a pattern, so that nothing is set aside that nobody has seen. What it sets
//! aside stays in every report. After its day it fails the run itself: a defect is not forgotten because nobody looks.
//!
//! ```
//! use vocabulary::suppression::{Day, Suppression};
//!
//! let known = Suppression {
//!     fingerprint: "cw90f1c2ab34de5677".to_owned(),
//!     reason: "fixed in the next release".to_owned(),
//!     owner: "edge-team".to_owned(),
//!     expires: "2026-12-31".parse()?,
//! };
//! assert!(known.holds_on(Some("2026-12-31".parse()?)));
//! assert!(!known.holds_on(Some("2027-01-01".parse()?)));
//! assert!(!known.holds_on(None), "without a day nothing holds");
//! # Ok::<(), vocabulary::suppression::NoDay>(())
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::finding::{Boundary, Finding};
use crate::record::fingerprint;

/// A finding that somebody answers for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suppression {
    /// Which: as its card and every report write it.
    pub fingerprint: String,
    /// Why it may be there for now.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day on which it may, in UTC.
    pub expires: Day,
}

impl Suppression {
    /// Whether the finding is what this sets aside: of its fingerprint, or the same way over a narrower boundary, which is
    /// the same defect seen from nearer. One that reaches farther is never covered.
    pub fn covers(&self, finding: &Finding) -> bool {
        let Finding { scenario, shape, boundary, leg, severity, .. } = finding;
        let wider = Boundary::ALL.into_iter().filter(|wider| wider >= boundary);
        finding.fingerprint == self.fingerprint
            || wider.into_iter().any(|wider| fingerprint(scenario, *shape, wider, *leg, *severity) == self.fingerprint)
    }

    /// Whether it holds on this day. Where the day is not known, it does not.
    pub fn holds_on(&self, day: Option<Day>) -> bool {
        day.is_some_and(|day| day <= self.expires)
    }
}

/// What a suppression came to in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SuppressionState {
    /// It has set a finding aside.
    Applied,
    /// Its finding was not met.
    NotMet,
    /// Its day is over: it sets nothing aside and fails the run.
    Expired,
}

/// A suppression, and what it came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppressionRecord {
    /// As it was written.
    pub suppression: Suppression,
    /// What it came to.
    pub state: SuppressionState,
}

impl SuppressionRecord {
    /// What it came to, as a sentence.
    pub fn told(&self) -> String {
        let Suppression { fingerprint, reason, owner, expires } = &self.suppression;
        match self.state {
            SuppressionState::Applied => {
                format!("{fingerprint} is suppressed until {expires}; {owner} answers for it: {reason}")
            }
            SuppressionState::NotMet => format!(
                "{fingerprint} is suppressed until {expires} and was not met in this run; {owner} answers for it: {reason}"
            ),
            SuppressionState::Expired => {
                format!("the suppression of {fingerprint} expired on {expires}; {owner} answers for it: {reason}")
            }
        }
    }
}

/// A finding that was set aside, and by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppressedFinding {
    /// The finding, with all its evidence.
    pub finding: Finding,
    /// Who answers for it, why, and until when.
    pub suppression: Suppression,
}

/// A day of the calendar, in UTC: `2026-12-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

/// A text is no day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no day; write it like 2026-12-31")]
pub struct NoDay(String);

impl Day {
    /// The day of a moment in RFC 3339, which is taken to be in UTC as all of a run are.
    pub fn of_moment(moment: &str) -> Option<Day> {
        moment.split_once('T')?.0.parse().ok()
    }
}

impl FromStr for Day {
    type Err = NoDay;

    fn from_str(text: &str) -> Result<Day, NoDay> {
        let none = || NoDay(text.to_owned());
        let number = |part: &str, digits: usize| {
            let right = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<u16>().ok().filter(|_| right)
        };
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts[..] else { return Err(none()) };
        let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
            return Err(none());
        };
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return Err(none()),
        };
        match (1..=days).contains(&day) {
            true => Ok(Day { year, month: month as u8, day: day as u8 }),
            false => Err(none()),
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl TryFrom<String> for Day {
    type Error = NoDay;

    fn try_from(text: String) -> Result<Day, NoDay> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> String {
        day.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Leg, Severity, Shape};
    use crate::record::tests::finding;
    use crate::scenario::Level;

    fn of(boundary: Boundary) -> Finding {
        let plain = finding(Level::Must);
        let fingerprint = fingerprint(&plain.scenario, plain.shape, boundary, plain.leg, plain.severity);
        Finding { boundary, fingerprint, ..plain }
    }

    fn suppression(finding: &Finding) -> Suppression {
        Suppression {
            fingerprint: finding.fingerprint.clone(),
            reason: "known".to_owned(),
            owner: "us".to_owned(),
            expires: "2026-12-31".parse().unwrap(),
        }
    }

    #[test]
    fn a_finding_is_covered_by_its_fingerprint_and_nothing_else_is() {
        let known = of(Boundary::CrossTenant);
        let covers = |other: &Finding| suppression(&known).covers(other);
        assert!(covers(&known));
        let elsewhere = fingerprint("another", Shape::Shift, Boundary::CrossTenant, Leg::Reply, known.severity);
        assert!(!covers(&Finding { scenario: "another".to_owned(), fingerprint: elsewhere, ..known.clone() }));
        let other_leg = fingerprint(&known.scenario, known.shape, known.boundary, Leg::Store, known.severity);
        assert!(!covers(&Finding { leg: Leg::Store, fingerprint: other_leg, ..known.clone() }));
    }

    #[test]
    fn whoever_answers_for_a_stale_reply_does_not_answer_for_a_leak() {
        let aged = |finding: Finding, severity| {
            let Finding { scenario, shape, boundary, leg, .. } = &finding;
            Finding { fingerprint: fingerprint(scenario, *shape, *boundary, *leg, severity), severity, ..finding }
        };
        let plain = of(Boundary::CrossTenant);
        let (leak, stale) = (aged(plain.clone(), Severity::Leak), aged(plain, Severity::Staleness));
        assert!(suppression(&stale).covers(&stale) && !suppression(&stale).covers(&leak));
        assert!(!suppression(&leak).covers(&stale));
    }

    #[test]
    fn what_reaches_less_far_is_covered_and_what_reaches_farther_never() {
        let near = of(Boundary::SameTenant);
        assert!(suppression(&of(Boundary::CrossTenant)).covers(&near));
        assert!(!suppression(&near).covers(&of(Boundary::CrossTenant)));
        assert!(!suppression(&of(Boundary::SameLane)).covers(&near));
    }

    #[test]
    fn a_day_is_one_of_the_calendar() {
        for day in ["2026-12-31", "2024-02-29", "2000-02-29", "0001-01-01"] {
            assert_eq!(day.parse::<Day>().unwrap().to_string(), day);
        }
        for none in ["", "2026-13-01", "2026-02-29", "1900-02-29", "2026-04-31", "2026-1-1", "26-01-01", "2026-01-00"] {
            assert!(none.parse::<Day>().is_err_and(|error| error.to_string().contains("2026-12-31")), "{none}");
        }
        assert!("2026-09-30".parse::<Day>().unwrap() < "2026-10-01".parse().unwrap());
    }

    #[test]
    fn a_moment_has_its_day() {
        assert_eq!(Day::of_moment("2026-03-02T10:11:12.345Z"), "2026-03-02".parse().ok());
        assert_eq!(Day::of_moment("2026-03-02"), None);
        assert_eq!(Day::of_moment("yesterday"), None);
    }
}
