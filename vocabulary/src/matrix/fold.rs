//! From cells to the verdict.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Alarm, Cell, Column, Declared, InCrossing, Killer, MATRIX_SCHEMA, Matrix, MutantRow, MutantState, Outcome,
    ReferenceRow, ScenarioRow, ScenarioState, Shown, Specimen, Trial, Way, is_enough,
};
use crate::crossing::Crossing;
use crate::scenario::Level;
use crate::verdict::Verdict;

pub(super) fn judge(trial: Trial) -> Matrix {
    let Trial { mut cells, mutants, scenarios, all_mutants, interrupted, .. } = trial;
    cells.sort_by(|one, other| {
        let key = |cell: &Cell| (cell.specimen.clone(), cell.scenario.clone(), cell.crossing, cell.seed);
        key(one).cmp(&key(other))
    });
    let references = references(&cells);
    let mutants: Vec<MutantRow> = mutants.into_iter().map(|declared| mutant(declared, &cells)).collect();
    let whole = all_mutants && !interrupted;
    let scenarios: Vec<ScenarioRow> = scenarios.into_iter().map(|column| scenario(column, &cells, whole)).collect();
    let mut why = Why::default();
    if !trial.self_test.passed() {
        why.broken("the oracle did not pass its self-test on synthetic histories".to_owned());
    }
    references.iter().for_each(|reference| why.reference(reference));
    mutants.iter().for_each(|mutant| why.mutant(mutant));
    scenarios.iter().for_each(|scenario| why.scenario(scenario, whole));
    why.cells(&cells, &mutants);
    if interrupted {
        why.because(Verdict::Interrupted, "it was ended before it was done".to_owned());
    }
    Matrix {
        schema: MATRIX_SCHEMA.to_owned(),
        crosswire_version: trial.crosswire_version,
        over: trial.over,
        seeds: trial.seeds,
        cases_max: trial.cases_max,
        duration_ms: trial.duration_ms,
        verdict: why.verdict,
        exit_code: why.verdict.exit_code(),
        reasons: why.reasons,
        self_test: trial.self_test,
        references,
        mutants,
        scenarios,
        cells,
    }
}

fn references(cells: &[Cell]) -> Vec<ReferenceRow> {
    let of = |specimen: Specimen| {
        let own = cells.iter().filter(|cell| cell.specimen == specimen);
        let ran = own.filter_map(|cell| match &cell.outcome {
            Outcome::Ran { cases, shown } => Some((cell, *cases, shown)),
            Outcome::LeftOut { .. } | Outcome::Failed { .. } => None,
        });
        let alarms = ran.clone().flat_map(|(cell, _, shown)| {
            shown.iter().map(|shown| Alarm { scenario: cell.scenario.clone(), seed: cell.seed, shown: shown.clone() })
        });
        ReferenceRow {
            scenarios: ran.clone().map(|(cell, ..)| &cell.scenario).collect::<BTreeSet<_>>().len() as u32,
            cases: ran.clone().map(|(_, cases, _)| cases).sum(),
            alarms: alarms.collect(),
            specimen,
        }
    };
    vec![of(Specimen::Reference), of(Specimen::CachingReference)]
}

/// What was found in the cells of a mutant under one scenario, seed by seed. Empty where none was run.
fn shown<'a>(cells: &'a [Cell], mutant: &str, scenario: &str) -> Vec<&'a [Shown]> {
    shown_in(cells, mutant, scenario, |_| true).collect()
}

/// The same in some crossings.
fn shown_in<'a>(
    cells: &'a [Cell],
    mutant: &str,
    scenario: &str,
    crossing: impl Fn(Crossing) -> bool,
) -> impl Iterator<Item = &'a [Shown]> {
    let own = cells.iter().filter(move |cell| {
        let is_it = matches!(&cell.specimen, Specimen::Mutant(name) if name == mutant);
        cell.scenario == scenario && is_it && crossing(cell.crossing)
    });
    own.filter_map(|cell| match &cell.outcome {
        Outcome::Ran { shown, .. } => Some(shown.as_slice()),
        Outcome::LeftOut { .. } | Outcome::Failed { .. } => None,
    })
}

