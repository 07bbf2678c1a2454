//! A gateway as a process group: started in the foreground, ended with certainty, its workers too.
//!
//! The group is asked by SIGTERM, and killed when it has not ended in time. A lifeline, a shell that waits for our end
//! of a pipe to close, ends the group if this process is killed before it can. Until there is a lifeline the gateway is
//! held back: there is no moment at which it would be left behind.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use vocabulary::limits::STOP_WAIT;

use super::Freezer;
use super::recipe::programs;

/// How often the end of a group is looked for.
const POLL: Duration = Duration::from_millis(2);
/// Bytes of the log that an error shows.
const LOG_TAIL_BYTES: usize = 1500;

/// What the leader does until it is let go: it waits for a line, and becomes the program. Where we are killed before the
/// line is written, the end of the pipe ends it.
const HELD: &str = "read -r _ && exec \"$@\" </dev/null";

/// What the lifeline does: `$0` is the group. One that was stopped hears of SIGTERM only when it goes on.
const LIFELINE: &str =
    "read -r _; kill -TERM -$0 2>/dev/null && kill -CONT -$0 2>/dev/null && sleep 2 && kill -KILL -$0 2>/dev/null";

/// What is run.
#[derive(Debug, Clone)]
pub(super) struct Command {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
}

/// A running process group. Dropping it ends every process in it.
#[derive(Debug)]
pub(super) struct ProcessGroup {
    leader: Child,
    lifeline: Option<Child>,
    ended: Option<ExitStatus>,
    log: PathBuf,
    freezer: Freezer,
}

