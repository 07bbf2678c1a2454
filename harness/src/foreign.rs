//! Control runs: clients, gateway and oracle as ever, and an origin that somebody else has written.
//!
//! Our origin and our client could share a misunderstanding and agree with each other. Against a server that knows nothing
//! of crosswire they cannot. Such a server misbehaves in no planned way, so that plans are plain: no fault, no gate. It
//! only has to answer with what [`ForeignOrigin`] mints, and ask it whose a request is.
//!
//! Which connection a request came on such a server does not say: each counts as having had one of its own. A shift on an
//! upstream connection therefore goes by another name here; whole replies that moved, rings and doubles are named as ever.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mock_upstream::Clock;
use tokio::time::{Instant, timeout};
use vocabulary::canary::{BodyState, CanaryKey, Claim, Role, Scanner, Site, StripedBody, Unverified};
use vocabulary::excerpt::excerpt;
use vocabulary::finding::Finding;
use vocabulary::history::{DeliveryKind, ExchangeEnd, Found, History, Observation, Performed, Place, Replied, Seen};
use vocabulary::identity::{Attempt, ConnectionId, DeliveryId, ExchangeId, Moment, Ordinal, TenantId};
use vocabulary::limits::CASE_WAIT;
use vocabulary::plan::{Event, EventKind, Lane, Plan, Stimulus};

use crate::client::{self, Idle, Target};
use crate::gateway::Gateway;
use crate::ledger::Ledger;
use crate::oracle::{self, Known};
use crate::redaction::Redaction;
use crate::run::{self, RunError};

/// The body of every reply. That of a benign directive is as long.
const BODY_BYTES: u64 = 256;
/// How long to wait before a gateway that is not ready yet is tried again.
const READY_POLL: Duration = Duration::from_millis(10);

/// What a server that is not ours needs to stand in for the origin. Clones are the same origin.
#[derive(Clone)]
pub struct ForeignOrigin(Arc<Shared>);

struct Shared {
    key: CanaryKey,
    scanner: Scanner,
    ledger: Arc<Ledger>,
    /// What the present case adds to its exchange numbers.
    base: AtomicU32,
    /// What the next one will.
    next_base: AtomicU32,
    /// Requests so far: each stands for an upstream connection.
    requests: AtomicU32,
    /// For each exchange, by its number on the wire: its arrivals, and the connection of the last.
    arrivals: Mutex<BTreeMap<ExchangeId, (Attempt, ConnectionId)>>,
}

/// Whose a request is, in numbers of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The exchange.
    pub exchange: ExchangeId,
    /// Its tenant.
    pub tenant: TenantId,
}

