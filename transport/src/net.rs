//! The simulated network: who listens, and what is on its way.
//!
//! Everything that takes time to arrive lies in one queue, in the order of its arrival, and one task, the carrier, hands
//! it over when the time has come. The network itself lives as long as anybody uses it.

use std::cmp::{Ordering, Reverse};
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};

use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until};

use crate::address::{Address, Listener};
use crate::dice::Dice;
use crate::pipe::{End, Parcel, Side, Wire, pair};

/// The host of every simulated endpoint. RFC 5737 §3: nobody has this address.
const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The first port that is given away.
const FIRST_PORT: u16 = 1024;
/// Connections that wait to be accepted; more are refused.
const BACKLOG_MAX: usize = 1024;

/// A simulated network. Clones are the same network.
#[derive(Clone)]
pub struct Net(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Wakes the carrier: something arrives sooner than what it waits for, or the network is gone.
    posted: Arc<Notify>,
}

struct State {
    dice: Dice,
    next_port: u16,
    listeners: BTreeMap<SocketAddr, Backlog>,
    on_the_way: BinaryHeap<Reverse<Arrival>>,
    posted: u64,
}

/// Connections that wait to be accepted.
#[derive(Default)]
struct Backlog {
    waiting: VecDeque<End>,
    acceptor: Option<Waker>,
}

/// When something arrives: at a moment, and in that moment by lot. The order of posting decides between equals, so that
/// what is sent on one way stays in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    at: Instant,
    lot: u32,
}

/// Something on its way.
struct Arrival {
    due: Due,
    number: u64,
    wire: Weak<Wire>,
    to: Side,
    parcel: Parcel,
}

impl PartialEq for Arrival {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Arrival {}

impl PartialOrd for Arrival {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Arrival {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

impl Net {
    /// A network whose latencies follow from the seed.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with timers: what is on its way is handed over by a task of it.
    pub fn new(seed: u64) -> Net {
        let posted = Arc::new(Notify::new());
        let state = State {
            dice: Dice::new(seed),
            next_port: FIRST_PORT,
            listeners: BTreeMap::new(),
            on_the_way: BinaryHeap::new(),
            posted: 0,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), posted: Arc::clone(&posted) });
        tokio::spawn(carry(Arc::downgrade(&shared), posted));
        Net(shared)
    }

    /// From here on latencies follow from this seed. What is on its way keeps its own.
    pub fn reseed(&self, seed: u64) {
        self.state().dice = Dice::new(seed);
    }

    /// A listener on an address of its own.
    ///
    /// # Errors
    ///
    /// If there are no ports left.
    pub fn listen(&self) -> io::Result<Listener> {
        let mut state = self.state();
        let addr = SocketAddr::from((HOST, state.next_port));
        state.next_port = state.next_port.checked_add(1).ok_or(io::ErrorKind::AddrNotAvailable)?;
        state.listeners.insert(addr, Backlog::default());
        drop(state);
        Ok(Listener::simulated(Listening { net: self.clone(), addr }))
    }

    pub(crate) async fn connect(&self, addr: SocketAddr) -> io::Result<End> {
        let latency = self.state().dice.latency();
        if !latency.is_zero() {
            sleep(latency).await;
        }
        let mut state = self.state();
        match state.listeners.get_mut(&addr) {
            Some(backlog) if backlog.waiting.len() < BACKLOG_MAX => {
                let (ours, theirs) = pair(self);
                backlog.waiting.push_back(theirs);
                if let Some(acceptor) = backlog.acceptor.take() {
                    acceptor.wake();
                }
                Ok(ours)
            }
            Some(_) | None => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }

    /// Sends something on its way, behind what was sent before it (`last`). Or says that it is there at once, and does
    /// not take it.
    pub(crate) fn takes(
        &self,
        wire: &Arc<Wire>,
        to: Side,
        last: &mut Option<Due>,
        parcel: impl FnOnce() -> Parcel,
    ) -> bool {
        let mut state = self.state();
        let (latency, lot) = (state.dice.latency(), state.dice.lot());
        if latency.is_zero() && last.is_none() {
            return false;
        }
        let drawn = Due { at: Instant::now() + latency, lot };
        let due = last.map_or(drawn, |last| last.max(drawn));
        *last = Some(due);
        state.posted += 1;
        let arrival = Arrival { due, number: state.posted, wire: Arc::downgrade(wire), to, parcel: parcel() };
        let first = state.on_the_way.peek().is_none_or(|Reverse(first)| arrival < *first);
        state.on_the_way.push(Reverse(arrival));
        drop(state);
        if first {
            self.0.posted.notify_one();
        }
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over the first of what has arrived.
    fn hand_over(&self) -> Next {
        let mut state = self.state();
        let Some(first) = state.on_the_way.peek_mut() else { return Next::Nothing };
        if first.0.due.at > Instant::now() {
            return Next::At(first.0.due.at);
        }
        let Reverse(Arrival { wire, to, parcel, .. }) = PeekMut::pop(first);
        // Two that arrive in one moment may be seen together, or one after the other.
        let pauses = state.dice.coin();
        drop(state);
        if let Some(wire) = wire.upgrade() {
            wire.arrives(to, parcel);
        }
        if pauses { Next::AfterOthers } else { Next::Arrived }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.posted.notify_one();
    }
}

impl PartialEq for Net {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Net {}

impl std::fmt::Debug for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Net").finish_non_exhaustive()
    }
}

/// What the carrier has to wait for.
enum Next {
    /// More has arrived.
    Arrived,
    /// More has arrived, or may have; first the others have a turn.
    AfterOthers,
    /// The next arrival.
    At(Instant),
    /// Nothing is on its way.
    Nothing,
}

/// The carrier: hands over what arrives, until the network is gone.
async fn carry(net: Weak<Shared>, posted: Arc<Notify>) {
    loop {
        let Some(next) = net.upgrade().map(|net| net.hand_over()) else { return };
        match next {
            Next::Arrived => {}
            Next::AfterOthers => yield_now().await,
            Next::At(at) => {
                tokio::select! {
                    biased;
                    () = posted.notified() => {}
                    () = sleep_until(at) => {}
                }
            }
            Next::Nothing => posted.notified().await,
        }
    }
}

/// A listener's place in the network; given up when this is dropped.
#[derive(Debug)]
pub(crate) struct Listening {
    net: Net,
    addr: SocketAddr,
}

impl Listening {
    pub(crate) fn address(&self) -> Address {
        Address::simulated(self.net.clone(), self.addr)
    }

    pub(crate) async fn accept(&self) -> io::Result<End> {
        poll_fn(|context| {
            let mut state = self.net.state();
            let Some(backlog) = state.listeners.get_mut(&self.addr) else {
                return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
            };
            match backlog.waiting.pop_front() {
                Some(end) => Poll::Ready(Ok(end)),
                None => {
                    backlog.acceptor = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // Dropped when the lock is free again: each end has something to send.
        let backlog = self.net.state().listeners.remove(&self.addr);
        for end in backlog.into_iter().flat_map(|backlog| backlog.waiting) {
            // Nobody will ever accept it: its peer is reset, as by a kernel.
            end.set_zero_linger();
        }
    }
}
