//! The record as JUnit XML, as far as GitLab and Jenkins read it.
//!
//! Neither has a schema of its own, so this keeps to what their readers take: of GitLab
//! (<https://docs.gitlab.com/ci/testing/unit_test_reports/>) `classname`, `name`, `file`, `time` of a test case and the
//! content of `failure`, `error`, `skipped` and `system-out`; of Jenkins (the source of its junit plugin) also
//! `timestamp`, `message`, `type` and `properties`. A run has one suite. Its test cases are the run itself, each
//! scenario, each scenario that was left out, each gate, each suppression; never a request, for both products compare test cases by name from one
//! run to the next.
//!
//! A finding fails its scenario's test case. One that was set aside fails nothing: its suppression's test case is skipped. What was left unproven is an error, so that missing data is never green.
//! JUnit decides nothing: the job's status is the exit code.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde::Serialize;
use vocabulary::finding::Finding;
use vocabulary::gate::{GateRecord, GateState};
use vocabulary::record::{RunRecord, ScenarioRecord};
use vocabulary::suppression::{SuppressionRecord, SuppressionState};
use vocabulary::verdict::Verdict;

use crate::Style;
use crate::card::{card, subject};
use crate::neutral;
use crate::scenario_table::obligation;
use crate::summary::{meaning, one_in};
use crate::terms::sentence as sentence_of;
use crate::worst::worst_first;
use crate::wrap::counted;

/// Findings told in one test case. The rest is counted.
const FINDINGS_MAX: usize = 20;
/// Findings told as cards in one file; further ones are told in a sentence. GitLab refuses files of 30 MB.
const CARDS_MAX: usize = 200;
/// Bytes of what a test case says of its failure, before they are escaped.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// The run as one test suite, UTF-8, with a final newline. `replay` gives the command that replays a finding.
///
/// Times are seconds. A scenario's is estimated: its cases times their median, for the record keeps no sum.
pub fn junit(record: &RunRecord, replay: &dyn Fn(&Finding) -> String) -> String {
    let harmless = &neutral::record(record);
    let cases = Cases { record, harmless, replay, names: BTreeSet::new(), cards: 0 }.all();
    let count = |of: fn(&Outcome) -> bool| cases.iter().filter(|case| of(&case.outcome)).count();
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\"",
        cases.len(),
        count(|outcome| matches!(outcome, Outcome::Failed(_))),
        count(|outcome| matches!(outcome, Outcome::Errored(_))),
        count(|outcome| matches!(outcome, Outcome::Skipped { .. })),
        seconds(record.duration_ms.unwrap_or(0).saturating_mul(1000)),
    );
    let suite = attribute(&suite(harmless));
    let timestamp = attribute(&harmless.started_at);
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"crosswire\" {counts}>\n  \
         <testsuite name=\"{suite}\" {counts} timestamp=\"{timestamp}\">\n"
    );
    properties(&mut xml, harmless);
    for case in &cases {
        case.write(&mut xml);
    }
    xml + "  </testsuite>\n</testsuites>\n"
}

/// One test case.
struct TestCase {
    classname: String,
    name: String,
    file: Option<String>,
    time_us: u64,
    outcome: Outcome,
    /// Nothing but words and numbers of ours: GitLab follows a path that stands there as `[[ATTACHMENT|path]]`.
    system_out: String,
}

/// How a test case ended.
enum Outcome {
    Passed,
    Failed(Told),
    Errored(Told),
    Skipped { reason: String },
}

/// What a test case says of its failure.
struct Told {
    message: String,
    kind: String,
    text: String,
}

// ---- the test cases ------------------------------------------------------------------------------------------------

fn suite(harmless: &RunRecord) -> String {
    format!("crosswire.{}", harmless.profile)
}

/// The test cases in the making.
struct Cases<'a> {
    record: &'a RunRecord,
    harmless: &'a RunRecord,
    replay: &'a dyn Fn(&Finding) -> String,
    /// Those that are taken. GitLab keeps only the first of two test cases with one name.
    names: BTreeSet<String>,
    cards: usize,
}

