//! A run as it is kept: the journal's entries, and the record that every report is made from.
//!
//! The journal comes first: one entry a line, each with a checksum, so that a run that is killed half-way loses at most
//! the line it was writing. [`RunRecord::from_journal`] folds entries into the record; it is a pure function, so the
//! same journal always gives the same report.

mod counted;
mod fold;
mod line;
mod terms;

use std::collections::BTreeMap;
use std::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher24;

use crate::directive::is_false;
use crate::finding::{Boundary, Counterfactual, Finding, Leg, Proof, Reproduction, Severity, Shape, Size};
use crate::gate::{Gate, GateRecord};
use crate::latency::{Latency, Quantiles};
use crate::scenario::{Level, Obligation, ObligationState, Prevented};
use crate::suppression::{SuppressedFinding, Suppression, SuppressionRecord};
use crate::verdict::Verdict;

pub use counted::{
    CLOSED_WITHOUT_REPLY, FAULTY_REFUSED, GATEWAYS_OWN_ERROR, NO_REPLY, NOT_REACHED, REFUSED_BY_ORIGIN,
    REFUSED_WITHOUT_REPLY, REPEATED_ATTEMPT, RESET_WITHOUT_REPLY, UNANSWERED,
};
pub use fold::NoRun;
pub use line::{JournalDefect, decode_line, encode_line};

/// The version of the journal's form. A reader refuses any other.
pub const JOURNAL_SCHEMA: &str = "crosswire.journal/1";
/// The version of the record's form.
pub const RECORD_SCHEMA: &str = "crosswire.record/1";

/// The family of scenarios that are single plans of earlier findings. One such plan has few replies to verify.
pub const REGRESSIONS: &str = "regressions";

/// The kept plan that a scenario is, by the name of its file without the ending; none if it is another scenario.
pub fn kept_plan(scenario: &str) -> Option<&str> {
    scenario.strip_prefix(REGRESSIONS)?.strip_prefix('/')
}

/// Why a run without any performed fault is not Clean.
pub const NO_FAULT: &str = "no fault was performed: silence proves nothing";

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JournalEntry {
    /// The run begins. Always the first line.
    RunStarted(RunStart),
    /// A scenario was left out.
    ScenarioSkipped {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// A case was judged.
    CaseJudged(CaseSummary),
    /// A finding, on disk before anybody is told of it.
    FindingFound(Box<Finding>),
    /// A finding was shown by a smaller plan: the same, told by that plan's exchanges.
    FindingShrunk(Box<Finding>),
    /// A finding was replayed.
    FindingMeasured {
        /// Which.
        id: String,
        /// How often it failed again.
        reproduction: Reproduction,
        /// How often it did under other conditions.
        #[serde(default)]
        counterfactual: Counterfactual,
    },
    /// A smaller plan was tried for a finding.
    ShrinkTried(ShrinkStep),
    /// The gateway could not be tested any further: it was never ready, or it died.
    GatewayFailed {
        /// What was attempted and how it failed.
        what: String,
    },
    /// Crosswire itself failed.
    RunBroken {
        /// What was attempted and how it failed.
        what: String,
    },
    /// The run ends. Without this line it was cut short.
    RunEnded {
        /// Milliseconds since it began.
        duration_ms: u64,
        /// Why it ended.
        how: RunEnd,
    },
}

/// One smaller plan that was tried for a finding: the log of its shrinking has a line for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShrinkStep {
    /// The finding's id.
    pub finding: String,
    /// What was left out or made smaller, in a few words.
    pub change: String,
    /// The size of the plan that was tried.
    pub size: Size,
    /// How often it was run, and how often it showed the finding.
    pub reproduction: Reproduction,
    /// Whether it took the place of the larger plan.
    pub taken: bool,
}

