//! Real gateways: real bugs are found in a real nginx and a real Varnish, and whoever is correct is left alone.
//!
//! Skipped with a printed reason where the gateway is not installed; `CROSSWIRE_REQUIRE=nginx,haproxy,varnish` makes that
//! a failure.

use std::collections::{BTreeMap, BTreeSet};

use crosswire::{Builder, Gateway, Recipe};
use vocabulary::crossing::Crossing;
use vocabulary::finding::{Boundary, Counterfactual, Finding, LeftOut, Leg, Severity, Shape, Size};
use vocabulary::limits::REPRODUCTION_RUNS;
use vocabulary::record::RunRecord;
use vocabulary::scenario::Level;
use vocabulary::verdict::Verdict;

use crate::tidy::root;
use crate::{prevented, run, seeds, story, unshrunk};

/// The recipe, if it can be started on this machine.
pub(crate) fn installed(name: &str) -> Option<Recipe> {
    let recipe = Recipe::find(name).unwrap();
    if recipe.is_installed() {
        return Some(recipe);
    }
    let required = std::env::var("CROSSWIRE_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|required| required == name),
        "{name} is required and not installed: {}",
        recipe.install()
    );
    eprintln!("skipped: {name} is not installed ({})", recipe.install());
    None
}

/// Its start script and its configuration are right: an origin without faults is reached by many at once.
#[test]
fn whatever_is_installed_forwards_in_every_variant() {
    for recipe in Recipe::built_in().into_iter().filter(Recipe::is_installed) {
        for variant in recipe.variants() {
            if let Some(program) = recipe.missing(variant) {
                eprintln!("skipped: {}:{variant} needs {program}", recipe.name());
                continue;
            }
            let spoken = recipe.described(variant).unwrap();
            for down in spoken.down.iter().copied() {
                let gateway = Gateway::recipe(recipe.clone(), Some(variant)).unwrap();
                let plain = |builder: Builder| builder.protocol(down).scenarios("plain-concurrency").cases(2).seed(1);
                let (report, _out) = run(gateway, plain);
                let record = report.record();
                assert_eq!(record.verdict, Verdict::Clean, "{}:{variant}: {}", recipe.name(), story(record));
                // A few it may answer itself, when it has more to do than it takes on; and lighttpd 1.4 takes trailers
                // into a head that it has not sent yet, and leaves a CR too many behind them.
                let (verified, sent) = (record.totals.verified, record.totals.exchanges);
                assert!(verified * 10 >= sent * 9, "{}:{variant}: {verified} of {sent}", recipe.name());
                let crossing = Crossing { down, up: spoken.up }.to_string();
                assert_eq!(record.scenarios[0].crossing, crossing, "{}:{variant}", recipe.name());
            }
        }
    }
}

#[test]
fn nginx_takes_an_interim_reply_for_the_final_one() {
    let Some(recipe) = installed("nginx") else { return };
    for seed in seeds() {
        let gateway = Gateway::recipe(recipe.clone(), None).unwrap();
        let (report, _out) = run(gateway, |builder| builder.scenarios("interim-100-late-final").cases(6).seed(seed));
        let record = report.record();
        assert_eq!(record.verdict, Verdict::Violated, "seed {seed}: {}", story(record));
        let shift = record.findings.iter().find(|finding| {
            let (shape, leg) = ((finding.shape, finding.shift), finding.leg);
            (shape, finding.boundary, leg) == ((Shape::Shift, Some(1)), Boundary::CrossTenant, Leg::Reply)
        });
        let shift = shift.unwrap_or_else(|| panic!("seed {seed}: {}", story(record)));
        assert!(shift.reproduction.failed > 0, "{:?}", shift.reproduction);
    }
}

#[test]
fn nginx_with_two_workers_is_found_out_as_well_and_its_plan_shrinks_as_far() {
    let Some(recipe) = installed("nginx") else { return };
    for variant in ["h1", "two-workers"] {
        let gateway = Gateway::recipe(recipe.clone(), Some(variant)).unwrap();
        let cases = |builder: Builder| builder.scenarios("interim-100-late-final").cases(20).fail_fast().seed(1);
        let (report, _out) = run(gateway, cases);
        let finding = report.record().findings.first().unwrap_or_else(|| panic!("{}", story(report.record())));
        assert_eq!(finding.shrunk, Size { tenants: 2, exchanges: 2, faults: 1 }, "{variant}: {finding:#?}");
        let Counterfactual { left_out, without, on_reference } = finding.counterfactual;
        assert_eq!((left_out, without.failed, on_reference.failed), (LeftOut::Faults, 0, 0), "{variant}");
        assert_eq!((without.runs, on_reference.runs), (REPRODUCTION_RUNS, REPRODUCTION_RUNS), "{variant}");
        assert!(finding.reproduction.failed > 0, "{variant}: {:?}", finding.reproduction);
    }
}

