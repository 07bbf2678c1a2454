//! What was agreed before a run, held against what came of it: how much evidence is enough, what somebody answers for,
//! what else must hold.

use super::{RunRecord, RunStart};
use crate::finding::Finding;
use crate::gate::{Gate, GateState};
use crate::suppression::{Day, SuppressedFinding, Suppression, SuppressionRecord, SuppressionState};
use crate::verdict::Verdict;

/// The findings that count, those that somebody answers for on the day of the run, and what became of each suppression.
pub(super) fn set_aside(
    findings: Vec<Finding>,
    suppressions: Vec<Suppression>,
    today: Option<Day>,
) -> (Vec<Finding>, Vec<SuppressedFinding>, Vec<SuppressionRecord>) {
    let (mut kept, mut suppressed) = (Vec::new(), Vec::new());
    for finding in findings {
        match suppressions.iter().find(|one| one.holds_on(today) && one.covers(&finding)) {
            Some(by) => suppressed.push(SuppressedFinding { finding, suppression: by.clone() }),
            None => kept.push(finding),
        }
    }
    let ended = suppressions.into_iter().map(|suppression| {
        let state = match suppression.holds_on(today) {
            false => SuppressionState::Expired,
            true if suppressed.iter().any(|one| one.suppression == suppression) => SuppressionState::Applied,
            true => SuppressionState::NotMet,
        };
        SuppressionRecord { suppression, state }
    });
    let ended = ended.collect();
    (kept, suppressed, ended)
}

impl RunRecord {
    /// Holds the record against gates: one that fails, or has no samples, makes the verdict worse.
    pub(super) fn hold_against(&mut self, gates: Vec<Gate>) {
        self.gates = gates.into_iter().map(|gate| gate.judge(self)).collect();
        for gate in &self.gates {
            let worse = match gate.state {
                GateState::Passed => continue,
                GateState::Failed => Verdict::GateFailed,
                GateState::NoSamples => Verdict::Inconclusive,
            };
            self.verdict = self.verdict.merge(worse);
            self.reasons.push(format!("gate {}: {}", gate.expression, gate.told()));
        }
        self.exit_code = self.verdict.exit_code();
    }
}