impl Cases<'_> {
    fn all(mut self) -> Vec<TestCase> {
        let (record, harmless) = (self.record, self.harmless);
        let mut cases = vec![self.run()];
        let mut told = BTreeSet::new();
        for (scenario, harmless) in record.scenarios.iter().zip(&harmless.scenarios) {
            let findings = findings_of(record, &scenario.name, &mut told);
            cases.push(self.scenario(harmless, &findings));
        }
        // A run that was killed has findings of a scenario no case of which was judged.
        for (finding, harmless) in record.findings.iter().zip(&harmless.findings) {
            let findings = findings_of(record, &finding.scenario, &mut told);
            if !findings.is_empty() {
                let outcome = Outcome::Failed(self.told(&findings));
                cases.push(self.case(&harmless.scenario, None, 0, outcome, String::new()));
            }
        }
        for skipped in &harmless.skipped {
            let outcome = Outcome::Skipped { reason: skipped.reason.clone() };
            cases.push(self.case(&skipped.name, None, 0, outcome, String::new()));
        }
        cases.extend(harmless.gates.iter().map(|gate| self.gate(gate)));
        cases.extend(harmless.suppressions.iter().map(|ended| self.suppression(ended)));
        cases
    }

    fn gate(&mut self, gate: &GateRecord) -> TestCase {
        let told = || Told { message: gate.told(), kind: word(gate.state), text: sentence_of(gate) };
        let outcome = match gate.state {
            GateState::Passed => Outcome::Passed,
            GateState::Failed => Outcome::Failed(told()),
            GateState::NoSamples => Outcome::Errored(told()),
        };
        self.term("gates", format!("gate {}", gate.expression), outcome, gate.told())
    }

    /// A finding that was set aside is shown as skipped, with who answers for it.
    fn suppression(&mut self, ended: &SuppressionRecord) -> TestCase {
        let set_aside = self.harmless.suppressed.iter().filter(|one| one.suppression == ended.suppression);
        let sentences = set_aside.map(|one| format!("\n{} {}", one.finding.id, one.finding.sentence));
        let text = bounded(ended.told() + &sentences.collect::<String>());
        let outcome = match ended.state {
            SuppressionState::Applied => Outcome::Skipped { reason: text },
            SuppressionState::NotMet => Outcome::Passed,
            SuppressionState::Expired => Outcome::Failed(Told { message: ended.told(), kind: word(ended.state), text }),
        };
        let name = format!("suppression {}", ended.suppression.fingerprint);
        // What somebody has written may hold what GitLab follows.
        let out = if ended.state == SuppressionState::NotMet { "its finding was not met in this run" } else { "" };
        self.term("suppressions", name, outcome, out.to_owned())
    }

    /// A test case of what was agreed beforehand.
    fn term(&mut self, of: &str, name: String, outcome: Outcome, system_out: String) -> TestCase {
        let (classname, name) = (format!("{}.{of}", suite(self.harmless)), self.unique(name));
        TestCase { classname, name, file: None, time_us: 0, outcome, system_out }
    }

    fn case(
        &mut self,
        scenario: &str,
        family: Option<&str>,
        time_us: u64,
        outcome: Outcome,
        system_out: String,
    ) -> TestCase {
        let name = self.unique(format!("{scenario} isolation"));
        let classname = format!("{}.{scenario}", suite(self.harmless));
        let file = family.filter(|family| !family.is_empty()).map(|family| format!("{family}/{scenario}.toml"));
        TestCase { classname, name, file, time_us, outcome, system_out }
    }

    fn unique(&mut self, name: String) -> String {
        let mut own = name.clone();
        let mut number = 1_u64;
        while !self.names.insert(own.clone()) {
            number += 1;
            own = format!("{name} ({number})");
        }
        own
    }

    /// The run as a whole: whether it came to its end, with enough to say something.
    fn run(&mut self) -> TestCase {
        let RunRecord { verdict, reasons, .. } = self.harmless;
        let title = verdict.title();
        let message = reasons.first().map_or(title.to_owned(), |reason| format!("{title}: {reason}"));
        let told = Told { message, kind: word(verdict), text: bounded(reasons.join("\n")) };
        let outcome = match verdict {
            Verdict::Clean => Outcome::Passed,
            // Each finding fails its scenario's test case.
            Verdict::Violated | Verdict::GateFailed if !self.record.findings.is_empty() => Outcome::Passed,
            Verdict::Violated | Verdict::GateFailed => Outcome::Failed(told),
            Verdict::Broken | Verdict::SafetyStop | Verdict::Interrupted | Verdict::Inconclusive => {
                Outcome::Errored(told)
            }
        };
        let (name, classname) = (self.unique("run".to_owned()), suite(self.harmless));
        TestCase { classname, name, file: None, time_us: 0, outcome, system_out: meaning(self.harmless) }
    }

    fn scenario(&mut self, scenario: &ScenarioRecord, findings: &[&Finding]) -> TestCase {
        let outcome = match (findings.is_empty(), scenario.verdict) {
            (false, _) => Outcome::Failed(self.told(findings)),
            (true, Verdict::Clean) => Outcome::Passed,
            (true, Verdict::Violated | Verdict::GateFailed) => Outcome::Failed(unproven(scenario)),
            (true, Verdict::Broken | Verdict::SafetyStop | Verdict::Interrupted | Verdict::Inconclusive) => {
                Outcome::Errored(unproven(scenario))
            }
        };
        let time_us = scenario.case_us_median.saturating_mul(scenario.cases);
        self.case(&scenario.name, Some(&scenario.family), time_us, outcome, numbers(scenario))
    }

    /// What the worst finding says, and the cards of all, as far as there is room for them.
    fn told(&mut self, findings: &[&Finding]) -> Told {
        let mut parts = Vec::new();
        for finding in findings.iter().take(FINDINGS_MAX) {
            let replay = (self.replay)(finding);
            self.cards += 1;
            parts.push(match self.cards <= CARDS_MAX {
                true => card(finding, &replay, Style::default()),
                false => sentence(finding, &replay),
            });
        }
        let more = findings.len().saturating_sub(1);
        if findings.len() > FINDINGS_MAX {
            parts.push(format!("… and {} more, in record.json\n", findings.len() - FINDINGS_MAX));
        }
        let (worst, kind) = match findings.first() {
            Some(worst) => (neutral::finding(worst).sentence, word(worst.shape)),
            None => (String::new(), String::new()),
        };
        let message = match more {
            0 => worst,
            more => format!("{worst} (and {})", counted(more as u64, "more finding")),
        };
        Told { message, kind, text: bounded(parts.join("\n")) }
    }
}

