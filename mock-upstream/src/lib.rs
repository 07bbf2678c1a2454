//! The origin that lies on purpose.
//!
//! A server of HTTP/1.1 and HTTP/2 behind the gateway under test, on one port. For each exchange it performs a planned
//! [`Directive`]: interim replies, broken framing, surplus bytes, replies held back and released in another order. It
//! reports every request that it saw and every reply that it emitted.
//!
//! What to write is decided by pure code (`behavior`, `gate`); the drivers (`h1`, `h2`) only perform it. The origin
//! runs on a thread of its own, so that the caller may have any runtime or none; in a simulation it is a task of the
//! caller's.
#![forbid(unsafe_code)]

mod account;
mod behavior;
mod body;
mod book;
mod clock;
mod connection;
mod door;
mod gate;
mod gatehouse;
mod h1;
mod h2;
mod head;
mod office;
mod perform;
mod rehearsal;
mod server;
mod turn;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use transport::{Address, Listener};
use vocabulary::canary::CanaryKey;
use vocabulary::directive::Directive;
use vocabulary::history::Observation;
use vocabulary::identity::{ExchangeId, TenantId};
use vocabulary::plan::{Event, Gate};

pub use clock::Clock;
pub use rehearsal::{Rehearsed, Step, rehearse};

/// Called for everything that the origin sees and does, on the origin's thread, in the order in which it happens.
/// Exchanges have their numbers on the wire. It must not block: while it runs, the origin does nothing.
pub type Observer = Arc<dyn Fn(Observation) + Send + Sync>;

/// What an origin needs for its whole life.
#[derive(Clone)]
pub struct Config {
    /// The run's key: it verifies the canaries of requests and mints those of replies.
    pub key: CanaryKey,
    /// The run's clock.
    pub clock: Clock,
    /// Who is told.
    pub observer: Observer,
}

/// What the origin does in one case. Exchanges have their numbers on the wire, in gates and events too.
#[derive(Debug, Clone, Default)]
pub struct OriginCase {
    /// What is planned for each exchange. Any other exchange is answered well, with 256 bytes.
    pub exchanges: BTreeMap<ExchangeId, PlannedReply>,
    /// Where replies are held for each other.
    pub gates: Vec<Gate>,
}

/// What the origin does for one exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedReply {
    /// Whose exchange it is: the replies' canaries say so.
    pub tenant: TenantId,
    /// What is done.
    pub directive: Directive,
    /// The name of the shared target that it asks for, if it does. Where a gateway has removed the request canary, the
    /// oldest exchange of its tenant that was sent to this target and has not been seen is taken to be meant.
    pub shared: Option<String>,
}

/// How the upstream connections ended when they were all to be closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// Connections whose other end the gateway closed in time.
    pub closed_in_order: usize,
    /// Connections that had to be reset.
    pub reset: usize,
}

/// Why there is no origin.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// The listener cannot be used.
    #[error("use the origin's listener; give it one that is bound and listens: {0}")]
    Listener(#[source] std::io::Error),
    /// There is no certificate for those gateways that speak TLS to the origin.
    #[error("make the origin's certificate: {0}")]
    Certificate(#[source] std::io::Error),
    /// No thread or no runtime could be had.
    #[error("start the origin's thread; check the limits on threads and open files: {0}")]
    Thread(#[source] std::io::Error),
}

/// The running origin. Dropping it closes the listener and every connection and ends its thread or tasks.
pub struct Origin {
    office: Arc<office::Office>,
    server: server::Server,
    address: Address,
}

impl Origin {
    /// Starts an origin that accepts connections from this listener. Until a case is loaded it answers every exchange
    /// well.
    pub fn start(listener: TcpListener, config: Config) -> Result<Origin, OriginError> {
        let address = listener.local_addr().map_err(OriginError::Listener)?.into();
        let office = Arc::new(office::Office::new(config));
        let server = server::Server::on_own_thread(listener, office.clone())?;
        Ok(Origin { office, server, address })
    }

    /// Starts an origin as tasks of the current [`LocalSet`](tokio::task::LocalSet), for a simulation: there is one thread
    /// and one time.
    ///
    /// # Panics
    ///
    /// Outside a `LocalSet`.
    pub fn start_here(listener: Listener, config: Config) -> Result<Origin, OriginError> {
        let address = listener.address().map_err(OriginError::Listener)?;
        let office = Arc::new(office::Office::new(config));
        let server = server::Server::here(listener, office.clone());
        Ok(Origin { office, server, address })
    }

    /// Where the origin listens.
    pub fn addr(&self) -> SocketAddr {
        self.address.socket_addr()
    }

    /// Where the origin listens, and on which network.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Replaces the present case. When this returns, requests that arrive are answered by the new one.
    pub fn load(&self, case: OriginCase) {
        self.office.load(case);
    }

    /// Adds an exchange to the present case: when this returns, its request is answered as planned.
    pub fn plan(&self, exchange: ExchangeId, reply: PlannedReply) {
        self.office.plan(exchange, reply);
    }

    /// Tells what a client did: sent, aborted, concluded. Gates and holds need it.
    pub fn notify(&self, event: Event) {
        self.office.take_note(event);
    }

    /// Ends the patience of everything that is held as bait now: all clients only wait, and nothing more will happen.
    /// What is held later, a second bait behind the first one for instance, takes another call.
    pub fn end_patience(&self) {
        self.office.end_patience();
    }

    /// Closes all upstream connections in order, waits for the gateway to close its ends, then resets what is left.
    /// Whatever was still held is given up.
    pub async fn close_connections(&self, wait: Duration) -> Drained {
        self.server.close_connections(wait).await
    }

    /// How many upstream connections are open.
    pub fn open_connections(&self) -> usize {
        self.office.open_connections()
    }
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Origin").field("address", &self.address).finish_non_exhaustive()
    }
}
