//! Stops a gateway's processes for a moment, so that what arrives meanwhile waits in the kernel for all of it at once.
//!
//! Only a process group that crosswire has started can be stopped. It goes on when nobody holds it any more, and nobody
//! holds it for longer than [`FREEZE_WAIT`]; if crosswire dies meanwhile, the group's lifeline ends it, stopped or not.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::{Instant, sleep, sleep_until};
use vocabulary::limits::{FREEZE_WAIT, STANDSTILL_WAIT};

/// How often it is looked whether all processes stand still.
const LOOK: Duration = Duration::from_millis(1);

/// Stops and continues a gateway, where that is possible. Copies stop the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Freezer(Option<Arc<Group>>);

#[derive(Debug)]
struct Group {
    id: Pid,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// For how many requests it stands still.
    by: u32,
    /// Whether the group has been ended: its number may be another's by now.
    ended: bool,
}

impl Freezer {
    /// For a group that was started here.
    pub(super) fn of(id: Pid) -> Freezer {
        Freezer(Some(Arc::new(Group { id, held: Mutex::default() })))
    }

    /// Stops the gateway until the guard is dropped, and waits until it stands still. Where it cannot be stopped, only the
    /// time is counted.
    pub(crate) async fn freeze(&self) -> Frozen {
        let ends = Instant::now() + FREEZE_WAIT;
        let frozen = Frozen { group: self.0.as_ref().filter(|group| group.hold()).map(Arc::clone), ends };
        if let Some(group) = &frozen.group {
            let deadline = Instant::now() + STANDSTILL_WAIT;
            // A signal is only on its way when it has been sent; a process may still run on another processor.
            while stands_still(Path::new("/proc"), group.id) == Some(false) && Instant::now() < deadline {
                sleep(LOOK).await;
            }
        }
        frozen
    }

    /// The group is about to end: it goes on, and is never stopped again.
    pub(super) fn retire(&self) {
        if let Some(group) = &self.0 {
            let mut held = group.held();
            held.ended = true;
            group.signal(Signal::CONT);
        }
    }
}

impl Group {
    /// Stops the group for one more; whether that could be done.
    fn hold(&self) -> bool {
        let mut held = self.held();
        if held.ended || held.by == 0 && !self.signal(Signal::STOP) {
            return false;
        }
        held.by += 1;
        true
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal(&self, signal: Signal) -> bool {
        kill_process_group(self.id, signal).is_ok()
    }
}

/// A gateway that stands still. It goes on when this is dropped.
#[derive(Debug)]
pub(crate) struct Frozen {
    group: Option<Arc<Group>>,
    ends: Instant,
}

impl Frozen {
    /// When the gateway must go on.
    pub(crate) fn ends(&self) -> Instant {
        self.ends
    }

    /// Does this while the gateway stands still; it goes on as soon as that is done, or must not wait any longer.
    pub(crate) async fn during<T>(self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = sleep_until(self.ends) => {}
        }
        drop(self);
        work.await
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let Some(group) = self.group.take() else { return };
        let mut held = group.held();
        held.by -= 1;
        if held.by == 0 && !held.ended {
            group.signal(Signal::CONT);
        }
    }
}

/// Whether no thread of the group runs; none where the system has no such files.
fn stands_still(processes: &Path, group: Pid) -> Option<bool> {
    let group = group.as_raw_nonzero().to_string();
    for process in std::fs::read_dir(processes).ok()?.flatten() {
        let is_process = process.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit());
        // One that has ended since stands still.
        let Ok(status) = std::fs::read_to_string(process.path().join("stat")) else { continue };
        if !is_process || state_and_group(&status).is_none_or(|(_, of)| of != group) {
            continue;
        }
        let threads = std::fs::read_dir(process.path().join("task")).into_iter().flatten().flatten();
        let states = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("stat")).ok());
        if states.into_iter().any(|status| state_and_group(&status).is_some_and(|(state, _)| may_run(state))) {
            return Some(false);
        }
    }
    Some(true)
}

/// Of `7 (a name) S 1 6 …`: the state and the process group. A name may hold anything, brackets too.
fn state_and_group(status: &str) -> Option<(&str, &str)> {
    let (_, behind_name) = status.rsplit_once(") ")?;
    let mut columns = behind_name.split_ascii_whitespace();
    Some((columns.next()?, columns.nth(1)?))
}

/// Whether a thread in this state may go on by itself: it is neither stopped nor dead.
fn may_run(state: &str) -> bool {
    !matches!(state, "T" | "t" | "Z" | "X" | "x")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_and_the_group_stand_behind_a_name_that_may_hold_anything() {
        assert_eq!(state_and_group("7 (a) S (b)) T 1 6 5 0"), Some(("T", "6")));
        assert_eq!(state_and_group("7 (cut"), None);
        assert!(may_run("S") && may_run("R") && may_run("D") && !may_run("T") && !may_run("Z"));
    }

    #[tokio::test(start_paused = true)]
    async fn where_nothing_can_be_stopped_only_the_time_is_counted() {
        let frozen = Freezer::default().freeze().await;
        assert_eq!(frozen.ends(), Instant::now() + FREEZE_WAIT);
        assert_eq!(frozen.during(std::future::ready(7)).await, 7);
    }
}
