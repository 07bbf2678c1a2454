//! How often a smaller plan is run before it is taken or dropped.
//!
//! A gateway's scheduling is its own, so one run says little. Each plan gets a sequential probability ratio test (Wald
//! 1945): it is taken as soon as it is nine times more likely that it fails nearly as often as the plan that revealed
//! the finding than that it hardly ever does, and dropped as soon as it is the other way round. A plan that always or
//! never fails is decided by two or three runs; one that fails in three runs of ten takes about as many as it needs.

use vocabulary::finding::Reproduction;

/// "Nearly as often": this share of the rate of the plan that revealed the finding.
const AS_OFTEN: f64 = 0.5;
/// "Hardly ever": this share of it.
const HARDLY: f64 = 0.1;
/// The odds at which a plan is taken or dropped.
const ODDS: f64 = 9.0;
/// Runs of one plan, at most. What is not decided by then is dropped: the larger plan is known to fail.
const RUNS_MAX: u32 = 60;

/// The runs of one plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trial {
    often: f64,
    hardly: f64,
    pub(crate) runs: u32,
    pub(crate) failed: u32,
}

impl Trial {
    /// A trial against the rate of the plan that revealed the finding, which is more than 0.
    pub(super) fn against(rate: f64) -> Trial {
        Trial { often: rate * AS_OFTEN, hardly: rate * HARDLY, runs: 0, failed: 0 }
    }

    /// A trial of what makes a plan no smaller, only plainer: that is not worth a lower rate.
    pub(super) fn of_the_plainer(rate: f64) -> Trial {
        Trial { often: rate * 0.95, hardly: rate * 0.5, runs: 0, failed: 0 }
    }

    /// A trial that only a plan passes which fails nearly every time.
    pub(super) fn for_steady() -> Trial {
        Trial { often: 0.95, hardly: 0.6, runs: 0, failed: 0 }
    }

    /// Takes in one run.
    pub(crate) fn add(&mut self, failed: bool) {
        self.runs += 1;
        self.failed += u32::from(failed);
    }

    /// Whether the plan is taken, once that is clear.
    pub(crate) fn decided(&self) -> Option<bool> {
        let (failed, passed) = (f64::from(self.failed), f64::from(self.runs - self.failed));
        let odds = failed * (self.often / self.hardly).ln() + passed * ((1.0 - self.often) / (1.0 - self.hardly)).ln();
        match odds {
            _ if odds >= ODDS.ln() => Some(true),
            _ if odds <= -ODDS.ln() || self.runs >= RUNS_MAX => Some(false),
            _ => None,
        }
    }

    /// What was measured.
    pub(crate) fn reproduction(&self) -> Reproduction {
        Reproduction { runs: self.runs, failed: self.failed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs_until_decided(rate: f64, mut fails: impl FnMut(u32) -> bool) -> (u32, bool) {
        let mut trial = Trial::against(rate);
        loop {
            trial.add(fails(trial.runs));
            if let Some(taken) = trial.decided() {
                return (trial.runs, taken);
            }
        }
    }

    #[test]
    fn what_always_or_never_fails_is_decided_by_a_few_runs() {
        assert_eq!(runs_until_decided(1.0, |_| true), (2, true));
        assert_eq!(runs_until_decided(1.0, |_| false), (4, false));
    }

    #[test]
    fn a_rate_of_three_in_ten_is_told_from_none() {
        assert_eq!(runs_until_decided(0.3, |run| run % 3 == 2), (6, true));
        let (runs, taken) = runs_until_decided(0.3, |_| false);
        assert!(!taken && runs > 9, "{runs}");
    }

    #[test]
    fn a_plan_that_fails_much_less_often_than_the_first_one_is_dropped() {
        let (_, taken) = runs_until_decided(1.0, |run| run % 5 == 4);
        assert!(!taken);
    }

    #[test]
    fn only_what_fails_nearly_every_time_is_steady() {
        let mut trial = Trial::for_steady();
        (0..5).for_each(|_| trial.add(true));
        assert_eq!(trial.decided(), Some(true));
        let mut trial = Trial::for_steady();
        (0..10).for_each(|run| trial.add(run % 2 == 0));
        assert_eq!(trial.decided(), Some(false));
    }

    #[test]
    fn what_is_only_plainer_must_fail_as_often_as_before() {
        let mut trial = Trial::of_the_plainer(1.0);
        (0..4).for_each(|_| trial.add(true));
        assert_eq!(trial.decided(), Some(true));
        let mut trial = Trial::of_the_plainer(1.0);
        [true, true, false, false].into_iter().for_each(|failed| trial.add(failed));
        assert_eq!(trial.decided(), Some(false));
    }

    #[test]
    fn every_trial_ends() {
        assert!(runs_until_decided(0.02, |_| false).0 <= RUNS_MAX);
    }
}
