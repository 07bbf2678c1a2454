//! The kill matrix, for a person at a terminal, for a page, and for programs.
//!
//! With fifty mutants and forty scenarios a table is too wide for a terminal: there each mutant has its killers in a line,
//! under the family of the scenario that it declares. The page has the whole table, its columns numbered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use vocabulary::crossing::Crossing;
use vocabulary::matrix::{Killer, Matrix, MutantRow, MutantState, Outcome, Over, ScenarioRow, ScenarioState};

use crate::Style;
use crate::ink::Ink;
use crate::json::escaped;
use crate::neutral::line;
use crate::summary::paint;
use crate::wrap::{counted, grouped, wrapped};

/// Characters of a name or a sentence.
const CHARS_MAX: usize = 400;
/// Reasons listed at a terminal.
const REASONS_MAX: usize = 20;
/// Mutants that a scenario is said to kill, by name, at a terminal.
const NAMES_MAX: usize = 5;
const KILLS_NOTHING: &str = "kills nothing";

/// The matrix for programs: pretty JSON with a final newline.
pub fn matrix_json(matrix: &Matrix) -> String {
    let text = serde_json::to_string_pretty(matrix).expect("a matrix has string keys only and no fallible serializer");
    escaped(&text) + "\n"
}

/// The matrix for a person at a terminal: who kills whom, in which way, within how many cases.
pub fn matrix_text(matrix: &Matrix, style: Style) -> String {
    let parts = [banner(matrix, style), mutants(matrix, style), scenarios(matrix, style), left_out(matrix, style)];
    let parts: Vec<String> = parts.iter().filter(|part| !part.is_empty()).map(|part| part.join("\n")).collect();
    parts.join("\n\n") + "\n"
}

// ---- at a terminal -------------------------------------------------------------------------------------------------

fn banner(matrix: &Matrix, style: Style) -> Vec<String> {
    let ink = Ink::of(style);
    let title = matrix.verdict.title();
    let mut lines = wrapped(&format!("{title} · {}", meaning(matrix)), style.columns(), 2);
    if let Some(first) = lines.first_mut() {
        *first = format!("{}{}", paint(matrix.verdict, title, ink), first.strip_prefix(title).unwrap_or_default());
    }
    for reason in matrix.reasons.iter().take(REASONS_MAX) {
        let reason = wrapped(&format!("- {}", line(reason, CHARS_MAX)), style.columns() - 2, 2);
        lines.extend(reason.iter().map(|line| format!("  {line}")));
    }
    if matrix.reasons.len() > REASONS_MAX {
        lines.push(format!("  … and {} more, in the JSON", matrix.reasons.len() - REASONS_MAX));
    }
    lines.extend(wrapped(&run(matrix), style.columns(), 2));
    lines.extend(wrapped(&self_test(matrix), style.columns(), 2));
    lines
}

/// What it comes to, in numbers.
fn meaning(matrix: &Matrix) -> String {
    let judged = matrix.mutants.iter().filter(|mutant| mutant.state != MutantState::NotJudged);
    let killed = judged.clone().filter(|mutant| mutant.state == MutantState::Killed).count();
    let accusing = matrix
        .scenarios
        .iter()
        .filter(|scenario| matches!(scenario.state, ScenarioState::Kills | ScenarioState::KillsNothing));
    let kill = accusing.clone().filter(|scenario| scenario.state == ScenarioState::Kills).count();
    let alarms: usize = matrix.references.iter().map(|reference| reference.alarms.len()).sum();
    let cases: u64 = matrix.references.iter().map(|reference| u64::from(reference.cases)).sum();
    let quiet = match alarms {
        0 => format!("the correct gateway was left alone in {}", counted(cases, "case")),
        alarms => {
            format!("{} on the correct gateway in {}", counted(alarms as u64, "false alarm"), counted(cases, "case"))
        }
    };
    format!(
        "{killed} of {} killed as declared, {kill} of {} kill, {quiet}",
        counted(judged.count() as u64, "mutant"),
        counted(accusing.count() as u64, "scenario"),
    )
}

