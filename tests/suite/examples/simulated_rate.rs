//! What a simulated case costs: `cargo run --release -p crosswire-suite --example simulated_rate [SCENARIO]`.
//!
//! Real time of whole runs against the simulated reference gateway: drawing the plan, running it, judging it, rinsing, the
//! journal. Scenarios in the order of their price.

use std::time::{Duration, Instant};

use crosswire::Gateway;
use specimens::Decisions;

/// Cases of each scenario.
const CASES: u32 = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let only = std::env::args().nth(1);
    let all = scenarios::catalogue().all().iter().map(|scenario| scenario.name());
    let mut costs = Vec::new();
    for scenario in all.filter(|name| only.as_ref().is_none_or(|only| only == name)) {
        let decisions = Decisions::reference();
        let gateway = Gateway::simulated(1, move |listener, origin| specimens::serve_on(listener, origin, decisions));
        let gateway = gateway.labelled("recipe", "reference").reply_timeout(decisions.reply_wait);
        let out = tempfile::tempdir()?;
        let limit = Duration::from_secs(1 << 30);
        let builder = crosswire::builder().gateway(gateway).out(&out.path().join("run")).time_limit(limit);
        let began = Instant::now();
        let report = builder.scenarios(scenario).cases(CASES).seed(1).run_blocking()?;
        let cost = began.elapsed().as_secs_f64() / f64::from(CASES);
        costs.push((cost, scenario, report.record().totals.verified / u64::from(CASES)));
    }
    costs.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (cost, scenario, replies) in &costs {
        println!("{:8.3} ms  {:8.0} cases/s  {replies:4} replies  {scenario}", cost * 1e3, 1.0 / cost);
    }
    if let Some((median, ..)) = costs.get(costs.len() / 2) {
        println!("{:8.3} ms  {:8.0} cases/s  median of {} scenarios", median * 1e3, 1.0 / median, costs.len());
    }
    Ok(())
}
