//! The origin's thread: a runtime of its own, the accept loop, and the commands that need the runtime.

use std::net::TcpListener;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{mpsc as commands, oneshot};
use tokio::task::LocalSet;

use crate::office::Office;
use crate::{Drained, OriginError, h1};

/// How long a drop waits for the thread. Nothing in it takes that long, unless the observer blocks.
const JOIN_WAIT: Duration = Duration::from_secs(2);
/// How long the accept loop rests after an error, such as too many open files.
const ACCEPT_REST: Duration = Duration::from_millis(10);

/// The running thread. Dropping it ends it.
pub(crate) struct OriginThread {
    commands: Option<commands::UnboundedSender<Command>>,
    /// Disconnected when the thread has ended. Behind a lock only so that the origin can be shared between threads.
    ended: Mutex<mpsc::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
    id: ThreadId,
}

/// What only the origin's own runtime can do.
enum Command {
    CloseConnections { wait: Duration, drained: oneshot::Sender<Drained> },
}

impl OriginThread {
    pub(crate) fn start(listener: TcpListener, office: Arc<Office>) -> Result<OriginThread, OriginError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(OriginError::Thread)?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(OriginError::Listener)?
        };
        let (sender, receiver) = commands::unbounded_channel();
        let (ends, ended) = mpsc::channel();
        let run = move || {
            let _ends: mpsc::Sender<()> = ends;
            let connections = LocalSet::new();
            connections.block_on(&runtime, serve(listener, office, receiver));
        };
        let thread = thread::Builder::new().name("crosswire-origin".to_owned()).spawn(run);
        let thread = thread.map_err(OriginError::Thread)?;
        let id = thread.thread().id();
        Ok(OriginThread { commands: Some(sender), ended: Mutex::new(ended), thread: Some(thread), id })
    }

    pub(crate) async fn close_connections(&self, wait: Duration) -> Drained {
        let (drained, result) = oneshot::channel();
        let command = Command::CloseConnections { wait, drained };
        match self.commands.as_ref().map(|commands| commands.send(command)) {
            // The thread ends only with its owner or by our own defect; either way nothing is left open.
            Some(Ok(())) => result.await.unwrap_or_default(),
            Some(Err(_)) | None => Drained::default(),
        }
    }
}

impl Drop for OriginThread {
    fn drop(&mut self) {
        self.commands = None;
        // The observer may hold the last handle of its own origin: a thread cannot wait for itself.
        if thread::current().id() == self.id {
            return;
        }
        let ended = self.ended.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        match ended.recv_timeout(JOIN_WAIT) {
            Err(mpsc::RecvTimeoutError::Timeout) => {
                tracing::warn!("the origin's thread did not end within {JOIN_WAIT:?}; its observer blocks");
            }
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => {
                if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
                    tracing::error!("the origin's thread has panicked");
                }
            }
        }
    }
}

/// Runs until the owner is gone. Whatever still runs then is dropped with the runtime, and its sockets with it.
async fn serve(
    listener: tokio::net::TcpListener,
    office: Arc<Office>,
    mut commands: commands::UnboundedReceiver<Command>,
) {
    let gatekeeper = office.clone();
    tokio::task::spawn_local(async move { gatekeeper.keep_gates().await });
    loop {
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                None => return,
                Some(Command::CloseConnections { wait, drained }) => {
                    let office = office.clone();
                    tokio::task::spawn_local(async move {
                        // Whoever asked may have gone; the connections are closed all the same.
                        let _ = drained.send(office.close_connections(wait).await);
                    });
                }
            },
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => match office.open_link() {
                    Some(link) => drop(tokio::task::spawn_local(h1::serve(office.clone(), link, stream))),
                    None => tracing::warn!("refused an upstream connection: too many are open"),
                },
                Err(error) => {
                    tracing::warn!("cannot accept an upstream connection: {error}");
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            },
        }
    }
}