fn run(matrix: &Matrix) -> String {
    let seeds = match matrix.seeds.as_slice() {
        [one] => format!("seed {one}"),
        [first, .., last] => format!("seeds {first} to {last}"),
        [] => "no seed".to_owned(),
    };
    format!(
        "{} · {seeds} · at most {} a cell · {} in {}.{} s · crosswire {}",
        matrix.over,
        counted(matrix.cases_max.into(), "case"),
        counted(matrix.cells.len() as u64, "cell"),
        matrix.duration_ms / 1000,
        matrix.duration_ms % 1000 / 100,
        line(&matrix.crosswire_version, CHARS_MAX)
    )
}

fn self_test(matrix: &Matrix) -> String {
    let test = matrix.self_test;
    format!(
        "self-test {}: the oracle named {} of {} planted mix-ups and kept silent on {} of {} correct histories",
        if test.passed() { "passed" } else { "FAILED" },
        test.found,
        test.planted,
        test.silent,
        test.correct
    )
}

/// The mutants under the families of their scenarios, in the catalogue's order; those whose scenario is not there last.
fn by_family(matrix: &Matrix) -> Vec<(String, Vec<&MutantRow>)> {
    let mut families: Vec<(String, Vec<&MutantRow>)> = Vec::new();
    for scenario in &matrix.scenarios {
        if families.iter().all(|(family, _)| *family != scenario.column.family) {
            families.push((scenario.column.family.clone(), Vec::new()));
        }
    }
    families.push(("not chosen".to_owned(), Vec::new()));
    for mutant in &matrix.mutants {
        let of = matrix.scenarios.iter().find(|scenario| scenario.column.name == mutant.declared.scenario);
        let family = of.map_or("not chosen", |scenario| scenario.column.family.as_str());
        if let Some((_, mutants)) = families.iter_mut().find(|(name, _)| name == family) {
            mutants.push(mutant);
        }
    }
    families.retain(|(_, mutants)| !mutants.is_empty());
    families
}

fn mutants(matrix: &Matrix, style: Style) -> Vec<String> {
    let ink = Ink::of(style);
    let mut lines = Vec::new();
    for (family, mutants) in by_family(matrix) {
        lines.push(ink.bold(&line(&family, CHARS_MAX)));
        for mutant in mutants {
            let (sign, painted) = match mutant.state {
                MutantState::Killed => ("✓", ink.green("✓")),
                MutantState::KilledOtherwise | MutantState::Missed => ("✗", ink.red("✗")),
                MutantState::NotJudged => ("–", ink.yellow("–")),
            };
            let declared = &mutant.declared;
            let head = format!("{sign} {}: {}", line(&declared.name, CHARS_MAX), declared.way);
            let mut rows = wrapped(&head, style.columns() - 2, 4);
            if let Some(first) = rows.first_mut() {
                *first = first.replacen(sign, &painted, 1);
            }
            lines.extend(rows.iter().map(|row| format!("  {row}")));
            lines.extend(wrapped(&killed_by(mutant), style.columns() - 6, 2).iter().map(|row| format!("      {row}")));
        }
    }
    lines
}

/// `interim-103-split within 2 cases, 20 of 20 seeds · also crowd (3), plain-concurrency (2, fragment)`
fn killed_by(mutant: &MutantRow) -> String {
    let scenario = line(&mutant.declared.scenario, CHARS_MAX);
    let within =
        mutant.within_cases.map_or(String::new(), |cases| format!(" within {}", counted(cases.into(), "case")));
    let seeds = match mutant.seeds {
        1 => String::new(),
        seeds => format!(", {} of {seeds} seeds", mutant.killed),
    };
    let seeds = format!("{seeds}{}", crossings(mutant).map(|all| format!(", {all}")).unwrap_or_default());
    let mut text = match mutant.state {
        MutantState::Killed => format!("{scenario}{within}{seeds}"),
        MutantState::Missed => format!("{scenario} misses it{seeds}"),
        MutantState::KilledOtherwise => format!("{scenario} finds it otherwise than declared{seeds}"),
        MutantState::NotJudged => format!("{scenario} was not run"),
    };
    if !mutant.other_ways.is_empty() {
        let ways: Vec<String> = mutant.other_ways.iter().map(ToString::to_string).collect();
        _ = write!(text, " · there also {}", ways.join("; "));
    }
    if !mutant.killers.is_empty() {
        let others: Vec<String> = mutant.killers.iter().map(|killer| other(mutant, killer)).collect();
        _ = write!(text, " · also {}", others.join(", "));
    }
    text
}