fn mutant(declared: Declared, cells: &[Cell]) -> MutantRow {
    let seeds = shown(cells, &declared.name, &declared.scenario);
    let as_declared = |shown: &&[Shown]| {
        let own = shown.iter().find(|shown| shown.way == declared.way);
        own.map(|shown| shown.within_cases)
    };
    let mut within: Vec<u32> = seeds.iter().filter_map(as_declared).collect();
    within.sort_unstable();
    let crossings = crossings(&declared, cells);
    // It must be killed in each: what holds is the crossing in which it was killed least.
    let least = crossings.iter().min_by_key(|row| u64::from(row.killed) * 1000 / u64::from(row.seeds.max(1))).copied();
    let (killed, ran) = least.map_or((0, 0), |least| (least.killed, least.seeds));
    let in_least = |crossing| least.is_some_and(|least| least.crossing == crossing);
    let found = shown_in(cells, &declared.name, &declared.scenario, in_least).filter(|shown| !shown.is_empty());
    let state = match (ran, is_enough(killed, ran), is_enough(found.count() as u32, ran)) {
        (0, _, _) => MutantState::NotJudged,
        (_, true, _) => MutantState::Killed,
        (_, false, true) => MutantState::KilledOtherwise,
        (_, false, false) => MutantState::Missed,
    };
    let ways = seeds.iter().flat_map(|shown| shown.iter()).map(|shown| shown.way);
    let other_ways: BTreeSet<Way> = ways.filter(|way| *way != declared.way).collect();
    MutantRow {
        state,
        seeds: ran,
        killed,
        crossings,
        within_cases: within.get(within.len() / 2).copied(),
        other_ways: other_ways.into_iter().collect(),
        killers: killers(&declared, cells),
        declared,
    }
}

fn crossings(declared: &Declared, cells: &[Cell]) -> Vec<InCrossing> {
    let own = cells.iter().filter(|cell| cell.scenario == declared.scenario);
    let all: BTreeSet<Crossing> = own.map(|cell| cell.crossing).collect();
    let row = |crossing| {
        let ran: Vec<_> = shown_in(cells, &declared.name, &declared.scenario, |other| other == crossing).collect();
        let killed = ran.iter().filter(|shown| shown.iter().any(|shown| shown.way == declared.way));
        InCrossing { crossing, seeds: ran.len() as u32, killed: killed.count() as u32 }
    };
    all.into_iter().map(row).filter(|row| row.seeds > 0).collect()
}

fn killers(declared: &Declared, cells: &[Cell]) -> Vec<Killer> {
    let mut killers: BTreeMap<&str, Killer> = BTreeMap::new();
    for cell in cells.iter().filter(|cell| cell.scenario != declared.scenario) {
        let (Specimen::Mutant(name), Outcome::Ran { shown, .. }) = (&cell.specimen, &cell.outcome) else { continue };
        if let (true, Some(first)) = (*name == declared.name, shown.first()) {
            let killer = Killer { scenario: cell.scenario.clone(), way: first.way, within_cases: first.within_cases };
            killers.entry(&cell.scenario).or_insert(killer);
        }
    }
    killers.into_values().collect()
}

fn scenario(column: Column, cells: &[Cell], whole: bool) -> ScenarioRow {
    let of_it = cells.iter().filter(|cell| cell.scenario == column.name);
    let mutants: BTreeSet<&String> = of_it
        .filter_map(|cell| match &cell.specimen {
            Specimen::Mutant(name) => Some(name),
            Specimen::Reference | Specimen::CachingReference => None,
        })
        .collect();
    let was_run = mutants.iter().any(|mutant| !shown(cells, mutant, &column.name).is_empty());
    let kills = mutants.into_iter().filter(|mutant| {
        let seeds = shown(cells, mutant, &column.name);
        is_enough(seeds.iter().filter(|shown| !shown.is_empty()).count() as u32, seeds.len() as u32)
    });
    let kills: Vec<String> = kills.cloned().collect();
    let state = match (column.level, kills.is_empty(), whole && was_run) {
        (Level::Observe, _, _) => ScenarioState::Observes,
        (Level::Must | Level::Should, false, _) => ScenarioState::Kills,
        (Level::Must | Level::Should, true, true) => ScenarioState::KillsNothing,
        (Level::Must | Level::Should, true, false) => ScenarioState::NotJudged,
    };
    ScenarioRow { column, state, kills }
}

