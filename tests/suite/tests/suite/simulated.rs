//! The whole of it in one thread, without sockets and without time: the same code, a thousand cases in a second or two.

use crosswire::{Builder, Gateway, Regressions};
use scenarios::ProfileWord;
use specimens::{Decisions, Mutant, for_each_mutant};
use vocabulary::crossing::{Crossing, Http};
use vocabulary::finding::{Boundary, Counterfactual, Finding, LeftOut, Reproduction, Size};
use vocabulary::limits::REPRODUCTION_RUNS;
use vocabulary::verdict::Verdict;

use crate::{accused_by, must_be_stopped, pursued, run, spoken, story, unshrunk};

/// Cases in which a defect must have shown: three times as many as over TCP. A segment's latency does not depend on its
/// size here, so that replies of one kind come in a row less often than from a real kernel; and a case costs next to
/// nothing.
const CASES: u32 = 60;
/// Seeds of plans and networks.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=20;

fn simulated(name: &str, seed: u64, decisions: Decisions) -> Gateway {
    let gateway = Gateway::simulated(seed, move |listener, origin| specimens::serve_on(listener, origin, decisions));
    gateway.labelled("recipe", name).reply_timeout(decisions.reply_wait)
}

#[test]
fn the_simulated_reference_gateway_is_clean_in_every_crossing() {
    for seed in 1..=4 {
        for up in [Http::H1, Http::H2] {
            for down in [Http::H1, Http::H2] {
                let gateway = simulated("reference", seed, Decisions { up, ..Decisions::reference() });
                let (report, _out) = run(gateway, |builder| builder.protocol(down).cases(8).seed(seed));
                let record = report.record();
                assert_eq!(record.verdict, Verdict::Clean, "{down}→{up}, seed {seed}: {}", story(record));
                let crossing = Crossing { down, up }.to_string();
                assert!(record.scenarios.iter().all(|scenario| scenario.crossing == crossing), "{}", story(record));
            }
        }
    }
}

#[test]
fn the_simulated_reference_gateway_with_its_cache_is_clean() {
    for seed in 1..=4 {
        let gateway = simulated("reference:cache", seed, Decisions::caching());
        let (report, _out) = run(gateway, |builder| builder.cases(8).seed(seed));
        assert_eq!(report.record().verdict, Verdict::Clean, "seed {seed}: {}", story(report.record()));
    }
}

#[test]
fn the_simulated_reference_gateway_that_works_on_pipelined_requests_together_is_clean() {
    for seed in 1..=4 {
        let gateway = simulated("reference:pipelining", seed, Decisions::pipelining());
        // It has read a reply to its end before its client sees the beginning: nobody leaves in between.
        let (report, _out) = run(gateway, |builder| builder.skip("client-abort-mid-body").cases(8).seed(seed));
        assert_eq!(report.record().verdict, Verdict::Clean, "seed {seed}: {}", story(report.record()));
    }
}

/// Whether a run was violated, in the way that the mutant declares: by its first finding, or else by any.
fn is_found(mutant: &Mutant, seed: u64) -> bool {
    let gateway = simulated(mutant.name, seed, (mutant.decisions)());
    let declared = (mutant.shape, mutant.boundary, mutant.leg);
    let finds = |say: fn(Builder) -> Builder| {
        let spoken = spoken(mutant, seed);
        let all = |builder: Builder| {
            say(unshrunk(builder).protocol(spoken).scenarios(mutant.scenario).cases(CASES).seed(seed))
        };
        let (report, _out) = run(gateway.clone(), all);
        let mut findings = report.record().findings.iter();
        let found = findings.any(|finding| (finding.shape, finding.boundary, finding.leg) == declared);
        report.record().verdict == accused_by(mutant) && found
    };
    finds(Builder::fail_fast) || finds(|builder| builder)
}

/// Over TCP the first of the same plans are run by the tests of `mutants`, which ask for the same verdict and shape.
fn must_be_found(mutant: &Mutant) {
    if must_be_stopped(mutant) {
        return must_be_skipped(mutant);
    }
    let missed: Vec<u64> = SEEDS.filter(|seed| !is_found(mutant, *seed)).collect();
    assert!(missed.len() * 20 <= SEEDS.count(), "{}: not with the seeds {missed:?}", mutant.name);
}

/// A simulation stops nobody, and says so.
fn must_be_skipped(mutant: &Mutant) {
    let gateway = simulated(mutant.name, 1, (mutant.decisions)());
    let (report, _out) = run(gateway, |builder| builder.scenarios(mutant.scenario).cases(1).seed(1));
    let skipped: Vec<&str> = report.record().skipped.iter().map(|skipped| skipped.name.as_str()).collect();
    assert_eq!((report.record().verdict, skipped), (Verdict::Inconclusive, vec![mutant.scenario]));
}