#[test]
fn nginx_is_clean_in_everything_else() {
    let Some(recipe) = installed("nginx") else { return };
    for seed in seeds() {
        let gateway = Gateway::recipe(recipe.clone(), None).unwrap();
        let (report, _out) = run(gateway, |builder| builder.skip("interim-*").cases(10).seed(seed));
        assert_eq!(report.record().verdict, Verdict::Clean, "seed {seed}: {}", story(report.record()));
    }
}

/// Towards HTTP/1.0 there are no interim replies and no chunks (RFC 9110 §15.2, RFC 9112 §6.1): what our origin makes of a plan
/// there must not be held against the gateway.
#[test]
fn nginx_as_most_people_write_it_speaks_http_1_0_to_the_origin_and_is_accused_of_nothing() {
    if installed("nginx").is_none() {
        return;
    }
    let script = root().join("tests/suite/gateways/nginx_as_shipped.sh");
    let gateway = Gateway::command(&format!("exec '{}'", script.display()));
    let (report, _out) = run(gateway, |builder| unshrunk(builder).cases(2).seed(1));
    let record = report.record();
    assert!(record.findings.is_empty() && record.totals.exposures > 500, "{}", story(record));
    let witnesses: BTreeSet<&str> = prevented(record).into_iter().map(|(_, _, witness)| witness).collect();
    assert!(witnesses.contains("http10-upstream"), "{witnesses:?}");
}

/// Who found what: scenario, shape, severity.
fn found(record: &RunRecord) -> BTreeSet<(String, Shape, Severity)> {
    let findings = record.findings.iter();
    findings.map(|finding| (finding.scenario.clone(), finding.shape, finding.severity)).collect()
}

/// RFC 9111 §3.5. nginx asks neither whether a request had a credential nor whether its reply allows sharing.
#[test]
fn nginx_with_a_cache_shares_replies_to_credentials_and_nothing_else() {
    let Some(recipe) = installed("nginx") else { return };
    for seed in seeds() {
        let gateway = Gateway::recipe(recipe.clone(), Some("cache")).unwrap();
        let cache =
            |builder: Builder| unshrunk(builder).scenarios("cache-*").scenarios("same-path-*").cases(4).seed(seed);
        let (report, _out) = run(gateway, cache);
        let record = report.record();
        let leaks = BTreeSet::from([("cache-auth-unkeyed".to_owned(), Shape::DuplicateDelivery, Severity::Leak)]);
        assert_eq!(found(record), leaks, "seed {seed}: {}", story(record));
        assert!(record.totals.store.hits * 2 > record.totals.store.possible, "{:?}", record.totals.store);
    }
}

/// RFC 9111 §4: its default key has the upstream's name where the client's authority should be.
#[test]
fn nginx_with_its_default_key_gives_one_site_the_pages_of_another() {
    let Some(recipe) = installed("nginx") else { return };
    let find = |variant| {
        let gateway = Gateway::recipe(recipe.clone(), Some(variant)).unwrap();
        let (report, _out) = run(gateway, |builder| unshrunk(builder).scenarios("same-path-*").cases(5).seed(1));
        found(report.record())
    };
    let leak = ("same-path-other-authority".to_owned(), Shape::DuplicateDelivery, Severity::Leak);
    assert_eq!(find("cache-default-key"), BTreeSet::from([leak]));
    assert_eq!(find("cache"), BTreeSet::new());
}