/// How a run begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStart {
    /// [`JOURNAL_SCHEMA`].
    pub schema: String,
    /// The version of crosswire.
    pub crosswire_version: String,
    /// The run's id: a UUID that sorts by time.
    pub run_id: String,
    /// The seed of plans and schedules.
    pub seed: u64,
    /// When, in RFC 3339.
    pub started_at: String,
    /// Which profile.
    pub profile: String,
    /// How much must be verified for silence to count.
    pub evidence: EvidenceRequired,
    /// How much the profile asks for by itself, where somebody has said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_of_profile: Option<EvidenceRequired>,
    /// What else must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    /// Findings that somebody answers for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suppressions: Vec<Suppression>,
    /// The scenarios that were chosen: what of them is never run must not vanish.
    pub scenarios: Vec<PlannedScenario>,
    /// The gateway under test.
    pub gateway: GatewayRecord,
    /// Whether evidence keeps bytes of bodies that are not crosswire's own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub captured_bodies: bool,
    /// How the oracle did on synthetic swaps before anything was sent.
    pub self_test: SelfTest,
}

impl Default for RunStart {
    fn default() -> RunStart {
        RunStart {
            schema: JOURNAL_SCHEMA.to_owned(),
            crosswire_version: String::new(),
            run_id: String::new(),
            seed: 0,
            started_at: String::new(),
            profile: String::new(),
            evidence: EvidenceRequired::default(),
            evidence_of_profile: None,
            gates: Vec::new(),
            suppressions: Vec::new(),
            scenarios: Vec::new(),
            gateway: GatewayRecord::default(),
            captured_bodies: false,
            self_test: SelfTest::default(),
        }
    }
}

/// A scenario that was chosen for a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedScenario {
    /// Its name.
    pub name: String,
    /// Its family.
    pub family: String,
    /// How binding its requirement is.
    pub level: Level,
}

/// How much must be verified for silence to count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceRequired {
    /// Verified replies, in all.
    pub verified_min: u64,
    /// Verified replies, for each scenario.
    pub verified_per_scenario_min: u64,
}

/// The gateway under test.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayRecord {
    /// `recipe`, `command`, `url`, `in-process`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its version, as it tells.
    pub version: Option<String>,
    /// The variant of its configuration.
    pub variant: Option<String>,
}

/// How the oracle did on synthetic swaps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfTest {
    /// Histories with a planted mix-up that were judged.
    pub planted: u32,
    /// Those that it named with the right shape.
    pub found: u32,
    /// Correct histories that were judged.
    pub correct: u32,
    /// Those on which it stayed silent.
    pub silent: u32,
}

impl SelfTest {
    /// Whether the oracle can be trusted in this run.
    pub fn passed(self) -> bool {
        self.planted > 0 && self.found == self.planted && self.correct > 0 && self.silent == self.correct
    }
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunEnd {
    /// All that was planned was done.
    Completed,
    /// Somebody ended it.
    Interrupted,
    /// A cap or guard ended it.
    SafetyStop,
}

/// What a case came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseSummary {
    /// The scenario's name.
    pub scenario: String,
    /// Its family.
    pub family: String,
    /// How binding its requirement is.
    pub level: Option<Level>,
    /// The protocols on both sides of the gateway.
    pub crossing: String,
    /// Which case.
    pub case: u32,
    /// Requests sent.
    pub exchanges: u64,
    /// Replies whose canary was checked and is the request's own, or lawfully shared.
    pub verified: u64,
    /// Verified replies to requests that were sent after a fault had been performed.
    pub exposures: u64,
    /// Faults performed in full.
    pub faults_performed: u64,
    /// Faults that the gateway rightly kept from being performed.
    pub faults_prevented: u64,
    /// How each obligation ended, with what was counted for it.
    pub obligations: Vec<ObligationOutcome>,
    /// What is worth counting and no violation, by name.
    pub anomalies: BTreeMap<String, u64>,
    /// Uses of an upstream connection on which something was still owed, by what: no violation by itself, but what one
    /// begins with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub near_misses: BTreeMap<String, u64>,
    /// How often the gateway's store has answered.
    #[serde(default, skip_serializing_if = "StoreUse::is_none")]
    pub store: StoreUse,
    /// How long the gateway kept requests and replies of plain exchanges.
    #[serde(default, skip_serializing_if = "Latency::is_empty")]
    pub latency: Latency,
    /// Microseconds that it took, cleaning up after it included.
    #[serde(default)]
    pub duration_us: u64,
    /// Fingerprints of the findings in this case.
    pub findings: Vec<String>,
    /// What could not be proven to be the gateway's fault.
    pub observations: Vec<ObservationRecord>,
}

