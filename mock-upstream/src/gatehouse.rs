//! Where replies stand at gates, and who wakes them.
//!
//! Three parties meet here: connections whose reply stands at a gate, the keeper who opens gates and lets replies
//! through, and the clients' side, which says what was sent. Nobody may be left standing: a connection writes itself in
//! before it looks whether it may pass, and the keeper lets pass before it looks who is written in, so that one of the
//! two sees the other. `model` checks that with every interleaving that loom can make of it:
//! `RUSTFLAGS="--cfg crosswire_loom" cargo test -p crosswire-mock-upstream --lib model`

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use vocabulary::history::GateOpened;
use vocabulary::identity::{ExchangeId, Moment};

use crate::book::Book;
// Its own name: `--cfg loom` would take the sockets out of tokio.
#[cfg(crosswire_loom)]
use loom::sync::{Mutex, MutexGuard};
#[cfg(not(crosswire_loom))]
use std::sync::{Mutex, MutexGuard};

/// The book, while nobody else has it.
pub(crate) type OpenBook<'a> = MutexGuard<'a, Book>;

/// Somebody who can be woken; who is woken while awake does not sleep the next time.
pub(crate) trait Rung {
    /// Wakes.
    fn ring(&self);
}

/// The book of the case and those who stand at its gates.
pub(crate) struct Gatehouse<R> {
    book: Mutex<Book>,
    standing: Mutex<BTreeMap<ExchangeId, Vec<Arc<R>>>>,
}

/// What the keeper has done.
#[derive(Debug)]
pub(crate) enum Turn {
    /// A gate has opened.
    Opened(GateOpened),
    /// A reply was let through, and its connections woken.
    Released,
    /// There was nothing to do, until then at least.
    Idle {
        /// When there will be something to do if nothing happens before.
        next: Option<Moment>,
    },
}

impl<R> Default for Gatehouse<R> {
    fn default() -> Gatehouse<R> {
        Gatehouse { book: Mutex::new(Book::default()), standing: Mutex::new(BTreeMap::new()) }
    }
}

impl<R: Rung> Gatehouse<R> {
    pub(crate) fn book(&self) -> OpenBook<'_> {
        lock(&self.book)
    }

    /// A reply has come to a gate. Whoever brings it looks afterwards whether it may pass.
    pub(crate) fn stand(&self, exchange: ExchangeId, whom: &Arc<R>) {
        lock(&self.standing).entry(exchange).or_default().push(Arc::clone(whom));
    }

    /// A reply stands at a gate no more.
    pub(crate) fn leave(&self, exchange: ExchangeId, whom: &Arc<R>) {
        let mut standing = lock(&self.standing);
        if let Some(all) = standing.get_mut(&exchange) {
            // Two attempts may stand here on one connection, and only one of them leaves.
            if let Some(place) = all.iter().position(|other| Arc::ptr_eq(other, whom)) {
                all.remove(place);
            }
            if all.is_empty() {
                standing.remove(&exchange);
            }
        }
    }

    /// Opens one gate or lets one reply through, if it is time.
    pub(crate) fn turn(&self, now: Moment) -> Turn {
        let mut book = self.book();
        if let Some(opened) = book.open_gate(now) {
            return Turn::Opened(opened);
        }
        let Some(exchange) = book.release(now) else { return Turn::Idle { next: book.next_gate_at() } };
        // Both locks are never held at once, so that their order cannot matter.
        drop(book);
        let standing = lock(&self.standing).get(&exchange).cloned();
        standing.into_iter().flatten().for_each(|whom| whom.ring());
        Turn::Released
    }
}

/// A thread that panicked while it held a lock has left whole values behind: no change takes two steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
fn case_with_a_gate() -> crate::OriginCase {
    use vocabulary::directive::{Directive, Hold, OriginAct};
    use vocabulary::identity::{GateId, TenantId};

    let mut directive = Directive::benign(64);
    directive.acts.insert(0, OriginAct::Hold(Hold::Gate(GateId(0))));
    let reply = crate::PlannedReply { tenant: TenantId(1), directive, shared: None };
    let exchanges = [ExchangeId(1), ExchangeId(2)];
    let release = vec![ExchangeId(2), ExchangeId(1)];
    let gate = vocabulary::plan::Gate { id: GateId(0), awaits: exchanges.to_vec(), release, gap_us: 0 };
    crate::OriginCase { exchanges: exchanges.map(|exchange| (exchange, reply.clone())).into(), gates: vec![gate] }
}

#[cfg(test)]
fn identity(exchange: u32) -> crate::book::Identity {
    crate::book::Identity {
        exchange: ExchangeId(exchange),
        tenant: vocabulary::identity::TenantId(1),
        from_tail: false,
    }
}

