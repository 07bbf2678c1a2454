//! The proof chain of a finding, a step a line: when, what, and at its end the word that ties it to what came before.
//!
//! Its times count from the same moment as the picture's, so that a reader can lay one over the other.

use vocabulary::finding::{Finding, ProofStep, Tie};

use crate::Style;
use crate::ink::Ink;
use crate::steps::{Case, since};
use crate::wrap::{columns, wrapped};

/// Columns of the time, with the margin before it and the gap behind.
const TIME: usize = 11;

/// The steps, line by line; empty when the finding has none.
pub(crate) fn chain(finding: &Finding, style: Style) -> Vec<String> {
    if finding.chain.is_empty() {
        return Vec::new();
    }
    let ink = Ink::of(style);
    let zero = Case::of(finding).zero();
    let room = style.columns() - TIME;
    let longest = |of: fn(&ProofStep) -> usize| finding.chain.iter().map(of).max().unwrap_or(0);
    let events = longest(|step| columns(&step.event)).max(columns(PROOF));
    let beside = events + 2 + longest(|step| columns(&tied(step.tie))).max(columns(TIED)) <= room;
    let mut lines = vec![match beside {
        true => ink.dim(&format!("{:>9}  {PROOF:events$}  {TIED}", "ms")),
        false => ink.dim(&format!("{:>9}  {PROOF}", "ms")),
    }];
    for step in &finding.chain {
        let time = since(step.at, zero);
        let tie = tied(step.tie);
        let told = match beside {
            true => vec![format!("{:events$}  {tie}", step.event)],
            false => behind(wrapped(&step.event, room, 2), tie, room),
        };
        let margin = |index: usize| if index == 0 { format!("{time:>9}  ") } else { " ".repeat(TIME) };
        lines.extend(told.iter().enumerate().map(|(index, line)| format!("{}{}", margin(index), line.trim_end())));
    }
    lines
}

const PROOF: &str = "the proof, step by step";
const TIED: &str = "· tied by";

/// The tie behind the last of the lines, whole, or below it.
fn behind(mut lines: Vec<String>, tie: String, room: usize) -> Vec<String> {
    match lines.last_mut() {
        Some(last) if columns(last) + 1 + columns(&tie) <= room => *last = format!("{last} {tie}"),
        _ => lines.push(format!("  {tie}")),
    }
    lines
}

fn tied(tie: Tie) -> String {
    match tie {
        Tie::First => String::new(),
        Tie::Canary | Tie::SameConnection | Tie::SameWrite | Tie::Acknowledged | Tie::Awaited | Tie::SameClock => {
            format!("· {tie}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn each_step_has_its_line_and_its_tie_in_one_column() {
        let finding = fixtures::shift();
        let lines = chain(&finding, Style::default());
        assert_eq!(lines.len(), 1 + finding.chain.len());
        let column = |line: &String| line.chars().position(|c| c == '·');
        assert!(lines[2..].iter().all(|line| column(line) == column(&lines[0])), "{lines:#?}");
        assert!(lines.last().unwrap().ends_with("· canary"), "{lines:#?}");
    }

    #[test]
    fn where_there_is_no_room_the_tie_stands_behind_its_step() {
        for width in [40, 50, 66] {
            let lines = chain(&fixtures::shift(), Style { color: false, width });
            assert!(lines.iter().all(|line| columns(line) <= width), "{lines:#?}");
            assert!(lines.last().unwrap().ends_with("· canary"), "{lines:#?}");
        }
    }

    #[test]
    fn without_steps_there_is_nothing_to_show() {
        let finding = Finding { chain: Vec::new(), ..fixtures::shift() };
        assert_eq!(chain(&finding, Style::default()), Vec::<String>::new());
    }
}
