//! What ends a command before its time: the first signal asks it to end and say what it has come to, the second ends it.

use std::future::Future;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

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
    signalled: Arc<OnceLock<u8>>,
    found: Arc<AtomicBool>,
    quiet: bool,
}

impl Ending {
    pub(crate) fn new(output: &Output) -> Ending {
        Ending { stop: Stop::default(), signalled: Arc::default(), found: Arc::default(), quiet: output.quiet }
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
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            // Signals then do what they do by default; the journal is readable all the same.
            return;
        };
        loop {
            let code: u8 = tokio::select! {
                _ = interrupt.recv() => 130,
                _ = terminate.recv() => 143,
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
