//! The kill matrix: which scenario finds which planted defect, and whether the correct gateway is left alone.
//!
//! A [`Trial`] is what was run, cell by cell: a specimen, a scenario, a seed. [`Matrix::judge`] folds it into the record
//! that every rendering is made from. It is a pure function: the same cells give the same verdict.

mod fold;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::crossing::Crossing;
use crate::finding::{Boundary, Leg, Shape};
use crate::record::SelfTest;
use crate::scenario::Level;
use crate::verdict::Verdict;

/// The version of the matrix's form.
pub const MATRIX_SCHEMA: &str = "crosswire.matrix/1";

/// Of a hundred seeds, with how many a mutant must be killed: nineteen of twenty.
pub const KILLED_PERCENT_MIN: u32 = 95;

/// Everything that was run, before it is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The version of crosswire that ran.
    pub crosswire_version: String,
    /// Where cells are run that nothing else was said of.
    pub over: Over,
    /// The seeds that were asked for.
    pub seeds: Vec<u64>,
    /// Cases of one cell, at most.
    pub cases_max: u32,
    /// Milliseconds that it took.
    pub duration_ms: u64,
    /// How the oracle did on synthetic swaps before anything was run.
    pub self_test: SelfTest,
    /// The mutants that were chosen, with what they declare.
    pub mutants: Vec<Declared>,
    /// The scenarios that were chosen.
    pub scenarios: Vec<Column>,
    /// Whether these are all the mutants that there are: only then may a scenario be said to kill nothing.
    pub all_mutants: bool,
    /// Whether somebody ended it before it was done.
    pub interrupted: bool,
    /// What became of each cell.
    pub cells: Vec<Cell>,
}

/// What a mutant says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// The real defect that it retells.
    pub incident: String,
    /// The scenario that is meant to kill it.
    pub scenario: String,
    /// How its defect has to show itself there.
    pub way: Way,
}

/// How a defect shows itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Way {
    /// How replies moved.
    pub shape: Shape,
    /// How far.
    pub boundary: Boundary,
    /// Where.
    pub leg: Leg,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.shape, self.boundary, self.leg)
    }
}

/// A scenario of the matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its family.
    pub family: String,
    /// How binding its requirement is. One that only observes kills nobody.
    pub level: Level,
}

/// A gateway of ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Specimen {
    /// The correct one.
    Reference,
    /// The correct one, with its cache.
    CachingReference,
    /// The correct one with one decision replaced.
    Mutant(String),
}

impl fmt::Display for Specimen {
    /// As a recipe is named on the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Specimen::Reference => f.write_str("reference"),
            Specimen::CachingReference => f.write_str("reference:cache"),
            Specimen::Mutant(name) => write!(f, "mutant:{name}"),
        }
    }
}

/// Where a cell was run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Over {
    /// In memory, in simulated time.
    Simulation,
    /// Over TCP, the specimen in this process.
    Tcp,
    /// Over TCP, the specimen as a program of its own, which can be stopped.
    Program,
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Over::Simulation => "simulation",
            Over::Tcp => "TCP",
            Over::Program => "TCP, as a program",
        })
    }
}

/// One specimen under one scenario with one seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The gateway.
    pub specimen: Specimen,
    /// The scenario.
    pub scenario: String,
    /// The seed of its plans, and of its network where that is simulated.
    pub seed: u64,
    /// Where it was run.
    pub over: Over,
    /// What clients and specimen spoke.
    #[serde(default)]
    pub crossing: Crossing,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was run until something was found that ends it, or to its last case.
    Ran {
        /// Cases that were run.
        cases: u32,
        /// What was found, in order.
        shown: Vec<Shown>,
    },
    /// It was left out on purpose.
    LeftOut {
        /// Why.
        reason: String,
    },
    /// It could not be run, or not to its end.
    Failed {
        /// What was attempted and how it failed.
        what: String,
    },
}

/// A finding of a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// How the defect showed itself.
    pub way: Way,
    /// Within how many cases.
    pub within_cases: u32,
    /// One sentence of fact.
    pub sentence: String,
}