/// How often the gateway's store has answered in the place of the origin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreUse {
    /// Requests that never reached the origin and were lawfully answered with what it had sent for another.
    pub hits: u64,
    /// Requests that a stored reply could have answered; the hits are among them.
    pub possible: u64,
}

impl StoreUse {
    /// Whether no store was ever asked for: then there is nothing to tell.
    pub fn is_none(&self) -> bool {
        self.possible == 0
    }

    fn add(self, other: StoreUse) -> StoreUse {
        StoreUse { hits: self.hits + other.hits, possible: self.possible + other.possible }
    }
}

/// How one obligation ended in one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObligationOutcome {
    /// Which.
    pub obligation: Obligation,
    /// How it ended.
    pub state: ObligationState,
    /// How much was counted for it: exchanges, faults, replies.
    pub count: u64,
}

/// A foreign reply that is no finding: it cannot be proven, or its scenario only observes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservationRecord {
    /// The scenario.
    pub scenario: String,
    /// How replies moved.
    pub shape: Shape,
    /// How far.
    pub boundary: Boundary,
    /// Where.
    pub leg: Leg,
    /// What there is of a proof.
    pub proof: Proof,
    /// One sentence of fact, of the first occurrence.
    pub sentence: String,
    /// In how many cases it was seen.
    pub cases: u32,
}

/// A run, whole: what every report is made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// [`RECORD_SCHEMA`].
    pub schema: String,
    /// The version of crosswire that ran.
    pub crosswire_version: String,
    /// The run's id.
    pub run_id: String,
    /// The seed.
    pub seed: u64,
    /// When it began, in RFC 3339.
    pub started_at: String,
    /// Milliseconds it took; none when it was cut short.
    pub duration_ms: Option<u64>,
    /// Which profile.
    pub profile: String,
    /// How it ended.
    pub verdict: Verdict,
    /// The exit code that goes with it.
    pub exit_code: u8,
    /// Why the verdict is not Clean, a sentence each.
    pub reasons: Vec<String>,
    /// What makes the verdict worth less than the profile's name says, a sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The gates, and what became of each.
    #[serde(default)]
    pub gates: Vec<GateRecord>,
    /// How the oracle did on synthetic swaps.
    pub self_test: SelfTest,
    /// The gateway under test.
    pub gateway: GatewayRecord,
    /// Whether evidence keeps bytes of bodies that are not crosswire's own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub captured_bodies: bool,
    /// Over all scenarios.
    pub totals: Totals,
    /// Scenario by scenario, in the order of the run.
    pub scenarios: Vec<ScenarioRecord>,
    /// Scenarios that were left out, with the reason.
    pub skipped: Vec<Skipped>,
    /// What was wrong.
    pub findings: Vec<Finding>,
    /// What was wrong and was set aside: it fails nothing.
    #[serde(default)]
    pub suppressed: Vec<SuppressedFinding>,
    /// The suppressions, and what each came to.
    #[serde(default)]
    pub suppressions: Vec<SuppressionRecord>,
    /// What looked wrong and cannot be held against the gateway.
    pub observations: Vec<ObservationRecord>,
}

/// Counts over all scenarios.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Requests sent.
    pub exchanges: u64,
    /// Replies verified.
    pub verified: u64,
    /// Replies verified after a performed fault.
    pub exposures: u64,
    /// Faults performed in full.
    pub faults_performed: u64,
    /// With no finding: the share of wrong replies among exposures is below this with 95 % confidence (3/N).
    pub upper_bound_95: Option<f64>,
    /// How often the gateway's store has answered.
    #[serde(default, skip_serializing_if = "StoreUse::is_none")]
    pub store: StoreUse,
    /// How long the gateway kept requests and replies of plain exchanges, where there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Quantiles>,
}

