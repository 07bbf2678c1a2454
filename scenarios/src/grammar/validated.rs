//! Checks a value against a schema, as far as ours goes, and tells which of its keys and words the value has used.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

/// Keys and words, each by its place in the schema: `lane/request/body: none`.
pub(super) type Used = BTreeSet<String>;

/// What a value uses of a schema, or where it breaks it.
pub(super) fn check(root: &Value, schema: &Value, value: &Value, place: &str) -> Result<Used, String> {
    let mut used = Used::new();
    let Some(rules) = schema.as_object() else { panic!("{schema} is no schema") };
    for (keyword, rule) in rules {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "minItems" | "required" => {}
            "$ref" => {
                let pointer = rule.as_str().and_then(|reference| reference.strip_prefix('#')).unwrap();
                used.extend(check(root, root.pointer(pointer).unwrap(), value, place)?);
            }
            "type" if !is_of_type(value, rule.as_str().unwrap()) => {
                return Err(format!("{place}: {value} is no {rule}"));
            }
            "type" => {}
            "minimum" if value.as_i64() < rule.as_i64() => return Err(format!("{place}: {value} is below {rule}")),
            "maximum" if value.as_i64() > rule.as_i64() => return Err(format!("{place}: {value} is above {rule}")),
            "minimum" | "maximum" => {}
            "pattern" => {
                let pattern = Regex::new(rule.as_str().unwrap()).unwrap();
                let text = value.as_str().filter(|text| pattern.is_match(text));
                let text = text.ok_or_else(|| format!("{place}: {value} is not like {rule}"))?;
                // A word with a weight is used as well as one without.
                used.extend(text.split_once('*').map(|(_, word)| format!("{place}: {}", word.trim())));
            }
            "enum" if rule.as_array().unwrap().contains(value) => {
                used.insert(format!("{place}: {}", value.as_str().unwrap()));
            }
            "enum" => return Err(format!("{place}: {value} is none of {rule}")),
            "anyOf" => {
                let tried: Vec<_> = rule.as_array().unwrap().iter().map(|one| check(root, one, value, place)).collect();
                let errors: Vec<String> = tried.iter().filter_map(|tried| tried.as_ref().err().cloned()).collect();
                used.extend(tried.into_iter().find_map(Result::ok).ok_or_else(|| errors.join("; "))?);
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    used.extend(check(root, rule, item, place)?);
                }
            }
            "properties" => {
                for (key, part) in value.as_object().into_iter().flatten() {
                    let rule = rule.get(key).ok_or_else(|| format!("{place}: unknown key {key:?}"))?;
                    let inner = inner(place, key);
                    used.extend(check(root, rule, part, &inner)?);
                    used.insert(inner);
                }
            }
            "additionalProperties" => assert_eq!(rule, &Value::Bool(false), "checked with the properties"),
            other => panic!("the schema uses {other:?}, which this check does not know"),
        }
    }
    let missing = |key: &&Value| value.is_object() && value.get(key.as_str().unwrap()).is_none();
    if let Some(key) = rules.get("required").and_then(Value::as_array).into_iter().flatten().find(missing) {
        return Err(format!("{place}: the key {key} is missing"));
    }
    if rules.contains_key("minItems") && value.as_array().is_some_and(Vec::is_empty) {
        return Err(format!("{place}: the list is empty"));
    }
    Ok(used)
}

/// All keys and words of a schema.
pub(super) fn everything(root: &Value, schema: &Value, place: &str, all: &mut Used) {
    for (keyword, rule) in schema.as_object().into_iter().flatten() {
        match keyword.as_str() {
            "$ref" => {
                let pointer = rule.as_str().and_then(|reference| reference.strip_prefix('#')).unwrap();
                everything(root, root.pointer(pointer).unwrap(), place, all);
            }
            "enum" => {
                all.extend(rule.as_array().unwrap().iter().map(|word| format!("{place}: {}", word.as_str().unwrap())))
            }
            "anyOf" => rule.as_array().unwrap().iter().for_each(|one| everything(root, one, place, all)),
            "items" => everything(root, rule, place, all),
            "properties" => {
                for (key, part) in rule.as_object().unwrap() {
                    all.insert(inner(place, key));
                    everything(root, part, &inner(place, key), all);
                }
            }
            _ => {}
        }
    }
}

/// A lane is a lane, in a variant as outside, and so are rounds, gates, and what clients speak.
fn inner(place: &str, key: &str) -> String {
    let anywhere = place.is_empty() || ["lane", "rounds", "gate", "down"].contains(&key);
    if anywhere { key.to_owned() } else { format!("{place}/{key}") }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        other => panic!("the schema uses the type {other:?}, which this check does not know"),
    }
}
