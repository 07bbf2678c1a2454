//! The kill matrix: every mutant under the scenario that it declares and under the others, the correct gateway under all.
//!
//! Which cells are run is decided here ([`KillMatrix::cells`], pure), how one is run in [`cell`], what they come to in
//! [`vocabulary::matrix`]. A cell is an ordinary run that ends at its first finding: no plan is made smaller, and none is
//! run again.

mod cell;

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use scenarios::{Scenario, glob_fits};
use specimens::{Mutant, mutants};
use tokio::time::Instant;
use vocabulary::crossing::{Crossing, Http};
use vocabulary::matrix::{Cell, Column, Declared, Matrix, Outcome, Over, Specimen, Trial, Way, is_enough};
use vocabulary::scenario::Level;

use crate::builder::builder;
use crate::oracle;
use crate::profile::Profile;
use crate::run::{RunError, Stop};

/// Seeds with which a mutant is run that was missed with fewer: one miss says little, two of twenty say enough.
const SEEDS_OF_A_VERDICT: usize = 20;
/// Cases in which a defect must have shown over TCP. The default profile has as many.
const CASES_OVER_TCP: u32 = 20;
/// The same in a simulation: a segment's latency does not depend on its size there, so that replies of one kind come in a
/// row less often than from a real kernel; and a case costs next to nothing.
const CASES_SIMULATED: u32 = 60;
/// Cases of a cell that only says who else kills whom: there are many of these.
const CASES_OF_OTHERS: u32 = 12;
/// Cases of the correct gateway in each crossing but the first.
const CASES_OF_CROSSINGS: u32 = 20;
/// Cases of a correct gateway whose process is stopped: it stands still many times in each, for up to 200 ms.
const CASES_STOPPED: u32 = 4;

/// Is told how many cells are done, of how many.
type Tell = Arc<dyn Fn(usize, usize) + Send + Sync>;

/// What of the kill matrix is run, and where. Without anything said: all of it, in a simulation, with the first seed.
#[derive(Clone)]
pub struct KillMatrix {
    seeds: RangeInclusive<u64>,
    mutants: Vec<String>,
    scenarios: Vec<String>,
    over: Over,
    program: Option<String>,
    stop: Stop,
    on_cell: Option<Tell>,
}

impl Default for KillMatrix {
    fn default() -> KillMatrix {
        KillMatrix {
            seeds: 1..=1,
            mutants: Vec::new(),
            scenarios: Vec::new(),
            over: Over::Simulation,
            program: None,
            stop: Stop::default(),
            on_cell: None,
        }
    }
}

/// A cell to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    specimen: Specimen,
    /// The scenario's name.
    scenario: String,
    /// What chooses it: its name, or its file.
    chosen_by: String,
    seed: u64,
    over: Over,
    crossing: Crossing,
    cases: u32,
    /// How a mutant declares that it shows itself: what ends the cell. Without it, any finding does.
    until: Option<Way>,
    /// Why it cannot be run after all.
    lacks: Option<&'static str>,
}

/// A scenario, and what chooses it in a run.
struct Chosen {
    scenario: Scenario,
    by: String,
}

impl KillMatrix {
    /// With these seeds: a mutant must be killed with nineteen of twenty. One that is missed is run with twenty in any
    /// case.
    pub fn seeds(mut self, seeds: RangeInclusive<u64>) -> KillMatrix {
        self.seeds = seeds;
        self
    }

    /// Adds mutants: a name, or a glob over names. Without any, all are run.
    pub fn mutants(mut self, glob: &str) -> KillMatrix {
        self.mutants.push(glob.to_owned());
        self
    }

    /// Adds scenarios: a name, a glob, or the path of a `.toml` file. Without any, all of the catalogue are run.
    pub fn scenarios(mut self, glob: &str) -> KillMatrix {
        self.scenarios.push(glob.to_owned());
        self
    }

    /// Over TCP instead of in a simulation. A mutant is then run under its own scenario only, and a scenario under all
    /// mutants only where none declares it.
    pub fn over_tcp(mut self) -> KillMatrix {
        self.over = Over::Tcp;
        self
    }

