//! `examples/every-act.toml` and `every-act-h2.toml`, which says what only HTTP/2 has, use between them every key and word of
//! the language, and can be read and drawn.

use vocabulary::identity::CaseNumber;

use super::schema::{as_json, schema};
use super::validated::{Used, check, everything};
use crate::generate::DrawContext;
use crate::language::Scenario;

const EXAMPLES: [(&str, &str); 2] = [
    ("scenarios/examples/every-act.toml", include_str!("../../examples/every-act.toml")),
    ("scenarios/examples/every-act-h2.toml", include_str!("../../examples/every-act-h2.toml")),
];

/// What no file can use and still be one scenario that a correct gateway passes, in silence. The first example mentions it
/// all the same.
const ELSEWHERE: [&str; 7] = [
    // There is one level, one thing that the origin needs, one smallest profile.
    "level: should",
    "level: observe",
    "needs_directive_at: body",
    "profile: default",
    "profile: deep",
    // A correct gateway need not let upgrades through, nor store replies.
    "must_exercise/fault-performed: tunnel",
    "must_exercise: delivered-from-cache",
];

#[test]
fn the_examples_use_every_key_and_word_of_the_language() {
    let schema = schema();
    let mut used = Used::new();
    for (path, text) in EXAMPLES {
        used.extend(check(&schema, &schema, &as_json(text), "").unwrap_or_else(|error| panic!("{path}: {error}")));
    }
    let mut all = Used::new();
    everything(&schema, &schema, "", &mut all);
    let missing: Vec<&str> =
        all.difference(&used).map(String::as_str).filter(|word| !ELSEWHERE.contains(word)).collect();
    assert!(missing.is_empty(), "neither example uses {missing:#?}");
    let (path, text) = EXAMPLES[0];
    for word in ELSEWHERE {
        assert!(all.contains(word) && !used.contains(word), "{word} is no exception");
        let bare = word.rsplit([' ', '/']).next().unwrap();
        assert!(text.contains(bare), "{path} does not mention {bare}");
    }
}

#[test]
fn the_examples_draw_plans_that_can_be_run_and_are_of_moderate_size() {
    for (path, text) in EXAMPLES {
        let scenario = Scenario::parse(path, text).unwrap_or_else(|error| panic!("{error}"));
        assert!(scenario.describe().lines().count() > 30);
        for down in scenario.versions() {
            let context = DrawContext { down, ..DrawContext::default() };
            let mut most = 0;
            for case in 0..500 {
                let plan = scenario.plan(1, CaseNumber(case), &context);
                assert_eq!((plan.defect(), plan.down), (None, down), "{path}: case {case}");
                most = most.max(plan.stimuli().count());
                let told = crate::describe_plan(&plan);
                assert!(told.lines().count() < 200, "{told}");
            }
            assert!(most <= 60, "{path}: {most} exchanges in one case where clients speak {down}");
        }
    }
}
