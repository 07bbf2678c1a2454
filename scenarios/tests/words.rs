//! Plans and scenarios in words, compared with what is written here. `UPDATE_GOLDENS=1` rewrites instead of comparing.

use std::path::Path;
use std::{env, fs};

use scenarios::{DrawContext, Scenario, catalogue, describe_plan};
use vocabulary::crossing::Http;
use vocabulary::identity::CaseNumber;

/// Compares with a file under `tests/golden`, or rewrites it.
#[track_caller]
fn compare(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if env::var_os("UPDATE_GOLDENS").is_some() {
        fs::write(&path, text).expect("the folder is there");
        return;
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "UPDATE_GOLDENS=1 cargo test -p crosswire-scenarios --test words rewrites {file}");
}

/// A scenario of the test's own: the catalogue may change.
const STORY: &str = include_str!("golden/story.toml");

fn story() -> Scenario {
    Scenario::parse("story.toml", STORY).expect("the story is sound")
}

#[test]
fn a_scenario_is_told_in_words() {
    compare("story-scenario.txt", &story().describe());
}

#[test]
fn a_plan_is_told_in_words() {
    compare("story-plan.txt", &describe_plan(&story().plan(1, CaseNumber(0), &DrawContext::default())));
}

#[test]
fn a_plan_of_a_schedule_shows_the_string_that_can_be_pasted() {
    compare("story-schedule.txt", &describe_plan(&story().plan(1, CaseNumber(1), &DrawContext::default())));
}

#[test]
fn what_only_http_2_has_is_told_in_words() {
    let streams = Scenario::parse("streams.toml", include_str!("golden/streams.toml")).expect("it is sound");
    compare("streams-scenario.txt", &streams.describe());
    let context = DrawContext { down: Http::H2, ..DrawContext::default() };
    let plans = (0..2).map(|case| describe_plan(&streams.plan(1, CaseNumber(case), &context)));
    compare("streams-plans.txt", &plans.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_long_plan_is_abbreviated() {
    for (scenario, down) in catalogue().all().iter().flat_map(|scenario| [(scenario, Http::H1), (scenario, Http::H2)]) {
        for case in 0..20 {
            let plan = scenario.plan(1, CaseNumber(case), &DrawContext { down, ..DrawContext::default() });
            let text = describe_plan(&plan);
            let names = plan.lanes.iter().map(|lane| lane.name.as_str()).collect::<std::collections::BTreeSet<_>>();
            assert!(text.lines().count() <= 4 + names.len() * 3 * 11 + 10, "{} lines", text.lines().count());
            assert!(names.iter().all(|name| text.contains(&format!("\n{name}: "))), "{text}");
            assert!(text.contains(&format!("{} exchanges", plan.stimuli().count())), "{text}");
        }
    }
}
