//! The fold: a journal's entries in, the record out. A pure function, so that a report can always be made again.

use std::collections::{BTreeMap, BTreeSet};

use super::terms::{loosened, set_aside};
use super::{
    CaseSummary, JournalEntry, NO_FAULT, ObligationOutcome, ObligationRecord, ObligationWord, ObservationRecord,
    PlannedScenario, RECORD_SCHEMA, REGRESSIONS, RunEnd, RunRecord, RunStart, ScenarioRecord, Skipped, StoreUse,
    Totals, upper_bound_95,
};
use crate::finding::Finding;
use crate::latency::Latency;
use crate::scenario::{Level, Obligation, ObligationState};
use crate::suppression::{Day, SuppressedFinding, SuppressionState};
use crate::verdict::Verdict;

/// The entries do not begin with the start of a run, so there is nothing to report on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal does not begin with the start of a run")]
pub struct NoRun;

impl RunRecord {
    /// The record of a journal's entries. A journal without an end is a run that was cut short: what it found stays
    /// found, what it did not find proves nothing.
    pub fn from_journal(entries: impl IntoIterator<Item = JournalEntry>) -> Result<RunRecord, NoRun> {
        let mut entries = entries.into_iter();
        let Some(JournalEntry::RunStarted(start)) = entries.next() else { return Err(NoRun) };
        let mut fold = Fold { start, ..Fold::default() };
        for entry in entries {
            fold.add(entry);
        }
        Ok(fold.finish())
    }
}

#[derive(Default)]
struct Fold {
    start: RunStart,
    cases: Vec<CaseSummary>,
    skipped: Vec<Skipped>,
    findings: Vec<Finding>,
    suppressed: Vec<SuppressedFinding>,
    gateway_failed: Vec<String>,
    broken: Vec<String>,
    ended: Option<(u64, RunEnd)>,
}

impl Fold {
    fn add(&mut self, entry: JournalEntry) {
        match entry {
            // A second start would be another run's journal appended to this one; it changes nothing that was proven.
            JournalEntry::RunStarted(_) => self.broken.push("the journal holds a second start of a run".to_owned()),
            JournalEntry::ScenarioSkipped { name, reason } => self.skipped.push(Skipped { name, reason }),
            JournalEntry::CaseJudged(case) => self.cases.push(case),
            JournalEntry::FindingFound(finding) => self.findings.push(*finding),
            JournalEntry::FindingShrunk(shrunk) => {
                if let Some(finding) = self.findings.iter_mut().find(|finding| finding.id == shrunk.id) {
                    *finding = *shrunk;
                }
            }
            JournalEntry::FindingMeasured { id, reproduction, counterfactual } => {
                if let Some(finding) = self.findings.iter_mut().find(|finding| finding.id == id) {
                    finding.reproduction = reproduction;
                    finding.counterfactual = counterfactual;
                }
            }
            // The finding that was shrunk counts its steps.
            JournalEntry::ShrinkTried(_) => {}
            JournalEntry::GatewayFailed { what } => self.gateway_failed.push(what),
            JournalEntry::RunBroken { what } => self.broken.push(what),
            JournalEntry::RunEnded { duration_ms, how } => self.ended = Some((duration_ms, how)),
        }
    }

