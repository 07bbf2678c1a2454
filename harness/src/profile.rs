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
    /// Which scenarios it runs: those of this profile of the catalogue.
    pub runs: ProfileWord,
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
        let runs = [ProfileWord::Quick, ProfileWord::Default, ProfileWord::Deep];
        let runs = runs.into_iter().find(|word| word.word() == name)?;
        let (cases_min, verified_min, verified_per_scenario_min, seconds) = match runs {
            ProfileWord::Quick => (5, 500, 50, 60),
            ProfileWord::Default => (20, 5_000, 200, 300),
            ProfileWord::Deep => (100, 50_000, 2_000, 3_600),
        };
        Some(Profile {
            name: name.to_owned(),
            cases_min,
            cases_max: cases_min * 12,
            faults_min: 20,
            evidence: EvidenceRequired { verified_min, verified_per_scenario_min },
            time_limit: Duration::from_secs(seconds),
            runs,
        })
    }

    /// Exactly so many cases of each scenario. Whoever says so decides how much is enough.
    pub fn with_cases(self, cases: u32) -> Profile {
        let evidence = EvidenceRequired { verified_min: 1, verified_per_scenario_min: 1 };
        Profile { cases_min: cases, cases_max: cases, faults_min: 0, evidence, ..self }
    }

    /// So many verified replies are enough, and no scenario needs more than all.
    pub fn with_verified_min(self, verified_min: u64) -> Profile {
        let verified_per_scenario_min = self.evidence.verified_per_scenario_min.min(verified_min);
        Profile { evidence: EvidenceRequired { verified_min, verified_per_scenario_min }, ..self }
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

    #[test]
    fn the_evidence_that_is_asked_for_can_be_lowered_and_raised() {
        let quick = || Profile::named("quick").unwrap();
        let required = |profile: Profile| (profile.evidence.verified_min, profile.evidence.verified_per_scenario_min);
        assert_eq!(required(quick().with_verified_min(5_000)), (5_000, 50));
        assert_eq!(required(quick().with_verified_min(20)), (20, 20));
        assert_eq!(required(quick().with_cases(3)), (1, 1));
        assert_eq!(required(quick().with_cases(3).with_verified_min(20)), (20, 1));
    }
}