/// A scenario that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// What a scenario came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioRecord {
    /// Its name.
    pub name: String,
    /// Its family.
    pub family: String,
    /// How binding its requirement is.
    pub level: Level,
    /// How it ended.
    pub verdict: Verdict,
    /// The protocols on both sides of the gateway.
    pub crossing: String,
    /// Cases run.
    pub cases: u64,
    /// Microseconds that half of them took at most, cleaning up after each included.
    #[serde(default)]
    pub case_us_median: u64,
    /// Requests sent.
    pub exchanges: u64,
    /// Replies verified.
    pub verified: u64,
    /// Replies verified after a performed fault.
    pub exposures: u64,
    /// Faults performed in full.
    pub faults_performed: u64,
    /// Faults that the gateway rightly kept from being performed.
    pub faults_prevented: u64,
    /// With no finding: 3/exposures.
    pub upper_bound_95: Option<f64>,
    /// How its obligations ended.
    pub obligations: Vec<ObligationRecord>,
    /// What is worth counting and no violation.
    pub anomalies: BTreeMap<String, u64>,
    /// Uses of an upstream connection on which something was still owed, by what.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub near_misses: BTreeMap<String, u64>,
    /// How often the gateway's store has answered.
    #[serde(default, skip_serializing_if = "StoreUse::is_none")]
    pub store: StoreUse,
}

impl ScenarioRecord {
    /// Whether something rightly kept the scenario from biting, so that its silence bounds nothing.
    pub fn is_prevented(&self) -> bool {
        fold::is_prevented(&self.obligations)
    }
}

/// How one obligation ended over all cases of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObligationRecord {
    /// The obligation, written out.
    pub name: String,
    /// `met`, `prevented`, `unmet`.
    pub state: ObligationWord,
    /// The witness of a prevented one.
    pub witness: Option<Prevented>,
    /// How much was counted for it.
    pub count: u64,
}

/// How an obligation ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObligationWord {
    /// It happened, in at least one case.
    Met,
    /// It never happened, and in every case something rightly kept it from happening.
    Prevented,
    /// It never happened, and at least once nothing excuses it.
    Unmet,
}

/// The rule of three: with nothing found in `n` trials, the rate is below this with 95 % confidence.
pub fn upper_bound_95(n: u64) -> Option<f64> {
    (n > 0).then(|| 3.0 / n as f64)
}

/// The fingerprint of a finding: stable over runs, seeds, ports and times. Shapes between which chance decides share it
/// ([`Shape::kin`]). What is wrong by its age alone has another than a leak that looks the same, so that whoever answers for
/// the one does not answer for the other.
pub fn fingerprint(scenario: &str, shape: Shape, boundary: Boundary, leg: Leg, severity: Severity) -> String {
    let mut hasher = SipHasher24::new();
    let age = if severity == Severity::Staleness { "|stale" } else { "" };
    let scenario = scenario_of(scenario);
    hasher.write(format!("{scenario}|{}|{boundary}|{leg}{age}", shape.kin()).as_bytes());
    format!("cw{:016x}", hasher.finish())
}

/// The scenario that a kept plan of this name came from, or else the name itself: a defect that is found again by its kept
/// plan is the same one.
fn scenario_of(name: &str) -> &str {
    let kept = kept_plan(name);
    let named = kept.and_then(|kept| kept.rsplit_once('-')).filter(|(_, fingerprint)| is_fingerprint(fingerprint));
    named.map_or(kept.unwrap_or(name), |(scenario, _)| scenario)
}

