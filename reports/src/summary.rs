//! The whole run at its end: the verdict and what it rests on, for a person who may read only the first line.
//!
//! Every zero stands beside the number of chances there were, and beside the bound that follows from them. What is not
//! held against the gateway (observations, anomalies, skipped scenarios) stands apart, in words that accuse nobody.

use std::collections::BTreeMap;

use vocabulary::record::{ObligationRecord, ObligationWord, RunRecord, ScenarioRecord};
use vocabulary::scenario::Level;
use vocabulary::verdict::Verdict;

use crate::Style;
use crate::card::{subject, wrapped_fact};
use crate::ink::Ink;
use crate::neutral;
use crate::wrap::{columns, counted, cut, grouped, wrapped};

/// Reasons, findings, observations listed at most, of each.
const LISTED_MAX: usize = 10;
/// Columns of a scenario's name in the table; a longer one has a line of its own.
const NAME_MAX: usize = 30;
const NUMBERS: [(&str, usize); 7] = [
    ("verdict", 12),
    ("cases", 6),
    ("verified", 9),
    ("exposures", 10),
    ("faults", 7),
    ("prevented", 10),
    ("wrong below", 13),
];

/// The run in full, for a person. Where its folder lies is the caller's to add.
pub fn summary(record: &RunRecord, style: Style) -> String {
    let record = &neutral::record(record);
    let parts = [
        banner(record, style),
        tested(record, style),
        scenarios(record, style),
        findings(record, style),
        observations(record, style),
        anomalies(record, style),
        skipped(record, style),
    ];
    let parts: Vec<String> = parts.iter().filter(|part| !part.is_empty()).map(|part| part.join("\n")).collect();
    parts.join("\n\n") + "\n"
}

// ---- the verdict ---------------------------------------------------------------------------------------------------

fn banner(record: &RunRecord, style: Style) -> Vec<String> {
    let ink = Ink::of(style);
    let title = record.verdict.title();
    let painted = paint(record.verdict, title, ink);
    let mut lines = wrapped(&format!("{title} · {}", meaning(record)), style.columns(), 2);
    if let Some(first) = lines.first_mut() {
        *first = format!("{painted}{}", first.strip_prefix(title).unwrap_or_default());
    }
    for reason in record.reasons.iter().take(LISTED_MAX) {
        let reason = wrapped(&format!("- {reason}"), style.columns() - 2, 2);
        lines.extend(reason.iter().map(|line| format!("  {line}")));
    }
    lines.extend(and_more(record.reasons.len()));
    lines
}

fn paint(verdict: Verdict, text: &str, ink: Ink) -> String {
    match verdict {
        Verdict::Violated | Verdict::Broken => ink.red(text),
        Verdict::SafetyStop | Verdict::Interrupted | Verdict::Inconclusive | Verdict::GateFailed => ink.yellow(text),
        Verdict::Clean => ink.green(text),
    }
}

/// What the verdict means, in numbers.
fn meaning(record: &RunRecord) -> String {
    let found = found(record);
    match record.verdict {
        Verdict::Clean => found,
        Verdict::Violated => format!("the gateway delivered what it must not: {found}."),
        Verdict::GateFailed => format!("a requirement that should be kept was not kept: {found}."),
        Verdict::Inconclusive => format!("too little happened for silence to count: {found}"),
        Verdict::SafetyStop => format!("a guard ended the run before it was done: {found}"),
        Verdict::Interrupted => format!("the run was ended before it was done: {found}"),
        Verdict::Broken => format!("crosswire itself failed, which says nothing about the gateway: {found}"),
    }
}

/// `0 findings in 9,312 exposures: fewer than 1 in 3,104 replies wrong with 95 % confidence.`
fn found(record: &RunRecord) -> String {
    let findings = counted(record.findings.len() as u64, "finding");
    let exposures = counted(record.totals.exposures, "exposure");
    match (record.findings.is_empty(), one_in(record.totals.upper_bound_95)) {
        (false, _) => format!("{findings} in {exposures}"),
        (true, Some(n)) => {
            format!("{findings} in {exposures}: fewer than 1 in {n} replies wrong with 95 % confidence.")
        }
        (true, None) => format!("{findings} in {exposures}, which bounds nothing."),
    }
}

/// The bound as a person says it: less than one in so many. A bound of one or more says nothing.
fn one_in(upper_bound_95: Option<f64>) -> Option<String> {
    // The rule of three gives 3/N; its reciprocal is a third of N, and a part of a reply counts for nothing. What was
    // rounded down by the division back and forth is given back.
    let n = (1.0 / upper_bound_95?) * (1.0 + 1e-12);
    (n >= 1.5).then(|| grouped(n as u64))
}