/// In which crossings it was run, where that says anything; how it did in each, where they differ.
fn crossings(mutant: &MutantRow) -> Option<String> {
    let rows = mutant.crossings.as_slice();
    if rows.iter().all(|row| row.crossing == Crossing::default()) {
        return None;
    }
    let alike = rows.iter().all(|row| (row.killed, row.seeds) == (mutant.killed, mutant.seeds));
    let told = rows.iter().map(|row| match alike {
        true => row.crossing.to_string(),
        false => format!("{} ({} of {})", row.crossing, row.killed, row.seeds),
    });
    Some(told.collect::<Vec<_>>().join(" "))
}

/// Another scenario, after how many cases, and in which shape, if not in the declared one.
fn other(mutant: &MutantRow, killer: &Killer) -> String {
    let differs = killer.way != mutant.declared.way;
    let way = match (differs, killer.way.shape == mutant.declared.way.shape) {
        (false, _) => String::new(),
        (true, true) => format!(", {}, {}", killer.way.boundary, killer.way.leg),
        (true, false) => format!(", {}", killer.way.shape),
    };
    format!("{} ({}{way})", line(&killer.scenario, CHARS_MAX), killer.within_cases)
}

fn scenarios(matrix: &Matrix, style: Style) -> Vec<String> {
    let ink = Ink::of(style);
    let mut lines = vec![ink.bold("scenarios")];
    for scenario in &matrix.scenarios {
        let name = line(&scenario.column.name, CHARS_MAX);
        let told = match scenario.state {
            ScenarioState::Kills => kills(scenario),
            ScenarioState::KillsNothing => KILLS_NOTHING.to_owned(),
            ScenarioState::Observes => "only observes".to_owned(),
            ScenarioState::NotJudged => "is not judged: not all mutants were run".to_owned(),
        };
        let rows = wrapped(&format!("{name} {told}"), style.columns() - 2, 4);
        lines.extend(rows.iter().map(|row| format!("  {}", row.replace(KILLS_NOTHING, &ink.red(KILLS_NOTHING)))));
    }
    if lines.len() == 1 { Vec::new() } else { lines }
}

