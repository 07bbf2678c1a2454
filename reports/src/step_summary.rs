//! The run as a page in Markdown: what GitHub shows under a job, and what `-o FILE.md` writes.
//!
//! A page is rendered among others' pages, so no text of the record may be markup there. It stands in one of two
//! places. In the table it is within `<code>`, each character that Markdown knows written by its number: what GitHub
//! makes of rendered text (mentions, issue numbers, emoji) it does not make within code. Everywhere else it is in a
//! fenced block whose fence is longer than any run of backticks in it.

use std::fmt::Write;

use vocabulary::finding::Finding;
use vocabulary::record::RunRecord;
use vocabulary::suppression::SuppressedFinding;

use crate::Style;
use crate::card::{card, rate};
use crate::neutral;
use crate::summary::{meaning, summary};
use crate::worst::worst_first;

/// Findings in the table, and of them those with a card.
const ROWS_MAX: usize = 20;
/// Findings that were set aside in their table.
const SUPPRESSED_MAX: usize = 10;
/// Reasons that are shown at once; all stand in the whole run.
const REASONS_MAX: usize = 5;
/// Bytes of a page. GitHub takes 1 MiB for a step, drops all of it beyond that, and a step may have pages of others.
const BYTES_MAX: usize = 256 * 1024;
/// Bytes of one fenced block. The largest page has one for each row and one for the whole run.
const BLOCK_BYTES_MAX: usize = 64 * 1024;
/// What the last line of a page that was cut takes.
const NOTICE_BYTES_MAX: usize = 200;

/// The page: the verdict on the first line, what it rests on, the worst findings as a table, their cards, and the
/// summary as a terminal shows it. At most 256 KiB; what is cut is counted. `replay` gives the command that replays a
/// finding.
pub fn step_summary(record: &RunRecord, replay: &dyn Fn(&Finding) -> String) -> String {
    let harmless = &neutral::record(record);
    let mut page = format!("## crosswire: {}\n\n{}\n\n", record.verdict.title(), sentence(&meaning(harmless)));
    page += &reasons(harmless);
    page +=
        &harmless.warnings.iter().take(REASONS_MAX).map(|warning| format!("{}\n\n", code(warning))).collect::<String>();
    page += &counts(record);
    page += &gates(record);
    page += &table(harmless);
    page += &suppressed(harmless);
    let whole = details("the whole run", &summary(record, Style::default()));
    // The last block has its room before the cards have theirs.
    let room = BYTES_MAX - NOTICE_BYTES_MAX - whole.len();
    let mut left_out = record.findings.len().saturating_sub(ROWS_MAX);
    for finding in worst_first(&record.findings).into_iter().take(ROWS_MAX) {
        let id = code(&neutral::finding(finding).id);
        let card = details(&format!("{id} {}", finding.severity), &card(finding, &replay(finding), Style::default()));
        match page.len() + card.len() <= room {
            true => page += &card,
            false => left_out += 1,
        }
    }
    page += &whole;
    if left_out > 0 {
        _ = writeln!(page, "Cards left out: {left_out}. They are in record.json.\n");
    }
    page
}

/// A sentence of ours, in which Markdown would see nothing but text.
fn sentence(text: &str) -> String {
    text.replace('<', "&lt;")
}

/// Why a run without findings is not Clean; else its findings say it.
fn reasons(harmless: &RunRecord) -> String {
    let told = if harmless.findings.is_empty() { REASONS_MAX } else { 0 };
    harmless.reasons.iter().take(told).map(|reason| format!("{}\n\n", code(reason))).collect()
}

/// The run in numbers.
fn counts(record: &RunRecord) -> String {
    let totals = record.totals;
    let counts = [
        ("findings", record.findings.len().to_string()),
        ("suppressed", record.suppressed.len().to_string()),
        ("scenarios", record.scenarios.len().to_string()),
        ("skipped", record.skipped.len().to_string()),
        ("exchanges", totals.exchanges.to_string()),
        ("verified", totals.verified.to_string()),
        ("exposures", totals.exposures.to_string()),
        ("faults performed", totals.faults_performed.to_string()),
        ("observations", record.observations.len().to_string()),
    ];
    let row = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
    let head = row(counts.iter().map(|(name, _)| *name).collect());
    let rule = row(counts.iter().map(|_| "---:").collect());
    let numbers = row(counts.iter().map(|(_, count)| count.as_str()).collect());
    format!("{head}{rule}{numbers}\n")
}

/// The worst findings, a row each.
fn table(harmless: &RunRecord) -> String {
    if harmless.findings.is_empty() {
        return String::new();
    }
    let mut table = String::from(
        "| finding | severity | shape | boundary | leg | scenario | seen | plan |\n|---|---|---|---|---|---|---|---|\n",
    );
    for finding in worst_first(&harmless.findings).into_iter().take(ROWS_MAX) {
        let Finding { id, severity, shape, shift, boundary, leg, scenario, plan, .. } = finding;
        let shape = shift.map_or(shape.to_string(), |k| format!("{shape} by {k}"));
        let (id, scenario, plan, seen) = (code(id), code(scenario), code(plan), rate(finding));
        _ = writeln!(table, "| {id} | {severity} | {shape} | {boundary} | {leg} | {scenario} | {seen} | {plan} |");
    }
    match harmless.findings.len().checked_sub(ROWS_MAX) {
        None | Some(0) => {}
        Some(more) => _ = writeln!(table, "\n… and {more} more, in record.json"),
    }
    table.push('\n');
    table
}

