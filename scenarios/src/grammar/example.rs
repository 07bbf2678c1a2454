//! `examples/every-act.toml` uses every key and word of the language, and can be read and drawn.

use vocabulary::identity::CaseNumber;

use super::schema::{as_json, schema};
use super::validated::{Used, check, everything};
use crate::generate::DrawContext;
use crate::language::Scenario;

const PATH: &str = "scenarios/examples/every-act.toml";
const EVERY_ACT: &str = include_str!("../../examples/every-act.toml");

/// What one file cannot use and still be one scenario that a correct gateway passes, in silence, over HTTP/1.1. It is
/// mentioned in the file all the same.
const ELSEWHERE: [&str; 8] = [
    // There is one level, one thing that the origin needs, one smallest profile.
    "level: should",
    "level: observe",
    "needs_directive_at: body",
    "profile: default",
    "profile: deep",
    // A correct gateway need not let upgrades through, nor store replies.
    "must_exercise/fault-performed: tunnel",
    "must_exercise: delivered-from-cache",
    // HTTP/2.
    "must_exercise/streams-held",
];

#[test]
fn the_example_uses_every_key_and_word_of_the_language() {
    let schema = schema();
    let used = check(&schema, &schema, &as_json(EVERY_ACT), "").unwrap_or_else(|error| panic!("{PATH}: {error}"));
    let mut all = Used::new();
    everything(&schema, &schema, "", &mut all);
    let missing: Vec<&str> =
        all.difference(&used).map(String::as_str).filter(|word| !ELSEWHERE.contains(word)).collect();
    assert!(missing.is_empty(), "{PATH} does not use {missing:#?}");
    for word in ELSEWHERE {
        assert!(all.contains(word) && !used.contains(word), "{word} is no exception");
        let bare = word.rsplit([' ', '/']).next().unwrap();
        assert!(EVERY_ACT.contains(bare), "{PATH} does not mention {bare}");
    }
}

#[test]
fn the_example_draws_plans_that_can_be_run_and_are_of_moderate_size() {
    let scenario = Scenario::parse(PATH, EVERY_ACT).unwrap_or_else(|error| panic!("{error}"));
    assert!(scenario.describe().lines().count() > 30);
    let mut most = 0;
    for case in 0..500 {
        let plan = scenario.plan(1, CaseNumber(case), &DrawContext::default());
        assert_eq!(plan.defect(), None, "case {case}");
        most = most.max(plan.stimuli().count());
        let told = crate::describe_plan(&plan);
        assert!(told.lines().count() < 200, "{told}");
    }
    assert!(most <= 60, "{most} exchanges in one case");
}
