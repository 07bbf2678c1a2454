//! One case: a plan is loaded into the origin, run by the clients, left to settle, sealed and judged.
//!
//! Between cases all upstream connections are closed and the pool is rinsed with a canary round trip, so that a case
//! finds nothing of the one before it. What still comes late carries the number of the case that planted it.

#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mock_upstream::{Clock, Config, Origin, OriginCase, OriginError, PlannedReply};
use tokio::time::{Instant, timeout};
use transport::Net;
use vocabulary::canary::{BodyState, CanaryKey, Scanner};
use vocabulary::crossing::Http;
use vocabulary::directive::{Directive, Hold, OriginAct};
use vocabulary::history::{ExchangeEnd, History, Observation, Received};
use vocabulary::identity::{ExchangeId, TenantId};
use vocabulary::limits::{CASE_WAIT, CONNECT_WAIT, DRAIN_WAIT};
use vocabulary::plan::{self, Event, Form, Gate, Lane, Plan, Request, Stimulus};

use crate::client::{self, Idle};
use crate::gateway::{self, Gateway, GatewayError, Running};
use crate::ledger::{Ledger, Overflow};
use crate::oracle::{self, GateTally, Judgement, Known, OraclePanicked};
use crate::redaction::{Bodies, Redaction};

/// When all clients only wait and nothing has happened for so long, bait has no patience left.
const PATIENCE: Duration = Duration::from_millis(25);
/// How often that is looked for.
const WATCH: Duration = Duration::from_millis(3);
/// After the last lane has ended: the origin is done when nothing has happened for so long.
const SETTLED: Duration = Duration::from_millis(3);
/// How long settling may take.
const SETTLE_WAIT: Duration = Duration::from_millis(300);
/// Rinses of one gateway process before it is called unclean.
const RINSES_MAX: u32 = 5;
/// How often a gateway that is not ready yet is tried.
const READY_POLL: Duration = Duration::from_millis(10);
/// Spreads the numbers of cases over all seeds: odd, so that no two fall together.
const CASE_STRIDE: u64 = 0xd1b5_4a32_d192_ed03;
/// Numbers on the wire go no further than this: a thousand million exchanges in a run.
const EXCHANGE_MAX: u32 = 1 << 30;

/// The two ends around a gateway: what stays between cases.
pub(crate) struct Bench {
    gateway: Gateway,
    work: PathBuf,
    key: CanaryKey,
    /// What must not leave the bench.
    redaction: Redaction,
    scanner: Scanner,
    ledger: Arc<Ledger>,
    origin: Arc<Origin>,
    running: Running,
    known: Known,
    /// How the gates of the cases so far have opened.
    gates: GateTally,
    /// The request forms that were tried, and whether the gateway carries them.
    forms: Vec<(Form, bool)>,
    simulation: Option<Simulation>,
    /// What the clients speak between cases.
    down: Http,
    /// What the next case adds to its exchange numbers.
    base: u32,
}

/// The simulated network of a bench.
struct Simulation {
    net: Net,
    seed: u64,
    /// Cases so far, rinses included.
    cases: u64,
}

impl Simulation {
    fn new(seed: u64) -> Simulation {
        Simulation { net: Net::new(seed), seed, cases: 0 }
    }

    /// Each case has chances of its own, and they do not depend on what the cases before it have used up.
    fn begin_case(&mut self) {
        self.cases += 1;
        self.net.reseed(self.seed ^ self.cases.wrapping_mul(CASE_STRIDE));
    }
}

/// Why there is nothing to test against, or why a case could not be run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The origin's address cannot be used.
    #[error("listen on {addr} for the origin: {source}; choose another address, or 127.0.0.1:0 for a free port")]
    Listen {
        /// Which address.
        addr: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The gateway's address is the origin's.
    #[error(
        "test the gateway at {addr}: that is where the origin listens, so there is no gateway between; give --gateway the gateway's own address"
    )]
    NoGateway {
        /// The address of both.
        addr: SocketAddr,
    },
    /// The origin does not start.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// The gateway does not start.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The gateway was started, or is said to run, and no canary came back.
    #[error("reach the origin through {gateway}: no canary came back within {} s: {reason}. The gateway must forward to the origin on {origin}", waited.as_secs())]
    NeverReady {
        /// Whether it took connections at least.
        connected: bool,
        /// Which gateway.
        gateway: String,
        /// Where the origin listens.
        origin: SocketAddr,
        /// How long it was waited for.
        waited: Duration,
        /// What came instead.
        reason: String,
    },
    /// The gateway has ended by itself.
    #[error("test {gateway}: it died: {reason}")]
    Died {
        /// Which gateway.
        gateway: String,
        /// How, and what it had printed.
        reason: String,
    },
    /// The gateway gives foreign or no replies between cases, and no fresh one can be had.
    #[error("rinse {gateway} between two cases: {reason}; start it afresh")]
    Unclean {
        /// Which gateway.
        gateway: String,
        /// What came.
        reason: String,
    },
}

