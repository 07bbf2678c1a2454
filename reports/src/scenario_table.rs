//! Scenario by scenario, in numbers: what was run, what it rests on, what did not happen and why.
//!
//! A name is never cut, because it is what one types to run the scenario again; a terminal too narrow for columns gets
//! sentences.

use vocabulary::record::{ObligationRecord, ObligationWord, RunRecord, ScenarioRecord, StoreUse};
use vocabulary::scenario::Level;
use vocabulary::verdict::Verdict;

use crate::Style;
use crate::ink::Ink;
use crate::summary::{one_in, paint};
use crate::wrap::{columns, counted, grouped, wrapped};

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

/// The scenarios, their sum, and what an exposure is.
pub(crate) fn scenarios(record: &RunRecord, style: Style) -> Vec<String> {
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
        lines.extend(table.rows(
            &title(scenario),
            Some((scenario.verdict, word(scenario))),
            numbers,
            scenario.upper_bound_95,
        ));
        let open = scenario.obligations.iter().filter_map(obligation);
        let open = open.flat_map(|line| wrapped(&line, style.columns() - 4, 2));
        lines.extend(open.map(|line| format!("    {line}")));
        let near = near_misses(scenario).into_iter();
        let near = near.flat_map(|line| wrapped(&line, style.columns() - 4, 2));
        lines.extend(near.map(|line| format!("    {line}")));
        // That nothing was stored at all stands there already.
        if !scenario.is_prevented() {
            lines.extend(hits(scenario.store, style));
        }
    }
    let sum = |count: fn(&ScenarioRecord) -> u64| record.scenarios.iter().map(count).sum::<u64>();
    let (cases, prevented) = (sum(|scenario| scenario.cases), sum(|scenario| scenario.faults_prevented));
    let totals = &record.totals;
    let numbers = [cases, totals.verified, totals.exposures, totals.faults_performed, prevented];
    lines.extend(table.rows("total", None, numbers, totals.upper_bound_95));
    lines.extend(hits(totals.store, style));
    let sent = counted(totals.exchanges, "request");
    let exposure = format!("{sent} sent; an exposure is a verified reply after a performed fault");
    lines.extend(wrapped(&exposure, style.columns(), 2));
    lines
}

/// The verdict in the row: a scenario that was rightly kept from biting is not Clean in a reader's sense.
fn word(scenario: &ScenarioRecord) -> &'static str {
    match (scenario.verdict, scenario.is_prevented(), scenario.cases) {
        (Verdict::Clean, _, 0) => "not run",
        (Verdict::Clean, true, _) => "Prevented",
        (verdict, _, _) => verdict.title(),
    }
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

    fn rows(&self, name: &str, verdict: Option<(Verdict, &str)>, numbers: [u64; 5], bound: Option<f64>) -> Vec<String> {
        let word = verdict.map_or("", |(_, word)| word);
        let [cases, verified, exposures, performed, prevented] = numbers.map(grouped);
        let bound = one_in(bound).map_or("–".to_owned(), |n| format!("1 in {n}"));
        let cells = [word.to_owned(), cases, verified, exposures, performed, prevented, bound];
        if self.sentences {
            let told = NUMBERS.iter().zip(&cells).filter(|(_, cell)| !cell.is_empty());
            let told = told.map(|((name, _), cell)| format!("{name} {cell}")).collect::<Vec<_>>();
            return wrapped(&format!("{name}: {}", told.join(", ")), self.width, 4);
        }
        let (above, beside) = if columns(name) > self.name_width { (Some(name), "") } else { (None, name) };
        let row = self.columns(beside, &cells);
        let (named, told) = row.split_at(beside.len());
        let painted = match verdict {
            Some((verdict, word)) => format!("{named}{}", told.replacen(word, &paint(verdict, word, self.ink), 1)),
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

/// The hit rate: a cache that isolates because it never answers is told from one that answers and isolates.
fn hits(store: StoreUse, style: Style) -> Vec<String> {
    let StoreUse { hits, possible } = store;
    if store.is_none() {
        return Vec::new();
    }
    let rate = (hits * 100 + possible / 2) / possible;
    let told =
        format!("hits: {} of {} requests that could have been hits ({rate} %)", grouped(hits), grouped(possible));
    wrapped(&told, style.columns() - 4, 2).iter().map(|line| format!("    {line}")).collect()
}

/// What a connection was used again over: lawful by itself, and held against nobody.
fn near_misses(scenario: &ScenarioRecord) -> Option<String> {
    let mut counts: Vec<(&String, &u64)> = scenario.near_misses.iter().collect();
    counts.sort_by_key(|(what, count)| (std::cmp::Reverse(**count), *what));
    let times = |count: u64| if count == 1 { "once".to_owned() } else { format!("{} times", grouped(count)) };
    let counts: Vec<String> = counts.iter().map(|(what, count)| format!("{} {what}", times(**count))).collect();
    (!counts.is_empty()).then(|| format!("near misses, held against nobody: {}", counts.join(", ")))
}

/// What did not happen, and why.
pub(crate) fn obligation(obligation: &ObligationRecord) -> Option<String> {
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
