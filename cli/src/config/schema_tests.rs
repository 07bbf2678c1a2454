//! The published schema of the file against the keys that are read, with a validator that is not ours.

use serde_json::{Value, json};

use super::Kind;
use super::file::parse;
use super::given::keys;

const SCHEMA: &str = include_str!("../../crosswire.schema.json");

fn refuses(file: &Value) -> bool {
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.add_resource("http://schema.test/", serde_json::from_str(SCHEMA).unwrap()).unwrap();
    let index = compiler.compile("http://schema.test/", &mut schemas).unwrap();
    schemas.validate(file, index).is_err()
}

/// A value that the schema takes for a key.
fn value(options: &Value, key: &str) -> Value {
    let schema = &options[key];
    match (schema["type"].as_str(), schema["$ref"].as_str(), schema["enum"].as_array()) {
        (_, _, Some(words)) => words[0].clone(),
        (_, Some("#/$defs/texts"), _) => json!(["a", "b"]),
        (_, Some("#/$defs/duration"), _) => json!("30s"),
        (Some("integer"), _, _) => json!(7),
        (Some("boolean"), _, _) => json!(true),
        (Some("object"), _, _) => json!({ "X-A": "b", "Authorization": { "env": "TOKEN" } }),
        (_, _, _) => json!("a"),
    }
}

#[test]
fn the_schema_has_the_keys_that_are_read_and_no_other() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let options = &schema["$defs"]["options"]["properties"];
    let mut held: Vec<&String> = options.as_object().unwrap().keys().collect();
    let read = keys();
    let mut read: Vec<&String> = read.iter().map(|key| &key.name).collect();
    held.sort();
    read.sort();
    assert_eq!(held, read);
}

#[test]
fn what_the_schema_takes_is_read_and_what_it_refuses_is_refused() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let options = &schema["$defs"]["options"]["properties"];
    let read = |file: &Value| parse("c.toml", &toml::to_string(file).unwrap(), &keys());
    for key in &keys() {
        let own = value(options, &key.name);
        for file in
            [json!({ &*key.name: own }), json!({ "profile": { "ci": { "inherits": "quick", &*key.name: own } } })]
        {
            assert!(!refuses(&file), "{file}");
            assert!(read(&file).is_ok(), "{file}: {:?}", read(&file));
        }
        let wrong = if key.kind == Kind::Flag { json!("yes") } else { json!(1.5) };
        let file = json!({ &*key.name: wrong });
        assert!(refuses(&file) && read(&file).is_err(), "{file}");
    }
    for file in [
        json!({ "surplus": 1 }),
        json!({ "schema-version": 2 }),
        json!({ "profile": { "quick": { "cases": 1 } } }),
        json!({ "profile": { "ci": { "surplus": 1 } } }),
        json!({ "inherits": "quick" }),
        json!({ "profile": "ci" }),
        json!({ "header": { "X-A": { "file": "a", "env": "b" } } }),
    ] {
        assert!(refuses(&file) && read(&file).is_err(), "{file}");
    }
    assert!(!refuses(&json!({ "schema-version": 1, "default-profile": "ci" })));
}