/// The findings of a scenario, worst first; none the second time that it is asked for.
fn findings_of<'a>(record: &'a RunRecord, scenario: &'a str, told: &mut BTreeSet<&'a str>) -> Vec<&'a Finding> {
    match told.insert(scenario) {
        true => worst_first(record.findings.iter().filter(|finding| finding.scenario == scenario)),
        false => Vec::new(),
    }
}

/// A finding where there is no more room for its card.
fn sentence(finding: &Finding, replay: &str) -> String {
    let finding = &neutral::finding(finding);
    let severity = finding.severity;
    format!("{severity} · {}\n{}\nreplay: {}\n", subject(finding), finding.sentence, neutral::command(replay))
}

/// Why a scenario's silence proves nothing.
fn unproven(scenario: &ScenarioRecord) -> Told {
    let verdict = scenario.verdict.title();
    let mut lines: Vec<String> = scenario.obligations.iter().filter_map(obligation).collect();
    lines.push(format!("replies verified: {}, cases run: {}", scenario.verified, scenario.cases));
    let first = lines.first().cloned().unwrap_or_default();
    Told { message: format!("{verdict}: {first}"), kind: word(scenario.verdict), text: bounded(lines.join("\n")) }
}

/// What shows that something was done.
fn numbers(scenario: &ScenarioRecord) -> String {
    let ScenarioRecord { cases, exchanges, verified, exposures, faults_performed, faults_prevented, .. } = scenario;
    let mut numbers = format!(
        "cases {cases}, exchanges {exchanges}, verified {verified}, exposures {exposures}, faults performed \
         {faults_performed}, faults prevented {faults_prevented}"
    );
    if let Some(n) = one_in(scenario.upper_bound_95) {
        _ = write!(numbers, "; fewer than 1 in {n} replies wrong with 95 % confidence");
    }
    if scenario.is_prevented() {
        let witnesses = scenario.obligations.iter().filter_map(|obligation| obligation.witness);
        let witnesses: BTreeSet<&str> = witnesses.map(|witness| witness.word()).collect();
        let witnesses: Vec<&str> = witnesses.into_iter().collect();
        _ = write!(numbers, "; it could not bite: {}", witnesses.join(", "));
    }
    numbers
}

