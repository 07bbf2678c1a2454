//! The published schemas against the types and against records, with a validator that is not ours.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::{ProptestConfig, proptest};
use serde_json::{Value, json};
use vocabulary::finding::{
    Boundary, Counterfactual, Edge, Emitted, End, Evidence, ExchangeEvidence, Excuse, Finding, LeftOut, Leg, Proof,
    ProofStep, Reproduction, Severity, Shape, Shrinking, Size, Tie, TimelineEntry, TimelineStep,
};
use vocabulary::gate::{GateRecord, GateState};
use vocabulary::history::Closer;
use vocabulary::identity::DeliveryId;
use vocabulary::latency::Quantiles;
use vocabulary::record::{
    GatewayRecord, ObligationRecord, ObligationWord, ObservationRecord, RECORD_SCHEMA, RunRecord, ScenarioRecord,
    SelfTest, Skipped, StoreUse, Totals,
};
use vocabulary::scenario::{Level, Prevented};
use vocabulary::suppression::{SuppressedFinding, Suppression, SuppressionRecord, SuppressionState};
use vocabulary::traced::{keys, keys_behind, words};
use vocabulary::verdict::Verdict;

use crate::fixtures;
use crate::{json, jsonl};

const RECORD: &str = include_str!("../schemas/record.schema.json");
const LINES: &str = include_str!("../schemas/lines.schema.json");

/// A schema, compiled.
pub(crate) struct Schema {
    schemas: boon::Schemas,
    index: boon::SchemaIndex,
}

impl Schema {
    pub(crate) fn of(text: &str) -> Schema {
        let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
        compiler.enable_format_assertions();
        compiler.add_resource("http://schema.test/", serde_json::from_str(text).unwrap()).unwrap();
        let index = compiler.compile("http://schema.test/", &mut schemas).unwrap();
        Schema { schemas, index }
    }

    pub(crate) fn refuses(&self, value: &Value) -> Option<String> {
        self.schemas.validate(value, self.index).err().map(|error| format!("{error:#}"))
    }
}

fn assert_valid(record: &RunRecord, whole: &Schema, lines: &Schema) {
    let text = json(record);
    let refused = whole.refuses(&serde_json::from_str(&text).unwrap());
    assert!(refused.is_none(), "{}\n{text}", refused.unwrap_or_default());
    for line in jsonl(record).lines() {
        let refused = lines.refuses(&serde_json::from_str(line).unwrap());
        assert!(refused.is_none(), "{}\n{line}", refused.unwrap_or_default());
    }
}

#[test]
fn records_of_every_verdict_are_valid() {
    let (whole, lines) = (Schema::of(RECORD), Schema::of(LINES));
    for (_, record) in fixtures::records() {
        assert_valid(&record, &whole, &lines);
    }
}

#[test]
fn findings_of_every_kind_are_valid() {
    let (whole, lines) = (Schema::of(RECORD), Schema::of(LINES));
    let findings = fixtures::all().into_iter().map(|(_, finding)| finding).collect();
    assert_valid(&RunRecord { findings, ..fixtures::violated() }, &whole, &lines);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_record_is_valid(record in fixtures::any_record()) {
        assert_valid(&record, &Schema::of(RECORD), &Schema::of(LINES));
    }
}

/// Every place below a value, by its JSON pointer.
fn places(value: &Value) -> Vec<String> {
    let mut found = vec![String::new()];
    let below: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (name, value) in below {
        found.extend(places(value).iter().map(|place| format!("/{name}{place}")));
    }
    found
}

/// A record in which nothing is empty.
fn full() -> Value {
    let store = StoreUse { hits: 1, possible: 2 };
    let mut record = fixtures::violated();
    record.skipped = fixtures::clean().skipped;
    record.captured_bodies = true;
    record.totals.store = store;
    record.totals.latency = Some(Quantiles { samples: 4, p50_us: 1, p90_us: 2, p99_us: 3 });
    record.scenarios.iter_mut().for_each(|scenario| scenario.store = store);
    record.findings.push(fixtures::desync());
    let agreed = fixtures::gated();
    (record.warnings, record.gates) = (agreed.warnings, agreed.gates);
    (record.suppressions, record.suppressed) = (agreed.suppressions, agreed.suppressed);
    record.findings.iter_mut().flat_map(|finding| &mut finding.chain).for_each(|step| step.connection = None);
    serde_json::from_str(&json(&record)).unwrap()
}

#[test]
fn a_member_too_many_is_refused_wherever_it_stands() {
    let (record, schema) = (full(), Schema::of(RECORD));
    assert_eq!(schema.refuses(&record), None);
    let objects = places(&record).into_iter().filter(|place| record.pointer(place).unwrap().is_object());
    let mut tried = 0;
    for place in objects {
        let mut with = record.clone();
        // Where names are free, their values are counts.
        with.pointer_mut(&place).unwrap()["surplus"] = json!("surplus");
        assert!(schema.refuses(&with).is_some(), "{place}");
        tried += 1;
    }
    assert!(tried > 50, "{tried}");
}