/// A finding is compared with its plan without the fault, and with the reference gateway.
fn must_be_compared(mutant: &Mutant) {
    if must_be_stopped(mutant) {
        return must_be_skipped(mutant);
    }
    let gateway = simulated(mutant.name, 1, (mutant.decisions)());
    let (finding, log) = pursued(mutant, gateway, 1);
    let Counterfactual { left_out, without, on_reference } = finding.counterfactual;
    // A rate is measured for ten seconds: a plan that waits for seconds is run as often as that allows.
    let waits = scenarios::catalogue().find(mutant.scenario).unwrap().profile > ProfileWord::Quick;
    let runs_min = if waits { 4 } else { REPRODUCTION_RUNS };
    let often_and_never = |rate: Reproduction| rate.runs >= runs_min && rate.failed == 0;
    assert!(often_and_never(on_reference), "{}: {on_reference:?}\n{log}", mutant.name);
    assert!(without.runs >= runs_min, "{}: {without:?}", mutant.name);
    assert!(finding.reproduction.failed > 0, "{}: {:?}\n{log}", mutant.name, finding.reproduction);
    if left_out == LeftOut::Faults {
        assert!(often_and_never(without), "{}: the fault brings it about: {without:?}\n{log}", mutant.name);
        let Size { tenants, exchanges, faults } = finding.shrunk;
        let from = finding.shrinking.from;
        assert!(
            exchanges <= from.exchanges && tenants <= from.tenants && faults <= from.faults,
            "{}:\n{log}",
            mutant.name
        );
        if !(USE_UP_THEIR_TIME.contains(&mutant.name) && finding.shrinking.cut_short) {
            let (tenants_least, faults_least) = least(&finding);
            assert_eq!(tenants, tenants_least, "{}:\n{log}", mutant.name);
            match NEED_SEVERAL_FAULTS.contains(&mutant.name) {
                true => assert!(faults < from.faults && exchanges <= 4, "{}:\n{log}", mutant.name),
                false => assert_eq!(faults, faults_least, "{}:\n{log}", mutant.name),
            }
        }
    }
}

/// Their plans wait for seconds and fail only now and then: the time for shrinking is up before all is tried.
const USE_UP_THEIR_TIME: [&str; 2] = ["idle-surplus-unseen-while-busy", "timed-out-connection-pooled"];

/// Two streams have to be in the same plight at once, and each takes a fault or two to get there; or what spoils a process is
/// one thing, and what shows that it is spoilt another.
const NEED_SEVERAL_FAULTS: [&str; 6] = [
    "buffer-released-twice-after-error",
    "early-reply-finds-no-stream",
    "error-page-shows-last-body",
    "interim-ends-stream",
    "queued-fields-shared",
    "short-body-connection-pooled",
];

/// Two tests for each mutant, by its name: from the index, so that a mutant is one file.
macro_rules! mutant_is_found_and_compared {
    ($($name:ident),* $(,)?) => {
        mod found {
            $(
                #[test]
                fn $name() {
                    super::must_be_found(crate::mutant_of(stringify!($name)));
                }
            )*
        }

        mod compared {
            $(
                #[test]
                fn $name() {
                    super::must_be_compared(crate::mutant_of(stringify!($name)));
                }
            )*
        }
    };
}

/// How many tenants and faults a finding's smallest plan has. What stays with one tenant needs nobody else.
fn least(finding: &Finding) -> (u32, u32) {
    (if finding.boundary == Boundary::CrossTenant { 2 } else { 1 }, 1)
}

for_each_mutant!(mutant_is_found_and_compared);

/// The journal but for its first line, in which the run has its id and the date.
fn journal(seed: u64) -> String {
    let mutant = specimens::mutant("interim-taken-as-final").unwrap();
    let gateway = simulated(mutant.name, seed, (mutant.decisions)());
    let (report, _out) = run(gateway, |builder| builder.scenarios("interim-*").cases(6).seed(1));
    let text = std::fs::read_to_string(report.folder().join("journal.jsonl")).unwrap();
    assert!(!report.record().findings.is_empty());
    text.split_once('\n').unwrap().1.to_owned()
}

#[test]
fn a_run_with_the_same_seeds_is_the_same_to_the_byte_findings_shrinking_and_all() {
    assert_eq!(journal(3), journal(3));
    assert_ne!(journal(3), journal(4));
}

#[test]
fn a_simulated_finding_is_replayed() {
    let mutant = specimens::mutant("surplus-accepted").unwrap();
    let gateway = simulated(mutant.name, 1, (mutant.decisions)());
    let (report, _out) = run(gateway.clone(), |builder| builder.scenarios(mutant.scenario).cases(CASES).seed(1));
    let plan = crosswire::load_plan(&report.folder().join(&report.record().findings[0].plan)).unwrap();
    let replay = |gateway, plan| crosswire::builder().gateway(gateway).replay_blocking(plan, 20).unwrap().reproduction;
    assert!(replay(gateway, plan.clone()).failed > 0);
    assert_eq!(replay(simulated("reference", 1, Decisions::reference()), plan).failed, 0);
}

#[test]
fn every_case_may_have_a_fresh_gateway() {
    let gateway = simulated("reference", 1, Decisions::reference());
    let (report, _out) = run(gateway, |builder| builder.cases(4).seed(1).fresh_gateway());
    assert_eq!(report.record().verdict, Verdict::Clean, "{}", story(report.record()));
}

#[test]
fn a_simulated_gateway_that_ends_is_said_to_have_died() {
    let gateway = Gateway::simulated(1, async |listener, _| drop(listener));
    let out = tempfile::tempdir().unwrap();
    let report = crosswire::builder().gateway(gateway).out(&out.path().join("run")).regressions(Regressions::Off);
    let report = report.cases(1).run_blocking().unwrap();
    let reasons = format!("{:?}", report.record().reasons);
    assert!(reasons.contains("its future returned or panicked"), "{reasons}");
}

#[tokio::test]
async fn a_simulated_run_can_be_awaited_in_a_single_threaded_runtime() {
    let out = tempfile::tempdir().unwrap();
    let gateway = simulated("reference", 1, Decisions::reference());
    let builder = crosswire::builder().gateway(gateway).out(&out.path().join("run"));
    builder.scenarios("surplus-same-segment").cases(2).seed(1).run().await.unwrap().assert_isolated();
}