/// A word of a closed enum as JSON has it.
fn word(of: impl Serialize) -> String {
    let word = serde_json::to_value(of).ok();
    word.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

// ---- the XML -------------------------------------------------------------------------------------------------------

fn properties(xml: &mut String, harmless: &RunRecord) {
    let RunRecord { gateway, totals, .. } = harmless;
    let parts = [Some(gateway.name.as_str()), gateway.version.as_deref(), gateway.variant.as_deref()];
    let gateway: Vec<&str> = parts.into_iter().flatten().collect();
    let properties = [
        ("run_id", harmless.run_id.clone()),
        ("seed", harmless.seed.to_string()),
        ("crosswire_version", harmless.crosswire_version.clone()),
        ("gateway", gateway.join(" ")),
        ("verdict", word(harmless.verdict)),
        ("exit_code", harmless.exit_code.to_string()),
        ("exchanges", totals.exchanges.to_string()),
        ("verified", totals.verified.to_string()),
        ("exposures", totals.exposures.to_string()),
        ("faults_performed", totals.faults_performed.to_string()),
        ("upper_bound_95", totals.upper_bound_95.map(|bound| bound.to_string()).unwrap_or_default()),
        ("findings", harmless.findings.len().to_string()),
        ("suppressed", harmless.suppressed.len().to_string()),
        ("warnings", harmless.warnings.join("; ")),
        ("observations", harmless.observations.len().to_string()),
    ];
    xml.push_str("    <properties>\n");
    for (name, value) in properties {
        _ = writeln!(xml, "      <property name=\"{name}\" value=\"{}\"/>", attribute(&value));
    }
    xml.push_str("    </properties>\n");
}

impl TestCase {
    fn write(&self, xml: &mut String) {
        let TestCase { classname, name, file, time_us, outcome, system_out } = self;
        let file = file.as_ref().map(|file| format!(" file=\"{}\"", attribute(file))).unwrap_or_default();
        _ = write!(
            xml,
            "    <testcase classname=\"{}\" name=\"{}\"{file} time=\"{}\"",
            attribute(classname),
            attribute(name),
            seconds(*time_us)
        );
        if matches!(outcome, Outcome::Passed) && system_out.is_empty() {
            xml.push_str("/>\n");
            return;
        }
        xml.push_str(">\n");
        match outcome {
            Outcome::Passed => {}
            Outcome::Failed(told) => told.write("failure", xml),
            Outcome::Errored(told) => told.write("error", xml),
            Outcome::Skipped { reason } => {
                let (message, content) = (attribute(reason), content(reason));
                _ = writeln!(xml, "      <skipped message=\"{message}\">{content}</skipped>");
            }
        }
        if !system_out.is_empty() {
            _ = writeln!(xml, "      <system-out>{}</system-out>", content(system_out));
        }
        xml.push_str("    </testcase>\n");
    }
}

impl Told {
    fn write(&self, element: &str, xml: &mut String) {
        let Told { message, kind, text } = self;
        let (message, kind, text) = (attribute(message), attribute(kind), content(text));
        _ = writeln!(xml, "      <{element} message=\"{message}\" type=\"{kind}\">{text}</{element}>");
    }
}

/// `12.345`: the decimal sign is a point whatever the locale.
fn seconds(us: u64) -> String {
    format!("{}.{:03}", us / 1_000_000, us % 1_000_000 / 1000)
}

/// At most [`TEXT_BYTES_MAX`] bytes of a text.
fn bounded(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        text.push_str("\n… cut here, the rest is in record.json\n");
    }
    text
}

