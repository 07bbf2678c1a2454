//! Plans drawn by one's own `proptest!`, which keeps and shrinks what fails in its own way.

use std::cell::RefCell;

use crosswire::{Builder, Gateway};
use examples::proxy;
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRng, TestRunner};

fn under_test() -> Builder {
    crosswire::builder().gateway(Gateway::in_process(proxy::serve)).scenarios("recycling/*")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn replies_stay_with_their_requests(plan in under_test().plans().unwrap()) {
        under_test().try_plan_blocking(&plan)?;
    }
}

#[test]
fn a_plan_that_shows_the_bug_is_found_and_made_smaller() {
    let buggy = || crosswire::builder().gateway(Gateway::in_process(proxy::serve_with_bug));
    let plans = buggy().scenarios("buffer-residue-scan").plans().unwrap();
    let config = ProptestConfig { cases: 60, failure_persistence: None, max_shrink_iters: 30, ..Default::default() };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let first = RefCell::new(None);
    let tried = TestRunner::new_with_rng(config, rng).run(&plans, |plan| {
        let tried = buggy().try_plan_blocking(&plan);
        if tried.is_err() {
            first.borrow_mut().get_or_insert(plan.stimuli().count());
        }
        Ok(tried.map(drop)?)
    });
    let Err(TestError::Fail(why, plan)) = tried else { panic!("the bug was not found: {tried:?}") };
    assert!(why.message().contains("received"), "{why}");
    assert!(Some(plan.stimuli().count()) < first.take(), "{plan:?}");
}
