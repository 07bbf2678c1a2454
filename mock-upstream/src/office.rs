//! What all connections of the origin share: the key, the clock, the observer, the book, and the register of links.
//!
//! It may be used from any thread. Waking always goes through a [`Link`], of which only its own connection waits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use vocabulary::canary::{CanaryKey, Scanner};
use vocabulary::history::{Closer, Observation};
use vocabulary::identity::{ConnectionId, ExchangeId, Moment};
use vocabulary::limits::UPSTREAM_CONNECTIONS_MAX;
use vocabulary::plan::{Event, EventKind};

use crate::gatehouse::{Gatehouse, OpenBook, Rung, Turn};
use crate::{Clock, Config, Drained, Observer, OriginCase, PlannedReply};

/// How much longer than its deadline a connection may take to report its end.
const LAST_WORD_WAIT: Duration = Duration::from_secs(1);

/// What all connections share.
pub(crate) struct Office {
    pub(crate) key: CanaryKey,
    pub(crate) scanner: Scanner,
    pub(crate) clock: Clock,
    observer: Observer,
    gatehouse: Gatehouse<Link>,
    links: Mutex<Links>,
    in_flight: AtomicU32,
    /// How often patience was ended.
    patience: AtomicU64,
    gates_changed: Notify,
}

#[derive(Default)]
struct Links {
    open: BTreeMap<ConnectionId, Arc<Link>>,
    opened: u32,
}

/// One upstream connection, as the rest of the origin sees it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: ConnectionId,
    /// Wakes the connection's writer, the only one to wait for it.
    pub(crate) changed: Notify,
    /// When the connection is to be reset, once it was told to close.
    close_by: OnceLock<Instant>,
    end_reported: AtomicBool,
    outcome: OnceLock<Outcome>,
    ended: Notify,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    ClosedInOrder,
    Reset,
}

impl Office {
    pub(crate) fn new(config: Config) -> Office {
        Office {
            key: config.key,
            scanner: Scanner::new(),
            clock: config.clock,
            observer: config.observer,
            gatehouse: Gatehouse::default(),
            links: Mutex::default(),
            in_flight: AtomicU32::new(0),
            patience: AtomicU64::new(0),
            gates_changed: Notify::new(),
        }
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    pub(crate) fn book(&self) -> OpenBook<'_> {
        self.gatehouse.book()
    }

    /// Tells the observer.
    pub(crate) fn report(&self, observation: Observation) {
        (self.observer)(observation);
    }

    /// Replaces the present case. Whatever is held by the earlier one goes on.
    pub(crate) fn load(&self, case: OriginCase) {
        self.book().load(case);
        self.gates_changed.notify_one();
        self.wake_all();
    }

    /// Adds an exchange to the present case.
    pub(crate) fn plan(&self, exchange: ExchangeId, reply: PlannedReply) {
        self.book().plan(exchange, reply);
    }

    /// Something has happened at this end.
    pub(crate) fn happened(&self, exchange: ExchangeId, kind: EventKind, at: Moment) {
        self.report(Observation::Event { exchange, kind, at });
        self.take_note(Event { exchange, kind });
    }

    /// Something has happened at either end.
    pub(crate) fn take_note(&self, event: Event) {
        let mut book = self.book();
        let awaited = book.happened(event, self.now());
        let may_open = event.kind == EventKind::Sent && book.has_gates();
        drop(book);
        if may_open {
            self.gates_changed.notify_one();
        }
        if awaited {
            self.wake_all();
        }
    }

    pub(crate) fn end_patience(&self) {
        self.patience.fetch_add(1, Ordering::Relaxed);
        self.wake_all();
    }

    pub(crate) fn patience(&self) -> u64 {
        self.patience.load(Ordering::Relaxed)
    }

