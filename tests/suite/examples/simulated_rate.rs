//! What a simulated case costs: `cargo run --release -p crosswire-suite --example simulated_rate [SCENARIO]`.
//!
//! Processor time of whole runs against the simulated reference gateway: drawing the plan, running it, judging it, rinsing,
//! the journal. It is what a case takes where nobody else wants the core. Scenarios in the order of their price.

use crosswire::{Gateway, Regressions};
use specimens::Decisions;

/// Cases of each scenario.
const CASES: u32 = 400;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let only = std::env::args().nth(1);
    // A simulation stops nobody.
    let all = scenarios::catalogue().all().iter().filter(|scenario| !scenario.needs_freezing());
    let all = all.map(|scenario| scenario.name());
    let mut costs = Vec::new();
    for scenario in all.filter(|name| only.as_ref().is_none_or(|only| only == name)) {
        let decisions = Decisions::reference();
        let gateway = Gateway::simulated(1, move |listener, origin| specimens::serve_on(listener, origin, decisions));
        let gateway = gateway.labelled("recipe", "reference").reply_timeout(decisions.reply_wait);
        let out = tempfile::tempdir()?;
        let builder = crosswire::builder().gateway(gateway).out(&out.path().join("run"));
        let builder = builder.regressions(Regressions::Off);
        let before = processor_seconds()?;
        let report = builder.scenarios(scenario).cases(CASES).seed(1).run_blocking()?;
        let cost = (processor_seconds()? - before) / f64::from(CASES);
        let lasts = report.record().duration_ms.unwrap_or_default() as f64 / f64::from(CASES);
        costs.push((cost, scenario, report.record().totals.exchanges / u64::from(CASES), lasts));
    }
    costs.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (cost, scenario, exchanges, lasts) in &costs {
        let (ms, rate) = (cost * 1e3, 1.0 / cost);
        println!("{ms:8.3} ms  {rate:8.0} cases/s  {exchanges:4} exchanges  {lasts:6.0} simulated ms  {scenario}");
    }
    if let Some((median, ..)) = costs.get(costs.len() / 2) {
        println!("{:8.3} ms  {:8.0} cases/s  median of {} scenarios", median * 1e3, 1.0 / median, costs.len());
    }
    Ok(())
}

/// What this process has used, as Linux counts it: in hundredths of a second.
fn processor_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Behind the name, which may hold anything, the 12th and 13th column: user and system.
    let columns = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().skip(11).take(2);
    let ticks: u64 = columns.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(ticks as f64 / 100.0)
}
