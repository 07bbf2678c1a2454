//! The whole run at its end: the verdict and what it rests on, for a person who may read only the first line.
//!
//! Every zero stands beside the number of chances there were, and beside the bound that follows from them. What is not
//! held against the gateway (observations, anomalies, skipped scenarios) stands apart, in words that accuse nobody.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::finding::Proof;
use vocabulary::record::{GATEWAYS_OWN_ERROR, NO_REPLY, RunRecord};
use vocabulary::scenario::{Level, Prevented};
use vocabulary::verdict::Verdict;

use crate::Style;
use crate::card::{subject, wrapped_fact};
use crate::ink::Ink;
use crate::neutral;
use crate::scenario_table::scenarios;
use crate::terms::{gates, suppressed};
use crate::wrap::{counted, cut, grouped, wrapped};

/// Reasons, findings, observations listed at most, of each.
const LISTED_MAX: usize = 10;
/// The run in full, for a person. Where its folder lies is the caller's to add.
pub fn summary(record: &RunRecord, style: Style) -> String {
    let record = &neutral::record(record);
    let parts = [
        banner(record, style),
        tested(record, style),
        scenarios(record, style),
        gates(record, style),
        findings(record, style),
        suppressed(record, style),
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
    lines.extend(caveats(record).iter().flat_map(|caveat| {
        let caveat = wrapped(&format!("! {caveat}"), style.columns() - 2, 2);
        caveat.into_iter().map(|line| format!("  {line}")).collect::<Vec<_>>()
    }));
    lines
}

/// What a reader of the first line must not miss: what the silence does not cover.
fn caveats(record: &RunRecord) -> Vec<String> {
    let run = record.scenarios.iter().filter(|scenario| scenario.cases > 0 && scenario.level != Level::Observe);
    let (prevented, all): (Vec<_>, usize) =
        (run.clone().filter(|scenario| scenario.is_prevented()).collect(), run.count());
    let mut caveats = record.warnings.clone();
    if !prevented.is_empty() {
        let witnesses = prevented.iter().flat_map(|scenario| &scenario.obligations).filter_map(|it| it.witness);
        let witnesses: BTreeSet<&str> = witnesses.map(why_prevented).collect();
        let witnesses: Vec<&str> = witnesses.into_iter().collect();
        caveats.push(format!("{} of {all} scenarios could not bite: {}", prevented.len(), witnesses.join("; ")));
    }
    if record.captured_bodies {
        caveats.push(
            "bodies were kept as they came (--capture-bodies): what others may not read may stand in the evidence"
                .to_owned(),
        );
    }
    let unanswered: u64 = record.scenarios.iter().filter_map(|scenario| scenario.anomalies.get(NO_REPLY)).sum();
    if record.findings.is_empty() && unanswered * 20 > record.totals.exchanges {
        caveats.push(format!(
            "{} of {} requests got no reply: no wrong delivery, but worth a look",
            grouped(unanswered),
            grouped(record.totals.exchanges)
        ));
    }
    let own: u64 = record.scenarios.iter().filter_map(|scenario| scenario.anomalies.get(GATEWAYS_OWN_ERROR)).sum();
    if own * 5 > record.totals.exchanges {
        caveats.push(format!(
            "the gateway answered {} of {} requests with an error of its own",
            grouped(own),
            grouped(record.totals.exchanges)
        ));
    }
    caveats
}

fn why_prevented(witness: Prevented) -> &'static str {
    match witness {
        Prevented::PeerClosedFirst => "the gateway closed the connection before the fault could be performed",
        Prevented::NoUpstreamReuse => {
            "the gateway opens a new upstream connection for each request (is keep-alive to the upstream configured?)"
        }
        Prevented::AnsweredByGateway => "the gateway answered itself",
        Prevented::Serialised => "the gateway lets one request at a time through",
        Prevented::CarrierStripped => "the gateway strips what the fault needs",
        Prevented::MethodRefused => "the gateway refuses the method",
        Prevented::TimeoutUnknown => "the gateway's reply timeout is not known (--gateway-timeout)",
        Prevented::BodyBuffered => "the gateway keeps a request back until it has its whole body",
        Prevented::ReplyBuffered => "the gateway keeps a reply back until it has it whole",
        Prevented::Http10Upstream => "the gateway speaks HTTP/1.0 to the origin (for nginx: proxy_http_version 1.1)",
        Prevented::NoUpstreamSharing => "the gateway gives each client connection upstream connections of its own",
        Prevented::NoHit => "the gateway answers nothing from a store",
    }
}

pub(crate) fn paint(verdict: Verdict, text: &str, ink: Ink) -> String {
    match verdict {
        Verdict::Violated | Verdict::Broken => ink.red(text),
        Verdict::SafetyStop | Verdict::Interrupted | Verdict::Inconclusive | Verdict::GateFailed => ink.yellow(text),
        Verdict::Clean => ink.green(text),
    }
}

/// What the verdict means, in numbers.
pub(crate) fn meaning(record: &RunRecord) -> String {
    let found = found(record);
    match record.verdict {
        Verdict::Clean => found,
        Verdict::Violated => format!("the gateway delivered what it must not: {found}."),
        Verdict::GateFailed => format!("what should hold did not: {found}."),
        Verdict::Inconclusive => format!("too little happened for silence to count: {found}"),
        Verdict::SafetyStop => format!("a guard ended the run before it was done: {found}"),
        Verdict::Interrupted => format!("the run was ended before it was done: {found}"),
        Verdict::Broken => format!("crosswire itself failed, which says nothing about the gateway: {found}"),
    }
}