/// That less was asked for than the profile asks for by itself.
pub(super) fn loosened(start: &RunStart) -> Option<String> {
    let (asked, usual) = (start.evidence, start.evidence_of_profile?);
    let (what, asked, usual) = match asked.verified_min < usual.verified_min {
        true => ("", asked.verified_min, usual.verified_min),
        false => (" of each scenario", asked.verified_per_scenario_min, usual.verified_per_scenario_min),
    };
    let plural = if asked == 1 { "y was" } else { "ies were" };
    (asked < usual).then(|| {
        format!("loosened: {asked} verified repl{plural} enough{what}, profile {} asks for {usual}", start.profile)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{case, end, finding, start};
    use super::super::{EvidenceRequired, JournalEntry, RunEnd};
    use super::*;
    use crate::scenario::{Level, ObligationState};

    fn suppression(fingerprint: &str) -> Suppression {
        Suppression {
            fingerprint: fingerprint.to_owned(),
            reason: "fixed in the next release".to_owned(),
            owner: "edge-team".to_owned(),
            expires: "2026-03-31".parse().unwrap(),
        }
    }

    /// A run on this day that found what is suppressed, or nothing.
    fn run_on(day: &str, suppressions: Vec<Suppression>, found: Option<Finding>) -> RunRecord {
        let start = RunStart { started_at: format!("{day}T10:00:00Z"), suppressions, ..start() };
        let found = found.map(|finding| JournalEntry::FindingFound(Box::new(finding)));
        let judged = JournalEntry::CaseJudged(case(ObligationState::Met));
        let entries = [JournalEntry::RunStarted(start), judged];
        RunRecord::from_journal(entries.into_iter().chain(found).chain([end(RunEnd::Completed)])).unwrap()
    }

    #[test]
    fn a_suppressed_finding_fails_nothing_stays_in_the_record_and_bounds_nothing() {
        let found = finding(Level::Must);
        let record = run_on("2026-03-31", vec![suppression(&found.fingerprint)], Some(found.clone()));
        assert_eq!((record.verdict, record.exit_code, record.findings.len()), (Verdict::Clean, 0, 0));
        assert_eq!(record.suppressed[0].finding, found);
        assert_eq!(record.suppressed[0].suppression.owner, "edge-team");
        assert_eq!(record.suppressions[0].state, SuppressionState::Applied);
        assert_eq!((record.totals.upper_bound_95, record.scenarios[0].upper_bound_95), (None, None));
    }

    #[test]
    fn what_nobody_answers_for_fails_beside_what_somebody_does() {
        let found = finding(Level::Must);
        let record = run_on("2026-03-01", vec![suppression("cw0011223344556677")], Some(found));
        assert_eq!((record.verdict, record.findings.len(), record.suppressed.len()), (Verdict::Violated, 1, 0));
        assert_eq!(record.suppressions[0].state, SuppressionState::NotMet);
    }

    #[test]
    fn a_suppression_that_was_not_met_changes_nothing() {
        let record = run_on("2026-03-01", vec![suppression("cw0011223344556677")], None);
        assert_eq!((record.verdict, record.reasons.len()), (Verdict::Clean, 0));
        assert_eq!(record.suppressions[0].state, SuppressionState::NotMet);
    }

    #[test]
    fn an_expired_suppression_fails_the_run_and_its_finding_counts_again() {
        let found = finding(Level::Must);
        let again = run_on("2026-04-01", vec![suppression(&found.fingerprint)], Some(found.clone()));
        assert_eq!((again.verdict, again.findings.len(), again.suppressed.len()), (Verdict::Violated, 1, 0));
        assert_eq!(again.suppressions[0].state, SuppressionState::Expired);
        let gone = run_on("2026-04-01", vec![suppression(&found.fingerprint)], None);
        assert_eq!((gone.verdict, gone.exit_code), (Verdict::GateFailed, 11));
        for word in [found.fingerprint.as_str(), "2026-03-31", "edge-team", "fixed in the next release"] {
            assert!(gone.reasons[0].contains(word), "{:?}", gone.reasons);
        }
        let no_day = run_on("some day", vec![suppression(&found.fingerprint)], Some(found));
        assert_eq!(no_day.verdict, Verdict::Violated, "without a day nothing is set aside");
    }

    fn held_against(gates: &[&str], cases: usize) -> RunRecord {
        let gates = gates.iter().map(|gate| gate.parse().unwrap()).collect();
        let start = JournalEntry::RunStarted(RunStart { gates, ..start() });
        let judged = vec![JournalEntry::CaseJudged(case(ObligationState::Met)); cases];
        RunRecord::from_journal([start].into_iter().chain(judged).chain([end(RunEnd::Completed)])).unwrap()
    }

    #[test]
    fn a_gate_that_fails_makes_the_run_fail_and_one_that_holds_does_not() {
        let record = held_against(&["verified >= 7", "verified > 7"], 1);
        assert_eq!((record.verdict, record.exit_code), (Verdict::GateFailed, 11));
        assert_eq!(record.reasons, ["gate verified > 7: failed: 7"]);
        assert_eq!(
            record.gates.iter().map(|gate| gate.state).collect::<Vec<_>>(),
            [GateState::Passed, GateState::Failed]
        );
        assert_eq!(held_against(&["verified >= 7", "exposures >= 6"], 1).verdict, Verdict::Clean);
    }

    #[test]
    fn a_gate_without_samples_is_inconclusive_even_beside_one_that_fails() {
        let record = held_against(&["hit_rate > 50%", "verified > 7"], 1);
        assert_eq!((record.verdict, record.exit_code), (Verdict::Inconclusive, 3));
        assert_eq!(record.reasons[0], "gate hit_rate > 50%: no samples: 0 requests that could have been hits");
        assert_eq!(held_against(&["verified >= 1"], 0).gates[0].state, GateState::NoSamples);
    }

    #[test]
    fn less_evidence_than_the_profile_asks_for_is_told_and_more_is_not() {
        let warned = |evidence: EvidenceRequired, profile: Option<EvidenceRequired>| {
            let profile_name = "quick".to_owned();
            let start = RunStart { evidence, evidence_of_profile: profile, profile: profile_name, ..start() };
            let judged = JournalEntry::CaseJudged(case(ObligationState::Met));
            let entries = [JournalEntry::RunStarted(start), judged, end(RunEnd::Completed)];
            RunRecord::from_journal(entries).unwrap().warnings
        };
        let required =
            |verified_min, verified_per_scenario_min| EvidenceRequired { verified_min, verified_per_scenario_min };
        let usual = Some(required(500, 50));
        let less = "loosened: 1 verified reply was enough, profile quick asks for 500";
        assert_eq!(warned(required(1, 1), usual), [less]);
        let of_each = "loosened: 7 verified replies were enough of each scenario, profile quick asks for 50";
        assert_eq!(warned(required(500, 7), usual), [of_each]);
        assert_eq!(warned(required(500, 50), usual), Vec::<String>::new());
        assert_eq!(warned(required(5000, 50), usual), Vec::<String>::new());
        assert_eq!(warned(required(1, 1), None), Vec::<String>::new());
    }
}