/// RFC 9111 §5.2.2.7: the fields that `private` lists must not be stored.
#[test]
fn haproxy_with_its_cache_stores_the_cookie_that_private_names() {
    let Some(recipe) = installed("haproxy") else { return };
    for seed in seeds() {
        let gateway = Gateway::recipe(recipe.clone(), Some("cache")).unwrap();
        let cache = |builder: Builder| unshrunk(builder).scenarios("cache-cookie-bleed").cases(4).seed(seed);
        let (report, _out) = run(gateway, cache);
        let leak = ("cache-cookie-bleed".to_owned(), Shape::DuplicateDelivery, Severity::Leak);
        assert_eq!(found(report.record()), BTreeSet::from([leak]), "seed {seed}: {}", story(report.record()));
        let sentence = &report.record().findings[0].sentence;
        assert!(sentence.contains("RFC 9111 section 5.2.2.7"), "{sentence}");
    }
}

#[test]
fn varnish_that_passes_everything_on_is_clean_and_answers_nothing_from_a_store() {
    let Some(recipe) = installed("varnish") else { return };
    for seed in seeds() {
        let gateway = Gateway::recipe(recipe.clone(), None).unwrap();
        // It does not read every interim reply as one (RFC 9110 §15.2), nor every coding of a request (below).
        let skip = |builder: Builder| builder.skip("interim-method-queue").skip("te-cl-disagreement");
        let (report, _out) = run(gateway, |builder| skip(builder).cases(8).seed(seed));
        let record = report.record();
        // Now and then it ends a reply as a whole one that the origin has cut off (RFC 9112 §8): that fails a gate at most.
        let expected = if record.findings.iter().all(ends_what_was_cut_off) && !record.findings.is_empty() {
            Verdict::GateFailed
        } else {
            Verdict::Clean
        };
        assert_eq!(record.verdict, expected, "seed {seed}: {}", story(record));
        assert_eq!(record.totals.store.hits, 0);
    }
}

/// RFC 9112 §6.3 item 4: a request whose last coding is not chunked is answered with 400, and its connection closed.
#[test]
fn varnish_reads_on_behind_a_coding_that_it_overlooks() {
    let Some(recipe) = installed("varnish") else { return };
    let gateway = Gateway::recipe(recipe, None).unwrap();
    let (report, _out) = run(gateway, |builder| unshrunk(builder).scenarios("te-cl-disagreement").cases(20).seed(1));
    let ghost = ("te-cl-disagreement".to_owned(), Shape::GhostRequest, Severity::Desync);
    assert_eq!(found(report.record()), BTreeSet::from([ghost]), "{}", story(report.record()));
}

/// Its built-in rules keep credentials and cookies out of the store; what it uses stale for ten seconds must be asked for.
#[test]
fn varnish_with_its_own_rules_isolates_tenants_and_answers_from_its_store() {
    let Some(recipe) = installed("varnish") else { return };
    for seed in seeds() {
        let gateway = Gateway::recipe(recipe.clone(), Some("cache")).unwrap();
        // Nothing that comes with a credential is stored: a scenario of such requests alone would say so of its own hits.
        let cache =
            |builder: Builder| unshrunk(builder).scenarios("cache/*").skip("session-store-bleed").cases(4).seed(seed);
        let (report, _out) = run(gateway, cache);
        let record = report.record();
        let leaks = record.findings.iter().filter(|finding| finding.severity != Severity::Staleness);
        assert_eq!(leaks.count(), 0, "seed {seed}: {}", story(record));
        assert!(record.totals.store.hits * 3 > record.totals.store.possible, "{:?}", record.totals.store);
    }
}

#[test]
fn varnish_answers_with_what_must_be_revalidated_first() {
    let Some(recipe) = installed("varnish") else { return };
    let gateway = Gateway::recipe(recipe, Some("cache")).unwrap();
    let (report, _out) = run(gateway, |builder| unshrunk(builder).scenarios("cache-directive-matrix").cases(9).seed(1));
    let stale = ("cache-directive-matrix".to_owned(), Shape::DuplicateDelivery, Severity::Staleness);
    assert_eq!(found(report.record()), BTreeSet::from([stale]), "{}", story(report.record()));
}

#[test]
fn haproxy_is_clean_and_prevents_what_its_recipe_says() {
    for seed in seeds() {
        is_clean_and_prevents_what_its_recipe_says("haproxy", seed, 10);
    }
}

/// What it takes for the final reply keeps nothing from happening.
#[test]
fn nginx_prevents_what_its_recipe_says() {
    prevents_what_its_recipe_says("nginx", 1, 5);
}