// ---- what was tested -----------------------------------------------------------------------------------------------

fn tested(record: &RunRecord, style: Style) -> Vec<String> {
    let gateway = &record.gateway;
    let version = gateway.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
    let variant = gateway.variant.as_deref().map(|variant| format!(", variant {variant}")).unwrap_or_default();
    let took = match record.duration_ms {
        Some(ms) => format!("took {}.{} s", ms / 1000, ms % 1000 / 100),
        None => "has no end".to_owned(),
    };
    let self_test = record.self_test;
    let facts = [
        ("gateway", format!("{}{version} ({}{variant})", gateway.name, gateway.kind)),
        ("run", format!("{}, started {}, {took}", record.run_id, record.started_at)),
        ("profile", format!("{}, crosswire {}", record.profile, record.crosswire_version)),
        ("seed", format!("{} (it fixes the plans; the gateway's own scheduling is not ours to fix)", record.seed)),
        (
            "self-test",
            format!(
                "{}: the oracle named {} of {} planted mix-ups and kept silent on {} of {} correct histories",
                if self_test.passed() { "passed" } else { "FAILED" },
                self_test.found,
                self_test.planted,
                self_test.silent,
                self_test.correct
            ),
        ),
    ];
    facts.iter().flat_map(|(what, fact)| wrapped_fact(what, fact, style.columns())).collect()
}

// ---- scenario by scenario ------------------------------------------------------------------------------------------

fn scenarios(record: &RunRecord, style: Style) -> Vec<String> {
    if record.scenarios.is_empty() {
        return vec!["no scenario was run".to_owned()];
    }
    let table = Table::lay(record, style);
    let mut lines = table.header();
    for scenario in &record.scenarios {
        let numbers = [
            scenario.cases,
            scenario.verified,
            scenario.exposures,
            scenario.faults_performed,
            scenario.faults_prevented,
        ];
        lines.extend(table.rows(&title(scenario), Some(scenario.verdict), numbers, scenario.upper_bound_95));
        let open = scenario.obligations.iter().filter_map(obligation);
        let open = open.flat_map(|line| wrapped(&line, style.columns() - 4, 2));
        lines.extend(open.map(|line| format!("    {line}")));
    }
    let sum = |count: fn(&ScenarioRecord) -> u64| record.scenarios.iter().map(count).sum::<u64>();
    let (cases, prevented) = (sum(|scenario| scenario.cases), sum(|scenario| scenario.faults_prevented));
    let totals = &record.totals;
    let numbers = [cases, totals.verified, totals.exposures, totals.faults_performed, prevented];
    lines.extend(table.rows("total", None, numbers, totals.upper_bound_95));
    let sent = counted(totals.exchanges, "request");
    let exposure = format!("{sent} sent; an exposure is a verified reply after a performed fault");
    lines.extend(wrapped(&exposure, style.columns(), 2));
    lines
}

/// The name, and the level where it is not the usual one.
fn title(scenario: &ScenarioRecord) -> String {
    match scenario.level {
        Level::Must => scenario.name.clone(),
        Level::Should | Level::Observe => format!("{} ({})", scenario.name, scenario.level),
    }
}

/// The scenarios' numbers in columns, or in sentences where the terminal is too narrow for columns.
struct Table {
    name_width: usize,
    sentences: bool,
    width: usize,
    ink: Ink,
}

impl Table {
    fn lay(record: &RunRecord, style: Style) -> Table {
        let names = record.scenarios.iter().map(|scenario| columns(&title(scenario)));
        let name_width = names.max().unwrap_or(0).clamp("scenario".len(), NAME_MAX);
        let needed = name_width + 2 + NUMBERS.iter().map(|(_, width)| width).sum::<usize>();
        let width = style.columns();
        Table { name_width, sentences: needed > width, width, ink: Ink::of(style) }
    }

    fn header(&self) -> Vec<String> {
        match self.sentences {
            true => Vec::new(),
            false => vec![self.ink.dim(&self.columns("scenario", &NUMBERS.map(|(name, _)| name.to_owned())))],
        }
    }

    fn rows(&self, name: &str, verdict: Option<Verdict>, numbers: [u64; 5], bound: Option<f64>) -> Vec<String> {
        let word = verdict.map_or("", Verdict::title);
        let [cases, verified, exposures, performed, prevented] = numbers.map(grouped);
        let bound = one_in(bound).map_or("–".to_owned(), |n| format!("1 in {n}"));
        let cells = [word.to_owned(), cases, verified, exposures, performed, prevented, bound];
        if self.sentences {
            let told = NUMBERS.iter().zip(&cells).filter(|(_, cell)| !cell.is_empty());
            let told = told.map(|((name, _), cell)| format!("{name} {cell}")).collect::<Vec<_>>();
            return wrapped(&format!("{name}: {}", told.join(", ")), self.width, 4);
        }
        // A long name is never cut, because it is what one types to run the scenario again.
        let (above, beside) = if columns(name) > self.name_width { (Some(name), "") } else { (None, name) };
        let row = self.columns(beside, &cells);
        let (named, told) = row.split_at(beside.len());
        let painted = match verdict {
            Some(verdict) => format!("{named}{}", told.replacen(word, &paint(verdict, word, self.ink), 1)),
            None => self.ink.bold(&row),
        };
        above.map(str::to_owned).into_iter().chain([painted]).collect()
    }

