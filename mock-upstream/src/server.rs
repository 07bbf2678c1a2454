//! The accept loop and the commands that need its runtime: on a thread of its own, or as a task of the caller's.

use std::net::TcpListener;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{mpsc as commands, oneshot};
use tokio::task::{AbortHandle, JoinSet, LocalSet};
use transport::Listener;

use crate::door::Door;
use crate::office::Office;
use crate::{Drained, OriginError, connection};

/// How long a drop waits for the thread. Nothing in it takes that long, unless the observer blocks.
const JOIN_WAIT: Duration = Duration::from_secs(2);
/// How long the accept loop rests after an error, such as too many open files.
const ACCEPT_REST: Duration = Duration::from_millis(10);

/// The running origin. Dropping it ends it.
pub(crate) struct Server {
    commands: Option<commands::UnboundedSender<Command>>,
    runs: Runs,
}

/// Where it runs.
enum Runs {
    OnThread(OriginThread),
    Here(AbortHandle),
}

/// The origin's own thread.
struct OriginThread {
    /// Disconnected when the thread has ended. Behind a lock only so that the origin can be shared between threads.
    ended: Mutex<mpsc::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
    id: ThreadId,
}

/// What only the origin's own runtime can do.
enum Command {
    CloseConnections { wait: Duration, drained: oneshot::Sender<Drained> },
}

impl Server {
    pub(crate) fn on_own_thread(listener: TcpListener, office: Arc<Office>) -> Result<Server, OriginError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(OriginError::Thread)?;
        let listener = {
            let _entered = runtime.enter();
            Listener::from_std(listener).map_err(OriginError::Listener)?
        };
        let door = Door::new().map_err(OriginError::Certificate)?;
        let (sender, receiver) = commands::unbounded_channel();
        let (ends, ended) = mpsc::channel();
        let run = move || {
            let _ends: mpsc::Sender<()> = ends;
            let connections = LocalSet::new();
            connections.block_on(&runtime, serve(listener, door, office, receiver));
        };
        let thread = thread::Builder::new().name("crosswire-origin".to_owned()).spawn(run);
        let thread = thread.map_err(OriginError::Thread)?;
        let id = thread.thread().id();
        let thread = OriginThread { ended: Mutex::new(ended), thread: Some(thread), id };
        Ok(Server { commands: Some(sender), runs: Runs::OnThread(thread) })
    }

    pub(crate) fn here(listener: Listener, office: Arc<Office>) -> Server {
        let (sender, receiver) = commands::unbounded_channel();
        let task = tokio::task::spawn_local(serve(listener, Door::default(), office, receiver));
        Server { commands: Some(sender), runs: Runs::Here(task.abort_handle()) }
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

impl Drop for Server {
    fn drop(&mut self) {
        // The thread ends when nobody can command it any more.
        self.commands = None;
        match &mut self.runs {
            Runs::OnThread(thread) => thread.await_end(),
            Runs::Here(task) => task.abort(),
        }
    }
}

impl OriginThread {
    fn await_end(&mut self) {
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

/// Runs until the owner is gone. Whatever still runs then is dropped with this, and its sockets with it.
async fn serve(
    listener: Listener,
    door: Door,
    office: Arc<Office>,
    mut commands: commands::UnboundedReceiver<Command>,
) {
    let mut tasks = JoinSet::new();
    let gatekeeper = office.clone();
    tasks.spawn_local(async move { gatekeeper.keep_gates().await });
    loop {
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                None => return,
                Some(Command::CloseConnections { wait, drained }) => {
                    let office = office.clone();
                    tasks.spawn_local(async move {
                        // Whoever asked may have gone; the connections are closed all the same.
                        let _ = drained.send(office.close_connections(wait).await);
                    });
                }
            },
            // What a task returns does not matter; a panic has been printed.
            Some(_) = tasks.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok(stream) => match office.open_link() {
                    Some(link) => {
                        tasks.spawn_local(connection::serve(office.clone(), link, door.clone(), stream));
                    }
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