#[test]
fn a_member_too_few_is_refused_but_where_it_says_that_there_is_none() {
    let (record, schema) = (full(), Schema::of(RECORD));
    let mut left_out = BTreeSet::new();
    for place in places(&record) {
        let Some((object, name)) = place.rsplit_once('/') else { continue };
        let mut without = record.clone();
        let Some(members) = without.pointer_mut(object).unwrap().as_object_mut() else { continue };
        members.remove(name);
        if schema.refuses(&without).is_none() && !object.ends_with("/anomalies") && !object.ends_with("/near_misses") {
            left_out.insert(name.to_owned());
        }
    }
    let left_out: Vec<&str> = left_out.iter().map(String::as_str).collect();
    assert_eq!(left_out, ["came_unasked", "captured_bodies", "latency", "near_misses", "store"]);
}

#[test]
fn a_value_of_another_kind_is_refused_wherever_it_stands() {
    let (record, schema) = (full(), Schema::of(RECORD));
    for place in places(&record) {
        let mut other = record.clone();
        let value = other.pointer_mut(&place).unwrap();
        *value = if value.is_boolean() { json!(0) } else { json!(true) };
        assert!(schema.refuses(&other).is_some(), "{place}");
    }
}

/// What a schema holds objects and choices to be, by JSON pointer: their members or words, sorted.
fn held(schema: &Value, keyword: &str) -> BTreeMap<String, Vec<String>> {
    let mut held = BTreeMap::new();
    for place in places(schema) {
        // A member that is called like the keyword is none.
        if place.ends_with("/properties") {
            continue;
        }
        let names: Vec<String> = match schema.pointer(&place).and_then(|schema| schema.get(keyword)) {
            Some(Value::Object(members)) => members.keys().cloned().collect(),
            Some(Value::Array(words)) => words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect(),
            _ => continue,
        };
        held.insert(place, sorted(names));
    }
    held
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

fn named<const N: usize>(all: [(&str, &[&str]); N]) -> BTreeMap<String, Vec<String>> {
    let all = all
        .into_iter()
        .map(|(place, names)| (place.to_owned(), sorted(names.iter().map(|name| (*name).to_owned()).collect())));
    all.collect()
}

#[test]
fn every_object_has_the_members_that_its_type_has() {
    let step = |word| keys_behind::<TimelineStep>(word).unwrap();
    let types = named([
        ("", keys::<RunRecord>()),
        ("/properties/skipped/items", keys::<Skipped>()),
        ("/$defs/self-test", keys::<SelfTest>()),
        ("/$defs/gateway", keys::<GatewayRecord>()),
        ("/$defs/totals", keys::<Totals>()),
        ("/$defs/store", keys::<StoreUse>()),
        ("/$defs/latency", keys::<Quantiles>()),
        ("/$defs/scenario", keys::<ScenarioRecord>()),
        ("/$defs/gate", keys::<GateRecord>()),
        ("/$defs/suppression", keys::<Suppression>()),
        ("/properties/suppressions/items", keys::<SuppressionRecord>()),
        ("/$defs/suppressed", keys::<SuppressedFinding>()),
        ("/$defs/obligation", keys::<ObligationRecord>()),
        ("/$defs/observation", keys::<ObservationRecord>()),
        ("/$defs/finding", keys::<Finding>()),
        ("/$defs/finding/properties/counterfactual", keys::<Counterfactual>()),
        ("/$defs/finding/properties/shrinking", keys::<Shrinking>()),
        ("/$defs/edge", keys::<Edge>()),
        ("/$defs/delivery-id", keys::<DeliveryId>()),
        ("/$defs/evidence", keys::<Evidence>()),
        ("/$defs/exchange-evidence", keys::<ExchangeEvidence>()),
        ("/$defs/emitted", keys::<Emitted>()),
        ("/$defs/timeline-entry", keys::<TimelineEntry>()),
        ("/$defs/timeline-step/oneOf/1", &["receives"]),
        ("/$defs/timeline-step/oneOf/1/properties/receives", step("receives")),
        ("/$defs/timeline-step/oneOf/2", &["unasked"]),
        ("/$defs/timeline-step/oneOf/2/properties/unasked", step("unasked")),
        ("/$defs/timeline-step/oneOf/3", &["sees"]),
        ("/$defs/timeline-step/oneOf/3/properties/sees", step("sees")),
        ("/$defs/timeline-step/oneOf/4", &["interim"]),
        ("/$defs/timeline-step/oneOf/4/properties/interim", step("interim")),
        ("/$defs/timeline-step/oneOf/5", &["replies"]),
        ("/$defs/timeline-step/oneOf/5/properties/replies", step("replies")),
        ("/$defs/timeline-step/oneOf/6", &["closes"]),
        ("/$defs/timeline-step/oneOf/6/properties/closes", step("closes")),
        ("/$defs/proof-step", keys::<ProofStep>()),
        ("/$defs/excuse", keys::<Excuse>()),
        ("/$defs/size", keys::<Size>()),
        ("/$defs/reproduction", keys::<Reproduction>()),
    ]);
    assert_eq!(held(&serde_json::from_str(RECORD).unwrap(), "properties"), types);
}

#[test]
fn every_choice_has_the_words_that_its_type_has() {
    let alone = ["sends", "gives-up"];
    let types = named([
        // Numbers, which the next test compares.
        ("/properties/exit_code", &[]),
        ("/$defs/verdict", words::<Verdict>()),
        ("/$defs/level", words::<Level>()),
        ("/$defs/shape", words::<Shape>()),
        ("/$defs/boundary", words::<Boundary>()),
        ("/$defs/severity", words::<Severity>()),
        ("/$defs/leg", words::<Leg>()),
        ("/$defs/proof", words::<Proof>()),
        ("/$defs/prevented", words::<Prevented>()),
        ("/$defs/obligation-state", words::<ObligationWord>()),
        ("/$defs/left-out", words::<LeftOut>()),
        ("/$defs/gate/properties/state", words::<GateState>()),
        ("/properties/suppressions/items/properties/state", words::<SuppressionState>()),
        ("/$defs/end", words::<End>()),
        ("/$defs/closer", words::<Closer>()),
        ("/$defs/tie", words::<Tie>()),
        ("/$defs/timeline-step/oneOf/0", &alone),
    ]);
    let schema = serde_json::from_str(RECORD).unwrap();
    assert_eq!(held(&schema, "enum"), types);
    let steps = held(&schema, "properties")
        .into_iter()
        .filter(|(place, _)| place.starts_with("/$defs/timeline-step/oneOf/") && !place.contains("properties"));
    let steps = steps.flat_map(|(_, words)| words).chain(alone.map(str::to_owned)).collect();
    let all = words::<TimelineStep>().iter().map(|word| (*word).to_owned()).collect();
    assert_eq!(sorted(steps), sorted(all));
}

#[test]
fn the_version_and_the_exit_codes_are_those_of_the_code() {
    let schema: Value = serde_json::from_str(RECORD).unwrap();
    assert_eq!(schema["properties"]["schema"]["const"], RECORD_SCHEMA);
    let verdicts = words::<Verdict>().iter().map(|word| serde_json::from_value::<Verdict>((*word).into()).unwrap());
    let codes: BTreeSet<u8> = verdicts.map(Verdict::exit_code).collect();
    assert_eq!(schema["properties"]["exit_code"]["enum"], json!(codes));
}

#[test]
fn every_member_is_described_where_it_stands_or_where_it_points_to() {
    for text in [RECORD, LINES] {
        let schema: Value = serde_json::from_str(text).unwrap();
        let described = |schema: &Value| schema["description"].as_str().is_some_and(|text| text.ends_with('.'));
        let mut members = 0;
        for place in places(&schema).iter().filter(|place| place.ends_with("/properties")) {
            for (name, member) in schema.pointer(place).unwrap().as_object().unwrap() {
                let target = member["$ref"].as_str().and_then(|target| schema.pointer(target.trim_start_matches('#')));
                assert!(described(member) || target.is_some_and(described), "{place}/{name}");
                members += 1;
            }
        }
        assert!(members > 100, "{members}");
    }
}

#[test]
fn both_schemas_share_their_definitions_to_the_letter() {
    let definitions = |text: &str| text.split_once("\n  \"$defs\": ").unwrap().1.to_owned();
    let head = LINES.split_once("\n  \"$defs\": ").unwrap().0;
    let lines = format!("{head}\n  \"$defs\": {}", definitions(RECORD));
    fixtures::golden("../schemas/lines.schema.json", &lines);
    // What the first line tells of the run is told as the record tells it.
    let [record, lines]: [Value; 2] = [RECORD, LINES].map(|text| serde_json::from_str(text).unwrap());
    for (name, member) in
        lines["oneOf"][0]["properties"].as_object().unwrap().iter().filter(|(name, _)| *name != "line")
    {
        assert_eq!(*member, record["properties"][name], "{name}");
    }
}

#[test]
fn a_line_of_no_kind_is_refused() {
    let schema = Schema::of(LINES);
    let record = fixtures::violated();
    for line in jsonl(&record).lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        for (member, wrong) in [("line", json!("else")), ("surplus", json!(1))] {
            let mut other = line.clone();
            other[member] = wrong;
            assert!(schema.refuses(&other).is_some(), "{other}");
        }
    }
}
