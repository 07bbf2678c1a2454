//! The record for programs: `record.json`, and its findings one a line.
//!
//! Both are the record as it is, so that they read back equal. Characters that could drive a terminal or a CI system
//! are written as JSON escapes, because `-o -` sends this to stdout.

use std::fmt::Write;

use vocabulary::record::RunRecord;

use crate::neutral::{is_command, is_harmless};

/// `record.json`: pretty, with a final newline.
pub fn json(record: &RunRecord) -> String {
    let text = serde_json::to_string_pretty(record).expect("a record has string keys only and no fallible serializer");
    escaped(&text) + "\n"
}

/// One finding a line; nothing when there is none.
pub fn jsonl(record: &RunRecord) -> String {
    let line = |finding| serde_json::to_string(finding).expect("a finding has string keys only, as a record has");
    record.findings.iter().map(|finding| escaped(&line(finding)) + "\n").collect()
}

/// The same JSON, in which every character that is not harmless is an escape. Outside strings JSON has none of them
/// but the newline.
fn escaped(json: &str) -> String {
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
    use serde_json::Value;
    use vocabulary::finding::Finding;

    use super::*;
    use crate::fixtures;

    fn value(record: &RunRecord) -> Value {
        serde_json::from_str(&json(record)).unwrap()
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
                jsonl(&record).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(findings, record.findings, "{name}");
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
        let line: Value = serde_json::from_str(jsonl(&record).lines().next().unwrap()).unwrap();
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
    }

    #[test]
    fn a_clean_record_has_its_bound_and_no_finding() {
        let record = value(&fixtures::clean());
        assert_eq!(record["totals"]["upper_bound_95"], 3.0 / 5212.0);
        assert_eq!(record["findings"], serde_json::json!([]));
        assert_eq!(jsonl(&fixtures::clean()), "");
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