    fn finish(mut self) -> RunRecord {
        for finding in &mut self.findings {
            let seen = self.cases.iter().filter(|case| case.findings.contains(&finding.fingerprint)).count();
            finding.cases = (seen as u32).max(1);
        }
        let (mut reasons, mut unproven) = (Vec::new(), Vec::new());
        let withdrawn = self.withdraw();
        let (suppressions, today) =
            (std::mem::take(&mut self.start.suppressions), Day::of_moment(&self.start.started_at));
        let (kept, suppressed, suppressions) = set_aside(self.findings, suppressions, today);
        (self.findings, self.suppressed) = (kept, suppressed);
        let gates = std::mem::take(&mut self.start.gates);
        let scenarios = self.scenarios(&mut reasons, &mut unproven);
        let mut verdict = scenarios.iter().fold(Verdict::Clean, |verdict, scenario| verdict.merge(scenario.verdict));
        let mut latency = Latency::default();
        self.cases.iter().for_each(|case| latency.add(&case.latency));
        let totals = Totals { latency: latency.quantiles(), ..totals(&scenarios, &self.findings, &self.suppressed) };
        for finding in &withdrawn {
            verdict = verdict.merge(Verdict::Inconclusive);
            let what =
                "withdrawn, for the reference gateway does the same: the plan asks for it, or crosswire is wrong";
            reasons.push(format!("{}: {what}: {}", finding.scenario, finding.sentence));
        }
        for (worse, reason) in self.run_reasons(&totals) {
            verdict = verdict.merge(worse);
            reasons.push(reason);
        }
        for expired in suppressions.iter().filter(|one| one.state == SuppressionState::Expired) {
            verdict = verdict.merge(Verdict::GateFailed);
            reasons.push(expired.told());
        }
        let mut record = RunRecord {
            schema: RECORD_SCHEMA.to_owned(),
            duration_ms: self.ended.map(|(duration_ms, _)| duration_ms),
            verdict,
            exit_code: verdict.exit_code(),
            reasons,
            warnings: loosened(&self.start).into_iter().collect(),
            gates: Vec::new(),
            self_test: self.start.self_test,
            totals,
            scenarios,
            observations: merge_observations(&self.cases).into_iter().chain(withdrawn.iter().map(observed)).collect(),
            skipped: self.skipped,
            findings: self.findings,
            suppressed: self.suppressed,
            suppressions,
            crosswire_version: self.start.crosswire_version,
            run_id: self.start.run_id,
            seed: self.start.seed,
            started_at: self.start.started_at,
            profile: self.start.profile,
            gateway: self.start.gateway,
            captured_bodies: self.start.captured_bodies,
        };
        record.hold_against(gates);
        // Why the run ended says more than what it then could not prove, or did not come to.
        record.reasons.extend(unproven);
        record
    }

    /// Takes out the findings that the reference gateway shows as well: what a gateway does that is known to be right
    /// accuses nobody. Either the plan asks for it, or the oracle is wrong.
    fn withdraw(&mut self) -> Vec<Finding> {
        let (withdrawn, kept) =
            self.findings.drain(..).partition(|finding| finding.counterfactual.on_reference.failed > 0);
        self.findings = kept;
        withdrawn
    }

    /// What lies at the run as a whole and not at one of its scenarios.
    fn run_reasons(&self, totals: &Totals) -> Vec<(Verdict, String)> {
        let mut reasons = Vec::new();
        for finding in &self.findings {
            let verdict = verdict_of(finding.level);
            let named = self.cases.iter().any(|case| case.scenario == finding.scenario);
            if !named && verdict != Verdict::Clean {
                reasons.push((verdict, format!("{}: {}", finding.scenario, finding.sentence)));
            }
        }
        reasons.extend(self.broken.iter().map(|what| (Verdict::Broken, format!("crosswire failed: {what}"))));
        reasons.extend(self.gateway_failed.iter().map(|what| (Verdict::Inconclusive, what.clone())));
        if !self.start.self_test.passed() {
            reasons.push((Verdict::Broken, "the oracle did not pass its self-test".to_owned()));
        }
        match self.ended {
            None => reasons.push((Verdict::Inconclusive, "the run was cut short: its journal has no end".to_owned())),
            Some((_, RunEnd::Interrupted)) => {
                reasons.push((Verdict::Interrupted, "the run was interrupted".to_owned()))
            }
            Some((_, RunEnd::SafetyStop)) => reasons.push((Verdict::SafetyStop, "a guard stopped the run".to_owned())),
            Some((_, RunEnd::Completed)) => {}
        }
        // What was found is proven however little was verified beside it, and a gateway that failed says enough.
        if !self.findings.is_empty() || !self.gateway_failed.is_empty() {
            return reasons;
        }
        if totals.faults_performed == 0 {
            reasons.push((Verdict::Inconclusive, NO_FAULT.to_owned()));
        }
        let needed = self.start.evidence.verified_min;
        if totals.verified < needed {
            let by = match self.start.evidence_of_profile {
                None => format!("profile {} asks for {needed}", self.start.profile),
                Some(_) => format!("{needed} are asked for"),
            };
            let reason = format!("{} replies were verified, {by}", totals.verified);
            reasons.push((Verdict::Inconclusive, reason));
        }
        reasons
    }

