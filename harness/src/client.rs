//! The clients: every lane of a plan sends its requests through the gateway and reports what came back.
//!
//! Wire level is ours. Each request is spelled here byte by byte ([`request`]), each reply is read by our own parser
//! ([`wire`], [`framing`]), each socket belongs to one lane ([`connection`]) and is watched while nothing is asked on it: bytes that
//! come unasked are reported as such and never credited to the next request. A [`batch`] is what goes out on a
//! connection in one go, most often one request; a [`lane`] does one batch after the other.
//!
//! Nothing is retried, nothing is judged: [`reading`] says which canaries a reply held, the oracle says whose they were.

mod batch;
mod connection;
mod cookies;
mod exchange;
mod framing;
mod fuzzing;
mod h2;
mod lane;
#[cfg(test)]
#[cfg(feature = "tls")]
mod over_tls;
mod reading;
mod receiving;
mod request;
mod sending;
#[cfg(test)]
mod stage;
mod waiting;
mod wire;

use std::rc::Rc;
use std::sync::Arc;

use tokio::task::{JoinSet, LocalSet};
use vocabulary::canary::{CanaryKey, Scanner};
use vocabulary::history::Observation;
use vocabulary::identity::{ExchangeId, LaneId};
use vocabulary::plan::{Event, EventKind, Plan};

use crate::ledger::Ledger;

pub(crate) use cookies::CookieJar;
pub use fuzzing::fuzz_reply_parser;
pub(crate) use request::{ConnectionNumbers, Target, shared_path, spell};
pub(crate) use waiting::Idle;

/// Runs every lane of the plan at once, on the current runtime, and returns when all are done. They report to the
/// ledger, and tell `notify` (the origin) what it may be waiting for. `base` is added to the plan's exchange numbers on
/// the wire, and in everything that is reported.
#[expect(clippy::too_many_arguments, reason = "one call, by the run; each argument is another part of it")]
pub(crate) async fn run_plan(
    plan: &Plan,
    base: u32,
    key: &CanaryKey,
    scanner: &Scanner,
    target: &Target,
    ledger: &Arc<Ledger>,
    notify: &Arc<dyn Fn(Event) + Send + Sync>,
    idle: &Arc<Idle>,
) {
    let run = Rc::new(Run {
        base,
        key: key.clone(),
        scanner: scanner.clone(),
        target: target.for_case(plan.down),
        ledger: Arc::clone(ledger),
        notify: Arc::clone(notify),
        idle: Arc::clone(idle),
    });
    let lanes = async {
        let mut lanes = JoinSet::new();
        for (index, lane) in plan.lanes.iter().cloned().enumerate() {
            let (run, busy) = (Rc::clone(&run), run.idle.begin());
            lanes.spawn_local(async move {
                lane::run(&run, LaneId(index as u16), &lane).await;
                drop(busy);
            });
        }
        while let Some(done) = lanes.join_next().await {
            if let Err(failure) = done
                && let Ok(panic) = failure.try_into_panic()
            {
                // A panic of ours is never turned into something that looks like the gateway's fault.
                std::panic::resume_unwind(panic);
            }
        }
    };
    LocalSet::new().run_until(lanes).await;
}

/// What all lanes of a plan share.
struct Run {
    base: u32,
    key: CanaryKey,
    scanner: Scanner,
    target: Target,
    ledger: Arc<Ledger>,
    notify: Arc<dyn Fn(Event) + Send + Sync>,
    idle: Arc<Idle>,
}

impl Run {
    /// The number of a planned exchange on the wire.
    fn wire(&self, planned: ExchangeId) -> ExchangeId {
        ExchangeId(planned.0 + self.base)
    }

    /// Reports that something has happened to an exchange, given by its number on the wire.
    fn tell(&self, exchange: ExchangeId, kind: EventKind) {
        self.ledger.record(Observation::Event { exchange, kind, at: self.ledger.now() });
        (self.notify)(Event { exchange, kind });
    }
}
