//! Disarming text: nothing that a gateway wrote may drive a terminal, a CI system or a reader's eye.
//!
//! A record quotes bytes from the wire, names that a user chose and messages of programs. [`finding`] and [`record`]
//! give a copy in which every text is harmless and bounded; they take each struct apart by name, so that a text field
//! that is added later does not compile until it is dealt with here. The formats for people read nothing but the copy.

use std::fmt::Write;

use vocabulary::finding::{Emitted, Evidence, ExchangeEvidence, Excuse, Finding, ProofStep, TimelineEntry};
use vocabulary::record::{GatewayRecord, ObligationRecord, ObservationRecord, RunRecord, ScenarioRecord, Skipped};
use vocabulary::suppression::{SuppressedFinding, Suppression, SuppressionRecord};

/// Characters of a name, an id, a version.
const NAME_CHARS_MAX: usize = 120;
/// Characters of a sentence.
const SENTENCE_CHARS_MAX: usize = 1000;
/// Characters of a head or body, which both ends have cut before; a card quotes only lines of it.
const EXCERPT_CHARS_MAX: usize = 4096;

/// Whether a character may be shown as it is: no control, no invisible or reordering mark, no unassigned code.
pub(crate) fn is_harmless(c: char) -> bool {
    // The standard library knows what prints and escapes the rest; of what it escapes, these three are only syntax.
    matches!(c, '"' | '\'' | '\\') || c.escape_debug().len() == 1
}

/// Whether `c` continues what a CI system would take for a command: `::error`, `##[group]`, `##vso[`, `##teamcity[`.
pub(crate) fn is_command(before: char, c: char, after: Option<char>) -> bool {
    match (before, c) {
        (':', ':') => after.is_some_and(|after| after.is_ascii_alphabetic()),
        ('#', '#') => true,
        _ => false,
    }
}

/// `text` on one line, harmless, at most `chars_max` characters of it.
pub(crate) fn line(text: &str, chars_max: usize) -> String {
    let mut harmless = String::with_capacity(text.len().min(chars_max));
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    for _ in 0..chars_max {
        let Some(c) = rest.next() else { return harmless };
        match c {
            c if !is_command(before, c, rest.peek().copied()) && is_harmless(c) => harmless.push(c),
            c if u32::from(c) < 0x100 => write!(harmless, "\\x{:02x}", u32::from(c)).expect("a String takes it"),
            c => write!(harmless, "\\u{{{:x}}}", u32::from(c)).expect("a String takes it"),
        }
        before = c;
    }
    if rest.peek().is_some() {
        harmless.push('…');
    }
    harmless
}

/// A replay command: harmless to a terminal, otherwise untouched, for it is to be copied. It stands behind `replay: `,
/// where a `::` begins no command of a CI system.
pub(crate) fn command(text: &str) -> String {
    let harmless: String =
        text.chars().map(|c| if is_harmless(c) { c.to_string() } else { line(&c.to_string(), 1) }).collect();
    harmless.replace("##", "#\\x23")
}

/// The same for a quoted head or body, whose line ends stay.
fn excerpt(text: &str) -> String {
    let cut: String = text.chars().take(EXCERPT_CHARS_MAX).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    let lines: Vec<String> = cut.split('\n').map(|part| line(part, EXCERPT_CHARS_MAX)).collect();
    format!("{}{more}", lines.join("\n"))
}

fn name(text: &str) -> String {
    line(text, NAME_CHARS_MAX)
}

fn sentence(text: &str) -> String {
    line(text, SENTENCE_CHARS_MAX)
}

/// A copy of a finding that is safe to print.
#[rustfmt::skip]
pub(crate) fn finding(finding: &Finding) -> Finding {
    let Finding {
        id, fingerprint, scenario, level, requirement, sentence: fact, shape, shift, boundary, severity, leg, proof,
        edges, subject, evidence: Evidence { exchanges, timeline }, cases, shrunk, reproduction, counterfactual,
        shrinking, chain, excuses, plan, script,
    } = finding;
    Finding {
        id: name(id),
        fingerprint: name(fingerprint),
        scenario: name(scenario),
        level: *level,
        requirement: sentence(requirement),
        sentence: sentence(fact),
        shape: *shape,
        shift: *shift,
        boundary: *boundary,
        severity: *severity,
        leg: *leg,
        proof: *proof,
        edges: edges.clone(),
        subject: *subject,
        evidence: Evidence {
            exchanges: exchanges.iter().map(exchange).collect(),
            timeline: timeline.iter().map(entry).collect(),
        },
        cases: *cases,
        shrunk: *shrunk,
        reproduction: *reproduction,
        counterfactual: *counterfactual,
        shrinking: *shrinking,
        chain: chain.iter().map(proof_step).collect(),
        excuses: excuses.iter().map(excuse).collect(),
        plan: name(plan),
        script: name(script),
    }
}

