//! How a run ended, in one word, and how words of its parts merge into one.
//!
//! The order is the order of merging: a proven finding outlives a later crash of ours, our crash is never shown as
//! the gateway's, and missing data never becomes green.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a run, or one of its scenarios, ended. The first that applies wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A reply was delivered to the wrong request, with proof.
    Violated,
    /// Crosswire itself failed.
    Broken,
    /// A cap or a guard ended the run.
    SafetyStop,
    /// Somebody ended the run.
    Interrupted,
    /// Too little happened for silence to count.
    Inconclusive,
    /// A gate failed, a requirement of level `should` was broken, or a suppression has expired.
    GateFailed,
    /// Nothing was wrong, and enough happened to say so.
    Clean,
}

impl Verdict {
    /// The verdict of two parts taken together.
    pub fn merge(self, other: Verdict) -> Verdict {
        self.min(other)
    }

    /// The exit code of the process. Interrupted by a signal other than SIGINT is the caller's to map (143).
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Clean => 0,
            Verdict::Inconclusive => 3,
            Verdict::Violated => 10,
            Verdict::GateFailed => 11,
            Verdict::SafetyStop => 20,
            Verdict::Broken => 70,
            Verdict::Interrupted => 130,
        }
    }

    /// The verdict as programs read it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Clean => "clean",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Violated => "violated",
            Verdict::GateFailed => "gate-failed",
            Verdict::SafetyStop => "safety-stop",
            Verdict::Broken => "broken",
            Verdict::Interrupted => "interrupted",
        }
    }

    /// The verdict as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Verdict::Clean => "Clean",
            Verdict::Inconclusive => "Inconclusive",
            Verdict::Violated => "Violated",
            Verdict::GateFailed => "Gate failed",
            Verdict::SafetyStop => "Safety stop",
            Verdict::Broken => "Broken",
            Verdict::Interrupted => "Interrupted",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_survives_everything_and_clean_survives_nothing() {
        for other in [
            Verdict::Broken,
            Verdict::SafetyStop,
            Verdict::Interrupted,
            Verdict::Inconclusive,
            Verdict::GateFailed,
            Verdict::Clean,
        ] {
            assert_eq!(Verdict::Violated.merge(other), Verdict::Violated);
            assert_eq!(other.merge(Verdict::Violated), Verdict::Violated);
            assert_eq!(Verdict::Clean.merge(other), other);
        }
    }

    #[test]
    fn the_word_is_the_one_that_json_has() {
        for word in crate::traced::words::<Verdict>() {
            let verdict: Verdict = serde_json::from_value((*word).into()).unwrap();
            assert_eq!(verdict.word(), *word);
        }
    }

    #[test]
    fn our_crash_is_not_hidden_by_a_lack_of_evidence() {
        assert_eq!(Verdict::Inconclusive.merge(Verdict::Broken), Verdict::Broken);
        assert_eq!(Verdict::GateFailed.merge(Verdict::Inconclusive), Verdict::Inconclusive);
    }
}
