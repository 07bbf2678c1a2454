//! The record for programs: `record.json`, and the same in lines: the run, its scenarios, its findings.
//!
//! Both are the record as it is, so that they read back equal. Characters that could drive a terminal or a CI system
//! are written as JSON escapes, because `-o -` sends this to stdout.

use std::fmt::Write;

use serde::Serialize;
use vocabulary::finding::Finding;
use vocabulary::gate::GateRecord;
use vocabulary::record::{GatewayRecord, RunRecord, ScenarioRecord, Totals};
use vocabulary::suppression::SuppressedFinding;
use vocabulary::verdict::Verdict;

use crate::neutral::{is_command, is_harmless};

/// `record.json`: pretty, with a final newline.
pub fn json(record: &RunRecord) -> String {
    let text = serde_json::to_string_pretty(record).expect("a record has string keys only and no fallible serializer");
    escaped(&text) + "\n"
}

/// The record in lines, each with what it tells of in `line`: first the run, then each scenario, each finding, and each
/// finding that was set aside. A Clean run has lines too, so that an empty file always means that something failed.
pub fn jsonl(record: &RunRecord) -> String {
    let line = |line: &Line| {
        let text = serde_json::to_string(line).expect("a line has string keys only, as a record has");
        escaped(&text) + "\n"
    };
    let RunRecord { schema, run_id, seed, verdict, exit_code, reasons, warnings, gates, totals, gateway, .. } = record;
    let (seed, verdict, exit_code) = (*seed, *verdict, *exit_code);
    let run = Line::Run { schema, run_id, seed, verdict, exit_code, reasons, warnings, gates, totals, gateway };
    let scenarios = record.scenarios.iter().map(Line::Scenario);
    std::iter::once(run)
        .chain(scenarios)
        .chain(record.findings.iter().map(Line::Finding))
        .chain(record.suppressed.iter().map(Line::Suppressed))
        .map(|one| line(&one))
        .collect()
}

