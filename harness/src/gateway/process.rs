//! A gateway as a process group: started in the foreground, ended with certainty, its workers too.
//!
//! The group is asked by SIGTERM, and killed when it has not ended in time. A lifeline, a shell that waits for our end
//! of a pipe to close, ends the group if this process is killed before it can.

use std::fs::File;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use vocabulary::limits::STOP_WAIT;

/// How often the end of a group is looked for.
const POLL: Duration = Duration::from_millis(2);
/// Bytes of the log that an error shows.
const LOG_TAIL_BYTES: usize = 1500;

/// What the lifeline does: `$0` is the group.
const LIFELINE: &str = "read -r _; kill -TERM -$0 2>/dev/null && sleep 2 && kill -KILL -$0 2>/dev/null";

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
}

impl ProcessGroup {
    /// Starts a command as the leader of a group of its own. What it prints goes to the log.
    pub(super) fn start(command: &Command, environment: &[(&str, String)], log: &Path) -> io::Result<ProcessGroup> {
        let output = File::create(log)?;
        let leader = std::process::Command::new(&command.program)
            .args(&command.arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()?;
        // Without a lifeline the gateway would only outlive us where we are killed: not worth refusing to test.
        let lifeline = std::process::Command::new("sh")
            .args(["-c", LIFELINE, &leader.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .ok();
        Ok(ProcessGroup { leader, lifeline, ended: None, log: log.to_owned() })
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
        Pid::from_raw(i32::try_from(self.leader.id()).ok()?)
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
        // The lifeline first: once the group is gone its number may be given to another.
        if let Some(mut lifeline) = self.lifeline.take() {
            drop(lifeline.kill());
            drop(lifeline.wait());
        }
        let Some(group) = self.group() else { return };
        for (signal, bound) in [(Signal::TERM, STOP_WAIT), (Signal::KILL, STOP_WAIT)] {
            if kill_process_group(group, signal).is_err() || self.wait_for_end(group, bound) {
                break;
            }
        }
        drop(self.leader.wait());
    }
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