    fn columns(&self, name: &str, cells: &[String; 7]) -> String {
        let [verdict, numbers @ ..] = cells;
        let numbers = numbers.iter().zip(&NUMBERS[1..]).map(|(cell, (_, width))| format!("{cell:>width$}"));
        format!("{name:width$}  {verdict:12}{}", numbers.collect::<String>(), width = self.name_width)
    }
}

/// What did not happen, and why.
fn obligation(obligation: &ObligationRecord) -> Option<String> {
    let ObligationRecord { name, state, witness, count } = obligation;
    let times = match count {
        0 => String::new(),
        count => format!(", counted {}", grouped(*count)),
    };
    match (state, witness) {
        (ObligationWord::Met, _) => None,
        (ObligationWord::Prevented, Some(witness)) => Some(format!("prevented {name}: {}{times}", witness.word())),
        (ObligationWord::Prevented, None) => Some(format!("prevented {name}{times}")),
        (ObligationWord::Unmet, _) => Some(format!("unmet {name}{times}: silence proves nothing")),
    }
}

// ---- what was found, and what was not held against the gateway -------------------------------------------------------

fn findings(record: &RunRecord, style: Style) -> Vec<String> {
    let ink = Ink::of(style);
    let mut lines = Vec::new();
    for finding in record.findings.iter().take(LISTED_MAX) {
        let severity = finding.severity.to_string();
        let line = format!("  {:4}{severity} · {} · {}", finding.id, subject(finding), finding.plan);
        let alarm = match finding.level {
            Level::Must => ink.red(&severity),
            Level::Should | Level::Observe => ink.yellow(&severity),
        };
        let mut rows = wrapped(&line, style.columns() - 2, 4);
        if let Some(first) = rows.first_mut() {
            *first = first.replacen(&severity, &alarm, 1);
        }
        lines.extend(rows.iter().map(|row| format!("  {row}")));
    }
    lines.extend(and_more(record.findings.len()));
    if !lines.is_empty() {
        lines.insert(0, ink.bold("findings"));
    }
    lines
}

fn observations(record: &RunRecord, style: Style) -> Vec<String> {
    if record.observations.is_empty() {
        return Vec::new();
    }
    let head = "observations: not findings, for nothing proves them or their scenario only observes";
    let mut lines = wrapped(head, style.columns(), 2);
    for observation in record.observations.iter().take(LISTED_MAX) {
        let cases = counted(observation.cases.into(), "case");
        let observed = format!(
            "{}, {}, {} in {} ({cases}, proof: {}): {}",
            observation.shape,
            observation.boundary,
            observation.leg,
            observation.scenario,
            observation.proof,
            observation.sentence
        );
        lines.extend(wrapped(&observed, style.columns() - 2, 2).iter().map(|line| format!("  {line}")));
    }
    lines.extend(and_more(record.observations.len()));
    lines
}

/// All scenarios' anomalies together, the most frequent first.
fn anomalies(record: &RunRecord, style: Style) -> Vec<String> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, count) in record.scenarios.iter().flat_map(|scenario| &scenario.anomalies) {
        *counts.entry(name).or_default() += count;
    }
    let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{} {name}", grouped(*count))).collect();
    match counts.is_empty() {
        true => Vec::new(),
        false => wrapped(&format!("anomalies, held against nobody: {}", counts.join(" · ")), style.columns(), 2),
    }
}

