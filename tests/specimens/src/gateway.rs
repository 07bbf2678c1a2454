//! The gateway as a whole: it accepts, and gives each client connection a task of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use transport::{Address, Listener};

use crate::cache::Cache;
use crate::client;
use crate::date::Calendar;
use crate::decisions::Decisions;
use crate::desk::Desk;
use crate::head::RequestHead;
use crate::pool::Pool;
use crate::register::{Answered, Pending};
use crate::ring::Ring;
use crate::trunk::Trunks;
use crate::worker::Worker;

/// How many client connections are served at once; more wait in the kernel.
const CLIENTS_MAX: usize = 4096;
/// How long the gateway waits when the system has no more sockets to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// What all client connections share.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) origin: Address,
    pub(crate) decisions: Decisions,
    pub(crate) pool: Pool,
    pub(crate) trunks: Trunks,
    pub(crate) cache: Cache,
    pub(crate) desk: Desk,
    pub(crate) ring: Ring,
    pub(crate) worker: Worker,
    pub(crate) pending: Pending,
    pub(crate) answered: Answered,
    pub(crate) calendar: Calendar,
    /// Held by every exchange that is under way.
    pub(crate) under_way: Arc<()>,
}

impl Gateway {
    /// Whether any exchange is under way.
    fn is_busy(&self) -> bool {
        Arc::strong_count(&self.under_way) > 1
    }

    /// RFC 9111 §4.4: an unsafe request that succeeded makes what is stored for its target invalid.
    pub(crate) fn note_change(&self, request: &RequestHead, status: u16) {
        let Some(caching) = self.decisions.caching else { return };
        if status < 400 && !matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS") {
            let read = RequestHead { method: "GET".to_owned(), ..request.clone() };
            self.cache.invalidate(&(caching.key)(&read));
        }
    }
}

/// Runs a gateway: accepts on `listener`, forwards to `origin`, takes its decisions from `decisions`. Ends only with
/// an error of the listener; dropping the future ends the gateway and everything it started.
///
/// # Errors
///
/// If the listener cannot be used with the runtime.
pub async fn serve(listener: std::net::TcpListener, origin: SocketAddr, decisions: Decisions) -> io::Result<()> {
    serve_on(Listener::from_std(listener)?, origin.into(), decisions).await
}

/// As [`serve`], over TCP or in a simulation.
///
/// # Errors
///
/// As [`serve`].
pub async fn serve_on(listener: Listener, origin: Address, decisions: Decisions) -> io::Result<()> {
    let calendar = if origin.net().is_some() { Calendar::simulated() } else { Calendar::real() };
    let (pool, trunks, cache, desk, ring, under_way) = Default::default();
    let (worker, pending, answered) = Default::default();
    let gateway = Arc::new(Gateway {
        origin,
        decisions,
        pool,
        trunks,
        cache,
        desk,
        ring,
        worker,
        pending,
        answered,
        calendar,
        under_way,
    });
    let mut clients = JoinSet::new();
    let keeper = Arc::clone(&gateway);
    // A task as the clients are: it hears of what has come in the order in which the kernel tells it.
    clients.spawn(async move {
        match keeper.decisions.looks_every {
            Some(every) => keeper.pool.sweep(every, &keeper.decisions, || keeper.is_busy()).await,
            None => keeper.pool.keep_clean(&keeper.decisions).await,
        }
    });
    loop {
        tokio::select! {
            biased;
            // What a task returns does not matter; a panic has been printed.
            Some(_) = clients.join_next() => {}
            accepted = listener.accept(), if clients.len() < CLIENTS_MAX => match accepted {
                Ok(stream) => {
                    clients.spawn(client::attend(stream, Arc::clone(&gateway)));
                }
                // Out of sockets, or the client left before it was accepted: both pass.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }
}
