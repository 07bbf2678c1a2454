//! Real gateways under the quick profile: `cargo run --release -p crosswire-suite --example gateways_table --
//! [--jobs N] [NAME[:VARIANT]]…` writes `tests/suite/GATEWAYS.md`; with names, it only prints their rows. So many rows run
//! beside each other, one where nobody says.
//!
//! One row for each variant of each recipe and what it speaks with clients. What is not on this machine is listed as
//! not run. How often something was found stands there, and not what: what is written
//! down of it is in FINDINGS.md.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crosswire::{Gateway, Profile, Recipe, Regressions};
use vocabulary::crossing::{Crossing, Http};
use vocabulary::finding::Severity;
use vocabulary::record::RunRecord;

const SEED: u64 = 1;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    let jobs = match names.first().map(String::as_str) {
        Some("--jobs") => names.drain(..2.min(names.len())).nth(1).ok_or("--jobs lacks its value")?.parse()?,
        _ => 1,
    };
    let recipes = Recipe::built_in();
    let all = recipes.iter().flat_map(Row::of_recipe).filter(|row| row.is_wanted(&names));
    let (left, done) = (Mutex::new(all.enumerate()), Mutex::new(BTreeMap::new()));
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some((place, row)) = next() {
                    let began = Instant::now();
                    let outcome = row.outcome();
                    eprintln!("{}   ({} s)", row.line(&outcome), began.elapsed().as_secs());
                    done.lock().unwrap_or_else(PoisonError::into_inner).insert(place, (row, outcome));
                }
            });
        }
    });
    let rows: Vec<(Row, Outcome)> = done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect();
    match names.is_empty() {
        true => std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/GATEWAYS.md"), page(&rows))?,
        false => print!("{}", page(&rows)),
    }
    Ok(())
}

/// A variant of a recipe, and what is spoken on either side of it.
struct Row<'a> {
    recipe: &'a Recipe,
    variant: &'a str,
    crossing: Crossing,
}

/// What a row came to.
enum Outcome {
    Ran(Box<RunRecord>),
    NotRun(String),
}

impl Row<'_> {
    /// The variants of a recipe with what they speak first; those with HTTP/2 to the origin with all that they speak.
    fn of_recipe(recipe: &Recipe) -> Vec<Row<'_>> {
        let described = recipe.variants().iter().filter_map(|name| Some((name, recipe.described(name)?)));
        let rows = described.flat_map(|(name, variant)| {
            let downs = if variant.up == Http::H1 { &variant.down[..1] } else { &variant.down[..] };
            downs.iter().map(move |down| Row {
                recipe,
                variant: name,
                crossing: Crossing { down: *down, up: variant.up },
            })
        });
        rows.collect()
    }

    fn name(&self) -> String {
        format!("{}:{}", self.recipe.name(), self.variant)
    }

    fn is_wanted(&self, names: &[String]) -> bool {
        names.is_empty() || names.iter().any(|name| name == self.recipe.name() || *name == self.name())
    }

    fn outcome(&self) -> Outcome {
        if let Some(program) = self.recipe.missing(self.variant) {
            return Outcome::NotRun(format!("{program} is not installed: {}", self.recipe.install()));
        }
        match self.run() {
            Ok(record) => Outcome::Ran(Box::new(record)),
            Err(error) => Outcome::NotRun(error.to_string()),
        }
    }

    /// An ordinary run, without what serves only to explain a finding.
    fn run(&self) -> Result<RunRecord, Box<dyn std::error::Error>> {
        let out = tempfile::tempdir()?;
        let gateway = Gateway::recipe(self.recipe.clone(), Some(self.variant))?;
        let quick = Profile::named("quick").ok_or("there is no profile quick")?;
        let builder = crosswire::builder().gateway(gateway).profile(quick).seed(SEED).out(&out.path().join("run"));
        let builder = builder.regressions(Regressions::Off);
        let builder = builder.protocol(self.crossing.down);
        let report = builder.shrink_time(Duration::ZERO).replays(0).run_blocking()?;
        for finding in &report.record().findings {
            eprintln!("{}: {}: {}", self.name(), finding.scenario, finding.sentence);
        }
        Ok(report.record().clone())
    }

    fn line(&self, outcome: &Outcome) -> String {
        let Row { crossing, .. } = self;
        let name = self.name();
        match outcome {
            Outcome::NotRun(why) => format!("| `{name}` | {crossing} | {why} |"),
            Outcome::Ran(record) => format!(
                "| `{name}` | {} | {crossing} | {} | {} | {} | {} | {} | {} |",
                record.gateway.version.as_deref().unwrap_or("not told"),
                record.verdict.title(),
                record.totals.verified,
                record.totals.exposures,
                hits(record),
                prevented(record),
                findings(record),
            ),
        }
    }
}

/// How many of the requests that a stored reply could have answered were answered so.
fn hits(record: &RunRecord) -> String {
    let store = &record.totals.store;
    format!("{} of {}", store.hits, store.possible)
}

/// How many scenarios could not bite.
fn prevented(record: &RunRecord) -> String {
    let prevented = record.scenarios.iter().filter(|scenario| scenario.is_prevented()).count();
    format!("{prevented} of {}", record.scenarios.len())
}

/// How many there are of each severity, the worst first.
fn findings(record: &RunRecord) -> String {
    let mut counts: BTreeMap<Severity, usize> = BTreeMap::new();
    for finding in &record.findings {
        *counts.entry(finding.severity).or_default() += 1;
    }
    let told: Vec<String> = counts.iter().map(|(severity, count)| format!("{count} {severity}")).collect();
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}

fn page(rows: &[(Row, Outcome)]) -> String {
    let mut page = HEAD.to_owned();
    let (ran, not): (Vec<_>, Vec<_>) = rows.iter().partition(|(_, outcome)| matches!(outcome, Outcome::Ran(_)));
    for (row, outcome) in &ran {
        let _infallible = writeln!(page, "{}", row.line(outcome));
    }
    if !not.is_empty() {
        page.push_str(NOT_RUN);
    }
    for (row, outcome) in &not {
        let _infallible = writeln!(page, "{}", row.line(outcome));
    }
    page
}

const HEAD: &str = "\
# Real gateways under the quick profile

Each recipe of `harness/recipes/`, in each of its variants, under all scenarios of the quick profile with seed 1 and
at most a minute for each. A recipe is one configuration, mostly a plain one; what is said here holds for that.
*Verified* replies came back to whoever had asked, an *exposure* is one of them behind a performed fault, *hits* are
requests answered from the gateway's store, of those that lawfully could have been, and a scenario is *prevented*
where the gateway rightly kept it from biting. Findings are counted by severity, one for each group of the same kind.
FINDINGS.md has those that are public.

Written by `cargo run --release -p crosswire-suite --example gateways_table`.

| gateway | version | crossing | verdict | verified | exposures | hits | prevented | findings |
|---|---|---|---|---|---|---|---|---|
";

const NOT_RUN: &str = "
## Not run

| gateway | crossing | why |
|---|---|---|
";
