//! What ends a command before its time: the first signal asks it to end and say what it has come to, the second ends it.
//! SIGUSR1 asks it how far it is.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::Context;
use crosswire::Stop;
use tokio::signal::unix::{SignalKind, signal};

use crate::output::{Output, to_stderr};

/// The exit code of a process that has found something, whatever ends it afterwards.
const FOUND: u8 = 10;

/// What work and signals know of each other. Clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    /// Asks the work to end.
    pub(crate) stop: Stop,
    /// What is said when somebody asks.
    pub(crate) status: Status,
    signalled: Arc<OnceLock<u8>>,
    found: Arc<AtomicBool>,
    quiet: bool,
}

/// How far a command is, in a line. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Status(Arc<Mutex<String>>);

impl Status {
    pub(crate) fn set(&self, line: &str) {
        line.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn tell(&self) {
        let line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        to_stderr(&format!("crosswire: {}", if line.is_empty() { "nothing is done yet" } else { line.as_str() }));
    }
}

impl Ending {
    pub(crate) fn new(output: &Output) -> Ending {
        Ending {
            stop: Stop::default(),
            status: Status::default(),
            signalled: Arc::default(),
            found: Arc::default(),
            quiet: output.quiet,
        }
    }

    /// Something was found: it survives whatever comes after it.
    pub(crate) fn found(&self) {
        self.found.store(true, Ordering::Relaxed);
    }

    /// The exit code of the signal that ended the work, if one did.
    pub(crate) fn signalled(&self) -> Option<u8> {
        self.signalled.get().copied()
    }

    /// Does the work, while signals are listened to.
    pub(crate) fn watched<T>(&self, work: impl Future<Output = T>) -> anyhow::Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("start the runtime that waits for what is run")?;
        Ok(runtime.block_on(async {
            tokio::spawn(self.clone().listen());
            work.await
        }))
    }

    async fn listen(self) {
        let (Ok(mut interrupt), Ok(mut terminate), Ok(mut asked)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::user_defined1()))
        else {
            // Signals then do what they do by default; the journal is readable all the same.
            return;
        };
        loop {
            let code: u8 = tokio::select! {
                _ = interrupt.recv() => 130,
                _ = terminate.recv() => 143,
                _ = asked.recv() => {
                    self.status.tell();
                    continue;
                }
            };
            if self.signalled.set(code).is_err() {
                let code = if self.found.load(Ordering::Relaxed) { FOUND } else { code };
                std::process::exit(code.into());
            }
            self.stop.ask();
            if !self.quiet {
                to_stderr("crosswire: ending after the present case; once more ends at once");
            }
        }
    }
}
