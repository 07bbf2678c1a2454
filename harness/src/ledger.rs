//! The ledger: where both ends report what they see, and where a lane waits for what another end has done.
//!
//! It only collects. [`Ledger::seal`] hands the case's observations to the oracle as a
//! [`History`](vocabulary::history::History); judging happens there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use mock_upstream::Clock;
use tokio::sync::Notify;
use vocabulary::history::{History, Observation, Performed};
use vocabulary::identity::{ConnectionId, ExchangeId, Moment};
use vocabulary::limits::OBSERVATIONS_MAX;
use vocabulary::plan::{Event, EventKind, Plan};

use crate::affinity;

/// Collects the observations of one case from every thread.
pub(crate) struct Ledger {
    clock: Clock,
    collected: Mutex<Collected>,
    changed: Notify,
    last_at: AtomicU64,
}

#[derive(Default)]
struct Collected {
    observations: Vec<Observation>,
    events: BTreeSet<Event>,
    /// Upstream connections that are open, and how many requests each has served since the first performed fault.
    alive: BTreeMap<ConnectionId, Option<u32>>,
    fault_performed: bool,
    /// The upstream connection on which each exchange was seen last.
    seen_on: BTreeMap<ExchangeId, ConnectionId>,
    /// Exchanges of which a delivery was received by another.
    went_elsewhere: BTreeSet<ExchangeId>,
    /// Observations beyond the bound: the case must not be judged as if they had not happened.
    dropped: u64,
}

/// A case saw more than [`OBSERVATIONS_MAX`] observations; its history is not whole and cannot be judged.
#[derive(Debug, thiserror::Error)]
#[error(
    "kept {OBSERVATIONS_MAX} observations of one case and had to drop {dropped} more; give the case fewer exchanges"
)]
pub(crate) struct Overflow {
    dropped: u64,
}

impl Ledger {
    pub(crate) fn new(clock: Clock) -> Ledger {
        Ledger { clock, collected: Mutex::default(), changed: Notify::new(), last_at: AtomicU64::new(0) }
    }

    /// The present moment on the run's clock.
    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Takes an observation in and wakes whoever waits.
    pub(crate) fn record(&self, observation: Observation) {
        self.last_at.store(self.clock.now().0, Ordering::Relaxed);
        let mut collected = self.lock();
        collected.follow(&observation);
        if collected.observations.len() < OBSERVATIONS_MAX {
            collected.observations.push(observation);
        } else {
            collected.dropped += 1;
        }
        drop(collected);
        self.changed.notify_waiters();
    }

    /// When the last observation came in.
    pub(crate) fn last_at(&self) -> Moment {
        Moment(self.last_at.load(Ordering::Relaxed))
    }

    /// Resolves when the event has happened, or cannot happen any more because its exchange is over. The caller bounds
    /// the wait.
    pub(crate) async fn happened(&self, event: Event) {
        self.until(|collected| collected.events.contains(&event) || collected.is_too_late_for(event)).await;
    }

    /// Resolves when the origin will send nothing more for an exchange: it has written the final reply, or the upstream
    /// connection on which it saw the exchange last has ended. The caller bounds the wait.
    pub(crate) async fn origin_is_done(&self, exchange: ExchangeId) {
        self.until(|collected| {
            let written = Event { exchange, kind: EventKind::FinalWritten };
            let seen_on = collected.seen_on.get(&exchange);
            let closed = seen_on.is_some_and(|connection| !collected.alive.contains_key(connection));
            closed || collected.events.contains(&written)
        })
        .await;
    }

    /// Resolves when a reply that an exchange is owed has turned up at another one: its client waits in vain. The caller
    /// bounds the wait.
    pub(crate) async fn reply_went_elsewhere(&self, exchange: ExchangeId) {
        self.until(|collected| collected.went_elsewhere.contains(&exchange)).await;
    }

    /// Whether the event has happened.
    pub(crate) fn has_happened(&self, event: Event) -> bool {
        self.lock().events.contains(&event)
    }

    /// Whether every upstream connection that was alive at the first performed fault has served `n` more requests or
    /// has been closed. False as long as no fault was performed.
    pub(crate) fn upstream_served(&self, n: u32) -> bool {
        let collected = self.lock();
        collected.fault_performed && collected.alive.values().flatten().all(|served| *served >= n)
    }

    /// The client connections that, as far as is known by now, have affinity with one of those on which these exchanges were
    /// sent.
    pub(crate) fn affinity_with(&self, exchanges: &[ExchangeId]) -> BTreeSet<ConnectionId> {
        affinity::class_of(&self.lock().observations, exchanges)
    }

    /// The case's history; the ledger is empty afterwards. Connections stay known.
    pub(crate) fn seal(&self, plan: Plan, base: u32) -> Result<History, Overflow> {
        let mut collected = self.lock();
        // The next case is likely to see as much.
        let next = Vec::with_capacity(collected.observations.len());
        let observations = std::mem::replace(&mut collected.observations, next);
        let dropped = std::mem::take(&mut collected.dropped);
        collected.events.clear();
        collected.seen_on.clear();
        collected.went_elsewhere.clear();
        collected.fault_performed = false;
        for served in collected.alive.values_mut() {
            *served = None;
        }
        drop(collected);
        match dropped {
            0 => Ok(History::seal(plan, base, observations)),
            dropped => Err(Overflow { dropped }),
        }
    }

