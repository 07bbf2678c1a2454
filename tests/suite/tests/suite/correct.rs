//! Correct gateways are left alone: an alarm here is the most urgent bug there is.

use specimens::Decisions;
use vocabulary::verdict::Verdict;

use crate::{program, run, seeds, specimen, story};

#[test]
fn the_reference_gateway_is_clean() {
    for seed in seeds() {
        let gateway = specimen("reference", Decisions::reference());
        let (report, _out) = run(gateway, |builder| builder.cases(8).seed(seed));
        let record = report.record();
        assert_eq!(record.verdict, Verdict::Clean, "seed {seed}: {}", story(record));
        assert!(record.totals.exposures * 2 >= record.totals.verified, "{:?}", record.totals);
    }
}

#[test]
fn the_reference_gateway_with_its_cache_is_clean() {
    for seed in seeds() {
        let gateway = specimen("reference:cache", Decisions::caching());
        let (report, _out) = run(gateway, |builder| builder.cases(8).seed(seed));
        assert_eq!(report.record().verdict, Verdict::Clean, "seed {seed}: {}", story(report.record()));
    }
}

#[test]
fn the_reference_gateway_is_clean_when_it_is_stopped() {
    for seed in seeds() {
        let (report, _out) = run(program(""), |builder| builder.scenarios("surplus-frozen").cases(12).seed(seed));
        assert_eq!(report.record().verdict, Verdict::Clean, "seed {seed}: {}", story(report.record()));
    }
}

#[test]
fn what_cannot_be_stopped_skips_a_scenario_that_stops_it_and_says_why() {
    let gateway = specimen("reference", Decisions::reference());
    let (report, _out) = run(gateway, |builder| builder.scenarios("surplus-frozen").cases(1).seed(1));
    assert_eq!(report.record().verdict, Verdict::Inconclusive);
    let text = format!("{:?}", report.record());
    assert!(text.contains("process must be stopped"), "{text}");
}

#[test]
fn the_same_seed_gives_the_same_plans_and_another_gives_others() {
    let context = scenarios::DrawContext::default();
    for scenario in scenarios::catalogue().all() {
        let draw = |seed| scenario.plan(seed, vocabulary::identity::CaseNumber(3), &context);
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8), "{}", scenario.name());
    }
}

#[test]
fn a_run_in_which_no_fault_was_performed_is_inconclusive() {
    let gateway = specimen("reference", Decisions::reference());
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("quiet.toml");
    std::fs::write(&file, QUIET).unwrap();
    let (report, _out) = run(gateway, |builder| builder.scenarios(file.to_str().unwrap()).cases(3).seed(1));
    assert_eq!(report.record().verdict, Verdict::Inconclusive, "{}", story(report.record()));
}

const QUIET: &str = r#"
name = "quiet"
family = "own"
title = "Nothing happens"
story = "Plain requests, and no fault at all."
incidents = []
requirement = "none"
level = "must"
may_reveal = []
must_exercise = []
may_be_prevented_by = []
[[lane]]
name = "only"
tenants = 2
requests = 3
origin = [{ final = {} }]
"#;