impl BenchError {
    /// Whether nothing was sent: an error of usage or configuration.
    pub fn is_before_anything_was_sent(&self) -> bool {
        match self {
            BenchError::Listen { .. }
            | BenchError::NoGateway { .. }
            | BenchError::Origin(_)
            | BenchError::Gateway(_) => true,
            BenchError::NeverReady { .. } | BenchError::Died { .. } | BenchError::Unclean { .. } => false,
        }
    }
}

/// A case that was run and cannot be judged: our fault.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CaseError {
    #[error(transparent)]
    Bench(#[from] BenchError),
    #[error(transparent)]
    Overflow(#[from] Overflow),
    #[error(transparent)]
    Oracle(#[from] OraclePanicked),
}

impl Bench {
    /// Starts the origin, then the gateway in front of it, and waits until a canary has made the round trip.
    pub(crate) async fn set_up(
        gateway: Gateway,
        listen: Option<SocketAddr>,
        key: CanaryKey,
        work: PathBuf,
        down: Http,
    ) -> Result<Bench, BenchError> {
        let addr = listen.unwrap_or(SocketAddr::from((IpAddr::V4(Ipv4Addr::LOCALHOST), 0)));
        let simulation = gateway.simulation_seed().map(Simulation::new);
        let clock = if simulation.is_some() { Clock::start_paused() } else { Clock::start() };
        let ledger = Arc::new(Ledger::new(clock.clone()));
        let observer = {
            let ledger = Arc::clone(&ledger);
            Arc::new(move |observation: Observation| ledger.record(observation))
        };
        let config = Config { key: key.clone(), clock, observer };
        let unusable = |source| BenchError::Listen { addr, source };
        let origin = match &simulation {
            Some(simulation) => Origin::start_here(simulation.net.listen().map_err(unusable)?, config)?,
            None => Origin::start(TcpListener::bind(addr).map_err(unusable)?, config)?,
        };
        let origin = Arc::new(origin);
        let running = gateway.start(origin.address(), &work)?;
        if running.target().address == *origin.address() {
            return Err(BenchError::NoGateway { addr: origin.addr() });
        }
        let known = Known::NOTHING;
        let scanner = Scanner::new();
        let redaction = Redaction::new(gateway.given_fields(), &key);
        let mut bench = Bench {
            gateway,
            work,
            key,
            redaction,
            scanner,
            ledger,
            origin,
            running,
            known,
            gates: GateTally::default(),
            forms: Vec::new(),
            simulation,
            down,
            base: 0,
        };
        bench.await_ready().await?;
        Ok(bench)
    }

    /// Runs a plan and judges what happened. The gateway is clean before and afterwards.
    pub(crate) async fn run(&mut self, plan: &Plan) -> Result<Judgement, CaseError> {
        let history = self.perform(plan).await?;
        let mut judgement = oracle::judge(&history, self.known)?;
        self.redaction.conceal_judgement(&mut judgement);
        self.rinse().await?;
        Ok(judgement)
    }

    /// Takes in how a case's gates have opened.
    pub(crate) fn note(&mut self, gates: GateTally) {
        self.gates.add(gates);
        self.known.serialised = self.gates.says_serialised();
    }

    /// Keeps so much of the bodies in evidence.
    pub(crate) fn keep(&mut self, bodies: Bodies) {
        self.redaction.keep(bodies);
    }

    /// Whether requests never come together at the origin, so that waiting for them is not tried again.
    pub(crate) fn is_serialised(&self) -> bool {
        self.known.serialised
    }

    /// The seed of the simulation that this is, if it is one.
    pub(crate) fn simulation_seed(&self) -> Option<u64> {
        self.gateway.simulation_seed()
    }

    /// What the gateway speaks to the origin.
    pub(crate) fn up(&self) -> Http {
        self.known.up
    }

    /// Whether status and body of a plain reply come through unchanged.
    pub(crate) fn is_verbatim(&self) -> bool {
        self.known.verbatim
    }

    /// Where and how the gateway is reached.
    pub(crate) fn target(&self) -> &client::Target {
        self.running.target()
    }

    /// The protocol that a handshake of TLS agrees on, where this is to be spoken.
    pub(crate) async fn agreed(&self, http: Http) -> Option<String> {
        timeout(CONNECT_WAIT, gateway::agreed(&self.target().for_case(http).address)).await.ok()?
    }

    /// Whether the gateway's process is ours to start.
    pub(crate) fn can_be_fresh(&self) -> bool {
        self.gateway.can_be_fresh()
    }

    /// A fresh gateway process, if it is ours to start.
    pub(crate) async fn refresh(&mut self) -> Result<(), BenchError> {
        if self.gateway.can_be_fresh() {
            self.origin.close_connections(DRAIN_WAIT).await;
            self.running.end_processes();
            self.running = self.gateway.start(self.origin.address(), &self.work)?;
            self.await_ready().await?;
        }
        Ok(())
    }

    /// Runs a plan without judging what happened.
    pub(crate) async fn perform(&mut self, plan: &Plan) -> Result<History, Overflow> {
        let began = Instant::now();
        if let Some(simulation) = &mut self.simulation {
            simulation.begin_case();
        }
        let base = self.base;
        assert!(base < EXCHANGE_MAX, "the run has used up the numbers of its exchanges");
        self.base = base + plan.highest_exchange();
        self.origin.load(origin_case(plan, base));
        let notify: Arc<dyn Fn(Event) + Send + Sync> = {
            let origin = Arc::clone(&self.origin);
            Arc::new(move |event| origin.notify(event))
        };
        let idle = Arc::new(Idle::default());
        let target = self.running.target();
        let lanes = client::run_plan(plan, base, &self.key, &self.scanner, target, &self.ledger, &notify, &idle);
        tokio::select! {
            biased;
            () = lanes => {}
            () = self.watch(&idle) => {}
            // What has no end by then is counted as an exchange without one.
            () = tokio::time::sleep(CASE_WAIT) => tracing::warn!(scenario = plan.scenario.name, "case took too long"),
        }
        tracing::debug!(scenario = plan.scenario.name, took = ?began.elapsed(), "the lanes are done");
        self.settle().await;
        let drained = self.origin.close_connections(DRAIN_WAIT).await;
        tracing::debug!(?drained, took = ?began.elapsed(), "the upstream connections are closed");
        self.ledger.seal(plan.clone(), base)
    }

    /// Ends the patience of bait whenever all clients only wait. Never returns.
    async fn watch(&self, idle: &Idle) {
        loop {
            tokio::time::sleep(WATCH).await;
            if idle.busy() == 0 && self.quiet_for() >= PATIENCE {
                self.origin.end_patience();
            }
        }
    }

    /// The lanes are done; what the origin still holds goes out now, and is waited for.
    async fn settle(&self) {
        self.origin.end_patience();
        let deadline = Instant::now() + SETTLE_WAIT;
        while self.quiet_for() < SETTLED && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn quiet_for(&self) -> Duration {
        self.ledger.now().since(self.ledger.last_at())
    }

    /// Canary round trips until one comes back right: the gateway holds nothing of the case before.
    async fn rinse(&mut self) -> Result<(), BenchError> {
        let mut reason = String::new();
        for _ in 0..RINSES_MAX {
            match self.round_trip().await {
                Ok(_) => return Ok(()),
                Err(why) => reason = why,
            }
            if let Some(death) = self.running.death() {
                let reason = self.redaction.conceal(&death);
                return Err(BenchError::Died { gateway: self.gateway.label().name.clone(), reason });
            }
        }
        match self.gateway.can_be_fresh() {
            true => self.refresh().await,
            false => Err(BenchError::Unclean { gateway: self.gateway.label().name.clone(), reason }),
        }
    }

    async fn await_ready(&mut self) -> Result<(), BenchError> {
        let waited = self.gateway.ready_wait();
        let deadline = Instant::now() + waited;
        let gateway = self.gateway.label().name.clone();
        loop {
            if let Some(reason) = self.running.death() {
                return Err(died(gateway, self.redaction.conceal(&reason)));
            }
            let target = self.running.target().for_case(self.down).address;
            let mut connected = false;
            let reason = match timeout(CONNECT_WAIT, target.connect()).await {
                Err(_) => format!("connect to {target}: nothing came of it in {} s", CONNECT_WAIT.as_secs()),
                // It is there, and does not learn to speak.
                Ok(Err(refused)) if refused.kind() == io::ErrorKind::Unsupported => {
                    let (asked, reason) = (self.down, refused.to_string());
                    return Err(GatewayError::NotAgreed { gateway, asked, reason }.into());
                }
                Ok(Err(refused)) => format!("connect to {target}: {refused}"),
                Ok(Ok(_)) => {
                    connected = true;
                    match self.round_trip().await {
                        Ok(passed) => {
                            (self.known.verbatim, self.known.up) = (passed.verbatim, passed.up);
                            return Ok(());
                        }
                        Err(reason) => reason,
                    }
                }
            };
            if Instant::now() >= deadline {
                let origin = self.origin.addr();
                return Err(BenchError::NeverReady { connected, gateway, origin, waited, reason });
            }
            tokio::time::sleep(READY_POLL).await;
        }
    }

    /// One benign exchange through the gateway. How it passed, or why nothing right came back.
    async fn round_trip(&mut self) -> Result<Passed, String> {
        self.benign(Request::get()).await
    }

    /// Whether a request of this form reaches the origin through the gateway, and its reply comes back: forms of which
    /// nothing can be known are not used. Asked once for each form.
    pub(crate) async fn carries(&mut self, request: &Request) -> bool {
        if let Some((_, carried)) = self.forms.iter().find(|(form, _)| *form == request.form) {
            return *carried;
        }
        let plain = Request::get();
        let probe = Request { method: request.method.clone(), form: request.form.clone(), ..plain };
        let carried = match self.benign(probe).await {
            Ok(_) => true,
            Err(reason) => {
                tracing::info!(form = request.form.word(), reason, "the gateway does not carry this form");
                false
            }
        };
        self.forms.push((request.form.clone(), carried));
        carried
    }

    async fn benign(&mut self, request: Request) -> Result<Passed, String> {
        let stimulus = Stimulus { request, ..Stimulus::get(ExchangeId(1), TenantId(1)) };
        let lane = Lane { name: "rinse".to_owned(), stimuli: vec![stimulus], until: None };
        let plan = Plan { down: self.down, ..Plan::bare("rinse", vec![lane]) };
        let history = self.perform(&plan).await.map_err(|overflow| overflow.to_string())?;
        let judgement = oracle::judge(&history, Known::NOTHING).map_err(|panic| panic.to_string())?;
        if let Some(finding) = judgement.findings.first() {
            return Err(self.redaction.conceal(&finding.sentence));
        }
        let happened = history.exchanges.get(&ExchangeId(1));
        let seen = happened.and_then(|exchange| exchange.seen.first());
        let up = if seen.is_some_and(|seen| seen.stream.is_some()) { Http::H2 } else { Http::H1 };
        match happened.and_then(|exchange| exchange.end.as_ref()) {
            Some(ExchangeEnd::Received(received)) if judgement.summary.verified == 1 => {
                Ok(Passed { verbatim: received.status == 200 && received.body == BodyState::Intact, up })
            }
            Some(ExchangeEnd::Received(received)) => {
                Err(format!("it answered {} without the origin's canary", self.redaction.conceal(&described(received))))
            }
            Some(ExchangeEnd::GaveUp(gave_up)) => Err(format!("no reply ({:?})", gave_up.why)),
            None => Err("no reply".to_owned()),
        }
    }
}

/// How a benign exchange came through the gateway.
struct Passed {
    /// Whether status and body were unchanged.
    verbatim: bool,
    /// What the gateway spoke to the origin.
    up: Http,
}

/// What tells a reply that is not the origin's: its status, who wrote it, what it is. Its body may be anybody's.
fn described(received: &Received) -> String {
    let said = |name: &str| {
        let mut fields = received.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let server = said("server").map(|server| format!(" by {server}")).unwrap_or_default();
    let kind = said("content-type").map(|kind| format!(" of {kind}")).unwrap_or_default();
    format!("{}{server}, {} bytes{kind},", received.status, received.body_bytes)
}

/// A shell that does not find its program exits with 127: nothing was sent, and something is to be installed.
fn died(gateway: String, reason: String) -> BenchError {
    match reason.starts_with("it exited with 127") {
        true => {
            // As in `sh: 1: my-gateway: not found`.
            let said = reason.lines().last().unwrap_or_default();
            let program = said.split(": ").nth(2).unwrap_or(said).to_owned();
            BenchError::Gateway(GatewayError::MissingProgram { gateway, program, install: None })
        }
        false => BenchError::Died { gateway, reason },
    }
}

/// What the origin does for a plan, in numbers of the wire.
fn origin_case(plan: &Plan, base: u32) -> OriginCase {
    let wire = |exchange: ExchangeId| ExchangeId(exchange.0 + base);
    let planned = plan.stimuli().map(|(_, stimulus)| {
        let shared = match &stimulus.request.target {
            // As the client spells it: the base makes it the case's own.
            plan::Target::Shared(name) => Some(client::shared_path(name, base)),
            plan::Target::Own | plan::Target::Asterisk | plan::Target::Authority(_) => None,
        };
        let mut directive: Directive = stimulus.directive.clone();
        for act in &mut directive.acts {
            if let OriginAct::Hold(Hold::Event(event)) = act {
                event.exchange = wire(event.exchange);
            }
        }
        (wire(stimulus.exchange), PlannedReply { tenant: stimulus.tenant, directive, shared })
    });
    let gates = plan.gates.iter().map(|gate| Gate {
        awaits: gate.awaits.iter().copied().map(wire).collect(),
        release: gate.release.iter().copied().map(wire).collect(),
        ..gate.clone()
    });
    OriginCase { exchanges: planned.collect(), gates: gates.collect() }
}