/// Whether a text has the form of a fingerprint: `cw` and sixteen hexadecimal digits.
pub fn is_fingerprint(text: &str) -> bool {
    let digits = text.strip_prefix("cw").unwrap_or_default();
    digits.len() == 16 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::directive::FaultKind;
    use crate::finding::{Evidence, Shrinking};
    use crate::identity::ExchangeId;

    pub(super) fn start() -> RunStart {
        let self_test = SelfTest { planted: 1, found: 1, correct: 1, silent: 1 };
        RunStart { run_id: "r".to_owned(), self_test, ..RunStart::default() }
    }

    pub(super) fn case(state: ObligationState) -> CaseSummary {
        CaseSummary {
            scenario: "interim-100-late-final".to_owned(),
            family: "interim".to_owned(),
            level: Some(Level::Must),
            exchanges: 8,
            verified: 7,
            exposures: 6,
            faults_performed: 1,
            obligations: vec![ObligationOutcome {
                obligation: Obligation::FaultPerformed(FaultKind::Interim),
                state,
                count: 1,
            }],
            ..CaseSummary::default()
        }
    }

    pub(crate) fn finding(level: Level) -> Finding {
        Finding {
            id: "f1".to_owned(),
            fingerprint: fingerprint(
                "interim-100-late-final",
                Shape::Shift,
                Boundary::CrossTenant,
                Leg::Reply,
                Severity::Leak,
            ),
            scenario: "interim-100-late-final".to_owned(),
            level,
            requirement: "RFC 9110 section 15.2".to_owned(),
            sentence: "tenant 2's request e2 received tenant 1's reply to e1".to_owned(),
            shape: Shape::Shift,
            shift: Some(1),
            boundary: Boundary::CrossTenant,
            severity: Severity::Leak,
            leg: Leg::Reply,
            proof: Proof::Owed,
            edges: Vec::new(),
            subject: ExchangeId(2),
            evidence: Evidence::default(),
            cases: 1,
            shrunk: Size::default(),
            reproduction: Reproduction::default(),
            counterfactual: Counterfactual::default(),
            shrinking: Shrinking::default(),
            chain: Vec::new(),
            excuses: Vec::new(),
            plan: "plans/f1.json".to_owned(),
            script: String::new(),
        }
    }

    /// A Clean run of so many requests with these anomalies.
    pub(crate) fn record_of(anomalies: &[(&str, u64)], exchanges: u64) -> RunRecord {
        let anomalies = anomalies.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let (verified, exposures) = (exchanges.min(7), exchanges.min(6));
        let case = CaseSummary { anomalies, exchanges, verified, exposures, ..case(ObligationState::Met) };
        let entries = [JournalEntry::RunStarted(start()), JournalEntry::CaseJudged(case), end(RunEnd::Completed)];
        RunRecord::from_journal(entries).unwrap()
    }

    pub(super) fn end(how: RunEnd) -> JournalEntry {
        JournalEntry::RunEnded { duration_ms: 5, how }
    }

    fn verdict(entries: Vec<JournalEntry>) -> Verdict {
        let entries = std::iter::once(JournalEntry::RunStarted(start())).chain(entries);
        RunRecord::from_journal(entries).unwrap().verdict
    }

    #[test]
    fn enough_evidence_without_a_finding_is_clean() {
        let entries = vec![JournalEntry::CaseJudged(case(ObligationState::Met)), end(RunEnd::Completed)];
        assert_eq!(verdict(entries), Verdict::Clean);
    }

    #[test]
    fn an_unmet_obligation_is_inconclusive_and_a_prevented_one_is_not() {
        let unmet = vec![JournalEntry::CaseJudged(case(ObligationState::Unmet)), end(RunEnd::Completed)];
        assert_eq!(verdict(unmet), Verdict::Inconclusive);
        let prevented = case(ObligationState::Prevented(Prevented::PeerClosedFirst));
        assert_eq!(verdict(vec![JournalEntry::CaseJudged(prevented), end(RunEnd::Completed)]), Verdict::Clean);
    }

    #[test]
    fn a_run_without_any_fault_is_inconclusive() {
        let idle = CaseSummary { faults_performed: 0, obligations: Vec::new(), ..case(ObligationState::Met) };
        assert_eq!(verdict(vec![JournalEntry::CaseJudged(idle), end(RunEnd::Completed)]), Verdict::Inconclusive);
    }

    #[test]
    fn a_run_that_is_cut_short_keeps_its_findings_and_never_turns_green() {
        let judged = JournalEntry::CaseJudged(case(ObligationState::Met));
        let found = JournalEntry::FindingFound(Box::new(finding(Level::Must)));
        assert_eq!(verdict(vec![judged.clone()]), Verdict::Inconclusive);
        assert_eq!(verdict(vec![found.clone()]), Verdict::Violated);
        let died = JournalEntry::GatewayFailed { what: "test nginx: it died".to_owned() };
        assert_eq!(verdict(vec![judged.clone(), died, end(RunEnd::Completed)]), Verdict::Inconclusive);
        let crash = JournalEntry::RunBroken { what: "judge a case: a rule panicked".to_owned() };
        assert_eq!(verdict(vec![judged, crash.clone(), end(RunEnd::Completed)]), Verdict::Broken);
        assert_eq!(verdict(vec![found, crash]), Verdict::Violated);
    }

    #[test]
    fn what_the_reference_gateway_shows_as_well_is_withdrawn_and_accuses_nobody() {
        let measured = |failed| JournalEntry::FindingMeasured {
            id: "f1".to_owned(),
            reproduction: Reproduction { runs: 20, failed: 20 },
            counterfactual: Counterfactual {
                on_reference: Reproduction { runs: 20, failed },
                ..Counterfactual::default()
            },
        };
        let record = |failed| {
            let found = JournalEntry::FindingFound(Box::new(finding(Level::Must)));
            let judged = JournalEntry::CaseJudged(case(ObligationState::Met));
            let start = JournalEntry::RunStarted(start());
            RunRecord::from_journal([start, judged, found, measured(failed), end(RunEnd::Completed)]).unwrap()
        };
        assert_eq!((record(0).verdict, record(0).findings.len()), (Verdict::Violated, 1));
        let withdrawn = record(1);
        assert_eq!((withdrawn.verdict, withdrawn.findings.len()), (Verdict::Inconclusive, 0));
        assert!(withdrawn.reasons[0].contains("the reference gateway does the same"), "{:?}", withdrawn.reasons);
        assert_eq!(withdrawn.observations.len(), 1);
    }

    #[test]
    fn a_finding_of_level_should_fails_the_gate_only() {
        let judged = JournalEntry::CaseJudged(case(ObligationState::Met));
        let found = JournalEntry::FindingFound(Box::new(finding(Level::Should)));
        assert_eq!(verdict(vec![judged, found, end(RunEnd::Completed)]), Verdict::GateFailed);
    }

    #[test]
    fn an_oracle_that_failed_its_self_test_makes_the_run_broken() {
        let start = RunStart { self_test: SelfTest { planted: 2, found: 1, correct: 1, silent: 1 }, ..start() };
        let entries = [JournalEntry::RunStarted(start), JournalEntry::CaseJudged(case(ObligationState::Met))];
        assert_eq!(RunRecord::from_journal(entries).unwrap().verdict, Verdict::Broken);
    }

    #[test]
    fn near_misses_are_added_up_and_change_no_verdict() {
        let near = |count| {
            let near_misses = [("a reply was owed".to_owned(), count)].into();
            JournalEntry::CaseJudged(CaseSummary { near_misses, ..case(ObligationState::Met) })
        };
        let entries = [JournalEntry::RunStarted(start()), near(2), near(5), end(RunEnd::Completed)];
        let record = RunRecord::from_journal(entries).unwrap();
        assert_eq!(record.scenarios[0].near_misses, [("a reply was owed".to_owned(), 7)].into());
        assert_eq!(record.verdict, Verdict::Clean);
    }

    #[test]
    fn hits_are_added_up_and_change_no_verdict() {
        let used = |hits, possible| {
            let store = StoreUse { hits, possible };
            JournalEntry::CaseJudged(CaseSummary { store, ..case(ObligationState::Met) })
        };
        let entries = [JournalEntry::RunStarted(start()), used(2, 3), used(0, 4), end(RunEnd::Completed)];
        let record = RunRecord::from_journal(entries).unwrap();
        let sum = StoreUse { hits: 2, possible: 7 };
        assert_eq!((record.scenarios[0].store, record.totals.store, record.verdict), (sum, sum, Verdict::Clean));
    }

    #[test]
    fn what_was_written_before_there_were_gates_and_suppressions_is_still_read() {
        let start = serde_json::to_value(start()).unwrap();
        for member in ["gates", "suppressions", "evidence_of_profile"] {
            assert!(start.get(member).is_none(), "none, none written: {member}");
        }
        assert!(serde_json::from_value::<RunStart>(start).is_ok());
        let mut record = serde_json::to_value(record_of(&[], 1)).unwrap();
        for member in ["gates", "suppressions", "suppressed", "warnings"] {
            assert!(record.as_object_mut().unwrap().remove(member).is_some(), "{member}");
        }
        assert_eq!(serde_json::from_value::<RunRecord>(record).unwrap(), record_of(&[], 1));
    }

    #[test]
    fn every_zero_has_its_bound() {
        assert_eq!(upper_bound_95(0), None);
        assert_eq!(upper_bound_95(3000), Some(0.001));
    }

    #[test]
    fn a_chosen_scenario_that_was_never_run_is_not_forgotten() {
        let planned = |level| PlannedScenario { name: "never".to_owned(), family: "f".to_owned(), level };
        let run = |level| {
            let start = RunStart { scenarios: vec![planned(level)], ..start() };
            let judged = JournalEntry::CaseJudged(case(ObligationState::Met));
            RunRecord::from_journal([JournalEntry::RunStarted(start), judged, end(RunEnd::Completed)]).unwrap()
        };
        assert_eq!(run(Level::Must).verdict, Verdict::Inconclusive);
        assert_eq!(run(Level::Must).scenarios.len(), 2);
        assert_eq!(run(Level::Observe).verdict, Verdict::Clean);
    }

    #[test]
    fn why_a_run_ended_stands_before_what_it_could_not_prove() {
        let died = JournalEntry::GatewayFailed { what: "it died".to_owned() };
        let judged = JournalEntry::CaseJudged(case(ObligationState::Unmet));
        let entries = [JournalEntry::RunStarted(start()), judged, died, end(RunEnd::Completed)];
        let record = RunRecord::from_journal(entries).unwrap();
        assert_eq!((record.verdict, record.reasons[0].as_str()), (Verdict::Inconclusive, "it died"));
        assert!(record.reasons[1].contains("was not met"), "{:?}", record.reasons);
    }

    #[test]
    fn a_scenario_that_only_observes_never_spoils_a_run() {
        let control = CaseSummary {
            scenario: "control".to_owned(),
            level: Some(Level::Observe),
            verified: 0,
            ..case(ObligationState::Unmet)
        };
        let both = [case(ObligationState::Met), control].map(JournalEntry::CaseJudged);
        assert_eq!(verdict(both.into_iter().chain([end(RunEnd::Completed)]).collect()), Verdict::Clean);
    }

    #[test]
    fn what_was_prevented_bounds_nothing() {
        let prevented = case(ObligationState::Prevented(Prevented::NoUpstreamReuse));
        let entries = [JournalEntry::RunStarted(start()), JournalEntry::CaseJudged(prevented), end(RunEnd::Completed)];
        let record = RunRecord::from_journal(entries).unwrap();
        assert_eq!((record.verdict, record.totals.upper_bound_95), (Verdict::Clean, None));
    }

    #[test]
    fn one_cause_has_one_fingerprint_and_two_causes_have_two() {
        let of = |boundary, severity| fingerprint("a", Shape::Shift, boundary, Leg::Reply, severity);
        let shaped = |shape| fingerprint("a", shape, Boundary::CrossTenant, Leg::Reply, Severity::Leak);
        let one = of(Boundary::CrossTenant, Severity::Leak);
        assert_eq!(one, shaped(Shape::Splice));
        assert_eq!(shaped(Shape::PairSwap), shaped(Shape::Rotation));
        assert_ne!(one, shaped(Shape::PairSwap));
        assert_ne!(one, shaped(Shape::DuplicateDelivery));
        assert_eq!(one, of(Boundary::CrossTenant, Severity::Leak));
        assert_ne!(one, of(Boundary::SameTenant, Severity::Leak));
        assert_ne!(one, of(Boundary::CrossTenant, Severity::Staleness));
        assert!(is_fingerprint(&one));
        // Found again by its kept plan.
        let again = fingerprint(
            &format!("regressions/a-{one}"),
            Shape::Shift,
            Boundary::CrossTenant,
            Leg::Reply,
            Severity::Leak,
        );
        assert_eq!(again, one);
        assert_eq!(scenario_of("regressions/by-hand"), "by-hand");
        assert_eq!(scenario_of("bodyless-surplus"), "bodyless-surplus");
        for none in ["", "cw", "f1", &one[2..], &one.to_uppercase(), &format!("{one}0"), "cw00112233445566gg"] {
            assert!(!is_fingerprint(none), "{none}");
        }
    }
}
