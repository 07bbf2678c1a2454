//! What was agreed before a run, as the summary tells it: what makes its verdict worth less, the gates, and what was set
//! aside. Nothing that somebody has set aside is left out of sight.

use vocabulary::gate::{GateRecord, GateState};
use vocabulary::record::RunRecord;
use vocabulary::suppression::{SuppressedFinding, SuppressionRecord, SuppressionState};

use crate::Style;
use crate::card::subject;
use crate::ink::Ink;
use crate::wrap::wrapped;

/// Gates, findings set aside, and suppressions listed at most, of each.
const LISTED_MAX: usize = 20;

/// Each gate, and what became of it.
pub(crate) fn gates(record: &RunRecord, style: Style) -> Vec<String> {
    let ink = Ink::of(style);
    let mut lines = Vec::new();
    for gate in record.gates.iter().take(LISTED_MAX) {
        let word = word(gate);
        let painted = match gate.state {
            GateState::Passed => ink.green(word),
            GateState::Failed | GateState::NoSamples => ink.yellow(word),
        };
        let rows = wrapped(&sentence(gate), style.columns() - 2, 2);
        lines.extend(rows.iter().map(|row| format!("  {}", row.replacen(word, &painted, 1))));
    }
    lines.extend(and_more(record.gates.len()));
    headed(ink.bold("gates"), lines)
}

/// `error_rate < 1%: failed: 4.2% of 1204 requests`
pub(crate) fn sentence(gate: &GateRecord) -> String {
    format!("{}: {}", gate.expression, gate.told())
}

fn word(gate: &GateRecord) -> &'static str {
    match gate.state {
        GateState::Passed => "passed",
        GateState::Failed => "failed",
        GateState::NoSamples => "no samples",
    }
}

/// The findings that were set aside, each with who answers for it, and the suppressions that set nothing aside.
pub(crate) fn suppressed(record: &RunRecord, style: Style) -> Vec<String> {
    let ink = Ink::of(style);
    let mut lines = Vec::new();
    for SuppressedFinding { finding, suppression } in record.suppressed.iter().take(LISTED_MAX) {
        let line = format!("{:4}{} · {} · {}", finding.id, finding.severity, subject(finding), finding.plan);
        lines.extend(wrapped(&line, style.columns() - 2, 4).iter().map(|row| format!("  {row}")));
        let by = SuppressionRecord { suppression: suppression.clone(), state: SuppressionState::Applied };
        lines.extend(wrapped(&by.told(), style.columns() - 6, 0).iter().map(|row| format!("      {row}")));
    }
    lines.extend(and_more(record.suppressed.len()));
    let mut section = headed(ink.bold("suppressed: found, and set aside"), lines);
    let idle = record.suppressions.iter().filter(|one| one.state == SuppressionState::NotMet);
    let idle = idle.take(LISTED_MAX).flat_map(|one| wrapped(&one.told(), style.columns(), 2));
    section.extend(idle);
    section
}

fn headed(head: String, lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() { lines } else { std::iter::once(head).chain(lines).collect() }
}

fn and_more(listed: usize) -> Option<String> {
    let more = listed.checked_sub(LISTED_MAX).filter(|more| *more > 0)?;
    Some(format!("  … and {more} more, in record.json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn a_run_without_terms_has_no_line_of_them() {
        let record = fixtures::clean();
        assert_eq!((gates(&record, Style::default()), suppressed(&record, Style::default())), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_gate_is_told_with_what_it_was_held_against() {
        let text = gates(&fixtures::gated(), Style::default()).join("\n");
        assert!(text.contains("  error_rate < 1%: failed: "), "{text}");
        assert!(text.contains("  exposures >= 1000: passed: "), "{text}");
    }

    #[test]
    fn what_was_set_aside_is_told_with_who_answers_for_it_and_until_when() {
        let text = suppressed(&fixtures::gated(), Style::default()).join("\n");
        for word in
            ["leak · shift by 1", "is suppressed until 2026-12-31; edge-team answers for it", "was not met in this run"]
        {
            assert!(text.contains(word), "{word}: {text}");
        }
    }

    #[test]
    fn long_lists_are_bounded_and_counted() {
        let mut record = fixtures::gated();
        record.gates = vec![record.gates[0]; 30];
        let text = gates(&record, Style::default());
        assert_eq!((text.len(), text.last().map(String::as_str)), (22, Some("  … and 10 more, in record.json")));
    }
}