    fn scenarios(&self, found: &mut Vec<String>, unproven: &mut Vec<String>) -> Vec<ScenarioRecord> {
        let mut names: Vec<&str> = Vec::new();
        for case in &self.cases {
            if !names.contains(&case.scenario.as_str()) {
                names.push(&case.scenario);
            }
        }
        let run: Vec<ScenarioRecord> = names.iter().map(|name| self.scenario(name, found, unproven)).collect();
        let not_run = self.start.scenarios.iter().filter(|planned| {
            let skipped = self.skipped.iter().any(|skipped| skipped.name == planned.name);
            !skipped && !names.contains(&planned.name.as_str())
        });
        let not_run: Vec<&PlannedScenario> = not_run.collect();
        let accusing: Vec<&str> =
            not_run.iter().filter(|one| one.level != Level::Observe).map(|one| one.name.as_str()).collect();
        unproven.extend(not_run_reason(&accusing, run.is_empty()));
        let not_run: Vec<ScenarioRecord> = not_run.into_iter().map(not_run_record).collect();
        run.into_iter().chain(not_run).collect()
    }

    fn scenario(&self, name: &str, found: &mut Vec<String>, unproven: &mut Vec<String>) -> ScenarioRecord {
        let cases: Vec<&CaseSummary> = self.cases.iter().filter(|case| case.scenario == name).collect();
        let findings: Vec<&Finding> = self.findings.iter().filter(|finding| finding.scenario == name).collect();
        let sum = |count: fn(&CaseSummary) -> u64| cases.iter().map(|case| count(case)).sum::<u64>();
        let mut anomalies = BTreeMap::new();
        for (anomaly, count) in cases.iter().flat_map(|case| &case.anomalies) {
            *anomalies.entry(anomaly.clone()).or_default() += count;
        }
        let mut near_misses = BTreeMap::new();
        for (what, count) in cases.iter().flat_map(|case| &case.near_misses) {
            *near_misses.entry(what.clone()).or_default() += count;
        }
        let mut verdict = Verdict::Clean;
        for finding in &findings {
            verdict = verdict.merge(verdict_of(finding.level));
            found.push(format!("{name}: {}", finding.sentence));
        }
        let obligations = merge_obligations(&cases);
        let level = cases.first().and_then(|case| case.level).unwrap_or(Level::Must);
        // A scenario that only observes can prove nothing by its silence, so it cannot fail to.
        let counts = level != Level::Observe;
        for obligation in obligations.iter().filter(|obligation| counts && obligation.state == ObligationWord::Unmet) {
            verdict = verdict.merge(Verdict::Inconclusive);
            unproven.push(format!("{name}: {} was not met, so silence proves nothing", obligation.name));
        }
        let verified = sum(|case| case.verified);
        let is_one_plan = cases.first().is_some_and(|case| case.family == REGRESSIONS);
        let needed = if is_one_plan { 1 } else { self.start.evidence.verified_per_scenario_min.max(1) };
        // What was found is proven however little was verified beside it.
        if verified < needed && counts && findings.is_empty() {
            verdict = verdict.merge(Verdict::Inconclusive);
            unproven.push(format!("{name}: {verified} replies were verified, at least {needed} are needed"));
        }
        let exposures = sum(|case| case.exposures);
        // What was set aside was wrong all the same: its scenario bounds nothing.
        let silent = findings.is_empty() && !self.suppressed.iter().any(|one| one.finding.scenario == name);
        let first = cases.first();
        ScenarioRecord {
            name: name.to_owned(),
            family: first.map(|case| case.family.clone()).unwrap_or_default(),
            level,
            verdict,
            crossing: first.map(|case| case.crossing.clone()).unwrap_or_default(),
            cases: cases.len() as u64,
            case_us_median: median(cases.iter().map(|case| case.duration_us).collect()),
            exchanges: sum(|case| case.exchanges),
            verified,
            exposures,
            faults_performed: sum(|case| case.faults_performed),
            faults_prevented: sum(|case| case.faults_prevented),
            upper_bound_95: match silent && !is_prevented(&obligations) {
                true => upper_bound_95(exposures),
                false => None,
            },
            obligations,
            anomalies,
            near_misses,
            store: cases.iter().fold(StoreUse::default(), |sum, case| sum.add(case.store)),
        }
    }
}

