//! The worst of a run as annotations of GitHub Actions: lines that its runner takes for commands.
//!
//! `::error title=…::message`, where `%`, carriage return and line feed are written `%25`, `%0D`, `%0A`, and in the
//! title also `:` and `,` as `%3A`, `%2C`
//! (<https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions>, and `issueCommand` of
//! actions/toolkit). GitHub shows ten of a kind for a step and drops the rest without a word; here the rest is counted.
//! No line names a file: what is wrong is not in the user's repository.

use std::fmt::Write;

use vocabulary::finding::Finding;
use vocabulary::gate::GateState;
use vocabulary::record::RunRecord;
use vocabulary::scenario::Level;
use vocabulary::suppression::{SuppressionRecord, SuppressionState};
use vocabulary::verdict::Verdict;

use crate::card::subject;
use crate::neutral;
use crate::summary::meaning;
use crate::terms::sentence;
use crate::worst::worst_first;

/// Findings that have a line of their own; how many more there are is one line more.
const FINDINGS_MAX: usize = 5;
/// Reasons in the one line of a run that is neither Clean nor has findings. As many gates that failed, warnings, findings
/// that were set aside stand in the one line that each of these kinds has.
const REASONS_MAX: usize = 5;

/// A line for each of the worst five findings, and one that counts the others. A run without findings that is not Clean
/// has one line, which says why. A finding of a scenario of level `should` is a warning, one that was set aside a notice.
/// Empty for a Clean run of which there is nothing else to tell.
pub fn annotations(record: &RunRecord) -> String {
    let record = &neutral::record(record);
    let findings = worst_first(&record.findings);
    let mut lines = String::new();
    for finding in findings.iter().take(FINDINGS_MAX) {
        lines += &annotation(kind(finding.level), &title(finding), &message(finding));
    }
    if findings.len() > FINDINGS_MAX {
        let more = format!("and {} more, in the step summary and in record.json", findings.len() - FINDINGS_MAX);
        lines += &annotation("notice", "crosswire", &more);
    }
    if findings.is_empty() && record.verdict != Verdict::Clean {
        lines += &annotation("error", &format!("crosswire: {}", record.verdict), &reasons(record));
    }
    if !findings.is_empty() {
        let failed = record.gates.iter().filter(|gate| gate.state != GateState::Passed).map(sentence);
        let expired = record.suppressions.iter().filter(|one| one.state == SuppressionState::Expired);
        lines += &listed("error", "crosswire: gate failed", failed.chain(expired.map(SuppressionRecord::told)));
    }
    lines += &listed("warning", "crosswire: less was asked for", record.warnings.iter().cloned());
    let suppressed = record.suppressed.iter().map(|one| {
        let by = SuppressionRecord { suppression: one.suppression.clone(), state: SuppressionState::Applied };
        format!("{} {}\n{}", one.finding.id, one.finding.sentence, by.told())
    });
    lines + &listed("notice", "crosswire: suppressed", suppressed)
}

/// One line for all of a kind, if there are any.
fn listed(kind: &str, title: &str, told: impl Iterator<Item = String>) -> String {
    let told: Vec<String> = told.collect();
    let mut message = told.iter().take(REASONS_MAX).map(String::as_str).collect::<Vec<_>>().join("\n");
    if told.len() > REASONS_MAX {
        _ = write!(message, "\n… and {} more, in record.json", told.len() - REASONS_MAX);
    }
    if told.is_empty() { String::new() } else { annotation(kind, title, &message) }
}

fn kind(level: Level) -> &'static str {
    match level {
        Level::Must => "error",
        Level::Should => "warning",
        Level::Observe => "notice",
    }
}

fn title(finding: &Finding) -> String {
    format!("crosswire: {} · {}", finding.severity, subject(finding))
}

fn message(finding: &Finding) -> String {
    let Finding { id, fingerprint, sentence, requirement, plan, .. } = finding;
    format!("{sentence}\n{requirement}\n{id} {fingerprint} · {plan}")
}

fn reasons(record: &RunRecord) -> String {
    let mut message = meaning(record);
    for reason in record.reasons.iter().take(REASONS_MAX) {
        _ = write!(message, "\n{reason}");
    }
    if record.reasons.len() > REASONS_MAX {
        _ = write!(message, "\n… and {} more, in record.json", record.reasons.len() - REASONS_MAX);
    }
    message
}

fn annotation(kind: &str, title: &str, message: &str) -> String {
    // The percent sign first, for the others bring more of them.
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let title = data(title).replace(':', "%3A").replace(',', "%2C");
    format!("::{kind} title={title}::{}\n", data(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, golden};

    #[test]
    fn each_verdict_has_the_annotations_that_were_agreed() {
        for (name, record) in fixtures::records() {
            golden(&format!("annotations-{name}.txt"), &annotations(&record));
        }
    }

    #[test]
    fn a_clean_run_has_none() {
        assert_eq!(annotations(&fixtures::clean()), "");
    }

    #[test]
    fn a_clean_run_tells_what_was_set_aside_and_that_less_was_asked_for() {
        let RunRecord { suppressed, suppressions, warnings, .. } = fixtures::gated();
        let text = annotations(&RunRecord { suppressed, suppressions, warnings, ..fixtures::clean() });
        let kinds: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(kinds, ["::warning", "::notice"], "{text}");
        assert!(text.contains("%0Acw") && text.contains("edge-team answers for it"), "{text}");
    }

    #[test]
    fn gates_that_failed_stand_beside_findings() {
        let RunRecord { gates, .. } = fixtures::gated();
        let text = annotations(&RunRecord { gates, ..fixtures::violated() });
        let gates = text.lines().find(|line| line.starts_with("::error title=crosswire%3A gate failed::")).unwrap();
        assert!(gates.contains("error_rate < 1%25: failed") && !gates.contains("exposures"), "{gates}");
        assert!(!annotations(&fixtures::violated()).contains("gate failed::"));
    }

    #[test]
    fn what_the_runner_would_read_otherwise_is_escaped() {
        assert_eq!(
            annotation("error", "a: b, 100%", "c: d, 100%\r\ne"),
            "::error title=a%3A b%2C 100%25::c: d, 100%25%0D%0Ae\n"
        );
        assert_eq!(annotation("error", "%0A", "%3A"), "::error title=%250A::%253A\n");
    }

    #[test]
    fn the_worst_have_lines_and_the_others_are_counted() {
        let mut findings = vec![fixtures::status_mismatch(); 5];
        findings.extend([fixtures::shift(), fixtures::desync()]);
        let text = annotations(&RunRecord { findings, ..fixtures::violated() });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 6);
        assert!(lines[0].starts_with("::error title=crosswire%3A leak · shift by 1"), "{text}");
        assert!(lines[1].starts_with("::error title=crosswire%3A desync"), "{text}");
        assert!(lines[2..5].iter().all(|line| line.starts_with("::warning title=crosswire%3A corruption")), "{text}");
        assert_eq!(lines[5], "::notice title=crosswire::and 2 more, in the step summary and in record.json");
    }
}
