//! One finding, as a person reads it: the fact first, the command that replays it last.
//!
//! Between them stand the delivery map, the picture, the proof step by step, the bytes that matter, and why it counts.
//! The card is what `assert_isolated` panics with, so it is bounded, whatever the gateway did: where there is much to
//! tell, the picture gives way first, for it says nothing that the proof leaves out.

use vocabulary::finding::{Excuse, Finding, LeftOut, Leg, Proof, Reproduction, Size};
use vocabulary::scenario::Level;

use crate::Style;
use crate::chain::chain;
use crate::delivery_map::delivery_map;
use crate::ink::Ink;
use crate::neutral;
use crate::sketch::{STEPS_MAX, sketch};
use crate::steps::Case;
use crate::wire::quotations;
use crate::wrap::{counted, wrapped};

/// Columns of the words before a fact.
const MARGIN: usize = 15;
/// Lines of a card where the terminal has as many columns.
const LINES_MAX: usize = 50;
const COLUMNS_MIN: usize = 80;
/// Fewer steps are not worth a picture.
const STEPS_MIN: usize = 5;
/// Excuses told on a card. All of them are in the record.
const EXCUSES_MAX: usize = 3;

/// A finding in full. `replay` is the command that replays it; it stands alone on the last line, to be copied.
pub fn card(finding: &Finding, replay: &str, style: Style) -> String {
    let finding = &neutral::finding(finding);
    let mut head = heading(finding, style);
    head.extend(wrapped(&finding.sentence, style.columns(), 0));
    let (map, proof, bytes) = (delivery_map(finding, style), chain(finding, style), quotations(finding, style));
    let facts = facts(finding, style);
    let taken: usize = [&head, &map, &proof, &bytes, &facts].iter().map(|part| part.len() + 1).sum();
    // Of the picture's own lines, one names the lifelines, one counts what is left out, one stands empty.
    let picture = match (style.columns() < COLUMNS_MIN, LINES_MAX.saturating_sub(taken + 3)) {
        (true, _) => sketch(finding, style, STEPS_MAX),
        (false, steps_max @ STEPS_MIN..) => sketch(finding, style, steps_max.min(STEPS_MAX)),
        (false, _) => Vec::new(),
    };
    let parts = [head, map, picture, proof, bytes, facts];
    let parts: Vec<String> = parts.iter().filter(|part| !part.is_empty()).map(|part| part.join("\n")).collect();
    format!("{}\nreplay: {}\n", parts.join("\n\n"), neutral::command(replay))
}

/// `leak · shift by 1 · cross-tenant · interim-100-late-final · 20 of 20 replays`, in colour and in columns.
fn heading(finding: &Finding, style: Style) -> Vec<String> {
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
    painted.collect()
}

/// What a finding is, without its severity, on one line. The summary lists findings by it.
pub(crate) fn subject(finding: &Finding) -> String {
    let shape = match finding.shift {
        Some(k) => format!("{} by {k}", finding.shape),
        None => finding.shape.to_string(),
    };
    format!("{shape} · {} · {} · {}", finding.boundary, finding.scenario, rate(finding))
}

pub(crate) fn rate(finding: &Finding) -> String {
    match finding.reproduction.runs {
        0 => format!("in {}, not replayed", counted(finding.cases.into(), "case")),
        runs => format!("{} of {}", finding.reproduction.failed, counted(runs.into(), "replay")),
    }
}

/// Why it counts, what it takes to see it, and what does not excuse it.
fn facts(finding: &Finding, style: Style) -> Vec<String> {
    let plan = if finding.plan.is_empty() { String::new() } else { format!(" · {}", finding.plan) };
    let mut facts =
        vec![("requirement", finding.requirement.clone()), ("proof", format!("{} · {}", proof(finding), leg(finding)))];
    facts.extend(not_excused(&finding.excuses));
    facts.extend([
        ("compared", compared(finding)),
        // A plan that nobody has tried to make smaller is not the smallest.
        (if finding.shrinking.tried > 0 { "smallest plan" } else { "plan" }, format!("{}{plan}", size(finding.shrunk))),
        ("shrunk", shrunk(finding)),
        ("script", script(finding)),
        ("finding", format!("{} {}", finding.id, finding.fingerprint).trim().to_owned()),
    ]);
    let facts = facts.iter().filter(|(_, fact)| !fact.is_empty());
    facts.flat_map(|(what, fact)| wrapped_fact(what, fact, style.columns())).collect()
}

