//! The command as a process of its own, in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The command in a folder, as on a machine that is no CI system.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosswire"));
    command.args(arguments).current_dir(folder);
    command.env_remove("GITHUB_ACTIONS").env_remove("GITHUB_STEP_SUMMARY").env_remove("CROSSWIRE_LOG");
    command
}

pub(crate) fn crosswire(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The program as the specimen of this name, which listens and forwards as the environment says.
pub(crate) fn specimen(name: &str) -> String {
    format!("exec '{}' gateways serve {name}", env!("CARGO_BIN_EXE_crosswire"))
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within {} s", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A command that runs, and writes its stderr to a file that can be read meanwhile.
pub(crate) struct Running {
    child: Child,
    stderr: PathBuf,
}

impl Running {
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Running {
        let stderr = folder.join("stderr");
        let written = std::fs::File::create(&stderr).unwrap();
        let child = command(folder, arguments).stdout(Stdio::null()).stderr(written).spawn().unwrap();
        Running { child, stderr }
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap()
    }

    #[track_caller]
    pub(crate) fn until_it_says(&mut self, words: &str) {
        until(words, || {
            // In this order: what has ended says nothing more.
            let ended = self.has_ended();
            let said = self.said();
            assert!(said.contains(words) || !ended, "{words:?} was never said: {said}");
            said.contains(words)
        });
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends a signal, unless it has ended by itself.
    pub(crate) fn signal(&mut self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success() || self.has_ended(), "kill {signal}");
    }

    /// The exit code; none if a signal ended it.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let mut status = None;
        until("the end of the process", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The processes whose environment names this folder: gateways that work there.
pub(crate) fn working_in(folder: &Path) -> Vec<String> {
    let named = format!("WORKDIR={}", folder.display()).into_bytes();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).map(|entry| entry.path());
    let works = |process: &PathBuf| {
        let environment = std::fs::read(process.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(&named))
    };
    processes.filter(works).map(|process| process.display().to_string()).collect()
}