/// One line.
#[derive(Serialize)]
#[serde(tag = "line", rename_all = "kebab-case")]
enum Line<'a> {
    /// The run: what a program asks first.
    Run {
        schema: &'a str,
        run_id: &'a str,
        seed: u64,
        verdict: Verdict,
        exit_code: u8,
        reasons: &'a [String],
        warnings: &'a [String],
        gates: &'a [GateRecord],
        totals: &'a Totals,
        gateway: &'a GatewayRecord,
    },
    /// A scenario, as in the record.
    Scenario(&'a ScenarioRecord),
    /// A finding, as in the record.
    Finding(&'a Finding),
    /// A finding that was set aside, as in the record.
    Suppressed(&'a SuppressedFinding),
}

/// The same JSON, in which every character that is not harmless is an escape. Outside strings JSON has none of them
/// but the newline.
pub(crate) fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut before = ' ';
    let mut rest = json.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '\n' || (is_harmless(c) && !is_command(before, c, rest.peek().copied())) {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(text, "\\u{unit:04x}").expect("a String takes it");
            }
        }
        before = c;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use serde_json::Value;

    fn value(record: &RunRecord) -> Value {
        serde_json::from_str(&json(record)).unwrap()
    }

    /// The lines that tell of one kind.
    fn lines(record: &RunRecord, kind: &str) -> Vec<Value> {
        let lines = jsonl(record);
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["line"] == kind).collect()
    }

    /// The names of an object's members, sorted.
    fn members(value: &Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn a_record_reads_back_equal() {
        for (name, record) in fixtures::records() {
            let text = json(&record);
            assert!(text.ends_with("}\n") && text.contains("\n  \"verdict\""), "{name}");
            assert_eq!(serde_json::from_str::<RunRecord>(&text).unwrap(), record, "{name}");
            let findings: Vec<Finding> =
                lines(&record, "finding").into_iter().map(|line| serde_json::from_value(line).unwrap()).collect();
            assert_eq!(findings, record.findings, "{name}");
            let scenarios: Vec<ScenarioRecord> =
                lines(&record, "scenario").into_iter().map(|line| serde_json::from_value(line).unwrap()).collect();
            assert_eq!(scenarios, record.scenarios, "{name}");
        }
    }

    #[test]
    fn a_bound_reads_back_to_the_last_digit() {
        let (_, mut record) = fixtures::records().remove(0);
        for n in 1..20_000 {
            record.totals.upper_bound_95 = vocabulary::record::upper_bound_95(n);
            let text = serde_json::to_string(&record.totals).unwrap();
            assert_eq!(serde_json::from_str::<vocabulary::record::Totals>(&text).unwrap(), record.totals, "{n}");
        }
    }

    #[test]
    fn a_violated_record_has_the_members_that_other_programs_read() {
        let record = value(&fixtures::violated());
        for (member, expected) in [
            ("schema", "crosswire.record/1"),
            ("crosswire_version", "0.1.0"),
            ("run_id", "0198c5d2-7b1e-7aa0-9c55-2f6f0c1d2e3f"),
            ("started_at", "2026-03-02T10:11:12Z"),
            ("profile", "default"),
            ("verdict", "violated"),
        ] {
            assert_eq!(record[member], expected, "{member}");
        }
        assert_eq!((&record["seed"], &record["exit_code"]), (&Value::from(7), &Value::from(10)));
        assert_eq!(record["duration_ms"], 41_234);
        assert_eq!(members(&record["self_test"]), ["correct", "found", "planted", "silent"]);
        assert_eq!(members(&record["gateway"]), ["kind", "name", "variant", "version"]);
        assert!(record["totals"].as_object().unwrap().contains_key("upper_bound_95"));
        assert_eq!(record["totals"]["upper_bound_95"], Value::Null);
        let obligation = &record["scenarios"][0]["obligations"][0];
        assert_eq!(members(obligation), ["count", "name", "state", "witness"]);
        assert_eq!(record["scenarios"][1]["obligations"][1]["state"], "prevented");
        assert_eq!(record["scenarios"][1]["obligations"][1]["witness"], "peer-closed-first");
        assert_eq!(record["observations"][0]["proof"], "race");
    }

    #[test]
    fn a_finding_has_the_members_that_other_programs_read() {
        let record = fixtures::violated();
        let mut line = lines(&record, "finding").remove(0);
        line.as_object_mut().unwrap().remove("line");
        assert_eq!(value(&record)["findings"][0], line);
        for (member, expected) in [
            ("id", "f1"),
            ("scenario", "interim-100-late-final"),
            ("shape", "shift"),
            ("boundary", "cross-tenant"),
            ("severity", "leak"),
            ("leg", "reply"),
            ("plan", "plans/f1.json"),
        ] {
            assert_eq!(line[member], expected, "{member}");
        }
        assert_eq!(line["shift"], 1);
        assert!(line["fingerprint"].as_str().unwrap().starts_with("cw"));
        assert!(line["sentence"].as_str().unwrap().starts_with("tenant 2's request e2"));
        assert_eq!(members(&line["evidence"]), ["exchanges", "timeline"]);
        assert_eq!(line["shrunk"], serde_json::json!({ "tenants": 2, "exchanges": 2, "faults": 1 }));
        assert_eq!(line["reproduction"], serde_json::json!({ "runs": 20, "failed": 20 }));
        assert_eq!(
            line["counterfactual"],
            serde_json::json!({
                "left_out": "faults",
                "without": { "runs": 20, "failed": 0 },
                "on_reference": { "runs": 20, "failed": 0 },
            })
        );
        assert_eq!(line["shrinking"]["from"], serde_json::json!({ "tenants": 8, "exchanges": 60, "faults": 9 }));
        assert_eq!(members(&line["shrinking"]), ["cut_short", "duration_ms", "from", "runs", "tried"]);
        assert_eq!(members(&line["chain"][0]), ["at", "connection", "end", "event", "exchange", "tie"]);
        assert_eq!((&line["chain"][0]["tie"], &line["chain"][1]["tie"]), (&"first".into(), &"canary".into()));
        assert_eq!(members(&line["excuses"][0]), ["excuse", "ruled_out_by", "source"]);
        let emitted = &line["evidence"]["exchanges"][0]["emitted"][0];
        assert_eq!(members(emitted), ["connection", "delivery", "head", "status", "surplus"]);
    }

    #[test]
    fn what_was_agreed_beforehand_has_the_members_that_other_programs_read() {
        let record = value(&fixtures::gated());
        let failed = record["gates"].as_array().unwrap().iter().find(|gate| gate["state"] == "failed").unwrap();
        assert_eq!(members(failed), ["bound", "expression", "samples", "state", "value"]);
        assert_eq!((&failed["expression"], &failed["bound"]), (&"error_rate < 1%".into(), &0.01.into()));
        assert_eq!(record["warnings"].as_array().unwrap().len(), 1);
        assert_eq!(record["suppressions"][1]["state"], "not-met");
        assert_eq!(record["suppressed"][0]["suppression"]["expires"], "2026-12-31");
        assert_eq!(record["suppressed"][0]["finding"]["shape"], "shift");
        assert_eq!(lines(&fixtures::gated(), "run")[0]["gates"], record["gates"]);
        let mut line = lines(&fixtures::gated(), "suppressed").remove(0);
        line.as_object_mut().unwrap().remove("line");
        assert_eq!(line, record["suppressed"][0]);
    }

    #[test]
    fn hits_are_told_of_scenarios_and_of_the_run() {
        let mut record = fixtures::clean();
        let store = vocabulary::record::StoreUse { hits: 3, possible: 4 };
        (record.scenarios[0].store, record.totals.store) = (store, store);
        let read = value(&record);
        let expected = serde_json::json!({ "hits": 3, "possible": 4 });
        assert_eq!((&read["totals"]["store"], &read["scenarios"][0]["store"]), (&expected, &expected));
        assert!(read["scenarios"][1].get("store").is_none(), "none, none written");
    }

    #[test]
    fn near_misses_are_counted_by_scenario() {
        let record = value(&fixtures::violated());
        let expected =
            serde_json::json!({ "a reply was owed": 12, "a reply was owed to a client that had gone": 1204 });
        assert_eq!(record["scenarios"][1]["near_misses"], expected);
        assert!(!record["scenarios"][0].as_object().unwrap().contains_key("near_misses"), "none, none written");
    }

    #[test]
    fn a_clean_run_has_a_line_for_itself_and_one_for_each_scenario() {
        let record = fixtures::clean();
        let run = lines(&record, "run").remove(0);
        assert_eq!((&run["schema"], &run["verdict"]), (&"crosswire.record/1".into(), &"clean".into()));
        assert_eq!(run["totals"]["exposures"], record.totals.exposures);
        assert_eq!(run["exit_code"], 0);
        assert_eq!(jsonl(&record).lines().count(), 1 + record.scenarios.len());
        for (name, record) in fixtures::records() {
            assert!(jsonl(&record).starts_with("{\"line\":\"run\","), "{name}");
        }
    }

    #[test]
    fn a_clean_record_has_its_bound_and_no_finding() {
        let record = value(&fixtures::clean());
        assert_eq!(record["totals"]["upper_bound_95"], 3.0 / 5212.0);
        assert_eq!(record["findings"], serde_json::json!([]));
        assert_eq!(lines(&fixtures::clean(), "finding"), Vec::<Value>::new());
    }

    #[test]
    fn hostile_text_is_escaped_and_comes_back_whole() {
        for (name, record) in fixtures::records() {
            let record = fixtures::hostile_record(record);
            let text = json(&record) + &jsonl(&record);
            fixtures::assert_harmless(&name, &text);
            assert_eq!(value(&record)["run_id"], fixtures::HOSTILE, "{name}");
            assert_eq!(serde_json::from_str::<RunRecord>(&json(&record)).unwrap(), record, "{name}");
        }
    }
}