/// Text between tags. What reaches this has been disarmed, so it holds no character that XML 1.0 section 2.2 forbids.
fn content(text: &str) -> String {
    // `>` as well, for `]]>` may not stand in content (XML 1.0 section 2.4).
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Text within quotes. A line feed would be read as a space (XML 1.0 section 3.3.3).
fn attribute(text: &str) -> String {
    content(text).replace('"', "&quot;").replace('\'', "&apos;").replace('\n', "&#10;")
}

#[cfg(test)]
mod tests {
    use roxmltree::{Document, Node};

    use super::*;
    use crate::fixtures::{self, golden, replay};

    /// The elements of one name.
    fn elements<'a>(document: &'a Document, name: &'a str) -> Vec<Node<'a, 'a>> {
        document.descendants().filter(|node| node.has_tag_name(name)).collect()
    }

    #[test]
    fn each_verdict_has_the_suite_that_was_agreed() {
        for (name, record) in fixtures::records() {
            golden(&format!("junit-{name}.xml"), &junit(&record, &replay));
        }
    }

    #[test]
    fn what_a_killed_run_had_found_fails_though_its_scenario_was_not_judged() {
        let mut record = fixtures::violated();
        record.scenarios.clear();
        let xml = junit(&record, &replay);
        let document = Document::parse(&xml).unwrap();
        let failed: Vec<&str> =
            elements(&document, "failure").iter().filter_map(|failure| failure.parent()?.attribute("name")).collect();
        assert_eq!(failed, ["interim-100-late-final isolation", "status-599 isolation"]);
    }

    #[test]
    fn a_scenario_that_is_left_out_is_skipped_with_its_reason() {
        let xml = junit(&fixtures::clean(), &replay);
        let document = Document::parse(&xml).unwrap();
        for skipped in elements(&document, "skipped") {
            assert_eq!(skipped.attribute("message"), skipped.text());
            assert!(skipped.text().is_some_and(|reason| !reason.is_empty()));
        }
        assert_eq!(elements(&document, "skipped").len(), 3);
    }

    #[test]
    fn gates_and_suppressions_are_test_cases_of_their_own() {
        let xml = junit(&fixtures::gated(), &replay);
        let document = Document::parse(&xml).unwrap();
        let ended = |name: &str| {
            let mut cases = elements(&document, "testcase").into_iter();
            let case = cases.find(|case| case.attribute("name").is_some_and(|own| own.starts_with(name))).unwrap();
            let ended =
                case.children().find(|child| child.is_element()).map(|child| child.tag_name().name().to_owned());
            (ended.unwrap_or_default(), case.descendants().filter_map(|node| node.text()).collect::<String>())
        };
        assert_eq!(ended("gate exposures >= 1000").0, "system-out");
        assert_eq!(ended("gate error_rate < 1%").0, "failure");
        assert_eq!(ended("gate hit_rate > 50%").0, "error");
        let (set_aside, told) = ended(&format!("suppression {}", fixtures::shift().fingerprint));
        assert_eq!(set_aside, "skipped");
        for word in ["edge-team", "2026-12-31", "tenant 2's request e2"] {
            assert!(told.contains(word), "{word}: {told}");
        }
        assert_eq!(ended("suppression cw0011223344556677").0, "system-out", "it was not met");
        assert_eq!(ended("suppression cw8899aabbccddeeff").0, "failure", "it has expired");
    }

    #[test]
    fn two_scenarios_of_one_name_have_two_names() {
        let mut record = fixtures::clean();
        let again = [record.scenarios[0].clone(), record.scenarios[0].clone()];
        record.scenarios.extend(again);
        let xml = junit(&record, &replay);
        let document = Document::parse(&xml).unwrap();
        let names: Vec<&str> =
            elements(&document, "testcase").iter().filter_map(|case| case.attribute("name")).collect();
        assert!(names.contains(&"interim-100-late-final isolation (2)"), "{names:?}");
        assert!(names.contains(&"interim-100-late-final isolation (3)"), "{names:?}");
    }

    #[test]
    fn a_finding_that_comes_after_many_is_told_without_its_card() {
        let finding = |number: usize| Finding { scenario: format!("s{}", number / 20), ..fixtures::shift() };
        let findings = (0..220).map(finding).collect();
        let record = RunRecord { scenarios: Vec::new(), findings, ..fixtures::violated() };
        let xml = junit(&record, &replay);
        let document = Document::parse(&xml).unwrap();
        let cards = |failure: &Node| failure.text().unwrap_or_default().matches("not excused by").count();
        let cards: Vec<usize> = elements(&document, "failure").iter().map(cards).collect();
        assert_eq!(cards, [[20; 10].as_slice(), &[0]].concat());
    }

    #[test]
    fn a_text_of_any_length_is_cut_at_a_character() {
        assert_eq!(bounded("short".to_owned()), "short");
        let cut = bounded("ä".repeat(TEXT_BYTES_MAX));
        assert!(cut.len() < TEXT_BYTES_MAX + 100 && cut.ends_with("… cut here, the rest is in record.json\n"));
    }

    #[test]
    fn every_character_that_is_left_after_disarming_may_stand_in_xml() {
        let all: String = ('\0'..=char::MAX).collect();
        let disarmed = neutral::line(&all, usize::MAX);
        let xml = format!("<a b=\"{}\">{}</a>", attribute(&disarmed), content(&disarmed));
        let document = Document::parse(&xml).unwrap();
        let read = document.root_element();
        assert_eq!((read.attribute("b"), read.text()), (Some(disarmed.as_str()), Some(disarmed.as_str())));
    }
}
