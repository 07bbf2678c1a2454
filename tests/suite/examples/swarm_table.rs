//! What swarm draws are worth: `cargo run --release -p crosswire-suite --example swarm_table [MUTANT]` writes
//! `tests/suite/SWARM.md`; with the name of a mutant, it only prints that row.
//!
//! For every mutant, both styles of drawing and twenty seeds it counts the cases until the defect is found in its shape,
//! by ordinary runs against the simulated mutant. The styles touch as many requests; they differ only in how these are
//! spread (`crosswire::Draws`). Plan, network and canaries follow from the seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crosswire::{Draws, Gateway, Regressions, RunEvent, Stop};
use specimens::{Mutant, mutants};
use vocabulary::crossing::Http;

/// Seeds of each mutant and style. With twenty, medians of 2 and of 3 change places by chance.
const SEEDS: u64 = 20;
/// Cases of a run after which the defect counts as not found.
const CASES_MAX: u32 = 400;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let only = std::env::args().nth(1);
    // A simulation stops nobody, so that what shows itself only then has no row. Clients speak HTTP/1.1 here.
    let is_simulated = |mutant: &&Mutant| {
        let speaks = |needed: Option<Http>| needed.is_none_or(|needed| needed == Http::H1);
        scenarios::catalogue()
            .find(mutant.scenario)
            .is_some_and(|scenario| !scenario.needs_freezing() && speaks(mutant.clients) && speaks(scenario.head.down))
    };
    let all = mutants().iter().filter(is_simulated);
    let chosen = all.filter(|mutant| only.as_ref().is_none_or(|only| only == mutant.name));
    let mut rows = Vec::new();
    for mutant in chosen {
        let row = Row { mutant, uniform: counts(mutant, Draws::Uniform)?, swarm: counts(mutant, Draws::Swarm)? };
        eprintln!("{}", row.line());
        rows.push(row);
    }
    rows.sort_by_key(|row| (row.uniform.median2(), row.uniform.quartile(3), row.mutant.name));
    match only {
        Some(_) => {}
        None => std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/SWARM.md"), page(&rows))?,
    }
    Ok(())
}

/// The counts of one mutant.
struct Row {
    mutant: &'static Mutant,
    uniform: Counts,
    swarm: Counts,
}

/// Cases until the defect was found, one for each seed, in order; one more than may be where it was not found.
struct Counts(Vec<u32>);

fn counts(mutant: &Mutant, draws: Draws) -> Result<Counts, Box<dyn std::error::Error>> {
    let counts: Result<Vec<u32>, _> = (1..=SEEDS).map(|seed| cases_until_found(mutant, draws, seed)).collect();
    let mut counts = counts?;
    counts.sort_unstable();
    Ok(Counts(counts))
}

/// How many cases an ordinary run takes until it tells of a finding in the mutant's shape, that case included.
fn cases_until_found(mutant: &Mutant, draws: Draws, seed: u64) -> Result<u32, Box<dyn std::error::Error>> {
    let decisions = (mutant.decisions)();
    let gateway = Gateway::simulated(seed, move |listener, origin| specimens::serve_on(listener, origin, decisions));
    let gateway = gateway.labelled("recipe", mutant.name).reply_timeout(decisions.reply_wait);
    let (done, found) = (AtomicU32::new(0), Arc::new(AtomicU32::new(CASES_MAX + 1)));
    let (stop, shape) = (Stop::default(), mutant.shape);
    let tell = {
        let (found, stop) = (Arc::clone(&found), stop.clone());
        move |event: RunEvent<'_>| match event {
            RunEvent::CaseDone { .. } => drop(done.fetch_add(1, Ordering::Relaxed)),
            // Not `fail_fast`: a finding in another shape, as its side effects have, is not yet the defect.
            RunEvent::Found(finding) if finding.shape == shape => {
                found.fetch_min(done.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                stop.ask();
            }
            _ => {}
        }
    };
    let out = tempfile::tempdir()?;
    let builder =
        crosswire::builder().gateway(gateway).out(&out.path().join("run")).time_limit(Duration::from_secs(1 << 30));
    let builder = builder.regressions(Regressions::Off);
    let builder = builder.scenarios(mutant.scenario).cases(CASES_MAX).seed(seed).draws(draws);
    // What it says was told while it ran.
    let _report = builder.shrink_time(Duration::ZERO).on_event(tell).stop(stop).run_blocking()?;
    Ok(found.load(Ordering::Relaxed))
}