fn proof_step(step: &ProofStep) -> ProofStep {
    let ProofStep { at, end, exchange, connection, event, tie } = step;
    ProofStep { at: *at, end: *end, exchange: *exchange, connection: *connection, event: sentence(event), tie: *tie }
}

fn excuse(tried: &Excuse) -> Excuse {
    let Excuse { excuse, source, ruled_out_by } = tried;
    Excuse { excuse: sentence(excuse), source: sentence(source), ruled_out_by: sentence(ruled_out_by) }
}

#[rustfmt::skip]
fn exchange(evidence: &ExchangeEvidence) -> ExchangeEvidence {
    let ExchangeEvidence {
        exchange, tenant, lane, client_connection, client_ordinal, upstream_connection, upstream_ordinal,
        request_sent, request_seen, emitted, reply_received, deliveries, came_unasked,
    } = evidence;
    ExchangeEvidence {
        exchange: *exchange,
        tenant: *tenant,
        lane: *lane,
        client_connection: *client_connection,
        client_ordinal: *client_ordinal,
        upstream_connection: *upstream_connection,
        upstream_ordinal: *upstream_ordinal,
        request_sent: excerpt(request_sent),
        request_seen: request_seen.as_deref().map(excerpt),
        emitted: emitted.iter().map(delivery).collect(),
        reply_received: reply_received.as_deref().map(excerpt),
        deliveries: deliveries.clone(),
        came_unasked: came_unasked.as_deref().map(excerpt),
    }
}

fn delivery(emitted: &Emitted) -> Emitted {
    let Emitted { delivery, status, surplus, connection, head } = emitted;
    Emitted { delivery: *delivery, status: *status, surplus: *surplus, connection: *connection, head: excerpt(head) }
}

fn entry(entry: &TimelineEntry) -> TimelineEntry {
    let TimelineEntry { at, end, step, event, exchange, connection } = entry;
    TimelineEntry {
        at: *at,
        end: *end,
        step: step.clone(),
        event: name(event),
        exchange: *exchange,
        connection: *connection,
    }
}

/// A copy of a record that is safe to print.
#[rustfmt::skip]
pub(crate) fn record(record: &RunRecord) -> RunRecord {
    let RunRecord {
        schema, crosswire_version, run_id, seed, started_at, duration_ms, profile, verdict, exit_code, reasons,
        warnings, gates, self_test, gateway: GatewayRecord { kind, name: gateway, version, variant }, captured_bodies, totals,
        scenarios, skipped, findings, suppressed, suppressions, observations,
    } = record;
    RunRecord {
        schema: name(schema),
        crosswire_version: name(crosswire_version),
        run_id: name(run_id),
        seed: *seed,
        started_at: name(started_at),
        duration_ms: *duration_ms,
        profile: name(profile),
        verdict: *verdict,
        exit_code: *exit_code,
        reasons: reasons.iter().map(|reason| sentence(reason)).collect(),
        warnings: warnings.iter().map(|warning| sentence(warning)).collect(),
        // Words of closed choices and numbers.
        gates: gates.clone(),
        self_test: *self_test,
        gateway: GatewayRecord {
            kind: name(kind),
            name: name(gateway),
            version: version.as_deref().map(name),
            variant: variant.as_deref().map(name),
        },
        captured_bodies: *captured_bodies,
        totals: *totals,
        scenarios: scenarios.iter().map(scenario).collect(),
        skipped: skipped.iter().map(skip).collect(),
        findings: findings.iter().map(finding).collect(),
        suppressed: suppressed.iter().map(set_aside).collect(),
        suppressions: suppressions.iter().map(suppression_record).collect(),
        observations: observations.iter().map(observation).collect(),
    }
}