/// The verdict, and what it rests on.
struct Why {
    verdict: Verdict,
    reasons: Vec<String>,
}

impl Default for Why {
    fn default() -> Why {
        Why { verdict: Verdict::Clean, reasons: Vec::new() }
    }
}

impl Why {
    fn because(&mut self, verdict: Verdict, reason: String) {
        self.verdict = self.verdict.merge(verdict);
        self.reasons.push(reason);
    }

    fn broken(&mut self, reason: String) {
        self.because(Verdict::Broken, reason);
    }

    fn reference(&mut self, reference: &ReferenceRow) {
        for Alarm { scenario, seed, shown } in &reference.alarms {
            self.broken(format!(
                "false alarm on {} under {scenario}, seed {seed}: {} ({})",
                reference.specimen, shown.sentence, shown.way
            ));
        }
    }

    fn mutant(&mut self, mutant: &MutantRow) {
        let Declared { name, scenario, way, .. } = &mutant.declared;
        let MutantRow { seeds, killed, .. } = mutant;
        match mutant.state {
            MutantState::Killed | MutantState::NotJudged => {}
            MutantState::Missed => {
                self.broken(format!("{name} lives: {scenario} found it as declared with {killed} of {seeds} seeds"));
            }
            MutantState::KilledOtherwise => {
                let other: Vec<String> = mutant.other_ways.iter().map(Way::to_string).collect();
                self.broken(format!(
                    "{name} is found by {scenario} otherwise than declared ({way}) with {} of {seeds} seeds: {}",
                    seeds - killed,
                    other.join("; ")
                ));
            }
        }
    }

    fn scenario(&mut self, scenario: &ScenarioRow, whole: bool) {
        let name = &scenario.column.name;
        match scenario.state {
            ScenarioState::Kills | ScenarioState::Observes => {}
            ScenarioState::KillsNothing => {
                self.broken(format!("{name} kills no mutant: nothing shows that it can find anything"));
            }
            ScenarioState::NotJudged if whole => {
                self.because(Verdict::Inconclusive, format!("{name} was run against no mutant"));
            }
            // Not all mutants were chosen: whom it kills may be among the others.
            ScenarioState::NotJudged => {}
        }
    }

