//! The first signal asks for the end, the second is the end; what was found is not lost by either.

use std::path::Path;

use crate::stage::{Running, code, crosswire, specimen, stderr, until, working_in};

/// The exit code and what `crosswire report` says of the run.
fn reported(folder: &Path) -> (i32, String) {
    let report = crosswire(folder, &["report", "run"]);
    (code(&report), stderr(&report))
}

/// A run in which there is nothing to find, and that goes on for long.
const LONG: [&str; 6] = ["check", "--profile", "deep", "--skip", "*control", "--recipe"];

fn judged(folder: &Path) -> usize {
    let journal = std::fs::read_to_string(folder.join("run/journal.jsonl")).unwrap_or_default();
    journal.lines().filter(|line| line.contains("\"case-judged\"")).count()
}

#[test]
fn an_interrupted_run_in_which_nothing_was_found_ends_with_130_and_has_a_record() {
    // With time for the present case, and without.
    for grace in ["5s", "0s"] {
        let folder = tempfile::tempdir().unwrap();
        let check = ["reference", "--out", "run", "--grace", grace];
        let mut run = Running::start(folder.path(), &[&LONG[..], &check[..]].concat());
        until("a judged case", || judged(folder.path()) > 0);
        run.signal("-INT");
        assert_eq!(run.ended(), Some(130), "{}", run.said());
        assert!(run.said().contains("once more ends at once") && run.said().contains("Interrupted"), "{}", run.said());
        let (code, text) = reported(folder.path());
        assert!(code == 130 && text.contains("Interrupted"), "{text}");
    }
}

#[test]
fn what_was_found_before_the_signal_stays_found_while_its_plan_is_made_smaller_and_while_it_is_measured() {
    let check =
        ["mutant:interim-taken-as-final", "--scenario", "interim-100-late-final", "--seed", "1", "--out", "run"];
    let check = [&LONG[..], &check[..]].concat();
    let shrinks = [&check[..], &["--shrink-time", "60s"]].concat();
    let measures = [&check[..], &["--shrink-time", "0s"]].concat();
    for (command, signal) in [(shrinks, "-TERM"), (measures, "-INT"), (vec!["demo", "--out", "run"], "-TERM")] {
        let folder = tempfile::tempdir().unwrap();
        let mut run = Running::start(folder.path(), &command);
        // At once: the run goes on for long after this line.
        run.until_it_says("found f1, and now looking for a smaller plan");
        run.signal(signal);
        assert_eq!(run.ended(), Some(10), "{command:?}: {}", run.said());
        let (code, text) = reported(folder.path());
        assert!(code == 10 && text.contains(" received tenant ") && text.contains("replay: "), "{command:?}: {text}");
    }
}

#[test]
fn the_second_signal_ends_at_once_and_the_journal_is_readable() {
    let folder = tempfile::tempdir().unwrap();
    let command = specimen("mutant:interim-taken-as-final");
    let check = ["check", "--command", &command, "--scenario", "interim-100-late-final", "--seed", "1", "--out", "run"];
    let mut run = Running::start(folder.path(), &check);
    run.until_it_says("found f1");
    run.signal("-TERM");
    run.until_it_says("once more ends at once");
    run.signal("-TERM");
    // Whether the second one still found it running, what was found decides.
    assert_eq!(run.ended(), Some(10), "{}", run.said());
    let (code, text) = reported(folder.path());
    assert!(code == 10 && text.contains(" received tenant "), "{text}");
    let gateway = folder.path().join("run/gateway");
    until("the end of the gateway", || working_in(&gateway).is_empty());
}

#[test]
fn a_run_whose_gateway_is_never_ready_need_not_be_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let check = ["check", "--command", "sleep 600", "--scenario", "surplus-same-segment", "--out", "run"];
    let mut run = Running::start(folder.path(), &check);
    let gateway = folder.path().join("run/gateway");
    until("the gateway", || !working_in(&gateway).is_empty());
    run.signal("-INT");
    assert_eq!(run.ended(), Some(130), "{}", run.said());
    assert_eq!(reported(folder.path()).0, 130);
    assert_eq!(working_in(&gateway), Vec::<String>::new());
}

#[test]
fn an_interrupted_replay_says_how_far_it_came() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(code(&crosswire(folder.path(), &["demo", "--out", "run"])), 10);
    let replay = ["replay", "run/plans/f1.json", "--times", "1000000", "--recipe"];
    let mut fixed = Running::start(folder.path(), &[&replay[..], &["reference", "-vv"]].concat());
    fixed.until_it_says("the lanes are done");
    fixed.signal("-TERM");
    assert_eq!(fixed.ended(), Some(143), "{}", fixed.said());
    assert!(fixed.said().contains("INTERRUPTED: of 1000000 runs"), "{}", fixed.said());

    let mut broken = Running::start(folder.path(), &[&replay[..], &["mutant:interim-taken-as-final", "-vv"]].concat());
    // Behind the rinse that shows it ready come runs that fail.
    until("some runs", || broken.said().matches("the lanes are done").count() > 8);
    broken.signal("-INT");
    assert_eq!(broken.ended(), Some(10), "{}", broken.said());
    assert!(broken.said().contains("FAILED "), "{}", broken.said());
}

#[test]
fn an_interrupted_selftest_ends_with_the_signals_code() {
    let folder = tempfile::tempdir().unwrap();
    let mut selftest = Running::start(folder.path(), &["selftest", "--seeds", "1..=20", "--tcp"]);
    // Its handlers are there before its first cell.
    until("the handlers of signals", || handles_signals(&selftest));
    selftest.signal("-INT");
    assert_eq!(selftest.ended(), Some(130), "{}", selftest.said());
    assert!(selftest.said().contains("Interrupted"), "{}", selftest.said());
}

/// Whether SIGINT and SIGTERM would be caught.
fn handles_signals(run: &Running) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", run.id())).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0").trim().to_owned();
    u64::from_str_radix(&caught, 16).unwrap_or(0) & ((1 << 1) | (1 << 14)) == (1 << 1) | (1 << 14)
}

#[test]
fn whoever_asks_is_told_how_far_a_run_is_and_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Running::start(folder.path(), &[&LONG[..], &["reference", "--out", "run", "-q"]].concat());
    until("two judged cases", || judged(folder.path()) > 1);
    run.signal("-USR1");
    run.until_it_says(" replies verified");
    let before = judged(folder.path());
    until("another judged case", || judged(folder.path()) > before);
    run.signal("-INT");
    assert_eq!(run.ended(), Some(130), "{}", run.said());
}

#[test]
fn quiet_is_quiet_when_interrupted_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Running::start(folder.path(), &[&LONG[..], &["reference", "--out", "run", "-q"]].concat());
    until("a judged case", || judged(folder.path()) > 0);
    run.signal("-INT");
    assert_eq!(run.ended(), Some(130));
    assert_eq!(run.said(), "Interrupted\n");
}
