//! Profiles: how much is run, and how much must have been verified for silence to count.

use std::time::Duration;

use scenarios::ProfileWord;
use vocabulary::record::EvidenceRequired;

/// How much is run. A scenario is done when it has had its cases, its faults and its verified replies; the run is done
/// when all scenarios are and enough was verified in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Cases of each scenario, at least.
    pub cases_min: u32,
    /// Cases of each scenario, at most.
    pub cases_max: u32,
    /// Faults of each scenario performed, or rightly prevented, at least.
    pub faults_min: u64,
    /// What must be verified for silence to count.
    pub evidence: EvidenceRequired,
    /// How long the run may take. What is not done by then is not counted as done.
    pub time_limit: Duration,
}

impl Profile {
    /// The names of all profiles.
    pub const NAMES: [&'static str; 3] = ["quick", "default", "deep"];

    /// What fits into a test: a minute at most.
    pub fn quick() -> Profile {
        Profile::named("quick").expect("there is a profile of this name")
    }

    /// The profile of this name.
    pub fn named(name: &str) -> Option<Profile> {
        let (cases_min, verified_min, verified_per_scenario_min, seconds) = match name {
            "quick" => (5, 500, 50, 60),
            "default" => (20, 5_000, 200, 300),
            "deep" => (100, 50_000, 2_000, 3_600),
            _ => return None,
        };
        Some(Profile {
            name: name.to_owned(),
            cases_min,
            cases_max: cases_min * 12,
            faults_min: 20,
            evidence: EvidenceRequired { verified_min, verified_per_scenario_min },
            time_limit: Duration::from_secs(seconds),
        })
    }

    /// Which scenarios it runs: one of a user's own making runs what the default does.
    pub fn word(&self) -> ProfileWord {
        let all = [ProfileWord::Quick, ProfileWord::Default, ProfileWord::Deep];
        all.into_iter().find(|word| word.word() == self.name).unwrap_or(ProfileWord::Default)
    }

    /// Exactly so many cases of each scenario. Whoever says so decides how much is enough.
    pub fn with_cases(self, cases: u32) -> Profile {
        let evidence = EvidenceRequired { verified_min: 1, verified_per_scenario_min: 1 };
        Profile { cases_min: cases, cases_max: cases, faults_min: 0, evidence, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_profile_exists_and_no_other() {
        assert!(Profile::NAMES.iter().all(|name| Profile::named(name).is_some()));
        assert_eq!(Profile::named("fast"), None);
    }
}