    /// One more request is unanswered; how many are, this one included.
    pub(crate) fn enter(&self) -> u32 {
        self.in_flight.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A request was answered, or never will be.
    pub(crate) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// A link for a new connection, unless there are too many.
    pub(crate) fn open_link(&self) -> Option<Arc<Link>> {
        let mut links = lock(&self.links);
        if links.open.len() >= UPSTREAM_CONNECTIONS_MAX {
            return None;
        }
        links.opened += 1;
        let link = Arc::new(Link {
            id: ConnectionId(links.opened),
            changed: Notify::new(),
            close_by: OnceLock::new(),
            end_reported: AtomicBool::new(false),
            outcome: OnceLock::new(),
            ended: Notify::new(),
        });
        links.open.insert(link.id, link.clone());
        drop(links);
        self.report(Observation::UpstreamOpened { connection: link.id, at: self.now() });
        Some(link)
    }

    /// Reports the end of a connection; only the first time counts.
    pub(crate) fn report_end(&self, link: &Link, by: Closer) {
        if !link.end_reported.swap(true, Ordering::Relaxed) {
            self.report(Observation::UpstreamClosed { connection: link.id, by, at: self.now() });
        }
    }

    /// Takes a link out of the register.
    pub(crate) fn close_link(&self, link: &Link, outcome: Outcome) {
        self.report_end(link, Closer::Origin);
        lock(&self.links).open.remove(&link.id);
        // The first word counts: a task that panicked after its last word changes nothing.
        let _ = link.outcome.set(outcome);
        link.ended.notify_waiters();
    }

    pub(crate) fn open_connections(&self) -> usize {
        lock(&self.links).open.len()
    }

    /// Tells every connection to close, and waits until all have ended.
    pub(crate) async fn close_connections(&self, wait: Duration) -> Drained {
        let deadline = Instant::now() + wait;
        let links: Vec<Arc<Link>> = lock(&self.links).open.values().cloned().collect();
        for link in &links {
            let _ = link.close_by.set(deadline);
            link.changed.notify_one();
        }
        let mut drained = Drained::default();
        for link in links {
            match tokio::time::timeout_at(deadline + LAST_WORD_WAIT, link.outcome()).await {
                Ok(Outcome::ClosedInOrder) => drained.closed_in_order += 1,
                Ok(Outcome::Reset) | Err(_) => drained.reset += 1,
            }
        }
        drained
    }

    /// Where replies stand at gates.
    pub(crate) fn gatehouse(&self) -> &Gatehouse<Link> {
        &self.gatehouse
    }

    /// Something may have changed at a gate.
    pub(crate) fn look_at_gates(&self) {
        self.gates_changed.notify_one();
    }

    /// Opens gates and releases exchanges as their time comes, for ever.
    pub(crate) async fn keep_gates(&self) {
        loop {
            let changed = self.gates_changed.notified();
            match self.gatehouse.turn(self.now()) {
                Turn::Opened(opened) => self.report(Observation::GateOpened(opened)),
                // The released reply is written before the next one is let through: tasks of this thread run in turn.
                Turn::Released => tokio::task::yield_now().await,
                Turn::Idle { next: None } => changed.await,
                // The timer's grain is a millisecond; a look too early costs one more turn, no more.
                Turn::Idle { next: Some(at) } => drop(tokio::time::timeout(at.since(self.now()), changed).await),
            }
        }
    }

    fn wake_all(&self) {
        let links: Vec<Arc<Link>> = lock(&self.links).open.values().cloned().collect();
        for link in links {
            link.changed.notify_one();
        }
    }
}

impl Rung for Link {
    fn ring(&self) {
        self.changed.notify_one();
    }
}

impl Link {
    /// When the connection is to be reset, if it was told to close.
    pub(crate) fn close_by(&self) -> Option<Instant> {
        self.close_by.get().copied()
    }

    async fn outcome(&self) -> Outcome {
        loop {
            let ended = self.ended.notified();
            tokio::pin!(ended);
            // Registered before the outcome is read, so that an end in between is not missed.
            ended.as_mut().enable();
            if let Some(outcome) = self.outcome.get() {
                return *outcome;
            }
            ended.await;
        }
    }
}

/// A thread that panicked while it held a lock has left whole values behind: no change takes two steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
