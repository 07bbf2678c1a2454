//! Every wait of a client, each with its bound.
//!
//! Waits for sockets stand where the sockets are; here are the waits for time, for events at the other end, and for a
//! reply that may never come.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use vocabulary::identity::ExchangeId;
use vocabulary::limits::{EVENT_WAIT, REPLY_WAIT, REPLY_WAIT_AFTER_WRITTEN};
use vocabulary::plan::{AbortWhen, Event, EventKind, Freeze, Start};

use super::Run;

/// How long a reply may be silent before the client asks the ledger whether the origin has written it. Waiting for the
/// ledger is woken by every observation of the run, so that replies which come at once shall not pay for it.
const QUIET_BEFORE_ASKING: Duration = Duration::from_millis(30);
/// How long a client still waits when its own reply has turned up at another one.
const GRACE_AFTER_ELSEWHERE: Duration = Duration::from_millis(30);
/// Pauses up to this are kept to the microsecond, longer ones to the millisecond of tokio's timer.
const EXACT_PAUSE_MAX: Duration = Duration::from_millis(10);
/// How much too late tokio's timer may be.
const TIMER_GRAIN: Duration = Duration::from_millis(2);

/// How many lanes are neither done nor waiting for a reply or an event, or have an abort's time running. When none is,
/// only the gateway and the origin can bring the case forward.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    busy: AtomicUsize,
}

impl Idle {
    /// How many lanes have something of their own to do.
    pub(crate) fn busy(&self) -> usize {
        self.busy.load(Ordering::Acquire)
    }

    /// A lane, or the time of an abort, begins; it is over when the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.busy.fetch_add(1, Ordering::AcqRel);
        Busy { idle: Arc::clone(self) }
    }

    /// A busy lane waits for a reply or an event until the guard is dropped.
    pub(super) fn wait(&self) -> Waiting<'_> {
        self.busy.fetch_sub(1, Ordering::AcqRel);
        Waiting { idle: self }
    }
}

/// A lane, or the time of an abort, that is not over.
#[derive(Debug)]
pub(super) struct Busy {
    idle: Arc<Idle>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.idle.busy.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A lane that waits for a reply or an event.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    idle: &'a Idle,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.idle.busy.fetch_add(1, Ordering::AcqRel);
    }
}

/// How long a client is prepared to wait for a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// The reply is owed.
    Owed,
    /// The gateway may rightly leave the request unread: the client waits for long only if it did not.
    Optional,
}

/// Does all this at once, within one task, and gives what came of each in its place. They have their turns in this order.
pub(super) async fn all<T>(work: Vec<Pin<Box<dyn Future<Output = T> + '_>>>) -> Vec<T> {
    let mut left: Vec<_> = work.into_iter().map(Some).collect();
    let mut done: Vec<Option<T>> = left.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (one, result) in left.iter_mut().zip(&mut done) {
            if let Some(Poll::Ready(output)) = one.as_mut().map(|one| one.as_mut().poll(context)) {
                (*one, *result) = (None, Some(output));
            }
        }
        if left.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

impl Run {
    /// Waits until a stimulus may start: for its event, within [`EVENT_WAIT`], and then its delay.
    pub(super) async fn start(&self, start: &Start) {
        if let Some(Event { exchange, kind }) = start.after {
            let event = Event { exchange: self.wire(exchange), kind };
            // Others bring it about. A lane that waits here must not keep the origin's bait from losing its patience.
            let _waiting = self.idle.wait();
            // Whether it came in time or not: the stimulus starts.
            let _ = timeout(EVENT_WAIT, self.ledger.happened(event)).await;
        }
        self.pause(Duration::from_micros(start.delay_us)).await;
    }

    /// Waits until a request may go out to a gateway that stands still: for its event, and then its delay, but no longer
    /// than the gateway stands still.
    pub(super) async fn standstill(&self, freeze: &Freeze, ends: Instant) {
        let until = Event { exchange: self.wire(freeze.until.exchange), ..freeze.until };
        let may_go_out = async {
            let waiting = self.idle.wait();
            self.ledger.happened(until).await;
            drop(waiting);
            self.pause(Duration::from_micros(freeze.delay_us)).await;
        };
        // Whether it came in time or not: the request goes out.
        let _ = timeout_at(ends, may_go_out).await;
    }

    /// Resolves when a client gives an exchange up for a reason that no byte of its reply brings about. `sent` resolves when
    /// nothing more of its request will be sent.
    pub(super) async fn abort_due(&self, exchange: ExchangeId, when: AbortWhen, sent: impl Future<Output = ()>) {
        let us = match when {
            AbortWhen::AfterSent { us } => {
                sent.await;
                us
            }
            AbortWhen::AfterEvent { event, us } => {
                self.ledger.happened(Event { exchange, kind: event }).await;
                us
            }
            // The reader counts.
            AbortWhen::AfterReplyBytes { .. } => std::future::pending().await,
        };
        // The client will act by itself: what the origin holds for it must be held until then.
        let _busy = self.idle.begin();
        self.pause(Duration::from_micros(us)).await;
    }

    /// Waits for so long. Short pauses are exact: a sweep of aborts from 0 to 2 ms would otherwise be one abort at 2 ms.
    pub(super) async fn pause(&self, duration: Duration) {
        if duration.is_zero() {
            return;
        }
        // Simulated time stands still as long as anybody is busy, and its grain is the timer's.
        if duration > EXACT_PAUSE_MAX || self.target.address.net().is_some() {
            return sleep(duration).await;
        }
        let until = Instant::now() + duration;
        if let Some(coarse) = duration.checked_sub(TIMER_GRAIN) {
            sleep(coarse).await;
        }
        while Instant::now() < until {
            // Lets the others and the sockets have their turn.
            tokio::task::yield_now().await;
        }
    }

    /// Resolves when it makes no sense to wait any longer for the next byte of a reply, of which nothing has come since
    /// `quiet_since`.
    pub(super) async fn patience(&self, exchange: ExchangeId, patience: Patience, quiet_since: Instant) {
        if patience == Patience::Optional {
            sleep_until(quiet_since + REPLY_WAIT_AFTER_WRITTEN).await;
            // What has arrived at the origin was taken for a request, and is owed a reply like any other. The origin may
            // hold it as bait for longer than this.
            if !self.ledger.has_happened(Event { exchange, kind: EventKind::Seen }) {
                return;
            }
        }
        let written = async {
            sleep_until(quiet_since + QUIET_BEFORE_ASKING).await;
            self.ledger.origin_is_done(exchange).await;
            sleep(REPLY_WAIT_AFTER_WRITTEN).await;
        };
        let elsewhere = async {
            sleep_until(quiet_since + QUIET_BEFORE_ASKING).await;
            self.ledger.reply_went_elsewhere(exchange).await;
            // In a swap, the other's reply is on its way here.
            sleep(GRACE_AFTER_ELSEWHERE).await;
        };
        tokio::select! {
            biased;
            () = written => {}
            () = elsewhere => {}
            () = sleep_until(quiet_since + REPLY_WAIT) => {}
        }
    }
}