/// The kill matrix, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    /// [`MATRIX_SCHEMA`].
    pub schema: String,
    /// The version of crosswire that ran.
    pub crosswire_version: String,
    /// Where cells were run that say nothing else.
    pub over: Over,
    /// The seeds that were asked for. A mutant that was missed was run with more: its cells say so.
    pub seeds: Vec<u64>,
    /// Cases of one cell, at most.
    pub cases_max: u32,
    /// Milliseconds that it took.
    pub duration_ms: u64,
    /// Clean: every judgement below is as it must be. Broken: crosswire is not to be trusted. Inconclusive: something
    /// could not be run.
    pub verdict: Verdict,
    /// The exit code that goes with it.
    pub exit_code: u8,
    /// Why the verdict is not Clean, a sentence each.
    pub reasons: Vec<String>,
    /// How the oracle did on synthetic swaps.
    pub self_test: SelfTest,
    /// The correct gateways.
    pub references: Vec<ReferenceRow>,
    /// The mutants, by name.
    pub mutants: Vec<MutantRow>,
    /// The scenarios, in the order of the catalogue.
    pub scenarios: Vec<ScenarioRow>,
    /// What became of each cell.
    pub cells: Vec<Cell>,
}

/// What a correct gateway came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceRow {
    /// Which.
    pub specimen: Specimen,
    /// Scenarios under which it was run.
    pub scenarios: u32,
    /// Cases in all.
    pub cases: u32,
    /// What was found: false alarms.
    pub alarms: Vec<Alarm>,
}

/// A finding on a correct gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Under which scenario.
    pub scenario: String,
    /// With which seed.
    pub seed: u64,
    /// What was found.
    pub shown: Shown,
}

/// What a mutant came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MutantRow {
    /// What it says of itself.
    pub declared: Declared,
    /// How it ended.
    pub state: MutantState,
    /// Seeds with which it was run under its scenario, in the crossing in which it did best for itself.
    pub seeds: u32,
    /// Those with which it was killed as declared.
    pub killed: u32,
    /// The same for each crossing in which it was run.
    #[serde(default)]
    pub crossings: Vec<InCrossing>,
    /// Cases until then, in the median.
    pub within_cases: Option<u32>,
    /// Other ways in which it showed itself under its scenario.
    pub other_ways: Vec<Way>,
    /// The other scenarios that found it, by name.
    pub killers: Vec<Killer>,
}

/// How a mutant did in one crossing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InCrossing {
    /// Which.
    pub crossing: Crossing,
    /// Seeds with which it was run under its scenario.
    pub seeds: u32,
    /// Those with which it was killed as declared.
    pub killed: u32,
}

/// How a mutant ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MutantState {
    /// Its scenario found it as declared, with enough seeds.
    Killed,
    /// Its scenario found it with enough seeds, but in another shape, over another boundary or on another leg.
    KilledOtherwise,
    /// Its scenario did not find it with enough seeds.
    Missed,
    /// Its scenario was not chosen, or its cell could not be run.
    NotJudged,
}

/// A scenario that found a mutant which does not declare it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Killer {
    /// Which.
    pub scenario: String,
    /// How.
    pub way: Way,
    /// Within how many cases, with the first seed.
    pub within_cases: u32,
}

/// What a scenario came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioRow {
    /// The scenario.
    pub column: Column,
    /// How it ended.
    pub state: ScenarioState,
    /// The mutants that it found with enough of the seeds it was run with, by name.
    pub kills: Vec<String>,
}

/// How a scenario ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScenarioState {
    /// It kills at least one mutant.
    Kills,
    /// It kills none: nothing shows that it can find anything.
    KillsNothing,
    /// It only observes, and accuses nobody.
    Observes,
    /// Not all mutants were chosen, or not enough of its cells could be run.
    NotJudged,
}

impl Matrix {
    /// Judges what was run.
    pub fn judge(trial: Trial) -> Matrix {
        fold::judge(trial)
    }

    /// The cell of a mutant under a scenario, with the first seed it was run with.
    pub fn cell(&self, mutant: &str, scenario: &str) -> Option<&Cell> {
        let of = |cell: &&Cell| {
            cell.scenario == scenario && matches!(&cell.specimen, Specimen::Mutant(name) if name == mutant)
        };
        self.cells.iter().find(of)
    }
}

/// Whether so many of so many seeds are enough.
pub fn is_enough(killed: u32, seeds: u32) -> bool {
    seeds > 0 && killed * 100 >= seeds * KILLED_PERCENT_MIN
}
