//! One finding, as a person reads it: the fact first, the command that replays it last.
//!
//! Between them stand the delivery map, the picture, the bytes that matter, and why it counts. The card is what
//! `assert_isolated` panics with, so it is bounded, whatever the gateway did.

use vocabulary::finding::{Finding, Leg, Proof};
use vocabulary::scenario::Level;

use crate::Style;
use crate::delivery_map::delivery_map;
use crate::ink::Ink;
use crate::neutral;
use crate::sketch::sketch;
use crate::wire::quotations;
use crate::wrap::{counted, wrapped};

/// Columns of the words before a fact.
const MARGIN: usize = 15;

/// A finding in full. `replay` is the command that replays it; it stands alone on the last line, to be copied.
pub fn card(finding: &Finding, replay: &str, style: Style) -> String {
    let finding = &neutral::finding(finding);
    let mut lines = vec![heading(finding, style)];
    lines.extend(wrapped(&finding.sentence, style.columns(), 0));
    for part in [delivery_map(finding, style), sketch(finding, style), quotations(finding, style)] {
        if !part.is_empty() {
            lines.push(String::new());
            lines.extend(part);
        }
    }
    lines.push(String::new());
    lines.extend(facts(finding, style));
    lines.push(format!("replay: {}", neutral::command(replay)));
    lines.join("\n") + "\n"
}

/// `leak · shift by 1 · cross-tenant · interim-100-late-final · 20 of 20 replays`, in colour and in columns.
fn heading(finding: &Finding, style: Style) -> String {
    let ink = Ink::of(style);
    let severity = finding.severity.to_string();
    let (severity, alarm) = match finding.level {
        Level::Must => (severity.clone(), ink.red(&severity)),
        Level::Should => (format!("gate failed · {severity}"), ink.yellow(&format!("gate failed · {severity}"))),
        Level::Observe => (format!("observed · {severity}"), format!("observed · {severity}")),
    };
    let lines = wrapped(&format!("{severity} · {}", subject(finding)), style.columns(), 2);
    let painted = lines.iter().map(|line| match line.strip_prefix(&severity) {
        Some(rest) => format!("{alarm}{}", ink.bold(rest)),
        None => ink.bold(line),
    });
    painted.collect::<Vec<_>>().join("\n")
}

/// What a finding is, without its severity, on one line. The summary lists findings by it.
pub(crate) fn subject(finding: &Finding) -> String {
    let shape = match finding.shift {
        Some(k) => format!("{} by {k}", finding.shape),
        None => finding.shape.to_string(),
    };
    format!("{shape} · {} · {} · {}", finding.boundary, finding.scenario, rate(finding))
}

fn rate(finding: &Finding) -> String {
    match finding.reproduction.runs {
        0 => format!("in {}, not replayed", counted(finding.cases.into(), "case")),
        runs => format!("{} of {}", finding.reproduction.failed, counted(runs.into(), "replay")),
    }
}

/// Why it counts and how big it is.
fn facts(finding: &Finding, style: Style) -> Vec<String> {
    let size = finding.shrunk;
    let size = [
        counted(size.tenants.into(), "tenant"),
        counted(size.exchanges.into(), "exchange"),
        counted(size.faults.into(), "fault"),
    ];
    let plan = if finding.plan.is_empty() { String::new() } else { format!(" · {}", finding.plan) };
    let facts = [
        ("requirement", finding.requirement.clone()),
        ("proof", format!("{} · {}", proof(finding), leg(finding.leg))),
        ("smallest plan", format!("{}{plan}", size.join(", "))),
        ("finding", format!("{} {}", finding.id, finding.fingerprint).trim().to_owned()),
    ];
    let facts = facts.iter().filter(|(_, fact)| !fact.is_empty());
    facts.flat_map(|(what, fact)| wrapped_fact(what, fact, style.columns())).collect()
}