/// Why scenarios were left out, those with the same reason together.
fn skipped(record: &RunRecord, style: Style) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for skipped in &record.skipped {
        match reasons.iter_mut().find(|(reason, _)| *reason == skipped.reason) {
            Some((_, names)) => names.push(&skipped.name),
            None => reasons.push((&skipped.reason, vec![&skipped.name])),
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for (reason, names) in &reasons {
        let line = format!("{reason}: {}", names.join(", "));
        lines.extend(wrapped(&line, style.columns() - 2, 2).iter().map(|line| format!("  {line}")));
    }
    if !lines.is_empty() {
        lines.insert(0, format!("skipped {}", counted(record.skipped.len() as u64, "scenario")));
    }
    lines
}

fn and_more(listed: usize) -> Option<String> {
    let more = listed.checked_sub(LISTED_MAX).filter(|more| *more > 0)?;
    Some(cut(&format!("  … and {more} more, in record.json"), 40))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, golden};

    #[test]
    fn each_verdict_has_the_summary_that_was_agreed() {
        for (name, record) in fixtures::records() {
            golden(&format!("summary-{name}.txt"), &summary(&record, Style::default()));
        }
    }

    #[test]
    fn the_first_word_is_the_verdict() {
        for (name, record) in fixtures::records() {
            assert!(summary(&record, Style::default()).starts_with(&format!("{} · ", record.verdict)), "{name}");
        }
    }

    #[test]
    fn a_clean_run_says_what_it_means_and_accuses_nobody() {
        let text = summary(&fixtures::clean(), Style::default());
        let means = "0 findings in 9,312 exposures: fewer than 1 in 3,104 replies wrong with 95 % confidence.";
        assert!(text.lines().next().unwrap().ends_with(means), "{text}");
        for word in ["violat", "leak", "swap", "wrong delivery", "FAILED"] {
            assert!(!text.to_lowercase().contains(&word.to_lowercase()), "{word}: {text}");
        }
    }

    #[test]
    fn nothing_but_a_clean_run_is_called_clean_in_its_banner() {
        for (name, record) in fixtures::records() {
            let banner = banner(&record, Style::default()).join("\n");
            assert_eq!(banner.contains("Clean"), record.verdict == Verdict::Clean, "{name}");
        }
    }

    #[test]
    fn a_bound_is_a_third_of_the_exposures_and_a_weak_one_is_none() {
        assert_eq!(one_in(None), None);
        assert_eq!(one_in(Some(3.0)), None);
        for n in 5..10_000_u64 {
            let bound = vocabulary::record::upper_bound_95(n);
            assert_eq!(one_in(bound), Some(grouped(n / 3)), "{n}");
        }
    }

    #[test]
    fn observations_stand_apart_and_have_no_severity() {
        let text = summary(&fixtures::violated(), Style::default());
        let (_, observed) = text.split_once("\nobservations: not findings").unwrap();
        let observed = observed.split("\n\n").next().unwrap();
        assert!(observed.contains("proof: race"), "{observed}");
        for word in ["leak", "desync ·", "replay"] {
            assert!(!observed.contains(word), "{word}: {observed}");
        }
    }

    #[test]
    fn lines_keep_to_the_columns() {
        for (name, record) in fixtures::records() {
            for width in [40, 72, 100, 140] {
                for line in summary(&record, Style { color: false, width }).lines() {
                    assert!(columns(line) <= width, "{name} at {width}: {line}");
                }
            }
        }
    }

    #[test]
    fn color_adds_codes_and_changes_no_word() {
        for (name, record) in fixtures::records() {
            let plain = summary(&record, Style::default());
            assert!(!plain.contains('\x1b'), "{name}");
            let colored = summary(&record, Style { color: true, width: 100 });
            let codes = ["\x1b[1;31m", "\x1b[1;32m", "\x1b[1;33m", "\x1b[1m", "\x1b[2m", "\x1b[0m"];
            assert_eq!(codes.iter().fold(colored, |text, code| text.replace(code, "")), plain, "{name}");
        }
    }

    #[test]
    fn hostile_text_is_disarmed_wherever_it_stands() {
        for (name, record) in fixtures::records() {
            let text = summary(&fixtures::hostile_record(record), Style::default());
            fixtures::assert_harmless(&name, &text);
        }
    }

    #[test]
    fn the_counts_are_those_of_the_json() {
        for (name, record) in fixtures::records() {
            let json: serde_json::Value = serde_json::from_str(&crate::json(&record)).unwrap();
            let text = summary(&record, Style::default());
            let total: Vec<String> = {
                let line = text.lines().find(|line| line.starts_with("total ")).unwrap();
                line.split_whitespace().map(|word| word.replace(',', "")).collect()
            };
            let totals = &json["totals"];
            assert_eq!(total[2], totals["verified"].to_string(), "{name}");
            assert_eq!(total[3], totals["exposures"].to_string(), "{name}");
            assert_eq!(total[4], totals["faults_performed"].to_string(), "{name}");
            let findings = json["findings"].as_array().unwrap().len();
            assert!(text.lines().next().unwrap().contains(&format!("{findings} finding")), "{name}");
            for scenario in json["scenarios"].as_array().unwrap() {
                let line = text.lines().find(|line| line.starts_with(scenario["name"].as_str().unwrap())).unwrap();
                assert!(line.replace(',', "").contains(&scenario["exposures"].to_string()), "{name}: {line}");
            }
        }
    }
}