    async fn until(&self, condition: impl Fn(&Collected) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the condition is read, so that a change in between is not missed.
            changed.as_mut().enable();
            if condition(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Collected> {
        // A thread that panicked while it held the lock has left whole values behind: every change is one push.
        self.collected.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Collected {
    /// Once the client is done with an exchange, what the origin does before a final reply will not come any more; and
    /// if the origin has not even seen it, nothing will.
    fn is_too_late_for(&self, event: Event) -> bool {
        let has = |kind| self.events.contains(&Event { kind, ..event });
        match event.kind {
            EventKind::Frozen
            | EventKind::Sent
            | EventKind::BodySent
            | EventKind::Seen
            | EventKind::InterimWritten
            | EventKind::Aborted => has(EventKind::Concluded),
            EventKind::FinalWritten | EventKind::SurplusWritten => has(EventKind::Concluded) && !has(EventKind::Seen),
            EventKind::Concluded => false,
        }
    }

    fn follow(&mut self, observation: &Observation) {
        match observation {
            Observation::Event { exchange, kind, .. } => {
                self.events.insert(Event { exchange: *exchange, kind: *kind });
            }
            Observation::UpstreamOpened { connection, .. } => {
                self.alive.insert(*connection, None);
            }
            Observation::UpstreamClosed { connection, .. } => {
                self.alive.remove(connection);
            }
            Observation::Seen(seen) => {
                if let Some(exchange) = seen.exchange {
                    self.seen_on.insert(exchange, seen.connection);
                }
                if let Some(Some(served)) = self.alive.get_mut(&seen.connection) {
                    *served += 1;
                }
            }
            Observation::Fault(fault) if fault.performed == Performed::Fully && !self.fault_performed => {
                self.fault_performed = true;
                for served in self.alive.values_mut() {
                    *served = Some(0);
                }
            }
            Observation::Received(received) => {
                let owners = received.canaries.iter().filter_map(|found| found.claim.delivery_id());
                let foreign = owners.map(|delivery| delivery.exchange).filter(|owner| *owner != received.exchange);
                self.went_elsewhere.extend(foreign);
            }
            Observation::Fault(_)
            | Observation::Sent(_)
            | Observation::BodySeen(_)
            | Observation::Replied(_)
            | Observation::GaveUp(_)
            | Observation::Unasked(_)
            | Observation::GateOpened(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use vocabulary::directive::FaultKind;
    use vocabulary::history::{Closer, Fault};

    const SEEN: Event = Event { exchange: ExchangeId(1), kind: EventKind::Seen };

    fn performed() -> Observation {
        Observation::Fault(Fault {
            exchange: ExchangeId(1),
            kind: FaultKind::Interim,
            performed: Performed::Fully,
            connection: Some(ConnectionId(1)),
            at: Moment(1),
        })
    }

    #[tokio::test]
    async fn a_waiter_is_woken_by_its_event_and_not_by_another() {
        let ledger = Ledger::new(Clock::start());
        let other = Event { exchange: ExchangeId(2), ..SEEN };
        ledger.record(Observation::Event { exchange: SEEN.exchange, kind: SEEN.kind, at: ledger.now() });
        tokio::time::timeout(Duration::from_secs(5), ledger.happened(SEEN)).await.unwrap();
        assert!(!ledger.has_happened(other));
    }

    #[tokio::test]
    async fn nobody_waits_for_an_event_of_an_exchange_that_is_over() {
        let ledger = Ledger::new(Clock::start());
        let of = |kind| Event { kind, ..SEEN };
        let tell = |kind| ledger.record(Observation::Event { exchange: SEEN.exchange, kind, at: Moment(1) });
        tell(EventKind::Concluded);
        for kind in [EventKind::InterimWritten, EventKind::Aborted, EventKind::FinalWritten] {
            tokio::time::timeout(Duration::from_secs(5), ledger.happened(of(kind))).await.unwrap();
        }
        tell(EventKind::Seen);
        let written = tokio::time::timeout(Duration::from_millis(20), ledger.happened(of(EventKind::FinalWritten)));
        assert!(written.await.is_err(), "the origin may still write the reply that its client has given up");
    }

    #[test]
    fn followers_may_stop_when_every_living_connection_has_served_or_closed() {
        let ledger = Ledger::new(Clock::start());
        for number in [1, 2] {
            ledger.record(Observation::UpstreamOpened { connection: ConnectionId(number), at: Moment(0) });
        }
        assert!(!ledger.upstream_served(0), "no fault was performed yet");
        ledger.record(performed());
        assert!(!ledger.upstream_served(1));
        for number in [1, 2] {
            let (connection, by) = (ConnectionId(number), Closer::Gateway);
            ledger.record(Observation::UpstreamClosed { connection, by, at: Moment(2) });
        }
        assert!(ledger.upstream_served(1));
    }
}
