//! The JSON Schema of scenario files. The keys and words are those that the types read: one that is missing here, or that
//! the types no longer know, fails the test.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use vocabulary::crossing::Http;
use vocabulary::directive::{ChunkDefect, Close, FaultKind, LastStream, ResetCode, Table};
use vocabulary::finding::Shape;
use vocabulary::plan::{AbortHow, Absolute, Audience, Credential, EventKind, Misframing, Target, Until, Version};
use vocabulary::scenario::{Level, Obligation, Prevented};

use super::compare;
use super::documented::comments;
use super::validated::check;
use crate::catalogue::catalogue;
use crate::client::{BodyWord, ConnectionWord, FormWord, GiveUp, GiveUpWhen, Login, PaceWord, ReadSlowly, RequestForm};
use crate::index::FILES;
use crate::language::{DirectiveAt, File, FreezeOf, GateRelease, Lane, Order, ProfileWord, Schedule, StartOf, Variant};
use crate::origin::{
    Act, Announcement, CutOff, CutWord, FinalReply, FrameForm, FramingWord, HoldFor, InterimReply, InterimSegment,
    LengthWord, SettingWord, SurplusBytes, SurplusWhen, SurplusWord, TunnelBytes, WriteCount,
};
use crate::swarm::Knob;
use vocabulary::traced::{Words, keys, keys_behind, stands_alone, words};

const WEIGHT: &str = r"([0-9]{1,3} *\* *)?";