/// A reply to be sent, with status 200: its fields and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minted {
    /// Names and values.
    pub fields: [(&'static str, String); 2],
    /// The body.
    pub body: Vec<u8>,
}

/// What a control run came to.
#[derive(Debug, Default)]
pub struct Controlled {
    /// Requests sent.
    pub exchanges: u64,
    /// Replies whose canary was checked and is the request's own.
    pub verified: u64,
    /// What was wrong.
    pub findings: Vec<Finding>,
}

impl Default for ForeignOrigin {
    fn default() -> ForeignOrigin {
        ForeignOrigin(Arc::new(Shared {
            key: CanaryKey::new(rand::random(), rand::random()),
            scanner: Scanner::new(),
            ledger: Arc::new(Ledger::new(Clock::start())),
            base: AtomicU32::new(0),
            next_base: AtomicU32::new(0),
            requests: AtomicU32::new(0),
            arrivals: Mutex::default(),
        }))
    }
}

impl ForeignOrigin {
    /// Takes a request in, as seen, and says whose it is. None if it carries no request canary of the present case: it is
    /// the gateway's own, or came too late.
    pub fn take_in(&self, head: &str, body: &[u8]) -> Option<Asked> {
        let shared = &*self.0;
        let mut canaries = Vec::new();
        let mut unverified = 0;
        for (place, bytes) in [(Place::Head, head.as_bytes()), (Place::Body, body)] {
            for hit in shared.scanner.scan(&shared.key, bytes) {
                match hit.canary {
                    Ok(claim) => canaries.push(Found { claim, place, encoding: hit.encoding }),
                    Err(Unverified::CutOff) => {}
                    Err(_) => unverified += 1,
                }
            }
        }
        // What is in the head was not carried over from elsewhere.
        let own = canaries.iter().filter(|found| found.claim.role == Role::Request).min_by_key(|found| found.place);
        let own = own.map(|found| found.claim);
        let connection = ConnectionId(shared.requests.fetch_add(1, Ordering::Relaxed) + 1);
        let attempt = own.map_or(Attempt(1), |claim| shared.arrive(claim.exchange, connection));
        let at = shared.ledger.now();
        shared.ledger.record(Observation::Seen(Seen {
            exchange: own.map(|claim| claim.exchange),
            attempt,
            connection,
            ordinal: Ordinal(1),
            stream: None,
            at,
            canaries,
            unverified,
            in_flight: 1,
            authority: None,
            head: excerpt(head.as_bytes()),
        }));
        let own = own?;
        shared.tell(own.exchange, EventKind::Seen, at);
        let planned = own.exchange.0.checked_sub(shared.base.load(Ordering::Acquire)).filter(|planned| *planned > 0);
        planned.map(|planned| Asked { exchange: ExchangeId(planned), tenant: own.tenant })
    }

    /// The reply to a request, as emitted.
    pub fn reply(&self, to: Asked) -> Minted {
        let shared = &*self.0;
        let exchange = ExchangeId(to.exchange.0 + shared.base.load(Ordering::Acquire));
        let (attempt, connection) = shared.last_arrival(exchange);
        // An origin of one delivery for each attempt.
        let delivery = u16::from(attempt.0);
        let claim =
            Claim { role: Role::Reply, tenant: to.tenant, exchange, attempt, site: Site::ReplyHeader, delivery };
        let mint = |site| shared.key.mint(Claim { site, ..claim });
        let fields =
            [("x-crosswire", mint(Site::ReplyHeader).to_string()), ("etag", format!("\"{}\"", mint(Site::Etag)))];
        let at = shared.ledger.now();
        shared.ledger.record(Observation::Replied(Replied {
            delivery: DeliveryId { exchange, number: delivery },
            attempt,
            kind: DeliveryKind::Owed,
            status: 200,
            connection,
            ordinal: Ordinal(1),
            stream: None,
            at,
            done_at: at,
            performed: Performed::Fully,
            body_bytes: BODY_BYTES,
            cut: false,
            same_write_as: None,
            acknowledged_at: None,
            head: format!("200 with {}", fields[0].1),
        }));
        shared.tell(exchange, EventKind::FinalWritten, at);
        Minted { fields, body: StripedBody::new(&shared.key, claim, BODY_BYTES).to_vec() }
    }

    /// Runs a plan again and again through a gateway that forwards to the server at `origin`, and judges what came back.
    ///
    /// # Errors
    ///
    /// If the plan asks for what such a server does not do, the gateway cannot be started, or nothing of ours ever comes
    /// back through it.
    pub async fn run(
        &self,
        gateway: Gateway,
        origin: SocketAddr,
        plan: Plan,
        times: u32,
    ) -> Result<Controlled, RunError> {
        let shared = Arc::clone(&self.0);
        run::on_own_thread(false, async move || shared.run(&gateway, origin, &plan, times).await).await
    }

    /// The same, and waits for it without any runtime.
    ///
    /// # Errors
    ///
    /// As [`ForeignOrigin::run`].
    pub fn run_blocking(
        &self,
        gateway: Gateway,
        origin: SocketAddr,
        plan: Plan,
        times: u32,
    ) -> Result<Controlled, RunError> {
        run::blocking(self.run(gateway, origin, plan, times))
    }
}

impl Shared {
    async fn run(
        &self,
        gateway: &Gateway,
        origin: SocketAddr,
        plan: &Plan,
        times: u32,
    ) -> Result<Controlled, RunError> {
        if let Some(reason) = too_much(gateway, plan) {
            return Err(RunError::Control { reason });
        }
        let work = tempfile::tempdir().map_err(RunError::Thread)?;
        let mut running = gateway.start(&origin.into(), work.path()).map_err(|error| RunError::Bench(error.into()))?;
        let deadline = Instant::now() + gateway.ready_wait();
        let known = loop {
            match self.round_trip(running.target()).await? {
                Ok(verbatim) => break Known { verbatim, ..Known::NOTHING },
                Err(reason) if Instant::now() >= deadline || running.death().is_some() => {
                    let reason = running.death().unwrap_or(reason);
                    return Err(RunError::Control { reason: format!("no canary came back: {reason}") });
                }
                Err(_) => tokio::time::sleep(READY_POLL).await,
            }
        };
        let redaction = Redaction::new(gateway.given_fields(), &self.key);
        let mut controlled = Controlled::default();
        for _ in 0..times {
            let history = self.perform(running.target(), plan).await?;
            let mut judged = oracle::judge(&history, known).map_err(|panic| RunError::Broken(panic.to_string()))?;
            redaction.conceal_judgement(&mut judged);
            controlled.exchanges += judged.summary.exchanges;
            controlled.verified += judged.summary.verified;
            controlled.findings.extend(judged.findings);
        }
        Ok(controlled)
    }

    /// One benign exchange: whether it passed unchanged, or why nothing right came back.
    async fn round_trip(&self, target: &Target) -> Result<Result<bool, String>, RunError> {
        let stimuli = vec![Stimulus::get(ExchangeId(1), TenantId(1))];
        let lane = Lane { name: "ready".to_owned(), stimuli, until: None };
        let plan = Plan::bare("ready", vec![lane]);
        let history = self.perform(target, &plan).await?;
        let judged = oracle::judge(&history, Known::NOTHING).map_err(|panic| RunError::Broken(panic.to_string()))?;
        let end = history.exchanges.get(&ExchangeId(1)).and_then(|exchange| exchange.end.as_ref());
        Ok(match end {
            Some(ExchangeEnd::Received(received)) if judged.summary.verified == 1 => {
                Ok(received.status == 200 && received.body == BodyState::Intact)
            }
            Some(ExchangeEnd::Received(received)) => Err(format!("a {} without it", received.status)),
            Some(ExchangeEnd::GaveUp(gave_up)) => Err(format!("no reply ({:?})", gave_up.why)),
            None => Err("no reply".to_owned()),
        })
    }

    async fn perform(&self, target: &Target, plan: &Plan) -> Result<History, RunError> {
        // Numbers are unique in the run: what comes late is not taken for the present case's.
        let base = self.next_base.fetch_add(plan.highest_exchange(), Ordering::AcqRel);
        self.base.store(base, Ordering::Release);
        let notify: Arc<dyn Fn(Event) + Send + Sync> = Arc::new(|_| {});
        let idle = Arc::new(Idle::default());
        let lanes = client::run_plan(plan, base, &self.key, &self.scanner, target, &self.ledger, &notify, &idle);
        if timeout(CASE_WAIT, lanes).await.is_err() {
            tracing::warn!(plan = plan.scenario.name, "the control run took too long");
        }
        self.ledger.seal(plan.clone(), base).map_err(|overflow| RunError::Broken(overflow.to_string()))
    }

    fn tell(&self, exchange: ExchangeId, kind: EventKind, at: Moment) {
        self.ledger.record(Observation::Event { exchange, kind, at });
    }

    fn arrive(&self, exchange: ExchangeId, connection: ConnectionId) -> Attempt {
        let mut arrivals = self.arrivals();
        let (attempt, last) = arrivals.entry(exchange).or_insert((Attempt(0), connection));
        *attempt = Attempt(attempt.0.saturating_add(1));
        *last = connection;
        *attempt
    }

    /// Of an exchange that has never arrived: the first.
    fn last_arrival(&self, exchange: ExchangeId) -> (Attempt, ConnectionId) {
        self.arrivals().get(&exchange).copied().unwrap_or((Attempt(1), ConnectionId(0)))
    }

    fn arrivals(&self) -> MutexGuard<'_, BTreeMap<ExchangeId, (Attempt, ConnectionId)>> {
        // A thread that panicked while it held the lock has left whole values behind.
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a plan or a gateway asks for that a server of somebody else's does not do.
fn too_much(gateway: &Gateway, plan: &Plan) -> Option<String> {
    if gateway.simulation_seed().is_some() {
        return Some("the gateway is simulated, and the server is not".to_owned());
    }
    match (plan.faults().first(), plan.gates.is_empty()) {
        (Some((exchange, kind)), _) => {
            Some(format!("{exchange} has a fault ({}), and the server performs none", kind.word()))
        }
        (None, false) => Some("the plan has a gate, and the server holds no replies".to_owned()),
        (None, true) => plan.defect(),
    }
}