    /// The shell command that is a specimen: it gets `LISTEN_PORT`, `UPSTREAM_PORT` and, in `VARIANT`, the specimen's name
    /// (`reference`, `reference:cache`, `mutant:NAME`). What shows itself only to those who stop a process is run with it,
    /// over TCP; without it, such a mutant cannot be judged.
    pub fn program(mut self, command: &str) -> KillMatrix {
        self.program = Some(command.to_owned());
        self
    }

    /// Is told, from several threads, how many cells are done, of how many.
    pub fn on_cell(mut self, told: impl Fn(usize, usize) + Send + Sync + 'static) -> KillMatrix {
        self.on_cell = Some(Arc::new(told));
        self
    }

    /// Ends it after the present cases when asked to.
    pub fn stop(mut self, stop: Stop) -> KillMatrix {
        self.stop = stop;
        self
    }

    /// Runs everything and judges it.
    ///
    /// # Errors
    ///
    /// If nothing, or something that there is not, was chosen. What cannot be run is part of the matrix.
    pub fn run(self) -> Result<Matrix, RunError> {
        let began = Instant::now();
        let (chosen, mutants) = (self.chosen_scenarios()?, self.chosen_mutants()?);
        let mut cells = self.run_all(&self.cells(&chosen, &mutants));
        let missed = self.cells_of_missed(&chosen, &mutants, &cells);
        cells.extend(self.run_all(&missed));
        let column = |chosen: &Chosen| {
            let head = &chosen.scenario.head;
            Column { name: head.name.clone(), family: head.family.clone(), level: head.level }
        };
        Ok(Matrix::judge(Trial {
            crosswire_version: env!("CARGO_PKG_VERSION").to_owned(),
            over: self.over,
            seeds: self.seeds.clone().collect(),
            cases_max: self.cases(self.over),
            duration_ms: began.elapsed().as_millis() as u64,
            self_test: oracle::self_test(),
            all_mutants: mutants.len() == specimens::mutants().len(),
            mutants: mutants.iter().map(|mutant| declared(mutant)).collect(),
            scenarios: chosen.iter().map(column).collect(),
            interrupted: self.stop.is_asked(),
            cells,
        }))
    }

