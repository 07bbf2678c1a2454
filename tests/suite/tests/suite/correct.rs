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

/// What RFC 9111 leaves to the origin is shared, seen and held against nobody.
#[test]
fn what_only_a_cookie_tells_apart_is_observed_and_the_hit_rate_is_told() {
    let gateway = specimen("reference:cache", Decisions::caching());
    let (report, _out) = run(gateway, |builder| builder.scenarios("cache-cookie-bleed").cases(8).seed(1));
    let record = report.record();
    assert_eq!(record.verdict, Verdict::Clean, "{}", story(record));
    let observed: Vec<&str> = record.observations.iter().map(|observation| observation.sentence.as_str()).collect();
    assert!(observed.iter().any(|sentence| sentence.contains("RFC 9111 section 4.2.2")), "{observed:#?}");
    let store = record.totals.store;
    assert!(store.hits > 0 && store.hits <= store.possible && store == record.scenarios[0].store, "{store:?}");
}

#[test]
fn a_gateway_without_a_cache_prevents_what_needs_one() {
    let gateway = specimen("reference", Decisions::reference());
    let (report, _out) = run(gateway, |builder| builder.scenarios("cache-*").cases(4).seed(1));
    let record = report.record();
    assert_eq!(record.verdict, Verdict::Clean, "{}", story(record));
    let prevented = crate::prevented(record);
    assert_eq!(prevented.len(), record.scenarios.len(), "{prevented:?}");
    assert!(prevented.iter().all(|(_, name, witness)| (name.as_str(), *witness) == ("delivered-from-cache", "no-hit")));
}

#[test]
fn the_reference_gateway_is_clean_when_it_is_stopped() {
    for seed in seeds() {
        let (report, _out) =
            run(program("reference"), |builder| builder.scenarios("surplus-frozen").cases(12).seed(seed));
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