fn kills(scenario: &ScenarioRow) -> String {
    let names: Vec<String> = scenario.kills.iter().take(NAMES_MAX).map(|name| line(name, CHARS_MAX)).collect();
    let more = match scenario.kills.len().saturating_sub(NAMES_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("kills {}: {}{more}", scenario.kills.len(), names.join(", "))
}

/// What was not run, and why: those with the same reason together.
fn left_out(matrix: &Matrix, style: Style) -> Vec<String> {
    let lines = reasons_for_leaving_out(matrix).into_iter().map(|(reason, (cells, mutants, scenarios))| {
        let told = format!(
            "left out: {} ({} under {}): {reason}",
            counted(cells, "cell"),
            counted(mutants.len() as u64, "gateway"),
            scenarios.into_iter().collect::<Vec<_>>().join(", ")
        );
        wrapped(&told, style.columns(), 2)
    });
    let mut lines: Vec<String> = lines.flatten().collect();
    if matrix.over == Over::Tcp {
        let only = "over TCP a mutant is run under the scenario that it declares; the simulation has the whole matrix";
        lines.extend(wrapped(only, style.columns(), 2));
    }
    lines
}

/// For each reason: how many cells, of which gateways, under which scenarios.
type LeftOut = BTreeMap<String, (u64, BTreeSet<String>, BTreeSet<String>)>;

fn reasons_for_leaving_out(matrix: &Matrix) -> LeftOut {
    let mut reasons = LeftOut::new();
    for cell in &matrix.cells {
        if let Outcome::LeftOut { reason } = &cell.outcome {
            let (cells, gateways, scenarios) = reasons.entry(line(reason, CHARS_MAX)).or_default();
            *cells += 1;
            gateways.insert(cell.specimen.to_string());
            scenarios.insert(line(&cell.scenario, CHARS_MAX));
        }
    }
    reasons
}

// ---- on a page -----------------------------------------------------------------------------------------------------

const LEGEND: &str = "\
A number says within how many cases a finding came, with the first seed: **bold** under the scenario that the mutant \
declares, as declared; with `*` in another shape, over another boundary or on another leg. `–` nothing was found, `✗` the \
mutant's own scenario found nothing, `?` it could not be run, empty: not run.";

/// The matrix as a page: the whole table.
pub fn matrix_markdown(matrix: &Matrix) -> String {
    let mut page = format!("# Kill matrix\n\n**{}**: {}\n\n", matrix.verdict.title(), meaning(matrix));
    for reason in &matrix.reasons {
        _ = writeln!(page, "* {}", cell_text(reason));
    }
    if !matrix.reasons.is_empty() {
        page.push('\n');
    }
    _ = writeln!(page, "{}\\\n{}\n", run(matrix), self_test(matrix));
    page += &scenario_list(matrix);
    _ = writeln!(page, "\n{LEGEND}\n");
    page += &table(matrix);
    page += &declarations(matrix);
    page
}

/// The columns by their numbers.
fn scenario_list(matrix: &Matrix) -> String {
    let mut list = String::from("| | scenario | level | mutants killed |\n|---:|---|---|---:|\n");
    for (number, ScenarioRow { column, state, kills }) in matrix.scenarios.iter().enumerate() {
        let kills = match state {
            ScenarioState::Kills => kills.len().to_string(),
            ScenarioState::KillsNothing => "**none**".to_owned(),
            ScenarioState::Observes => "observes".to_owned(),
            ScenarioState::NotJudged => "not judged".to_owned(),
        };
        let (number, name) = (number + 1, cell_text(&format!("{}/{}", column.family, column.name)));
        _ = writeln!(list, "| {number} | `{name}` | {} | {kills} |", column.level);
    }
    list
}

fn table(matrix: &Matrix) -> String {
    let mut head = String::from("| mutant |");
    let mut rule = String::from("|---|");
    for number in 1..=matrix.scenarios.len() {
        _ = write!(head, " {number} |");
        rule += "---:|";
    }
    let mut table = format!("{head}\n{rule}\n");
    for mutant in &matrix.mutants {
        _ = write!(table, "| `{}` |", cell_text(&mutant.declared.name));
        for scenario in &matrix.scenarios {
            _ = write!(table, " {} |", sign(matrix, mutant, &scenario.column.name));
        }
        table.push('\n');
    }
    for reference in &matrix.references {
        let alarmed = |name: &str| reference.alarms.iter().any(|alarm| alarm.scenario == name);
        _ = write!(table, "| *{}* |", reference.specimen);
        for scenario in &matrix.scenarios {
            let ran = matrix.cells.iter().any(|cell| {
                (&cell.specimen, &cell.scenario) == (&reference.specimen, &scenario.column.name)
                    && matches!(cell.outcome, Outcome::Ran { .. })
            });
            let sign = match (alarmed(&scenario.column.name), ran) {
                (true, _) => "**alarm**",
                (false, true) => "–",
                (false, false) => "",
            };
            _ = write!(table, " {sign} |");
        }
        table.push('\n');
    }
    table
}

fn sign(matrix: &Matrix, mutant: &MutantRow, scenario: &str) -> String {
    let declared = &mutant.declared;
    let own = declared.scenario == scenario;
    let Some(cell) = matrix.cell(&declared.name, scenario) else { return String::new() };
    let Outcome::Ran { shown, .. } = &cell.outcome else {
        return if matches!(cell.outcome, Outcome::Failed { .. }) { "?".to_owned() } else { String::new() };
    };
    let as_declared = shown.iter().find(|shown| shown.way == declared.way);
    match (own, as_declared, shown.first()) {
        (true, Some(shown), _) => format!("**{}**", shown.within_cases),
        (false, Some(shown), _) => shown.within_cases.to_string(),
        (_, None, Some(shown)) => format!("{}*", shown.within_cases),
        (true, None, None) => "✗".to_owned(),
        (false, None, None) => "–".to_owned(),
    }
}

/// What each mutant declares, and what came of it.
fn declarations(matrix: &Matrix) -> String {
    let mut list = String::from(
        "\n| mutant | incident | meant for | as | seeds | cases, in the median |\n|---|---|---|---|---:|---:|\n",
    );
    for mutant in &matrix.mutants {
        let declared = &mutant.declared;
        let [name, incident, scenario] =
            [&declared.name, &declared.incident, &declared.scenario].map(|text| cell_text(text));
        let way = declared.way;
        let seeds = match mutant.state {
            MutantState::Killed => format!("{} of {}", mutant.killed, mutant.seeds),
            MutantState::KilledOtherwise => format!("**{} of {}, else otherwise**", mutant.killed, mutant.seeds),
            MutantState::Missed => format!("**{} of {}**", mutant.killed, mutant.seeds),
            MutantState::NotJudged => "not judged".to_owned(),
        };
        let seeds = format!("{seeds}{}", crossings(mutant).map(|all| format!(", {all}")).unwrap_or_default());
        let within = mutant.within_cases.map_or("–".to_owned(), |cases| grouped(cases.into()));
        _ = writeln!(list, "| `{name}` | {incident} | `{scenario}` | {way} | {seeds} | {within} |");
    }
    list
}

/// Text in a table of a page: on one line, harmless, and no end of its cell.
fn cell_text(text: &str) -> String {
    line(text, CHARS_MAX).replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use vocabulary::verdict::Verdict;

    use super::*;
    use crate::fixtures::{HOSTILE, assert_harmless, golden, matrices};

    #[test]
    fn each_matrix_has_the_text_and_the_page_that_were_agreed() {
        for (name, matrix) in matrices() {
            golden(&format!("matrix-{name}.txt"), &matrix_text(&matrix, Style::default()));
            golden(&format!("matrix-{name}.md"), &matrix_markdown(&matrix));
        }
    }

    #[test]
    fn the_first_word_is_the_verdict() {
        for (name, matrix) in matrices() {
            assert!(matrix_text(&matrix, Style::default()).starts_with(matrix.verdict.title()), "{name}");
        }
    }

    #[test]
    fn no_line_is_wider_than_it_may_be_and_no_table_has_a_row_of_another_width() {
        for (name, matrix) in matrices() {
            for width in [40, 72, 100, 160] {
                let text = matrix_text(&matrix, Style { color: false, width });
                assert!(text.lines().all(|line| line.chars().count() <= width), "{name} {width}:\n{text}");
            }
            let page = matrix_markdown(&matrix);
            for table in page.split("\n\n").filter(|part| part.starts_with('|')) {
                let widths: BTreeSet<usize> =
                    table.lines().map(|row| row.replace("\\|", "").matches('|').count()).collect();
                assert_eq!(widths.len(), 1, "{name}:\n{table}");
            }
        }
    }

    #[test]
    fn the_json_reads_back_equal() {
        for (name, matrix) in matrices() {
            let text = matrix_json(&matrix);
            assert_eq!(serde_json::from_str::<Matrix>(&text).unwrap(), matrix, "{name}");
            assert!(text.contains("\"schema\": \"crosswire.matrix/1\""), "{name}");
        }
    }

    #[test]
    fn hostile_text_is_disarmed() {
        for (name, mut matrix) in matrices() {
            matrix.reasons.push(HOSTILE.to_owned());
            matrix.crosswire_version = HOSTILE.to_owned();
            for scenario in &mut matrix.scenarios {
                scenario.column.name = format!("{HOSTILE}|");
            }
            for mutant in &mut matrix.mutants {
                mutant.declared.incident = HOSTILE.to_owned();
                mutant.declared.name = HOSTILE.to_owned();
            }
            let text = matrix_text(&matrix, Style::default()) + &matrix_markdown(&matrix) + &matrix_json(&matrix);
            assert_harmless(&name, &text);
        }
    }

    #[test]
    fn color_changes_no_word() {
        for (_, matrix) in matrices() {
            let plain = matrix_text(&matrix, Style { color: false, width: 100 });
            let color = matrix_text(&matrix, Style { color: true, width: 100 });
            assert_ne!(plain, color);
            let without = ["\x1b[1;31m", "\x1b[1;32m", "\x1b[1;33m", "\x1b[1m", "\x1b[0m"];
            assert_eq!(without.iter().fold(color, |text, code| text.replace(code, "")), plain);
        }
    }

    #[test]
    fn a_clean_matrix_says_so_and_one_with_a_mutant_that_lives_does_not() {
        for (name, matrix) in matrices() {
            let clean = matrix_text(&matrix, Style::default()).starts_with("Clean");
            assert_eq!(clean, matrix.verdict == Verdict::Clean, "{name}");
        }
    }
}