    /// What the verdict needed and could not have.
    fn cells(&mut self, cells: &[Cell], mutants: &[MutantRow]) {
        for cell in cells {
            let (specimen, scenario) = (&cell.specimen, &cell.scenario);
            let declares = |mutant: &MutantRow| {
                matches!(specimen, Specimen::Mutant(name) if *name == mutant.declared.name)
                    && mutant.declared.scenario == *scenario
            };
            match &cell.outcome {
                Outcome::Ran { .. } => {}
                Outcome::Failed { what } => {
                    let reason = format!("{specimen} under {scenario}, seed {}: {what}", cell.seed);
                    self.because(Verdict::Inconclusive, reason);
                }
                Outcome::LeftOut { reason } if mutants.iter().any(declares) => {
                    self.because(Verdict::Inconclusive, format!("{specimen} under {scenario}: {reason}"));
                }
                Outcome::LeftOut { .. } => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Over;
    use super::*;
    use crate::crossing::Http;
    use crate::finding::{Boundary, Leg, Shape};
    use crate::record::SelfTest;

    const SHIFT: Way = Way { shape: Shape::Shift, boundary: Boundary::CrossTenant, leg: Leg::Reply };
    const NARROW: Way = Way { boundary: Boundary::SameLane, ..SHIFT };

    fn ran(specimen: Specimen, scenario: &str, seed: u64, ways: &[Way]) -> Cell {
        let shown = |way: &Way| Shown { way: *way, within_cases: seed as u32, sentence: "a fact".to_owned() };
        let outcome = Outcome::Ran { cases: 9, shown: ways.iter().map(shown).collect() };
        Cell {
            specimen,
            scenario: scenario.to_owned(),
            seed,
            over: Over::Simulation,
            crossing: Crossing::default(),
            outcome,
        }
    }

    fn mutant(scenario: &str, seed: u64, ways: &[Way]) -> Cell {
        ran(Specimen::Mutant("defect".to_owned()), scenario, seed, ways)
    }

    /// One mutant, declared for the first of two scenarios; the second only observes.
    fn trial(cells: Vec<Cell>) -> Trial {
        let column = |name: &str, level| Column { name: name.to_owned(), family: "interim".to_owned(), level };
        Trial {
            crosswire_version: "0.1.0".to_owned(),
            over: Over::Simulation,
            seeds: vec![1],
            cases_max: 60,
            duration_ms: 1,
            self_test: SelfTest { planted: 1, found: 1, correct: 1, silent: 1 },
            mutants: vec![Declared {
                name: "defect".to_owned(),
                incident: "CVE-1".to_owned(),
                scenario: "hints".to_owned(),
                way: SHIFT,
            }],
            scenarios: vec![column("hints", Level::Must), column("control", Level::Observe)],
            all_mutants: true,
            interrupted: false,
            cells,
        }
    }

    fn judged(cells: Vec<Cell>) -> Matrix {
        Matrix::judge(trial(cells))
    }

    #[test]
    fn a_mutant_that_is_killed_as_declared_is_clean_and_so_is_its_scenario() {
        let matrix = judged(vec![mutant("hints", 3, &[NARROW, SHIFT]), mutant("control", 3, &[])]);
        assert_eq!((matrix.verdict, matrix.exit_code, matrix.reasons.len()), (Verdict::Clean, 0, 0));
        let row = &matrix.mutants[0];
        assert_eq!((row.state, row.seeds, row.killed, row.within_cases), (MutantState::Killed, 1, 1, Some(3)));
        assert_eq!(row.other_ways, [NARROW]);
        let states: Vec<_> = matrix.scenarios.iter().map(|scenario| scenario.state).collect();
        assert_eq!(states, [ScenarioState::Kills, ScenarioState::Observes]);
    }

    #[test]
    fn a_mutant_that_lives_is_broken() {
        let matrix = judged(vec![mutant("hints", 1, &[]), mutant("control", 1, &[SHIFT])]);
        assert_eq!((matrix.verdict, matrix.exit_code), (Verdict::Broken, 70));
        assert_eq!(matrix.mutants[0].state, MutantState::Missed);
        assert_eq!(matrix.mutants[0].killers[0].scenario, "control");
        let [lives, kills_nothing] = matrix.reasons.as_slice() else { panic!("{:?}", matrix.reasons) };
        assert!(lives.starts_with("defect lives") && kills_nothing.starts_with("hints kills no mutant"));
    }

    #[test]
    fn a_mutant_that_shows_itself_otherwise_only_is_broken_whatever_differs() {
        let differs = [NARROW, Way { shape: Shape::StaleDelivery, ..SHIFT }, Way { leg: Leg::Store, ..SHIFT }];
        for way in differs {
            let matrix = judged(vec![mutant("hints", 1, &[way])]);
            assert_eq!((matrix.verdict, matrix.mutants[0].state), (Verdict::Broken, MutantState::KilledOtherwise));
            assert!(matrix.reasons[0].contains(&way.to_string()), "{:?}", matrix.reasons);
        }
    }

    #[test]
    fn nineteen_of_twenty_seeds_are_enough_and_eighteen_are_not() {
        for (missed, state) in [(1, MutantState::Killed), (2, MutantState::Missed)] {
            let seed = |seed| mutant("hints", seed, if seed <= missed { &[] } else { &[SHIFT] });
            let matrix = judged((1..=20).map(seed).collect());
            assert_eq!(matrix.mutants[0].state, state, "{missed} missed");
            assert_eq!((matrix.mutants[0].seeds, matrix.mutants[0].killed), (20, 20 - missed as u32));
        }
        assert!(!is_enough(0, 0), "what was never run proves nothing");
    }

    #[test]
    fn a_mutant_has_to_be_killed_in_every_crossing_in_which_it_was_run() {
        let h2 = Crossing { down: Http::H2, up: Http::H1 };
        let there = |ways: &[Way]| Cell { crossing: h2, ..mutant("hints", 1, ways) };
        let both = judged(vec![mutant("hints", 1, &[SHIFT]), there(&[SHIFT])]);
        assert_eq!((both.verdict, both.mutants[0].crossings.len()), (Verdict::Clean, 2));
        let one = judged(vec![mutant("hints", 1, &[SHIFT]), mutant("hints", 2, &[SHIFT]), there(&[])]);
        let row = &one.mutants[0];
        assert_eq!((one.verdict, row.state, row.killed), (Verdict::Broken, MutantState::Missed, 0));
        assert_eq!(row.crossings[1], InCrossing { crossing: h2, seeds: 1, killed: 0 });
    }

    #[test]
    fn any_finding_on_a_correct_gateway_is_broken() {
        for specimen in [Specimen::Reference, Specimen::CachingReference] {
            let alarm = ran(specimen.clone(), "control", 4, &[SHIFT]);
            let matrix = judged(vec![mutant("hints", 1, &[SHIFT]), alarm]);
            assert_eq!(matrix.verdict, Verdict::Broken);
            assert!(matrix.reasons[0].contains(&format!("false alarm on {specimen} under control, seed 4")));
        }
        let quiet = judged(vec![mutant("hints", 1, &[SHIFT]), ran(Specimen::Reference, "hints", 1, &[])]);
        assert_eq!((quiet.verdict, quiet.references[0].cases), (Verdict::Clean, 9));
    }

    #[test]
    fn a_scenario_may_kill_the_mutant_of_another() {
        let mut trial = trial(vec![mutant("hints", 1, &[SHIFT]), mutant("crowd", 1, &[NARROW])]);
        trial.scenarios.push(Column { name: "crowd".to_owned(), ..trial.scenarios[0].clone() });
        let matrix = Matrix::judge(trial);
        assert_eq!(matrix.verdict, Verdict::Clean, "{:?}", matrix.reasons);
        assert_eq!(matrix.scenarios[2].kills, ["defect"]);
    }

    #[test]
    fn a_scenario_is_not_said_to_kill_nothing_where_only_some_mutants_were_chosen() {
        let mut some = trial(Vec::new());
        (some.all_mutants, some.mutants) = (false, Vec::new());
        let matrix = Matrix::judge(some);
        assert_eq!((matrix.verdict, matrix.scenarios[0].state), (Verdict::Clean, ScenarioState::NotJudged));
    }

    #[test]
    fn what_the_verdict_needs_and_cannot_have_is_inconclusive_and_never_clean() {
        let left_out = Outcome::LeftOut { reason: "its process must be stopped".to_owned() };
        let declared = Cell { outcome: left_out.clone(), ..mutant("hints", 1, &[]) };
        let matrix = judged(vec![declared]);
        assert_eq!((matrix.verdict, matrix.mutants[0].state), (Verdict::Inconclusive, MutantState::NotJudged));
        assert_eq!(matrix.scenarios[0].state, ScenarioState::NotJudged);
        assert!(matrix.reasons[0].contains("hints was run against no mutant"), "{:?}", matrix.reasons);
        assert!(matrix.reasons[1].contains("must be stopped"), "{:?}", matrix.reasons);

        let elsewhere = Cell { outcome: left_out, ..mutant("control", 1, &[]) };
        assert_eq!(judged(vec![mutant("hints", 1, &[SHIFT]), elsewhere]).verdict, Verdict::Clean);
        let failed = Outcome::Failed { what: "start sh".to_owned() };
        let failed = Cell { outcome: failed, ..mutant("control", 1, &[]) };
        assert_eq!(judged(vec![mutant("hints", 1, &[SHIFT]), failed]).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn an_oracle_that_fails_its_own_test_is_broken_and_an_end_before_the_end_interrupted() {
        let mut blind = trial(vec![mutant("hints", 1, &[SHIFT])]);
        blind.self_test.found = 0;
        assert_eq!(Matrix::judge(blind).verdict, Verdict::Broken);
        let mut ended = trial(Vec::new());
        ended.interrupted = true;
        assert_eq!(Matrix::judge(ended).verdict, Verdict::Interrupted);
    }

    #[test]
    fn a_matrix_reads_back_equal() {
        let matrix = judged(vec![mutant("hints", 1, &[SHIFT]), ran(Specimen::CachingReference, "hints", 1, &[])]);
        let text = serde_json::to_string(&matrix).unwrap();
        assert!(text.contains(r#""schema":"crosswire.matrix/1""#) && text.contains(r#"{"mutant":"defect"}"#));
        assert_eq!(serde_json::from_str::<Matrix>(&text).unwrap(), matrix);
    }
}