/// `what` in the margin, the fact beside it.
pub(crate) fn wrapped_fact(what: &str, fact: &str, width: usize) -> Vec<String> {
    let lines = wrapped(fact, width.saturating_sub(MARGIN), 0);
    let margin = |index: usize| if index == 0 { what } else { "" };
    lines.iter().enumerate().map(|(index, line)| format!("{:MARGIN$}{line}", margin(index))).collect()
}

fn proof(finding: &Finding) -> &'static str {
    match finding.proof {
        Proof::Owed if finding.edges.is_empty() => "both ends recorded what was sent and what arrived",
        Proof::Owed => "the reply was owed to its owner and to nobody else",
        Proof::SameSegment => "nobody had asked for the reply: it left the origin in one write with the reply before",
        Proof::Acknowledged => {
            "nobody had asked for the reply: the gateway's kernel had acknowledged it while nothing was in flight"
        }
        Proof::PassedThrough => "none: the gateway passes the connection through, byte for byte",
        Proof::Race => "none: the reply may have been taken for an answer",
    }
}

fn leg(leg: Leg) -> &'static str {
    match leg {
        Leg::Request => "it went wrong on the way to the origin",
        Leg::Reply => "it went wrong on the way back",
        Leg::Store => "it came from the gateway's store",
        Leg::Mint => "the gateway made it itself",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, golden};

    const REPLAY: &str = "crosswire replay crosswire-out/0198c5/plans/f1.json --recipe nginx --times 20";

    #[test]
    fn each_shape_has_the_card_that_was_agreed() {
        for (name, finding) in fixtures::all() {
            golden(&format!("card-{name}.txt"), &card(&finding, REPLAY, Style::default()));
        }
        golden("card-shift-60-columns.txt", &card(&fixtures::shift(), REPLAY, Style { color: false, width: 60 }));
    }

    #[test]
    fn no_line_but_the_replay_command_is_wider_than_asked() {
        for (name, finding) in fixtures::all() {
            for width in [40, 66, 80, 100, 140] {
                let card = card(&finding, REPLAY, Style { color: false, width });
                let lines: Vec<&str> = card.lines().collect();
                let (replay, rest) = lines.split_last().unwrap();
                assert_eq!(*replay, format!("replay: {REPLAY}"), "{name}");
                assert!(rest.iter().all(|line| line.chars().count() <= width), "{name} at {width}:\n{card}");
                assert!(width < 80 || rest.len() < 42, "{name} at {width}:\n{card}");
            }
        }
    }

    #[test]
    fn color_adds_codes_and_changes_no_word() {
        let codes = ["\x1b[1;31m", "\x1b[1;33m", "\x1b[1m", "\x1b[2m", "\x1b[0m"];
        for (name, finding) in fixtures::all() {
            let plain = card(&finding, REPLAY, Style::default());
            assert!(!plain.contains('\x1b'), "{name}");
            let colored = card(&finding, REPLAY, Style { color: true, width: 100 });
            assert_eq!(codes.iter().fold(colored, |text, code| text.replace(code, "")), plain, "{name}");
        }
    }

    #[test]
    fn hostile_text_is_disarmed_wherever_it_stands() {
        for (name, finding) in fixtures::all() {
            let text = card(&fixtures::hostile(finding), &format!("crosswire {}", fixtures::HOSTILE), Style::default());
            fixtures::assert_harmless(&name, &text);
        }
    }

    #[test]
    fn a_requirement_of_level_should_fails_a_gate_and_accuses_of_nothing_more() {
        let finding = Finding { level: Level::Should, ..fixtures::status_mismatch() };
        assert!(card(&finding, REPLAY, Style::default()).starts_with("gate failed · corruption · status mismatch"));
        assert!(card(&fixtures::shift(), REPLAY, Style::default()).starts_with("leak · shift by 1 · cross-tenant"));
    }

    #[test]
    fn a_finding_that_was_not_replayed_says_so() {
        let mut finding = fixtures::shift();
        finding.reproduction.runs = 0;
        assert!(card(&finding, REPLAY, Style::default()).lines().next().unwrap().ends_with("in 3 cases, not replayed"));
    }
}