/// The upper one of the two in the middle where there are two.
fn median(mut of: Vec<u64>) -> u64 {
    of.sort_unstable();
    of.get(of.len() / 2).copied().unwrap_or(0)
}

fn verdict_of(level: Level) -> Verdict {
    match level {
        Level::Must => Verdict::Violated,
        Level::Should => Verdict::GateFailed,
        Level::Observe => Verdict::Clean,
    }
}

/// In one sentence, however many they are: which scenarios prove nothing, because none of their cases was run.
fn not_run_reason(names: &[&str], all: bool) -> Option<String> {
    const NAMED: usize = 3;
    let ended = "no case was run before the run ended";
    match names {
        [] => None,
        [name] => Some(format!("{name}: {ended}")),
        _ if all => Some("no case of any scenario was run before the run ended".to_owned()),
        _ if names.len() <= NAMED => Some(format!("{}: {ended}", names.join(", "))),
        _ => Some(format!("{} and {} more scenarios: {ended}", names[..NAMED].join(", "), names.len() - NAMED)),
    }
}

/// A scenario that was chosen and of which no case was judged: the run ended before.
fn not_run_record(planned: &PlannedScenario) -> ScenarioRecord {
    let observes = planned.level == Level::Observe;
    ScenarioRecord {
        name: planned.name.clone(),
        family: planned.family.clone(),
        level: planned.level,
        verdict: if observes { Verdict::Clean } else { Verdict::Inconclusive },
        crossing: String::new(),
        cases: 0,
        case_us_median: 0,
        exchanges: 0,
        verified: 0,
        exposures: 0,
        faults_performed: 0,
        faults_prevented: 0,
        upper_bound_95: None,
        obligations: Vec::new(),
        anomalies: BTreeMap::new(),
        near_misses: BTreeMap::new(),
        store: StoreUse::default(),
    }
}

/// Whether something rightly kept a scenario from biting: its silence bounds nothing.
pub(super) fn is_prevented(obligations: &[ObligationRecord]) -> bool {
    obligations.iter().any(|obligation| obligation.state == ObligationWord::Prevented)
}

fn totals(scenarios: &[ScenarioRecord], findings: &[Finding], suppressed: &[SuppressedFinding]) -> Totals {
    let sum = |count: fn(&ScenarioRecord) -> u64| scenarios.iter().map(count).sum::<u64>();
    let bound_by =
        scenarios.iter().filter(|scenario| !scenario.is_prevented()).map(|scenario| scenario.exposures).sum();
    Totals {
        exchanges: sum(|scenario| scenario.exchanges),
        verified: sum(|scenario| scenario.verified),
        exposures: sum(|scenario| scenario.exposures),
        faults_performed: sum(|scenario| scenario.faults_performed),
        upper_bound_95: if findings.is_empty() && suppressed.is_empty() { upper_bound_95(bound_by) } else { None },
        store: scenarios.iter().fold(StoreUse::default(), |sum, scenario| sum.add(scenario.store)),
        latency: None,
    }
}

