//! What a person sees while a run goes on, on a terminal and where there is none.

use std::path::Path;
use std::process::Command;

use crate::stage::{Running, code, crosswire, stderr};

const CHECK: &str = "check --recipe reference --scenario surplus-same-segment --cases 2 --seed 1";

/// What the command writes on a terminal; nothing where there is no program that lends one.
fn on_a_terminal(folder: &Path, environment: &[(&str, &str)]) -> Option<String> {
    let line = format!("'{}' {CHECK}", env!("CARGO_BIN_EXE_crosswire"));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(folder);
    script.env("TERM", "xterm").env_remove("NO_COLOR").env_remove("GITHUB_ACTIONS").envs(environment.iter().copied());
    match script.output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", stderr(&output));
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Err(error) => {
            eprintln!("skipped: script, which lends a terminal, cannot be started: {error}");
            None
        }
    }
}

#[test]
fn a_terminal_gets_colour_unless_it_or_its_user_wants_none() {
    let folder = tempfile::tempdir().unwrap();
    let (red, green) = ("\u{1b}[1;31m", "\u{1b}[1;32m");
    let Some(plain) = on_a_terminal(folder.path(), &[]) else { return };
    assert!(plain.contains(green), "{plain:?}");
    let refused = on_a_terminal(folder.path(), &[("NO_COLOR", "1")]).unwrap();
    assert!(!refused.contains(green) && !refused.contains(red) && refused.contains("Clean"), "{refused:?}");
    // https://no-color.org: an empty value refuses nothing.
    assert!(on_a_terminal(folder.path(), &[("NO_COLOR", "")]).unwrap().contains(green));
    let dumb = on_a_terminal(folder.path(), &[("TERM", "dumb")]).unwrap();
    assert!(!dumb.contains('\u{1b}') && dumb.contains("Clean"), "{dumb:?}");
}

#[test]
fn where_there_is_no_terminal_a_plain_line_says_now_and_then_that_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let check = ["check", "--profile", "deep", "--skip", "*control", "--recipe", "reference", "--out", "run"];
    let mut run = Running::start(folder.path(), &check);
    run.until_it_says(" replies verified · ");
    assert!(!run.has_ended() && !run.said().contains('\u{1b}'), "{}", run.said());
}

#[test]
fn who_waits_for_a_gateway_is_told_what_is_waited_for_and_may_say_how_long() {
    let folder = tempfile::tempdir().unwrap();
    let check = ["check", "--command", "sleep 600", "--scenario", "surplus-same-segment", "--wait-ready"];
    let output = crosswire(folder.path(), &[&check[..], &["1s"]].concat());
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("no canary came back within 1 s"), "{}", stderr(&output));
    let mut waiting = Running::start(folder.path(), &[&check[..], &["600s"]].concat());
    waiting.until_it_says("crosswire-out/");
    assert!(waiting.said().contains("sleep 600") && !waiting.has_ended(), "{}", waiting.said());
}

#[test]
fn the_last_run_has_a_name_that_can_be_known_beforehand() {
    let folder = tempfile::tempdir().unwrap();
    let check: Vec<&str> = CHECK.split(' ').collect();
    assert_eq!(code(&crosswire(folder.path(), &check)), 0);
    let report = crosswire(folder.path(), &["report", "crosswire-out/latest", "-q"]);
    assert_eq!((code(&report), stderr(&report).as_str()), (0, "Clean\n"));
}