#[test]
fn varnish_prevents_what_its_recipe_says() {
    prevents_what_its_recipe_says("varnish", 1, 5);
}

#[test]
fn nghttpx_is_clean_and_prevents_what_its_recipe_says() {
    is_clean_and_prevents_what_its_recipe_says("nghttpx", 1, 5);
}

#[test]
fn envoy_is_clean_and_prevents_what_its_recipe_says() {
    is_clean_and_prevents_what_its_recipe_says("envoy", 1, 5);
}

#[test]
fn apache_is_clean_and_prevents_what_its_recipe_says() {
    is_clean_and_prevents_what_its_recipe_says("apache2", 1, 5);
}

#[test]
fn the_reverse_proxy_of_go_is_clean_and_prevents_what_its_recipe_says() {
    is_clean_and_prevents_what_its_recipe_says("go-reverseproxy", 1, 5);
}

/// RFC 9112 §8. Now and then it uses a connection again on which it still owes a body that it has announced (§9.3): the
/// Go that it is built with has CVE-2024-24791.
#[test]
fn caddy_ends_cut_off_replies_like_whole_ones() {
    let Some(record) = prevents_what_its_recipe_says("caddy", 1, 5) else { return };
    assert!(record.findings.iter().any(ends_what_was_cut_off), "{}", story(&record));
    let others = record.findings.iter().filter(|finding| !ends_what_was_cut_off(finding));
    let owed = |finding: &Finding| finding.scenario == "expect-early-final" && finding.shape == Shape::RequestSplice;
    assert!(others.into_iter().all(owed), "{}", story(&record));
}

/// RFC 9112 §8, of one reply, and of one with another in line behind it.
#[test]
fn lighttpd_ends_cut_off_replies_like_whole_ones() {
    let Some(record) = prevents_what_its_recipe_says("lighttpd", 1, 5) else { return };
    let others = record.findings.iter().filter(|finding| !ends_what_was_cut_off(finding));
    assert!(others.into_iter().all(|finding| finding.scenario == "pipelined-broken-reply"), "{}", story(&record));
}

/// RFC 9112 §6.3 item 5: [h2o/h2o#3396](https://github.com/h2o/h2o/issues/3396).
#[test]
fn h2o_reads_on_behind_two_lengths_that_differ() {
    let Some(record) = prevents_what_its_recipe_says("h2o", 1, 5) else { return };
    let others = record.findings.iter().filter(|finding| !ends_what_was_cut_off(finding));
    let found: BTreeSet<(&str, Shape)> = others.map(|finding| (finding.scenario.as_str(), finding.shape)).collect();
    assert_eq!(found, BTreeSet::from([("te-cl-disagreement", Shape::GhostRequest)]), "{}", story(&record));
}

fn is_clean_and_prevents_what_its_recipe_says(name: &str, seed: u64, cases: u32) {
    if let Some(record) = prevents_what_its_recipe_says(name, seed, cases) {
        assert_eq!(record.verdict, Verdict::Clean, "{name}, seed {seed}: {}", story(&record));
    }
}

/// A run of everything, if the gateway is installed: whatever was found, it prevents what its recipe says and no more.
fn prevents_what_its_recipe_says(name: &str, seed: u64, cases: u32) -> Option<RunRecord> {
    let recipe = installed(name)?;
    let variant = recipe.variants()[0].clone();
    let gateway = Gateway::recipe(recipe.clone(), None).unwrap();
    let (report, _out) = run(gateway, |builder| unshrunk(builder).cases(cases).seed(seed));
    let mut seen: BTreeMap<String, BTreeMap<String, &str>> = BTreeMap::new();
    for (scenario, obligation, witness) in prevented(report.record()) {
        seen.entry(scenario).or_default().insert(obligation, witness);
    }
    let expected: BTreeMap<String, BTreeMap<String, &str>> = recipe
        .expected(&variant)
        .into_iter()
        .map(|(scenario, all)| (scenario, all.into_iter().map(|(name, witness)| (name, witness.word())).collect()))
        .collect();
    assert_eq!(seen, expected, "{name}, seed {seed}");
    Some(report.record().clone())
}

/// A reply that the origin has cut off looked like a whole one, which fails a gate at most.
fn ends_what_was_cut_off(finding: &Finding) -> bool {
    (finding.shape, finding.level) == (Shape::TruncationAsComplete, Level::Should)
}