    fn chosen_mutants(&self) -> Result<Vec<&'static Mutant>, RunError> {
        let all = mutants().iter();
        if let Some(glob) = self.mutants.iter().find(|glob| !all.clone().any(|mutant| glob_fits(glob, mutant.name))) {
            return Err(RunError::NoMutant { glob: glob.clone() });
        }
        let wanted =
            |mutant: &&Mutant| self.mutants.is_empty() || self.mutants.iter().any(|glob| glob_fits(glob, mutant.name));
        Ok(all.filter(wanted).collect())
    }

    fn chosen_scenarios(&self) -> Result<Vec<Chosen>, RunError> {
        // The largest profile: the matrix has every scenario that there is.
        let all = || builder().profile(Profile::named("deep").expect("there is a profile of this name"));
        let (files, globs): (Vec<&String>, Vec<&String>) =
            self.scenarios.iter().partition(|chosen| chosen.ends_with(".toml"));
        let mut chosen = Vec::new();
        if !globs.is_empty() || files.is_empty() {
            let named = globs.iter().fold(all(), |builder, glob| builder.scenarios(glob)).chosen()?;
            let by_name = |scenario: Scenario| Chosen { by: scenario.name().to_owned(), scenario };
            chosen.extend(named.into_iter().map(by_name));
        }
        for file in files {
            let own = all().scenarios(file).chosen()?;
            chosen.extend(own.into_iter().map(|scenario| Chosen { scenario, by: file.clone() }));
        }
        Ok(chosen)
    }

    fn cases(&self, over: Over) -> u32 {
        match over {
            Over::Simulation => CASES_SIMULATED,
            Over::Tcp | Over::Program => CASES_OVER_TCP,
        }
    }

    /// Which cells are run. For the verdict: every mutant under its own scenario, and the correct gateways under all, with
    /// all seeds. To know who else kills whom: the others, with the first seed.
    fn cells(&self, chosen: &[Chosen], mutants: &[&Mutant]) -> Vec<Wanted> {
        let declares = |scenario: &str| mutants.iter().any(|mutant| mutant.scenario == scenario);
        let first = *self.seeds.start();
        let mut cells = Vec::new();
        for one in chosen {
            let name = one.scenario.name();
            for seed in self.seeds.clone() {
                for specimen in [Specimen::Reference, Specimen::CachingReference] {
                    for crossing in crossings(&specimen, &one.scenario) {
                        cells.push(self.cell(specimen.clone(), one, crossing, seed, None));
                    }
                }
            }
            for mutant in mutants {
                let specimen = Specimen::Mutant(mutant.name.to_owned());
                let crossings = crossings(&specimen, &one.scenario);
                if mutant.scenario == name {
                    for crossing in crossings {
                        let own = |seed| self.cell(specimen.clone(), one, crossing, seed, Some(way(mutant)));
                        cells.extend(self.seeds.clone().map(own));
                    }
                    continue;
                }
                let Some(crossing) = crossings.first().copied() else { continue };
                if !declares(name) && one.scenario.head.level != Level::Observe {
                    // It has to kill somebody all the same.
                    cells.push(self.other_cell(specimen, one, crossing, first, self.cases(self.over)));
                } else if self.over == Over::Simulation {
                    cells.push(self.other_cell(specimen, one, crossing, first, CASES_OF_OTHERS));
                }
            }
        }
        cells
    }

    fn cell(&self, specimen: Specimen, chosen: &Chosen, crossing: Crossing, seed: u64, until: Option<Way>) -> Wanted {
        let stopped = chosen.scenario.needs_freezing();
        let over = if stopped { Over::Program } else { self.over };
        let lacks = (stopped && self.program.is_none())
            .then_some("its process must be stopped, and no program was given that is a specimen");
        let cases = match &specimen {
            Specimen::Reference | Specimen::CachingReference if stopped => CASES_STOPPED,
            // In each crossing there are as many again.
            Specimen::Reference if crossing != Crossing::default() => CASES_OF_CROSSINGS,
            Specimen::Reference | Specimen::CachingReference | Specimen::Mutant(_) => self.cases(over),
        };
        Wanted {
            specimen,
            scenario: chosen.scenario.name().to_owned(),
            chosen_by: chosen.by.clone(),
            seed,
            over,
            crossing,
            cases,
            until,
            lacks,
        }
    }

    /// A cell that only says who else kills whom.
    fn other_cell(&self, specimen: Specimen, chosen: &Chosen, crossing: Crossing, seed: u64, cases: u32) -> Wanted {
        let cell = self.cell(specimen, chosen, crossing, seed, None);
        let lacks = match cell.over == Over::Program {
            true => Some(
                "its process must be stopped, which takes a second or two: only for those who declare the scenario",
            ),
            false => None,
        };
        Wanted { lacks, cases, ..cell }
    }

    /// Further seeds for the mutants that were missed with fewer than a verdict takes.
    fn cells_of_missed(&self, chosen: &[Chosen], mutants: &[&Mutant], ran: &[Cell]) -> Vec<Wanted> {
        let seeds: Vec<u64> = self.seeds.clone().collect();
        let Some(last) = seeds.last() else { return Vec::new() };
        let further = (1..=SEEDS_OF_A_VERDICT.saturating_sub(seeds.len()) as u64).map(|more| last.saturating_add(more));
        let mut cells = Vec::new();
        for mutant in mutants {
            let Some(one) = chosen.iter().find(|one| one.scenario.name() == mutant.scenario) else { continue };
            let specimen = Specimen::Mutant(mutant.name.to_owned());
            for crossing in crossings(&specimen, &one.scenario) {
                let is_it = |cell: &&Cell| {
                    (&cell.specimen, cell.crossing) == (&specimen, crossing) && cell.scenario == mutant.scenario
                };
                let outcomes: Vec<&Outcome> = ran.iter().filter(is_it).map(|cell| &cell.outcome).collect();
                let shows = |outcome: &&&Outcome| matches!(outcome, Outcome::Ran { shown, .. } if shown.iter().any(|shown| shown.way == way(mutant)));
                let could_run = outcomes.iter().all(|outcome| matches!(outcome, Outcome::Ran { .. }));
                let killed = outcomes.iter().filter(shows).count() as u32;
                if !outcomes.is_empty() && could_run && !is_enough(killed, outcomes.len() as u32) {
                    let again = |seed| self.cell(specimen.clone(), one, crossing, seed, Some(way(mutant)));
                    cells.extend(further.clone().map(again));
                }
            }
        }
        cells
    }

    /// Runs cells on all processors: first those that take real time, on half of them, so that nothing else is in their
    /// way; then the simulated ones.
    fn run_all(&self, wanted: &[Wanted]) -> Vec<Cell> {
        let (simulated, real): (Vec<&Wanted>, Vec<&Wanted>) =
            wanted.iter().partition(|wanted| wanted.over == Over::Simulation);
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let done = AtomicUsize::new(0);
        let mut cells = self.run_on(&real, (processors / 2).max(1), &done, wanted.len());
        cells.extend(self.run_on(&simulated, processors, &done, wanted.len()));
        cells
    }

    fn run_on(&self, wanted: &[&Wanted], threads: usize, done: &AtomicUsize, total: usize) -> Vec<Cell> {
        let (next, cells) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let work = || {
            while let Some(wanted) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                if self.stop.is_asked() {
                    return;
                }
                let ran = cell::run(wanted, self.program.as_deref(), &self.stop);
                // A thread that panicked while it held the lock has pushed a whole cell, or none.
                cells.lock().unwrap_or_else(PoisonError::into_inner).extend(ran);
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                if let Some(tell) = &self.on_cell {
                    tell(done, total);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..threads.min(wanted.len()) {
                scope.spawn(work);
            }
        });
        cells.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The crossings in which a specimen is run under a scenario: what the scenario is about, and the specimen speaks. A mutant
/// speaks to the origin what its defect needs; the reference whatever it is told to.
fn crossings(specimen: &Specimen, scenario: &Scenario) -> Vec<Crossing> {
    let either = vec![Http::H1, Http::H2];
    let (downs, ups) = match specimen {
        Specimen::Reference => (either.clone(), either),
        Specimen::CachingReference => (either, vec![Http::H1]),
        Specimen::Mutant(name) => match specimens::mutant(name) {
            Some(mutant) => (mutant.clients.map_or(either, |clients| vec![clients]), vec![(mutant.decisions)().up]),
            None => return Vec::new(),
        },
    };
    let fits = |wanted: Option<Http>, spoken: Http| wanted.is_none_or(|wanted| wanted == spoken);
    let head = &scenario.head;
    let all = ups.into_iter().flat_map(|up| downs.iter().map(move |down| Crossing { down: *down, up }));
    all.filter(|crossing| fits(head.down, crossing.down) && fits(head.up, crossing.up)).collect()
}

fn way(mutant: &Mutant) -> Way {
    Way { shape: mutant.shape, boundary: mutant.boundary, leg: mutant.leg }
}

fn declared(mutant: &Mutant) -> Declared {
    Declared {
        name: mutant.name.to_owned(),
        incident: mutant.incident.to_owned(),
        scenario: mutant.scenario.to_owned(),
        way: way(mutant),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn cells(matrix: &KillMatrix) -> Vec<Wanted> {
        matrix.cells(&matrix.chosen_scenarios().unwrap(), &matrix.chosen_mutants().unwrap())
    }

    fn of(cells: &[Wanted], mutant: &str) -> Vec<(String, u64)> {
        let is_it = |cell: &&Wanted| cell.specimen == Specimen::Mutant(mutant.to_owned());
        cells.iter().filter(is_it).map(|cell| (cell.scenario.clone(), cell.seed)).collect()
    }

    #[test]
    fn every_mutant_is_run_under_every_scenario_and_under_its_own_with_every_seed() {
        let cells = cells(&KillMatrix::default().seeds(4..=6));
        let scenarios = scenarios::catalogue().all();
        for mutant in mutants() {
            let own = of(&cells, mutant.name);
            let specimen = Specimen::Mutant(mutant.name.to_owned());
            let places = scenarios.iter().filter(|one| !crossings(&specimen, one).is_empty()).count();
            let times = crossings(&specimen, scenarios::catalogue().find(mutant.scenario).unwrap()).len();
            let seeds: Vec<u64> =
                own.iter().filter(|(name, _)| name == mutant.scenario).map(|(_, seed)| *seed).collect();
            assert!(times > 0, "{}: nobody speaks what it needs", mutant.name);
            assert_eq!(seeds, [4, 5, 6].repeat(times), "{}", mutant.name);
            assert_eq!(own.len(), places - 1 + 3 * times, "{}", mutant.name);
        }
        let references = cells.iter().filter(|cell| !matches!(cell.specimen, Specimen::Mutant(_))).count();
        let of_both =
            |one| crossings(&Specimen::Reference, one).len() + crossings(&Specimen::CachingReference, one).len();
        assert_eq!(references, scenarios.iter().map(of_both).sum::<usize>() * 3);
    }

    #[test]
    fn over_tcp_a_mutant_is_run_under_its_own_scenario_only_and_no_scenario_is_left_without_one() {
        let cells = cells(&KillMatrix::default().over_tcp());
        for scenario in scenarios::catalogue().all().iter().filter(|scenario| scenario.head.level != Level::Observe) {
            let times = |mutant: &Mutant| crossings(&Specimen::Mutant(mutant.name.to_owned()), scenario).len();
            let own = mutants().iter().filter(|mutant| mutant.scenario == scenario.name());
            let mutants_of: usize = own.map(times).sum();
            let of_mutants =
                |cell: &&Wanted| cell.scenario == scenario.name() && matches!(cell.specimen, Specimen::Mutant(_));
            let able = mutants().iter().filter(|mutant| times(mutant) > 0).count();
            let expected = if mutants_of == 0 { able } else { mutants_of };
            assert_eq!(cells.iter().filter(of_mutants).count(), expected, "{}", scenario.name());
        }
    }

    #[test]
    fn what_must_be_stopped_is_run_as_a_program_or_said_to_be_left_out() {
        let frozen: BTreeSet<&str> = mutants()
            .iter()
            .filter(|mutant| scenarios::catalogue().find(mutant.scenario).is_some_and(Scenario::needs_freezing))
            .map(|mutant| mutant.name)
            .collect();
        assert!(!frozen.is_empty());
        for (matrix, can_run) in [(KillMatrix::default(), false), (KillMatrix::default().program("true"), true)] {
            for cell in cells(&matrix).iter().filter(|cell| cell.until.is_some()) {
                let Specimen::Mutant(name) = &cell.specimen else { panic!("{cell:?}") };
                let expected = match frozen.contains(name.as_str()) {
                    true => (Over::Program, can_run),
                    false => (Over::Simulation, true),
                };
                assert_eq!((cell.over, cell.lacks.is_none()), expected, "{name}");
            }
        }
    }

    #[test]
    fn a_miss_takes_twenty_seeds_and_a_kill_does_not() {
        let matrix = KillMatrix::default().seeds(7..=7).mutants("surplus-accepted");
        let (chosen, mutants) = (matrix.chosen_scenarios().unwrap(), matrix.chosen_mutants().unwrap());
        let ran = |shown| {
            let cell = matrix.cells(&chosen, &mutants).into_iter().find(|cell| cell.until.is_some()).unwrap();
            let outcome = Outcome::Ran { cases: 60, shown };
            Cell {
                specimen: cell.specimen,
                scenario: cell.scenario,
                seed: 7,
                over: cell.over,
                crossing: cell.crossing,
                outcome,
            }
        };
        let missed = matrix.cells_of_missed(&chosen, &mutants, &[ran(Vec::new())]);
        assert_eq!(missed.iter().map(|cell| cell.seed).collect::<Vec<_>>(), (8..=26).collect::<Vec<_>>());
        let way = way(mutants[0]);
        let shown = vocabulary::matrix::Shown { way, within_cases: 1, sentence: String::new() };
        assert!(matrix.cells_of_missed(&chosen, &mutants, &[ran(vec![shown])]).is_empty());
        let failed = Cell { outcome: Outcome::Failed { what: String::new() }, ..ran(Vec::new()) };
        assert!(matrix.cells_of_missed(&chosen, &mutants, &[failed]).is_empty());
    }

    #[test]
    fn what_there_is_not_is_refused() {
        let none = KillMatrix::default().mutants("no-such-*").run().unwrap_err();
        assert!(none.to_string().contains("no-such-*") && none.exit_code() == 2, "{none}");
        assert_eq!(KillMatrix::default().scenarios("no-such-*").run().unwrap_err().exit_code(), 2);
    }
}