#[rustfmt::skip]
fn scenario(scenario: &ScenarioRecord) -> ScenarioRecord {
    let ScenarioRecord {
        name: own, family, level, verdict, crossing, cases, case_us_median, exchanges, verified, exposures, faults_performed,
        faults_prevented, upper_bound_95, obligations, anomalies, near_misses, store,
    } = scenario;
    ScenarioRecord {
        name: name(own),
        family: name(family),
        level: *level,
        verdict: *verdict,
        crossing: name(crossing),
        cases: *cases,
        case_us_median: *case_us_median,
        exchanges: *exchanges,
        verified: *verified,
        exposures: *exposures,
        faults_performed: *faults_performed,
        faults_prevented: *faults_prevented,
        upper_bound_95: *upper_bound_95,
        obligations: obligations.iter().map(obligation).collect(),
        anomalies: anomalies.iter().map(|(anomaly, count)| (name(anomaly), *count)).collect(),
        near_misses: near_misses.iter().map(|(what, count)| (name(what), *count)).collect(),
        store: *store,
    }
}

fn obligation(obligation: &ObligationRecord) -> ObligationRecord {
    let ObligationRecord { name: own, state, witness, count } = obligation;
    ObligationRecord { name: name(own), state: *state, witness: *witness, count: *count }
}

fn set_aside(suppressed: &SuppressedFinding) -> SuppressedFinding {
    let SuppressedFinding { finding: own, suppression: by } = suppressed;
    SuppressedFinding { finding: finding(own), suppression: suppression(by) }
}

fn suppression_record(ended: &SuppressionRecord) -> SuppressionRecord {
    let SuppressionRecord { suppression: own, state } = ended;
    SuppressionRecord { suppression: suppression(own), state: *state }
}

fn suppression(suppression: &Suppression) -> Suppression {
    let Suppression { fingerprint, reason, owner, expires } = suppression;
    Suppression { fingerprint: name(fingerprint), reason: sentence(reason), owner: name(owner), expires: *expires }
}

fn skip(skipped: &Skipped) -> Skipped {
    let Skipped { name: own, reason } = skipped;
    Skipped { name: name(own), reason: sentence(reason) }
}

#[rustfmt::skip]
fn observation(observation: &ObservationRecord) -> ObservationRecord {
    let ObservationRecord { scenario, shape, boundary, leg, proof, sentence: fact, cases } = observation;
    ObservationRecord {
        scenario: name(scenario),
        shape: *shape,
        boundary: *boundary,
        leg: *leg,
        proof: *proof,
        sentence: sentence(fact),
        cases: *cases,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_or_an_eye_is_written_out() {
        assert_eq!(line("\x1b[2J\0\r\n\t\x7f\u{9b}", 99), r"\x1b[2J\x00\x0d\x0a\x09\x7f\x9b");
        assert_eq!(line("\u{202e}\u{2066}\u{200b}\u{feff}\u{2028}", 99), r"\u{202e}\u{2066}\u{200b}\u{feff}\u{2028}");
        assert_eq!(line("\u{e0041}\u{301}\u{ad}", 99), r"\u{e0041}\u{301}\xad");
    }

    #[test]
    fn what_a_ci_system_takes_for_a_command_is_broken_up() {
        assert_eq!(line("::error::gone ::set-output", 99), r":\x3aerror:\x3agone :\x3aset-output");
        assert_eq!(line("##[error] ##vso[task]", 99), r"#\x23[error] #\x23vso[task]");
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        for text in ["e2 ← d1 · RFC 9112 §6.3", "\"Grüße\" 'an' C:\\all", "http://[::1]:8080/", "#1 a: b", "…"]
        {
            assert_eq!(line(text, 99), text);
        }
    }

    #[test]
    fn excerpts_are_bounded_and_keep_their_lines() {
        assert_eq!(line("abcdef", 3), "abc…");
        assert_eq!(excerpt("GET / HTTP/1.1\nA: \x1b[2J\n"), "GET / HTTP/1.1\nA: \\x1b[2J\n");
        assert!(excerpt(&"a".repeat(50_000)).chars().count() <= EXCERPT_CHARS_MAX + 1);
    }

    #[test]
    fn a_command_stays_as_it_must_be_typed() {
        let typed = "crosswire replay 'a b.json' --gateway http://[fe80::a]:1/ --header \"X:y\"";
        assert_eq!(command(typed), typed);
        assert_eq!(command("a\x1bb"), r"a\x1bb");
    }
}
