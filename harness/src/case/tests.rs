//! What a simulated case leaves behind is a function of its seeds, to the byte.

use std::collections::BTreeSet;

use scenarios::{DrawContext, catalogue};
use specimens::Decisions;
use tokio::task::LocalSet;
use vocabulary::history::ExchangeHistory;
use vocabulary::identity::{CaseNumber, Moment};
use vocabulary::plan::EventKind;

use super::*;

/// How many cases of each scenario.
const CASES: u32 = 3;

/// Does this with a bench around the simulated reference gateway.
fn with_bench<T>(seed: u64, work: impl AsyncFnOnce(&mut Bench) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let serve = |listener, origin| specimens::serve_on(listener, origin, Decisions::caching());
    let gateway = Gateway::simulated(seed, serve).reply_timeout(Decisions::caching().reply_wait);
    let key = crate::run::draw_key(&gateway);
    LocalSet::new().block_on(&runtime, async {
        let mut bench = Bench::set_up(gateway, None, key, PathBuf::from("unused"), Http::H1).await.unwrap();
        work(&mut bench).await
    })
}

/// The histories of every scenario's first cases, each with its scenario's name.
fn histories(seed: u64, fresh_gateway: bool) -> Vec<(String, History)> {
    let context = DrawContext { gateway_timeout: Some(Decisions::caching().reply_wait), ..DrawContext::default() };
    with_bench(seed, async |bench| {
        let mut histories = Vec::new();
        for scenario in catalogue().all() {
            for case in 0..CASES {
                let plan = scenario.plan(1, CaseNumber(case), &context);
                let history = bench.perform(&plan).await.unwrap();
                let judgement = oracle::judge(&history, bench.known).unwrap();
                assert!(judgement.findings.is_empty(), "seed {seed}: {:#?}", judgement.findings);
                histories.push((scenario.name().to_owned(), history));
                match fresh_gateway {
                    true => bench.refresh().await.unwrap(),
                    false => bench.rinse().await.unwrap(),
                }
            }
        }
        histories
    })
}

#[test]
fn the_same_seeds_give_the_same_histories_to_the_byte() {
    for fresh_gateway in [false, true] {
        let (first, second) = (histories(7, fresh_gateway), histories(7, fresh_gateway));
        for ((scenario, first), (_, second)) in first.iter().zip(&second) {
            let [first, second] = [first, second].map(|history| serde_json::to_string(history).unwrap());
            assert_eq!(first, second, "{scenario}");
        }
    }
}

#[test]
fn other_seeds_give_other_interleavings_of_the_same_plans() {
    let mut different = 0;
    let runs: Vec<Vec<(String, History)>> = (1..=4).map(|seed| histories(seed, false)).collect();
    for index in 0..runs[0].len() {
        let orders: BTreeSet<Vec<Step>> = runs.iter().map(|run| order_of(&run[index].1)).collect();
        different += usize::from(orders.len() > 1);
    }
    assert!(different * 10 >= runs[0].len() * 9, "{different} of {}", runs[0].len());
}

/// What happened to which planned exchange.
type Step = (ExchangeId, EventKind);

/// The order in which things happened; it holds nothing that depends on the key.
fn order_of(history: &History) -> Vec<Step> {
    let steps = |(exchange, happened): (&ExchangeId, &ExchangeHistory)| {
        let exchange = *exchange;
        happened.events.iter().map(move |(kind, at)| (*at, (exchange, *kind))).collect::<Vec<_>>()
    };
    let mut steps: Vec<(Moment, Step)> = history.exchanges.iter().flat_map(steps).collect();
    steps.sort();
    steps.into_iter().map(|(_, step)| step).collect()
}