/// Met in one case is met: each case in which it was met was judged under it. Prevented only if no case met it and
/// none was left without an excuse.
fn merge_obligations(cases: &[&CaseSummary]) -> Vec<ObligationRecord> {
    let all: BTreeSet<Obligation> =
        cases.iter().flat_map(|case| case.obligations.iter().map(|outcome| outcome.obligation)).collect();
    let merged = all.into_iter().map(|obligation| {
        let outcomes: Vec<&ObligationOutcome> = cases
            .iter()
            .flat_map(|case| case.obligations.iter().filter(|outcome| outcome.obligation == obligation))
            .collect();
        let met: Vec<&ObligationOutcome> =
            outcomes.iter().copied().filter(|outcome| outcome.state == ObligationState::Met).collect();
        let witness = outcomes.iter().find_map(|outcome| match outcome.state {
            ObligationState::Prevented(witness) => Some(witness),
            ObligationState::Met | ObligationState::Unmet | ObligationState::NotPlanned => None,
        });
        let unmet = outcomes.iter().any(|outcome| outcome.state == ObligationState::Unmet);
        let count = |outcomes: &[&ObligationOutcome]| merge_counts(obligation, outcomes);
        let (state, witness, count) = match (met.is_empty(), unmet, witness) {
            (false, _, _) => (ObligationWord::Met, None, count(&met)),
            (true, false, Some(witness)) => (ObligationWord::Prevented, Some(witness), count(&outcomes)),
            (true, _, _) => (ObligationWord::Unmet, None, count(&outcomes)),
        };
        ObligationRecord { name: obligation.to_string(), state, witness, count }
    });
    merged.collect()
}

/// What was counted for an obligation over several cases: the most where it counts how many at once, else the sum.
fn merge_counts(obligation: Obligation, outcomes: &[&ObligationOutcome]) -> u64 {
    let counts = outcomes.iter().map(|outcome| outcome.count);
    match obligation {
        Obligation::Overlap(_) | Obligation::StreamsHeld(_) | Obligation::RequestsPerUpstreamConnection(_) => {
            counts.max().unwrap_or(0)
        }
        Obligation::FaultPerformed(_)
        | Obligation::FollowUps(_)
        | Obligation::OrderReleased
        | Obligation::ClientAbortSeen
        | Obligation::DeliveredFromCache
        | Obligation::IdleGap
        | Obligation::Affinity(_) => counts.sum(),
    }
}

/// A withdrawn finding, as what it is: something that was seen and accuses nobody.
fn observed(finding: &Finding) -> ObservationRecord {
    ObservationRecord {
        scenario: finding.scenario.clone(),
        shape: finding.shape,
        boundary: finding.boundary,
        leg: finding.leg,
        proof: finding.proof,
        sentence: finding.sentence.clone(),
        cases: finding.cases,
    }
}

fn merge_observations(cases: &[CaseSummary]) -> Vec<ObservationRecord> {
    let mut merged: Vec<ObservationRecord> = Vec::new();
    for observation in cases.iter().flat_map(|case| &case.observations) {
        let same = |other: &&mut ObservationRecord| {
            (&other.scenario, other.shape, other.boundary, other.leg, other.proof)
                == (&observation.scenario, observation.shape, observation.boundary, observation.leg, observation.proof)
        };
        match merged.iter_mut().find(same) {
            Some(other) => other.cases += observation.cases,
            None => merged.push(observation.clone()),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::not_run_reason;

    #[test]
    fn what_was_not_run_is_said_in_one_sentence() {
        let said = |names: &[&str]| not_run_reason(names, false).unwrap_or_default();
        assert_eq!(said(&[]), "");
        assert_eq!(said(&["a"]), "a: no case was run before the run ended");
        assert_eq!(said(&["a", "b", "c"]), "a, b, c: no case was run before the run ended");
        let five = ["a", "b", "c", "d", "e"];
        assert_eq!(said(&five), "a, b, c and 2 more scenarios: no case was run before the run ended");
        let nothing = not_run_reason(&five, true);
        assert_eq!(nothing.as_deref(), Some("no case of any scenario was run before the run ended"));
    }
}
