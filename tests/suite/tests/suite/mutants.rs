//! Every planted defect is found, by the scenario meant for it, with the right shape, boundary and leg.

use specimens::{Mutant, mutants};
use vocabulary::scenario::Level;
use vocabulary::verdict::Verdict;

use crate::{must_be_stopped, program, run, seeds, specimen, story, unshrunk};

/// Cases in which a defect must have shown. The default profile has as many.
const CASES: u32 = 20;

fn must_be_found(mutant: &Mutant, seed: u64) {
    let gateway = match must_be_stopped(mutant) {
        true => program(mutant.name),
        false => specimen(&format!("mutant:{}", mutant.name), (mutant.decisions)()),
    };
    let (report, _out) = run(gateway, |builder| unshrunk(builder).scenarios(mutant.scenario).cases(CASES).seed(seed));
    let record = report.record();
    let verdict = match scenarios::catalogue().find(mutant.scenario).unwrap().head.level {
        Level::Must => Verdict::Violated,
        Level::Should => Verdict::GateFailed,
        Level::Observe => panic!("{} is meant for a scenario that never accuses", mutant.name),
    };
    assert_eq!(record.verdict, verdict, "{} with seed {seed}: {}", mutant.name, story(record));
    let shapes = |finding: &&vocabulary::finding::Finding| {
        (finding.shape, finding.boundary, finding.leg) == (mutant.shape, mutant.boundary, mutant.leg)
    };
    assert!(
        record.findings.iter().any(|finding| shapes(&finding)),
        "{} with seed {seed}: {}",
        mutant.name,
        story(record)
    );
}

macro_rules! mutant_is_found {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                let name = stringify!($name).replace('_', "-");
                let mutant = specimens::mutant(&name).unwrap();
                seeds().for_each(|seed| must_be_found(mutant, seed));
            }
        )*

        #[test]
        fn every_mutant_has_a_test_here() {
            let tested = [$(stringify!($name).replace('_', "-")),*];
            let all: Vec<&str> = mutants().iter().map(|mutant| mutant.name).collect();
            assert_eq!(tested.as_slice(), all);
        }
    };
}

mutant_is_found!(
    early_hints_taken_as_final,
    interim_taken_as_final,
    pool_keeps_owed_connection,
    private_reply_shared_from_cache,
    replies_swapped_after_bodiless_run,
    replies_swapped_after_closing_run,
    replies_swapped_after_cookie_run,
    replies_swapped_after_kept_run,
    replies_swapped_after_page_sized_run,
    replies_swapped_in_one_order,
    replies_swapped_in_one_order_now_and_then,
    replies_swapped_under_load,
    reply_repeated_after_chunked_run,
    surplus_accepted,
    surplus_checked_too_early,
);

#[test]
fn a_finding_keeps_a_plan_that_fails_again() {
    let mutant = specimens::mutant("interim-taken-as-final").unwrap();
    let gateway = specimen(mutant.name, (mutant.decisions)());
    let (report, _out) =
        run(gateway.clone(), |builder| builder.scenarios(mutant.scenario).cases(10).seed(1).fail_fast());
    let finding = &report.record().findings[0];
    assert!(finding.reproduction.failed * 10 >= finding.reproduction.runs * 9, "{:?}", finding.reproduction);
    let plan = crosswire::load_plan(&report.folder().join(&finding.plan)).unwrap();
    let replayed = crosswire::builder().gateway(gateway).replay_blocking(plan.clone(), 5).unwrap();
    assert!(replayed.reproduction.failed > 0);
    let reference = specimen("reference", specimens::Decisions::reference());
    let fixed = crosswire::builder().gateway(reference).replay_blocking(plan, 5).unwrap();
    assert_eq!((fixed.reproduction.runs, fixed.reproduction.failed), (5, 0));
}