/// The command that shows the finding to whoever has no crosswire.
fn script(finding: &Finding) -> String {
    let path = &finding.script;
    match path.rsplit('/').next() {
        None | Some("") => String::new(),
        Some(name) => format!("{path} · for whoever has no crosswire: python3 {name} GATEWAY_PORT ORIGIN_PORT"),
    }
}

pub(crate) fn size(size: Size) -> String {
    let size = [
        counted(size.tenants.into(), "tenant"),
        counted(size.exchanges.into(), "exchange"),
        counted(size.faults.into(), "fault"),
    ];
    size.join(", ")
}

/// `the same plan without its fault: 0 of 20 · on the reference gateway: 0 of 20 · on this gateway: 20 of 20`, as far as
/// it was measured: the difference is the cause.
fn compared(finding: &Finding) -> String {
    let what = match (finding.counterfactual.left_out, finding.shrunk.faults) {
        (LeftOut::Faults, 0 | 1) => "the same plan without its fault",
        (LeftOut::Faults, _) => "the same plan without its faults",
        (LeftOut::Overlap, _) => "the same requests one after the other",
    };
    let rate =
        |what: &str, rate: Reproduction| (rate.runs > 0).then(|| format!("{what}: {} of {}", rate.failed, rate.runs));
    let others = [
        rate(what, finding.counterfactual.without),
        rate("on the reference gateway", finding.counterfactual.on_reference),
    ];
    let others: Vec<String> = others.into_iter().flatten().collect();
    match others.is_empty() {
        true => String::new(),
        false => {
            others.into_iter().chain(rate("on this gateway", finding.reproduction)).collect::<Vec<_>>().join(" · ")
        }
    }
}

/// The excuses that a reader thinks of first, each with the fact that rules it out.
fn not_excused(excuses: &[Excuse]) -> Vec<(&'static str, String)> {
    let told = excuses.iter().take(EXCUSES_MAX).map(|Excuse { excuse, source, ruled_out_by }| {
        let source = source.replace("section ", "§");
        format!("{excuse} ({source}): {ruled_out_by}")
    });
    let more = excuses.len().saturating_sub(EXCUSES_MAX);
    let more = (more > 0).then(|| format!("… and {more} more, in record.json"));
    let margin = |index: usize| if index == 0 { "not excused by" } else { "" };
    told.chain(more).enumerate().map(|(index, line)| (margin(index), line)).collect()
}

/// `from 8 tenants, 60 exchanges, 9 faults in 212 runs, 3.1 s`, where it was tried.
fn shrunk(finding: &Finding) -> String {
    let shrinking = finding.shrinking;
    if shrinking.tried == 0 {
        return String::new();
    }
    let effort = format!(
        "in {}, {}.{} s",
        counted(shrinking.runs.into(), "run"),
        shrinking.duration_ms / 1000,
        shrinking.duration_ms % 1000 / 100
    );
    let short = if shrinking.cut_short { "; cut short, there may be a smaller one" } else { "" };
    match shrinking.from == finding.shrunk {
        true => format!("no smaller plan failed: {} tried {effort}{short}", counted(shrinking.tried.into(), "plan")),
        false => format!("from {} {effort}{short}", size(shrinking.from)),
    }
}

/// `what` in the margin, the fact beside it.
pub(crate) fn wrapped_fact(what: &str, fact: &str, width: usize) -> Vec<String> {
    let lines = wrapped(fact, width.saturating_sub(MARGIN), 0);
    let margin = |index: usize| if index == 0 { what } else { "" };
    lines.iter().enumerate().map(|(index, line)| format!("{:MARGIN$}{line}", margin(index))).collect()
}

pub(crate) fn proof(finding: &Finding) -> &'static str {
    match finding.proof {
        Proof::Owed if finding.edges.is_empty() => "both ends recorded what was sent and what arrived",
        Proof::Owed => "the reply was owed to its owner and to nobody else",
        Proof::SameSegment => "nobody had asked for the reply: it left the origin in one write with the reply before",
        Proof::Acknowledged => {
            "nobody had asked for the reply: the gateway's kernel had acknowledged it while nothing was in flight"
        }
        Proof::EndedStream => {
            "nobody had asked for the reply: it came on a stream that had ended, and was nobody else's"
        }
        Proof::PassedThrough => "none: the gateway passes the connection through, byte for byte",
        Proof::Race => "none: the reply may have been taken for an answer",
    }
}