impl Counts {
    /// The first, second or third quartile: the smallest count that so many quarters of the seeds do not exceed.
    fn quartile(&self, quarters: usize) -> u32 {
        self.0[(self.0.len() * quarters).div_ceil(4) - 1]
    }

    /// Twice the median: there is an even number of seeds.
    fn median2(&self) -> u32 {
        let middle = self.0.len() / 2;
        self.0[middle - 1] + self.0[middle]
    }

    fn is_bounded(&self) -> bool {
        self.0[self.0.len() / 2] <= CASES_MAX
    }

    fn text(&self) -> String {
        let count = |count: u32| if count > CASES_MAX { format!("> {CASES_MAX}") } else { count.to_string() };
        let median = match self.is_bounded() {
            true => format!("{}", f64::from(self.median2()) / 2.0),
            false => count(CASES_MAX + 1),
        };
        format!("{median} ({} to {})", count(self.quartile(1)), count(self.quartile(3)))
    }
}

impl Row {
    /// Whether three of four seeds find it before every variant of its scenario was told, in both styles.
    fn is_found_at_once(&self) -> bool {
        let cycle = scenarios::catalogue().find(self.mutant.scenario).map_or(1, scenarios::Scenario::cases_per_cycle);
        [&self.uniform, &self.swarm].iter().all(|counts| u64::from(counts.quartile(3)) <= cycle)
    }

    /// How many times as many cases uniform draws take, in the median.
    fn ratio(&self) -> f64 {
        f64::from(self.uniform.median2()) / f64::from(self.swarm.median2())
    }

    fn line(&self) -> String {
        let at_least = if self.uniform.is_bounded() { "" } else { "> " };
        let Row { mutant, uniform, swarm } = self;
        let ratio = self.ratio();
        format!(
            "| `{}` | `{}` | {} | {} | {at_least}{ratio:.1} |",
            mutant.name,
            mutant.scenario,
            uniform.text(),
            swarm.text()
        )
    }
}

fn page(rows: &[Row]) -> String {
    let (at_once, drawn): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.is_found_at_once());
    let rarest = &drawn[drawn.len() - drawn.len().div_ceil(3)..];
    let lines = |rows: &[&Row]| rows.iter().map(|row| row.line() + "\n").collect::<String>();
    let least = |rows: &[&Row]| rows.iter().map(|row| row.ratio()).fold(f64::INFINITY, f64::min);
    format!(
        "{HEAD}{TABLE}{}\nThe smallest ratio of these {} mutants is {:.1}, of the rarest third (the last {} rows) {:.1}.\n\
         {AT_ONCE}{TABLE}{}\nThe smallest ratio of these {} mutants is {:.1}.\n",
        lines(&drawn),
        drawn.len(),
        least(&drawn),
        rarest.len(),
        least(rarest),
        lines(&at_once),
        at_once.len(),
        least(&at_once),
    )
}

const HEAD: &str = "\
# What swarm draws are worth

How many cases it takes until a planted defect is found in its shape: median (first to third quartile) over 20 seeds, at
most 400 cases each. *Uniform* draws touch as many requests as *swarm* draws, but in every case alike; a swarm case first
switches each knob on or off. Both tell the same stories: the knobs have dice of their own.

Written by `cargo run --release -p crosswire-suite --example swarm_table`, against simulated mutants.

## Found by what is drawn

The rarest come last.

";

const TABLE: &str = "\
| mutant | scenario | cases, uniform | cases, swarm | ratio |
|---|---|---|---|---|
";

const AT_ONCE: &str = "
## Found at once, however it is drawn

Cases tell a scenario's variants in turn, cycle after cycle. These defects show themselves before the first cycle is
over, with either style and in three of four seeds: the count is the place of the variant that shows them, and draws
have no part in it.

";