/// `0 findings in 5,212 exposures: fewer than 1 in 1,737 replies wrong with 95 % confidence.`
fn found(record: &RunRecord) -> String {
    let clean = record.verdict == Verdict::Clean;
    let mut findings = counted(record.findings.len() as u64, "finding");
    if !record.suppressed.is_empty() {
        findings += &format!(" ({} suppressed)", grouped(record.suppressed.len() as u64));
    }
    // Those of prevented scenarios bound nothing, so they are not in the number that the bound stands beside.
    let exposed = record.scenarios.iter().filter(|scenario| !scenario.is_prevented());
    let exposures = counted(exposed.map(|scenario| scenario.exposures).sum(), "exposure");
    match (record.findings.is_empty(), one_in(record.totals.upper_bound_95)) {
        (false, _) => format!("{findings} in {exposures}"),
        (true, Some(n)) if clean => {
            format!("{findings} in {exposures}: fewer than 1 in {n} replies wrong with 95 % confidence.")
        }
        (true, Some(n)) => format!("{findings} in {exposures}, which alone would mean fewer than 1 in {n} wrong."),
        (true, None) => format!("{findings} in {exposures}, which bounds nothing."),
    }
}

/// The bound as a person says it: less than one in so many. A bound of one or more says nothing.
pub(crate) fn one_in(upper_bound_95: Option<f64>) -> Option<String> {
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
    let mut crossings: Vec<&str> = record.scenarios.iter().map(|scenario| scenario.crossing.as_str()).collect();
    // A scenario of which no case was run has none.
    crossings.retain(|crossing| !crossing.is_empty());
    crossings.sort_unstable();
    crossings.dedup();
    let self_test = record.self_test;
    let facts = [
        ("gateway", format!("{}{version} ({}{variant})", gateway.name, gateway.kind)),
        ("run", format!("{}, started {}, {took}", record.run_id, record.started_at)),
        ("profile", format!("{}, crosswire {}", record.profile, record.crosswire_version)),
        ("crossing", crossings.join(", ")),
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
    if record.observations.iter().any(|observation| observation.proof == Proof::Race) {
        let race = "proof: race: it came when the gateway could take it for the answer, which HTTP/1.1 leaves it no way to tell; \
                    held against nobody";
        lines.extend(wrapped(race, style.columns(), 2));
    }
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
    use crate::wrap::columns;

    #[test]
    fn a_run_that_kept_bodies_says_so_above_everything_else_and_another_does_not() {
        let says = |captured_bodies| {
            let record = RunRecord { captured_bodies, ..fixtures::violated() };
            summary(&record, Style::default()).lines().take(12).any(|line| line.contains("--capture-bodies"))
        };
        assert_eq!((says(true), says(false)), (true, false));
    }

    #[test]
    fn each_verdict_has_the_summary_that_was_agreed() {
        for (name, record) in fixtures::records() {
            golden(&format!("summary-{name}.txt"), &summary(&record, Style::default()));
        }
    }

    #[test]
    fn a_scenario_that_was_not_run_adds_no_crossing() {
        let mut record = fixtures::clean();
        record.scenarios[0].crossing.clear();
        let told = summary(&record, Style::default());
        let line = told.lines().find(|line| line.starts_with("crossing")).unwrap_or_default();
        assert!(!line.contains(" ,") && !line.ends_with(' '), "{line:?}");
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
        let means = "0 findings in 5,212 exposures: fewer than 1 in 1,737 replies wrong with 95 % confidence.";
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
    fn the_hit_rate_stands_where_a_store_could_have_answered_and_nowhere_else() {
        let mut record = fixtures::clean();
        assert!(!summary(&record, Style::default()).contains("hits:"));
        let store = vocabulary::record::StoreUse { hits: 1204, possible: 3000 };
        (record.scenarios[0].store, record.totals.store) = (store, store);
        let text = summary(&record, Style::default());
        assert_eq!(text.matches("hits: 1,204 of 3,000 requests that could have been hits (40 %)").count(), 2, "{text}");
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
            if let Some(line) = text.lines().find(|line| line.starts_with("total ")) {
                let total: Vec<String> = line.split_whitespace().map(|word| word.replace(',', "")).collect();
                for (index, count) in [(2, "verified"), (3, "exposures"), (4, "faults_performed")] {
                    assert_eq!(total[index], json["totals"][count].to_string(), "{name}: {count}");
                }
            }
            let findings = json["findings"].as_array().unwrap().len();
            assert!(text.lines().next().unwrap().contains(&format!("{findings} finding")), "{name}");
            for scenario in json["scenarios"].as_array().unwrap() {
                let line = text.lines().skip_while(|line| !line.starts_with(scenario["name"].as_str().unwrap()));
                let row: String = line.take(2).collect::<String>().replace(',', "");
                assert!(row.contains(&format!(" {} ", scenario["exposures"])), "{name}: {row}");
            }
        }
    }
}