// Outside a model loom has no locks.
#[cfg(all(test, not(crosswire_loom)))]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use vocabulary::identity::GateId;
    use vocabulary::plan;

    use super::*;
    use crate::OriginCase;

    #[derive(Default)]
    struct Counter(AtomicU32);

    impl Rung for Counter {
        fn ring(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn only_those_who_stand_there_are_woken_each_when_its_turn_comes() {
        let (house, first, second) = (Gatehouse::default(), Arc::new(Counter::default()), Arc::new(Counter::default()));
        house.book().load(super::case_with_a_gate());
        for exchange in [1, 2] {
            house.book().arrive(super::identity(exchange), Moment(1));
        }
        house.stand(ExchangeId(1), &first);
        house.stand(ExchangeId(2), &second);
        house.leave(ExchangeId(2), &second);
        assert!(matches!(house.turn(Moment(1)), Turn::Opened(opened) if opened.in_full()));
        let may_pass = |exchange| house.book().passage(GateId(0), ExchangeId(exchange)) != crate::gate::Passage::Held;
        for passed in [(false, true), (true, true)] {
            assert!(matches!(house.turn(Moment(1)), Turn::Released));
            assert_eq!((may_pass(1), may_pass(2)), passed);
        }
        assert!(matches!(house.turn(Moment(1)), Turn::Idle { next: None }));
        assert_eq!((first.0.load(Ordering::Relaxed), second.0.load(Ordering::Relaxed)), (1, 0));
    }

    #[test]
    fn of_two_attempts_on_one_connection_only_one_leaves() {
        let (house, connection) = (Gatehouse::default(), Arc::new(Counter::default()));
        house.book().load(super::case_with_a_gate());
        for exchange in [1, 2] {
            house.book().arrive(super::identity(exchange), Moment(1));
        }
        house.stand(ExchangeId(2), &connection);
        house.stand(ExchangeId(2), &connection);
        house.leave(ExchangeId(2), &connection);
        assert!(matches!(house.turn(Moment(1)), Turn::Opened(_)));
        assert!(matches!(house.turn(Moment(1)), Turn::Released));
        assert_eq!(connection.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_gate_in_these_tests_awaits_two_and_releases_the_second_first() {
        let OriginCase { gates, .. } = super::case_with_a_gate();
        let awaits = vec![ExchangeId(1), ExchangeId(2)];
        let release = vec![ExchangeId(2), ExchangeId(1)];
        assert_eq!(gates, [plan::Gate { id: GateId(0), awaits, release, gap_us: 0 }]);
    }
}

/// Every interleaving of two connections, the keeper, and a client that says what it has sent.
#[cfg(all(test, crosswire_loom))]
mod model {
    use loom::sync::{Condvar, Mutex};
    use loom::thread;
    use vocabulary::identity::GateId;
    use vocabulary::plan::{Event, EventKind};

    use super::*;
    use crate::gate::Passage;

    /// What tokio's `Notify` is to the origin: a permit, kept for whoever waits next.
    struct Bell {
        rung: Mutex<bool>,
        changed: Condvar,
    }

    impl Bell {
        fn new() -> Arc<Bell> {
            Arc::new(Bell { rung: Mutex::new(false), changed: Condvar::new() })
        }

        fn wait(&self) {
            let mut rung = self.rung.lock().unwrap();
            while !*rung {
                rung = self.changed.wait(rung).unwrap();
            }
            *rung = false;
        }
    }

    impl Rung for Bell {
        fn ring(&self) {
            *self.rung.lock().unwrap() = true;
            self.changed.notify_one();
        }
    }

    /// A connection: its request arrives, its reply stands at the gate until it may pass.
    fn connection(house: &Gatehouse<Bell>, keeper: &Bell, exchange: u32) {
        let bell = Bell::new();
        house.book().arrive(identity(exchange), Moment(1));
        keeper.ring();
        house.stand(ExchangeId(exchange), &bell);
        while house.book().passage(GateId(0), ExchangeId(exchange)) == Passage::Held {
            bell.wait();
        }
        house.leave(ExchangeId(exchange), &bell);
    }

    fn keep(house: &Gatehouse<Bell>, keeper: &Bell) {
        let mut released = 0;
        while released < 2 {
            match house.turn(Moment(1)) {
                Turn::Opened(opened) => assert!(opened.in_full()),
                Turn::Released => released += 1,
                Turn::Idle { .. } => keeper.wait(),
            }
        }
    }

    fn check(parties: impl Fn(Arc<Gatehouse<Bell>>, Arc<Bell>) + Sync + Send + 'static) {
        let mut model = loom::model::Builder::new();
        // Two preemptions find nearly every such defect (Musuvathi and Qadeer 2007), and a model of three threads ends.
        model.preemption_bound = Some(2);
        model.check(move || {
            let (house, keeper) = (Arc::new(Gatehouse::default()), Bell::new());
            house.book().load(case_with_a_gate());
            parties(house, keeper);
        });
    }

    #[test]
    fn nobody_is_left_standing_at_a_gate() {
        check(|house, keeper| {
            let connections = [1, 2].map(|exchange| {
                let (house, keeper) = (Arc::clone(&house), Arc::clone(&keeper));
                thread::spawn(move || connection(&house, &keeper, exchange))
            });
            keep(&house, &keeper);
            connections.into_iter().for_each(|connection| connection.join().unwrap());
        });
    }

    #[test]
    fn a_client_that_says_what_it_sent_leaves_nobody_standing_either() {
        check(|house, keeper| {
            house.book().arrive(identity(2), Moment(1));
            let (told, told_keeper) = (Arc::clone(&house), Arc::clone(&keeper));
            let client = thread::spawn(move || {
                told.book().happened(Event { exchange: ExchangeId(1), kind: EventKind::Sent }, Moment(1));
                told_keeper.ring();
            });
            let (standing, rings) = (Arc::clone(&house), Arc::clone(&keeper));
            let connection = thread::spawn(move || connection(&standing, &rings, 1));
            keep(&house, &keeper);
            client.join().unwrap();
            connection.join().unwrap();
        });
    }
}