pub(crate) fn leg(finding: &Finding) -> &'static str {
    match finding.leg {
        Leg::Request => "it went wrong on the way to the origin",
        Leg::Reply => "it went wrong on the way back",
        Leg::Store if Case::of(finding).came_before_its_turn() => "it came in the place of the reply that was due",
        Leg::Store if Case::of(finding).was_in_flight() => "the gateway shared the reply to a request in flight",
        Leg::Store => "it came from the gateway's store",
        Leg::Mint => "the gateway made it itself",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, golden};
    use vocabulary::finding::Edge;
    use vocabulary::identity::{ConnectionId, Ordinal};

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
            for width in [40, 50, 66, 79, 80, 100, 140] {
                let card = card(&finding, REPLAY, Style { color: false, width });
                let lines: Vec<&str> = card.lines().collect();
                let (replay, rest) = lines.split_last().unwrap();
                assert_eq!(*replay, format!("replay: {REPLAY}"), "{name}");
                assert!(rest.iter().all(|line| line.chars().count() <= width), "{name} at {width}:\n{card}");
                assert!(width < COLUMNS_MIN || rest.len() <= LINES_MAX, "{name} at {width}:\n{card}");
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

    /// The lines of a fact, without the margin, as one.
    fn told(finding: &Finding, what: &str) -> String {
        let card = card(finding, REPLAY, Style::default());
        let lines = card.lines().skip_while(|line| !line.starts_with(what));
        let lines = lines.enumerate().take_while(|(index, line)| *index == 0 || line.starts_with("     "));
        lines.map(|(_, line)| line.get(MARGIN..).unwrap_or_default()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_was_compared_is_told_and_what_was_not_measured_is_not() {
        let mut finding = fixtures::shift();
        assert_eq!(
            told(&finding, "compared"),
            "the same plan without its fault: 0 of 20 · on the reference gateway: 0 of 20 · on this gateway: 20 of 20"
        );
        finding.counterfactual.left_out = LeftOut::Overlap;
        finding.counterfactual.on_reference = Reproduction::default();
        let overlap = "the same requests one after the other: 0 of 20 · on this gateway: 20 of 20";
        assert_eq!(told(&finding, "compared"), overlap);
        finding.counterfactual.without = Reproduction::default();
        assert_eq!(told(&finding, "compared"), "");
    }

    #[test]
    fn how_it_was_made_smaller_is_told_where_it_was_tried() {
        let mut finding = fixtures::shift();
        assert_eq!(told(&finding, "shrunk"), "from 8 tenants, 60 exchanges, 9 faults in 212 runs, 3.1 s");
        finding.shrinking.cut_short = true;
        assert!(told(&finding, "shrunk").ends_with("3.1 s; cut short, there may be a smaller one"));
        finding.shrinking.from = finding.shrunk;
        assert!(told(&finding, "shrunk").starts_with("no smaller plan failed: 31 plans tried in 212 runs"));
        finding.shrinking.tried = 0;
        assert_eq!(told(&finding, "shrunk"), "");
    }

    #[test]
    fn the_first_excuses_are_told_and_the_rest_is_counted() {
        let mut finding = fixtures::shift();
        let excuses = told(&finding, "not excused by");
        assert!(excuses.starts_with("a retry of its own request (RFC 9110 §9.2.2): d1 answers e1"), "{excuses}");
        let more = finding.excuses.len() - EXCUSES_MAX;
        assert!(excuses.ends_with(&format!("… and {more} more, in record.json")), "{excuses}");
        finding.excuses.truncate(EXCUSES_MAX);
        assert!(!told(&finding, "not excused by").contains("more"));
        finding.excuses.clear();
        assert_eq!(told(&finding, "not excused by"), "");
    }

    #[test]
    fn a_store_is_told_from_a_request_in_flight() {
        let told = |finding: &Finding| told(finding, "proof  ");
        assert!(told(&fixtures::duplicate_from_store()).ends_with("it came from the gateway's store"));
        assert!(
            told(&fixtures::duplicate_in_flight()).ends_with("the gateway shared the reply to a request in flight")
        );
        // On one client connection, behind the receiver: no store has anything to do with that.
        let mut pipelined = fixtures::duplicate_from_store();
        let Edge { receiver, delivery } = pipelined.edges[0].clone();
        for evidence in &mut pipelined.evidence.exchanges {
            evidence.client_connection = ConnectionId(1);
            evidence.client_ordinal = Ordinal(if evidence.exchange == receiver { 1 } else { 2 });
        }
        assert!(pipelined.evidence.exchanges.iter().any(|evidence| evidence.exchange == delivery.exchange));
        assert!(told(&pipelined).ends_with("it came in the place of the reply that was due"));
    }

    #[test]
    fn a_finding_that_was_not_replayed_says_so() {
        let mut finding = fixtures::shift();
        finding.reproduction.runs = 0;
        assert!(card(&finding, REPLAY, Style::default()).lines().next().unwrap().ends_with("in 3 cases, not replayed"));
    }
}
