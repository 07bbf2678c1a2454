//! The kill matrix as users run it, in small: what it says is what the tests of each mutant say, and it can say no.

use crosswire::{KillMatrix, Stop};
use vocabulary::matrix::{Matrix, MutantState, Outcome, Over, ScenarioState, Specimen};
use vocabulary::verdict::Verdict;

use crate::program_command;

/// A scenario under which nothing can go wrong: one request at a time, and there is no other.
const ALONE: &str = r#"
name = "alone"
family = "own"
title = "One request"
story = "Nobody is there whose reply it could be."
incidents = []
requirement = "none"
level = "must"
may_reveal = []
must_exercise = []
may_be_prevented_by = []
[[lane]]
name = "only"
tenants = 1
requests = 1
origin = [{ final = {} }]
"#;

fn one(mutant: &str, scenario: &str) -> KillMatrix {
    KillMatrix::default().mutants(mutant).scenarios(scenario)
}

fn cells(matrix: &Matrix, over: Over) -> usize {
    matrix.cells.iter().filter(|cell| cell.over == over && matches!(cell.outcome, Outcome::Ran { .. })).count()
}

#[test]
fn a_mutant_and_its_scenario_are_clean_in_a_simulation_and_over_tcp() {
    let simulated = one("surplus-accepted", "surplus-same-segment");
    for (matrix, over) in [(simulated.clone(), Over::Simulation), (simulated.over_tcp(), Over::Tcp)] {
        let matrix = matrix.seeds(1..=2).run().unwrap();
        assert_eq!((matrix.verdict, matrix.exit_code), (Verdict::Clean, 0), "{:?}", matrix.reasons);
        // Two seeds of the mutant and of both correct gateways, with clients of either version.
        assert_eq!(cells(&matrix, over), 12);
        let row = &matrix.mutants[0];
        assert_eq!((row.state, row.killed), (MutantState::Killed, 2));
        assert_eq!(matrix.scenarios[0].kills, ["surplus-accepted"]);
        assert!(matrix.references.iter().all(|reference| reference.cases > 0 && reference.alarms.is_empty()));
        assert!(matrix.self_test.passed());
    }
}

#[test]
fn what_must_be_stopped_is_a_program_over_tcp_and_not_judged_without_one() {
    let frozen = || one("surplus-checked-too-early", "surplus-frozen");
    let matrix = frozen().program(&program_command()).run().unwrap();
    assert_eq!(matrix.verdict, Verdict::Clean, "{:?}", matrix.reasons);
    assert!(cells(&matrix, Over::Program) >= 3);

    let matrix = frozen().run().unwrap();
    assert_eq!((matrix.verdict, matrix.exit_code), (Verdict::Inconclusive, 3));
    assert!(matrix.reasons.iter().any(|reason| reason.contains("must be stopped")), "{:?}", matrix.reasons);
}

#[test]
fn a_program_that_does_not_start_is_inconclusive() {
    let frozen = one("surplus-checked-too-early", "surplus-frozen");
    let matrix = frozen.program("exit 3").run().unwrap();
    assert_eq!(matrix.verdict, Verdict::Inconclusive);
    assert!(matrix.reasons[0].contains("exited with 3"), "{:?}", matrix.reasons);
}

#[test]
fn a_scenario_that_kills_nothing_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alone.toml");
    std::fs::write(&file, ALONE).unwrap();
    let matrix = KillMatrix::default().scenarios(file.to_str().unwrap()).run().unwrap();
    assert_eq!((matrix.verdict, matrix.exit_code), (Verdict::Broken, 70));
    assert_eq!(matrix.scenarios[0].state, ScenarioState::KillsNothing);
    assert_eq!(matrix.reasons.len(), 1, "{:?}", matrix.reasons);
    let of_mutants = matrix.cells.iter().filter(|cell| matches!(cell.specimen, Specimen::Mutant(_)));
    assert_eq!(of_mutants.count(), specimens::mutants().len());
}

#[test]
fn what_is_ended_before_it_began_is_interrupted() {
    let stop = Stop::default();
    stop.ask();
    let matrix = one("surplus-accepted", "surplus-same-segment").stop(stop).run().unwrap();
    assert_eq!((matrix.verdict, matrix.cells.len()), (Verdict::Interrupted, 0));
}

#[test]
fn the_same_seeds_give_the_same_cells() {
    let cells = || one("interim-*", "interim-*").run().unwrap().cells;
    assert_eq!(cells(), cells());
}