/// The schema of a whole file.
pub(super) fn schema() -> Value {
    let lanes = json!({ "type": "array", "items": { "$ref": "#/$defs/lane" } });
    let rounds = number(1, 32);
    let root = object::<File>(
        "struct File",
        &[
            "name",
            "family",
            "title",
            "story",
            "incidents",
            "requirement",
            "level",
            "may_reveal",
            "must_exercise",
            "may_be_prevented_by",
        ],
        [
            ("name", text()),
            ("family", text()),
            ("title", text()),
            ("story", text()),
            ("incidents", list(text())),
            ("requirement", text()),
            ("level", any(choice::<Level>([]))),
            ("may_reveal", list(any(choice::<Shape>([])))),
            ("must_exercise", list(any(obligations()))),
            ("may_be_prevented_by", list(any(choice::<Prevented>([])))),
            ("down", any(choice::<Http>([]))),
            ("up", any(choice::<Http>([]))),
            ("needs_directive_at", any(choice::<DirectiveAt>([]))),
            ("profile", any(choice::<ProfileWord>([]))),
            ("swarm", list(any(choice::<Knob>([])))),
            ("rounds", rounds.clone()),
            ("gate", json!({ "$ref": "#/$defs/gate" })),
            ("lane", lanes.clone()),
            ("variant", list(variant(lanes, rounds))),
        ],
    );
    let mut root = root;
    root["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    root["title"] = json!("A crosswire scenario");
    root["$defs"] = json!({ "gate": gate(), "lane": lane(), "act": any(acts()), "request": request() });
    root
}

fn variant(lanes: Value, rounds: Value) -> Value {
    object::<Variant>(
        "struct Variant",
        &["name"],
        [
            ("name", text()),
            ("weight", integer(1, 255)),
            ("down", any(choice::<Http>([]))),
            ("rounds", rounds),
            ("gate", json!({ "$ref": "#/$defs/gate" })),
            (
                "schedule",
                object::<Schedule>(
                    "struct Schedule",
                    &[],
                    [("exchanges", number(2, 4)), ("orders", list(pattern("^[0-9]+$"))), ("gap", time())],
                ),
            ),
            ("lane", lanes),
        ],
    )
}

fn gate() -> Value {
    let keys = [("order", one_or_many(choice::<Order>([]))), ("gap", time()), ("together", boolean())];
    object::<GateRelease>("struct GateRelease", &[], keys)
}

fn lane() -> Value {
    let start = object::<StartOf>("struct StartOf", &[], [("after", event()), ("within", time())]);
    let freeze = object::<FreezeOf>(
        "struct FreezeOf",
        &["until"],
        [("until", event()), ("within", time()), ("begun", boolean())],
    );
    let login = object::<Login>("struct Login", &["path", "cookie"], [("path", path()), ("cookie", text())]);
    let read = object::<ReadSlowly>(
        "struct ReadSlowly",
        &["bytes", "gap"],
        [("bytes", number(1, 1_048_576)), ("gap", time())],
    );
    object::<Lane>(
        "struct Lane",
        &["name"],
        [
            ("name", text()),
            ("tenants", number(1, 64)),
            ("tenants_of", text()),
            ("copies", count()),
            ("workers", count()),
            ("in_turn", boolean()),
            ("login", login),
            ("warm_ups", number(0, 16)),
            ("requests", number(1, 256)),
            ("plain_after", number(0, 16)),
            ("start", start),
            ("freeze", freeze),
            ("think", time()),
            ("connection", one_or_many(choice::<ConnectionWord>([("affinity", text())]))),
            ("request", json!({ "$ref": "#/$defs/request" })),
            ("abort", abort()),
            ("read", read),
            ("audience", any(choice::<Audience>([]))),
            ("until", any(choice::<Until>([("upstream-served", integer(0, u32::MAX.into()))]))),
            ("origin", list(json!({ "$ref": "#/$defs/act" }))),
            ("every_attempt", boolean()),
        ],
    )
}

fn abort() -> Value {
    let after_event =
        behind::<GiveUpWhen>("after-event", &["event"], [("event", any(choice::<EventKind>([]))), ("within", time())]);
    let when =
        choice::<GiveUpWhen>([("after-sent", time()), ("after-reply-bytes", bytes()), ("after-event", after_event)]);
    let keys = [("how", one_or_many(choice::<AbortHow>([]))), ("when", one_or_many(when))];
    object::<GiveUp>("struct GiveUp", &["how", "when"], keys)
}

fn request() -> Value {
    let chunk = number(1, 1_048_576);
    let body = choice::<BodyWord>([
        ("sized", behind::<BodyWord>("sized", &["bytes"], [("bytes", bytes()), ("declared_off_by", difference())])),
        ("chunked", behind::<BodyWord>("chunked", &["bytes"], [("bytes", bytes()), ("chunk", chunk)])),
        ("ghost", behind::<BodyWord>("ghost", &["chunked"], [("chunked", boolean()), ("filler", bytes())])),
        ("misframed", behind::<BodyWord>("misframed", &["by"], [("by", one_or_many(choice::<Misframing>([])))])),
    ]);
    let pace = choice::<PaceWord>([
        ("slow", behind::<PaceWord>("slow", &["writes", "gap"], [("writes", number(1, 64)), ("gap", time())])),
        ("after-continue", behind::<PaceWord>("after-continue", &["wait"], [("wait", time())])),
        ("after-reply", behind::<PaceWord>("after-reply", &["wait"], [("wait", time())])),
    ]);
    let own = behind::<FormWord>(
        "own",
        &["path"],
        [("method", text()), ("path", path()), ("fields", list(line())), ("body", text()), ("reply", text())],
    );
    let texts = || one_or_many(vec![text()]);
    object::<RequestForm>(
        "struct RequestForm",
        &[],
        [
            ("method", texts()),
            ("target", one_or_many(choice::<Target>([("shared", text()), ("authority", text())]))),
            ("absolute", one_or_many(choice::<Absolute>([("other", text())]))),
            ("version", one_or_many(choice::<Version>([]))),
            ("host", texts()),
            ("credential", one_or_many(choice::<Credential>([]))),
            ("fields", fields()),
            ("padding", number(0, 65_536)),
            ("body", one_or_many(body)),
            ("pace", one_or_many(pace)),
            ("expect", texts()),
            ("trailers", one_or_many(vec![boolean()])),
            ("tail", boolean()),
            ("form", one_or_many(choice::<FormWord>([("own", own)]))),
            ("rich", boolean()),
        ],
    )
}

fn acts() -> Vec<Value> {
    let tunnel = object::<TunnelBytes>("struct TunnelBytes", &["bytes"], [("bytes", bytes())]);
    let last = [("last", one_or_many(choice::<LastStream>([])))];
    let announcement = object::<Announcement>("struct Announcement", &["last"], last);
    let settings = choice::<SettingWord>([
        ("header-table", number(0, 65_536)),
        ("initial-window", number(0, 1_048_576)),
        ("concurrent-streams", number(0, 1_000)),
    ]);
    let alternatives = choice::<Act>([
        ("hold", any(choice::<HoldFor>([("event", event())]))),
        ("wait", time()),
        ("interim", interim()),
        ("final", final_reply()),
        ("surplus", surplus()),
        ("close", one_or_many(choice::<Close>([]))),
        ("silence", time()),
        ("tunnel", tunnel),
        ("reset", one_or_many(choice::<ResetCode>([]))),
        ("go-away", announcement),
        ("settings", one_or_many(settings)),
    ]);
    let meanings = comments("enum Act");
    let described = alternatives.into_iter().map(|mut act| {
        let word = act["required"][0].as_str().unwrap().to_owned();
        let position = words::<Act>().iter().position(|it| *it == word).unwrap();
        act["description"] = json!(meanings[position]);
        act
    });
    described.collect()
}

fn interim() -> Value {
    object::<InterimReply>(
        "struct InterimReply",
        &["status"],
        [
            ("status", number(100, 199)),
            ("count", number(1, 8)),
            ("length", one_or_many(choice::<LengthWord>([("bytes", bytes())]))),
            ("fields", fields()),
            ("segment", one_or_many(choice::<InterimSegment>([]))),
        ],
    )
}

fn final_reply() -> Value {
    let by = || number(1, 1_048_576);
    let framing = choice::<FramingWord>([
        ("length-short", behind::<FramingWord>("length-short", &["by"], [("by", by())])),
        ("length-long", behind::<FramingWord>("length-long", &["by"], [("by", by())])),
        ("length-twice", behind::<FramingWord>("length-twice", &["off_by"], [("off_by", difference())])),
        ("chunked-broken", one_or_many(choice::<ChunkDefect>([]))),
    ]);
    let writes = object::<WriteCount>(
        "struct WriteCount",
        &["count"],
        [("count", number(1, 64)), ("gap", time()), ("acknowledged", boolean())],
    );
    let then = choice::<CutWord>([("close", any(choice::<Close>([]))), ("silence", time())]);
    let cut = object::<CutOff>(
        "struct CutOff",
        &["after_bytes", "then"],
        [("after_bytes", bytes()), ("then", one_or_many(then))],
    );
    object::<FinalReply>(
        "struct FinalReply",
        &[],
        [
            ("status", number(101, 599)),
            ("framing", one_or_many(framing)),
            ("chunk", by()),
            ("bytes", bytes()),
            ("fields", fields()),
            ("trailers", one_or_many(vec![boolean()])),
            ("writes", writes),
            ("cut", cut),
            ("early", boolean()),
            ("private", boolean()),
            ("frames", one_or_many(vec![frames()])),
            ("padding", number(0, 262_144)),
            ("validates", boolean()),
        ],
    )
}

fn frames() -> Value {
    let sometimes = || one_or_many(vec![boolean()]);
    object::<FrameForm>(
        "struct FrameForm",
        &[],
        [
            ("data", number(0, 16_384)),
            ("padding", number(0, 255)),
            ("empty", sometimes()),
            ("end_apart", sometimes()),
            ("block", number(0, 16_384)),
            ("table", one_or_many(choice::<Table>([]))),
        ],
    )
}

fn surplus() -> Value {
    let what = choice::<SurplusWord>([
        (
            "reply",
            behind::<SurplusWord>(
                "reply",
                &["bytes"],
                [("status", number(200, 599)), ("bytes", bytes()), ("garbage", bytes())],
            ),
        ),
        ("garbage", behind::<SurplusWord>("garbage", &["bytes"], [("bytes", bytes())])),
    ]);
    let when = choice::<SurplusWhen>([("idle", time())]);
    let keys = [("what", one_or_many(what)), ("when", one_or_many(when))];
    object::<SurplusBytes>("struct SurplusBytes", &["what", "when"], keys)
}

fn obligations() -> Vec<Value> {
    let many = || integer(0, u32::MAX.into());
    choice::<Obligation>([
        ("overlap", many()),
        ("fault-performed", any(choice::<FaultKind>([]))),
        ("follow-ups", many()),
        ("streams-held", many()),
        ("requests-per-upstream-connection", many()),
        ("affinity", many()),
    ])
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn boolean() -> Value {
    json!({ "type": "boolean" })
}

fn integer(least: u64, most: u64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn any(mut alternatives: Vec<Value>) -> Value {
    if alternatives.len() == 1 { alternatives.remove(0) } else { json!({ "anyOf": alternatives }) }
}

/// As `Draw` and `Choice` read it: one alternative, or a list of them in which words may have weights.
fn one_or_many(mut alternatives: Vec<Value>) -> Value {
    for index in 0..alternatives.len() {
        if let Some(words) = alternatives[index].get("enum").and_then(Value::as_array) {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            let weighted = pattern(&format!(r"^[0-9]{{1,3}} *\* *({})$", words.join("|")));
            alternatives.push(weighted);
        }
    }
    let many = json!({ "type": "array", "minItems": 1, "items": any(alternatives.clone()) });
    alternatives.push(many);
    any(alternatives)
}

fn number(least: u64, most: u64) -> Value {
    one_or_many(vec![integer(least, most), pattern(&format!(r"^{WEIGHT}[0-9]+( *\.\.= *[0-9]+)?$"))])
}

fn bytes() -> Value {
    number(0, 67_108_864)
}

fn count() -> Value {
    let own = r"[0-9]+( *\.\.= *[0-9]+)?";
    let related = r"[a-z][a-z0-9-]*(/2)?( *\+ *[0-9]+)?";
    one_or_many(vec![integer(1, 64), pattern(&format!("^{WEIGHT}({own}|{related})$"))])
}

fn difference() -> Value {
    one_or_many(vec![json!({ "type": "integer" })])
}

fn time() -> Value {
    let one = r"(timeout( *\+ *[0-9]+ *(us|ms|s))?|[0-9]+ *(us|ms|s))";
    one_or_many(vec![pattern(&format!(r"^{WEIGHT}{one}( *\.\.= *{one})?$"))])
}

fn event() -> Value {
    pattern(&format!(r"^[a-z0-9-]+\.({})$", words::<EventKind>().join("|")))
}

fn path() -> Value {
    pattern("^/")
}

fn line() -> Value {
    pattern("^[^: ]+:")
}

fn fields() -> Value {
    json!({ "type": "array", "items": any(vec![line(), list(line())]) })
}

/// A table with these keys, which must be those that the type reads.
fn object<'de, T: Deserialize<'de>>(
    declaration: &str,
    required: &[&str],
    properties: impl IntoIterator<Item = (&'static str, Value)>,
) -> Value {
    let mut table = table(declaration, keys::<T>(), required, properties);
    let meanings = comments(declaration);
    assert_eq!(meanings.len(), keys::<T>().len(), "{declaration}");
    for (key, meaning) in keys::<T>().iter().zip(meanings).filter(|(_, meaning)| !meaning.is_empty()) {
        // Beside a reference nothing counts, in the drafts that editors know.
        let property = &mut table["properties"][key];
        if property.get("$ref").is_none() {
            property["description"] = json!(meaning);
        }
    }
    table
}

/// The table behind a word of a choice.
fn behind<'de, T: Deserialize<'de>>(
    word: &'static str,
    required: &[&str],
    properties: impl IntoIterator<Item = (&'static str, Value)>,
) -> Value {
    let known = keys_behind::<T>(word).unwrap_or_else(|| panic!("no table stands behind {word:?}"));
    table(word, known, required, properties)
}

fn table(
    name: &str,
    known: Words,
    required: &[&str],
    properties: impl IntoIterator<Item = (&'static str, Value)>,
) -> Value {
    let properties: Map<String, Value> = properties.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let spelt: Vec<&str> = known.iter().copied().filter(|key| !properties.contains_key(*key)).collect();
    assert!(spelt.is_empty() && properties.len() == known.len(), "{name}: the types read {known:?}, without {spelt:?}");
    let mut table = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        table["required"] = json!(required);
    }
    table
}

/// A choice: the words that stand alone, and those with something behind them. They must be those that the type reads.
fn choice<'de, T: Deserialize<'de>>(behind: impl IntoIterator<Item = (&'static str, Value)>) -> Vec<Value> {
    let behind: Vec<(&str, Value)> = behind.into_iter().collect();
    let is_behind = |word: &str| behind.iter().any(|(it, _)| *it == word);
    let alone: Vec<&str> = words::<T>().iter().copied().filter(|word| !is_behind(word)).collect();
    for word in &alone {
        assert!(stands_alone::<T>(word), "something stands behind {word:?} of {:?}", words::<T>());
    }
    for (word, _) in &behind {
        assert!(words::<T>().contains(word) && !stands_alone::<T>(word), "{word:?} of {:?}", words::<T>());
    }
    let alone = (!alone.is_empty()).then(|| json!({ "enum": alone }));
    let tagged = behind.into_iter().map(|(word, value)| {
        json!({ "type": "object", "properties": { word: value }, "required": [word], "additionalProperties": false })
    });
    alone.into_iter().chain(tagged).collect()
}

/// A file as JSON, for the check.
pub(super) fn as_json(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

#[test]
fn the_schema_beside_this_crate_is_that_of_the_types_index() {
    compare("scenario.schema.json", &(serde_json::to_string_pretty(&schema()).unwrap() + "\n"));
}

#[test]
fn every_file_of_the_catalogue_keeps_to_the_schema() {
    let schema = schema();
    assert_eq!(FILES.len(), catalogue().all().len());
    for (path, text) in FILES {
        if let Err(error) = check(&schema, &schema, &as_json(text), "") {
            panic!("{path}: {error}");
        }
    }
}

#[test]
fn what_the_reader_refuses_breaks_the_schema_too() {
    let schema = schema();
    let sound = FILES.iter().find(|(path, _)| path.contains("interim-103-split")).unwrap().1;
    for (from, to) in [
        ("level = \"must\"", "level = \"musst\""),
        ("weight = 2", "wieght = 2"),
        ("plain_after = 1", "plain_after = 99"),
        ("requests = \"3..=5\"", "requests = \"3..5\""),
        ("requests = \"3..=5\"", "requests = []"),
        ("copies = \"1..=2\"", "copies = \"warm/3\""),
        ("{ hold = \"bait\" }", "{ hold = \"baits\" }"),
        ("\"0ms..=15ms\"", "\"0..=15\""),
        ("after = \"first.interim-written\"", "after = \"first.interim\""),
        ("title = ", "# title = "),
    ] {
        assert!(sound.contains(from), "{from:?}");
        let spoilt = as_json(&sound.replacen(from, to, 1));
        assert!(check(&schema, &schema, &spoilt, "").is_err(), "{to:?} keeps to the schema");
    }
}