impl ProcessGroup {
    /// Starts a command as the leader of a group of its own. What it prints goes to the log.
    pub(super) fn start(command: &Command, environment: &[(&str, String)], log: &Path) -> io::Result<ProcessGroup> {
        let mut leader = held(command, environment, log)?;
        // Without a lifeline the gateway would only outlive us where we are killed: not worth refusing to test.
        let lifeline = std::process::Command::new("sh")
            .args(["-c", LIFELINE, &leader.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .ok();
        if let Some(mut held) = leader.stdin.take() {
            // If nobody is held any more, the leader's death says why.
            drop(held.write_all(b"\n"));
        }
        let freezer = number(&leader).map(Freezer::of).unwrap_or_default();
        Ok(ProcessGroup { leader, lifeline, ended: None, log: log.to_owned(), freezer })
    }

    /// What stops it for a moment.
    pub(super) fn freezer(&self) -> Freezer {
        self.freezer.clone()
    }

    /// How the leader ended and what it had printed last, if it has ended.
    pub(super) fn death(&mut self) -> Option<String> {
        if self.ended.is_none() {
            self.ended = self.leader.try_wait().ok().flatten();
        }
        let status = self.ended?;
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("it exited with {code}"),
            (None, Some(signal)) => format!("it was ended by signal {signal}"),
            (None, None) => "it ended".to_owned(),
        };
        let log = std::fs::read(&self.log).unwrap_or_default();
        let tail = String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_TAIL_BYTES)..]).trim().to_owned();
        Some(if tail.is_empty() { format!("{how} and printed nothing") } else { format!("{how}; it printed:\n{tail}") })
    }

    fn group(&self) -> Option<Pid> {
        number(&self.leader)
    }

    /// Whether every process of the group has ended, within a bound.
    fn wait_for_end(&mut self, group: Pid, bound: Duration) -> bool {
        let deadline = Instant::now() + bound;
        loop {
            // The leader is reaped first: a zombie still counts as a member of its group.
            if self.ended.is_none() {
                self.ended = self.leader.try_wait().ok().flatten();
            }
            if test_kill_process_group(group).is_err() {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(group) = self.group() {
            for (signal, bound) in [(Signal::TERM, STOP_WAIT), (Signal::KILL, STOP_WAIT)] {
                let sent = kill_process_group(group, signal);
                // What is stopped hears of it only when it goes on.
                self.freezer.retire();
                if sent.is_err() || self.wait_for_end(group, bound) {
                    break;
                }
            }
        }
        // The lifeline last: who is killed while the group is ending leaves nothing behind. That the group's number is free
        // by then is no harm: numbers are given out in turn, and it is long until this one comes round again.
        if let Some(mut lifeline) = self.lifeline.take() {
            drop(lifeline.kill());
            drop(lifeline.wait());
        }
        drop(self.leader.wait());
    }
}

/// The leader of a group of its own, held back from becoming the program. What either prints goes to the log.
fn held(command: &Command, environment: &[(&str, String)], log: &Path) -> io::Result<Child> {
    let program = programs::resolve(&command.program)?;
    let output = File::create(log)?;
    std::process::Command::new("sh")
        .args(["-c", HELD, "sh"])
        .arg(program)
        .args(&command.arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(output.try_clone()?)
        .stderr(output)
        .process_group(0)
        .spawn()
}

/// The number of the group that a process leads.
fn number(leader: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(leader.id()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str, folder: &Path) -> ProcessGroup {
        let command = Command { program: PathBuf::from("sh"), arguments: vec!["-c".to_owned(), script.to_owned()] };
        ProcessGroup::start(&command, &[("NAME", "value".to_owned())], &folder.join("log")).unwrap()
    }

    fn wait_until(condition: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(Instant::now() < deadline, "the condition did not come in 10 s");
            std::thread::sleep(POLL);
        }
    }

    #[test]
    fn dropping_ends_the_leader_and_its_workers() {
        let folder = tempfile::tempdir().unwrap();
        let marker = folder.path().join("started");
        let group = start(&format!("sleep 600 & sleep 600 & echo > {}; wait", marker.display()), folder.path());
        let pid = group.group().unwrap();
        wait_until(|| marker.exists());
        drop(group);
        assert!(test_kill_process_group(pid).is_err(), "a process of the group is left");
    }

    #[test]
    fn a_group_that_ignores_sigterm_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let marker = folder.path().join("started");
        let script = format!("trap '' TERM; echo > {}; while :; do sleep 1; done", marker.display());
        let group = start(&script, folder.path());
        let pid = group.group().unwrap();
        wait_until(|| marker.exists());
        drop(group);
        assert!(test_kill_process_group(pid).is_err(), "a process of the group is left");
    }

    #[test]
    fn a_program_that_nobody_lets_go_never_runs() {
        let folder = tempfile::tempdir().unwrap();
        let marker = folder.path().join("started");
        let arguments = vec!["-c".to_owned(), format!("echo > {}", marker.display())];
        let command = Command { program: PathBuf::from("sh"), arguments };
        let log = folder.path().join("log");
        // As if we had been killed before the lifeline was there: our end of the pipe closes.
        let mut killed = held(&command, &[], &log).unwrap();
        drop(killed.stdin.take());
        assert!(!killed.wait().unwrap().success() && !marker.exists());
        let mut owned = ProcessGroup::start(&command, &[], &log).unwrap();
        wait_until(|| marker.exists());
        assert!(owned.leader.wait().unwrap().success());
    }

    #[test]
    fn a_program_that_is_not_there_or_cannot_be_run_is_an_error_of_starting_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gateway");
        std::fs::write(&file, "#!/bin/sh\n").unwrap();
        let log = folder.path().join("log");
        for (program, kind) in [
            (PathBuf::from("no-such-gateway"), io::ErrorKind::NotFound),
            (folder.path().join("missing"), io::ErrorKind::NotFound),
            (file, io::ErrorKind::PermissionDenied),
        ] {
            let command = Command { program: program.clone(), arguments: Vec::new() };
            let error = ProcessGroup::start(&command, &[], &log).unwrap_err();
            assert_eq!(error.kind(), kind, "{program:?}");
        }
    }

    #[test]
    fn the_lifeline_ends_the_group_when_its_owner_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let mut group = start("sleep 600 & sleep 600 & wait", folder.path());
        let pid = group.group().unwrap();
        assert_eq!(group.death(), None);
        // What the kernel does for us when we are killed.
        drop(group.lifeline.as_mut().unwrap().stdin.take());
        let deadline = Instant::now() + Duration::from_secs(10);
        while group.death().is_none() {
            assert!(Instant::now() < deadline, "the group outlived its owner by 10 s");
            std::thread::sleep(POLL);
        }
        wait_until(|| test_kill_process_group(pid).is_err());
    }

    /// Writes a line whenever it has the processor.
    const TICKS: &str = "while :; do echo x >> $NAME; sleep 0.01; done";

    fn ticking(folder: &Path) -> (ProcessGroup, impl Fn() -> u64) {
        let ticks = folder.join("ticks");
        let command = Command { program: PathBuf::from("sh"), arguments: vec!["-c".to_owned(), TICKS.to_owned()] };
        let name = ("NAME", ticks.display().to_string());
        let group = ProcessGroup::start(&command, &[name], &folder.join("log")).unwrap();
        (group, move || std::fs::metadata(&ticks).map_or(0, |ticks| ticks.len()))
    }

    #[tokio::test]
    async fn a_stopped_group_does_nothing_until_the_last_guard_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let (group, ticks) = ticking(folder.path());
        wait_until(|| ticks() > 0);
        let freezer = group.freezer();
        let (first, second) = (freezer.freeze().await, freezer.freeze().await);
        let still = ticks();
        drop(first);
        // That it does nothing for a while can only be seen by waiting for a while.
        tokio::time::sleep_until(second.ends() - Duration::from_millis(100)).await;
        assert_eq!(ticks(), still);
        drop(second);
        wait_until(|| ticks() > still);
    }

    #[tokio::test]
    async fn a_stopped_group_goes_on_when_what_it_waits_for_takes_too_long() {
        let folder = tempfile::tempdir().unwrap();
        let (group, ticks) = ticking(folder.path());
        wait_until(|| ticks() > 0);
        let frozen = group.freezer().freeze().await;
        let still = ticks();
        let goes_on = async {
            while ticks() == still {
                tokio::time::sleep(POLL).await;
            }
        };
        frozen.during(goes_on).await;
    }

    #[tokio::test]
    async fn a_stopped_group_is_ended_by_drop_and_is_never_stopped_again() {
        let folder = tempfile::tempdir().unwrap();
        let (ready, marker) = (folder.path().join("ready"), folder.path().join("asked"));
        let trap = format!("trap 'echo > {}; exit' TERM", marker.display());
        let script = format!("{trap}; echo > {}; while :; do sleep 0.01; done", ready.display());
        let group = start(&script, folder.path());
        wait_until(|| ready.exists());
        let (pid, freezer) = (group.group().unwrap(), group.freezer());
        let frozen = freezer.freeze().await;
        drop(group);
        assert!(test_kill_process_group(pid).is_err(), "a process of the group is left");
        assert!(marker.exists(), "it was not asked to end, but killed");
        drop(frozen);
        let after = freezer.freeze().await;
        assert!(format!("{after:?}").contains("group: None"), "{after:?}");
    }

    #[tokio::test]
    async fn the_lifeline_ends_a_stopped_group_too() {
        let folder = tempfile::tempdir().unwrap();
        let mut group = start("sleep 600 & sleep 600 & wait", folder.path());
        let pid = group.group().unwrap();
        // As if we had been killed: the guard is never dropped.
        std::mem::forget(group.freezer().freeze().await);
        drop(group.lifeline.as_mut().unwrap().stdin.take());
        let deadline = Instant::now() + Duration::from_secs(10);
        while group.death().is_none() {
            assert!(Instant::now() < deadline, "the group outlived its owner by 10 s");
            std::thread::sleep(POLL);
        }
        wait_until(|| test_kill_process_group(pid).is_err());
    }

    #[test]
    fn a_death_says_how_and_what_was_printed() {
        let folder = tempfile::tempdir().unwrap();
        let mut group = start("echo \"no $NAME\" >&2; exit 3", folder.path());
        let deadline = Instant::now() + Duration::from_secs(10);
        let death = loop {
            if let Some(death) = group.death() {
                break death;
            }
            assert!(Instant::now() < deadline, "the process did not end in 10 s");
            std::thread::sleep(POLL);
        };
        assert_eq!(death, "it exited with 3; it printed:\nno value");
        assert_eq!(start("sleep 600", folder.path()).death(), None);
    }
}