/// The gates, a row each.
fn gates(record: &RunRecord) -> String {
    let rows = record.gates.iter().take(ROWS_MAX);
    let rows = rows.map(|gate| format!("| {} | {} |\n", code(&gate.expression.to_string()), code(&gate.told())));
    rows_under("| gate | ended |\n|---|---|\n", rows.collect(), record.gates.len(), ROWS_MAX, "gates")
}

/// The findings that were set aside, a row each, with who answers for them.
fn suppressed(harmless: &RunRecord) -> String {
    let rows = harmless.suppressed.iter().take(SUPPRESSED_MAX).map(|SuppressedFinding { finding, suppression: by }| {
        let expires = by.expires.to_string();
        let cells =
            [&finding.id, &finding.scenario, &by.fingerprint, &expires, &by.owner, &by.reason].map(|text| code(text));
        format!("| {} | {} |\n", finding.severity, cells.join(" | "))
    });
    let head = "| suppressed | finding | scenario | fingerprint | until | answers for it | reason |\n|---|---|---|---|---|---|---|\n";
    rows_under(head, rows.collect(), harmless.suppressed.len(), SUPPRESSED_MAX, "suppressed findings")
}

fn rows_under(head: &str, rows: String, all: usize, shown: usize, what: &str) -> String {
    match (all, all.saturating_sub(shown)) {
        (0, _) => String::new(),
        (_, 0) => format!("{head}{rows}\n"),
        (_, more) => format!("{head}{rows}\nIn record.json there are {more} more {what}.\n\n"),
    }
}

/// A block that is shown when somebody asks for it. The title is markup.
fn details(title: &str, text: &str) -> String {
    let (mut shown, mut cut) = (text, "");
    if text.len() > BLOCK_BYTES_MAX {
        shown = &text[..text.floor_char_boundary(BLOCK_BYTES_MAX)];
        cut = "\n… cut here, the rest is in record.json";
    }
    let fence = "`".repeat(longest_run(shown, '`').max(2) + 1);
    let shown = shown.trim_end_matches('\n');
    format!("<details><summary>{title}</summary>\n\n{fence}text\n{shown}{cut}\n{fence}\n\n</details>\n\n")
}

fn longest_run(text: &str, of: char) -> usize {
    text.split(|c| c != of).map(str::len).max().unwrap_or(0)
}

/// Foreign text on one line, as code, in which nothing is markup: not even the end of a table's cell.
fn code(text: &str) -> String {
    let mut code = String::from("<code>");
    for c in text.chars() {
        match c {
            // They stand in names and sentences, and mean something only at the start of a line or behind another sign.
            ' ' | '-' | '/' | ',' | '(' | ')' | '\'' => code.push(c),
            // The dot of `www.` makes a link.
            c if c.is_ascii_punctuation() => _ = write!(code, "&#{};", u32::from(c)),
            c => code.push(c),
        }
    }
    code + "</code>"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, golden, replay};

    #[test]
    fn each_verdict_has_the_page_that_was_agreed() {
        for (name, record) in fixtures::records() {
            golden(&format!("page-{name}.md"), &step_summary(&record, &replay));
        }
    }

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        assert_eq!(
            details("t", "a\n````\nb"),
            "<details><summary>t</summary>\n\n`````text\na\n````\nb\n`````\n\n</details>\n\n"
        );
        assert!(details("t", "a").contains("\n```text\na\n```\n"));
    }

    #[test]
    fn nothing_in_code_is_markup() {
        assert_eq!(code("a-b/c d"), "<code>a-b/c d</code>");
        assert_eq!(code("|<&`@"), "<code>&#124;&#60;&#38;&#96;&#64;</code>");
        assert_eq!(code("Grüße → www.x"), "<code>Grüße → www&#46;x</code>");
    }

    #[test]
    fn a_page_is_cut_before_github_drops_it_and_says_how_much() {
        let mut finding = fixtures::shift();
        let step = finding.chain[0].clone();
        finding.chain = vec![step; 2000];
        let record = RunRecord { findings: vec![finding; 30], ..fixtures::violated() };
        let page = step_summary(&record, &replay);
        assert!(page.len() <= BYTES_MAX, "{}", page.len());
        let cards = page.matches("<details><summary><code>f1</code> leak</summary>").count();
        assert!((1..20).contains(&cards), "{cards}");
        assert!(page.contains(&format!("Cards left out: {}.", 30 - cards)));
        assert!(page.contains("\n… cut here, the rest is in record.json\n```\n\n</details>"));
        assert!(page.contains("<summary>the whole run</summary>"), "it has its room in any case");
        assert!(page.contains("\n… and 10 more, in record.json\n"));
    }
}
