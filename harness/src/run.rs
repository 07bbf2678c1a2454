//! The run: case after case, journal first, findings told at once, until enough was verified or the time is up.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use scenarios::{DrawContext, Scenario, ScenarioError, SelectError};
use tokio::task::LocalSet;
use tokio::time::Instant;
use vocabulary::canary::CanaryKey;
use vocabulary::finding::{Boundary, Finding, Size};
use vocabulary::gate::GateError;
use vocabulary::identity::{CaseNumber, ExchangeId};
use vocabulary::limits::{FINDINGS_MAX, REPRODUCTION_RUNS};
use vocabulary::plan::{Form, Plan, RequestBody};
use vocabulary::record::{
    GatewayRecord, JOURNAL_SCHEMA, JournalEntry, PlannedScenario, REGRESSIONS, RunEnd, RunRecord, RunStart,
};
use vocabulary::scenario::ScenarioHead;
use vocabulary::suppression::{Day, Suppression};

use crate::builder::{Builder, Work};
use crate::case::{Bench, BenchError, CaseError};
use crate::fit::Fit;
use crate::gateway::Gateway;
use crate::journal::{JournalError, RunFolder};
use crate::oracle::{self, Judgement};
use crate::profile::Profile;
use crate::pursue::{Limits, Pursuit, References};
use crate::redaction::Redaction;
use crate::regressions::Regressions;
use crate::replay::PlanError;
use crate::report::{Kept, Replaying, Report, replay_command};
use crate::shrink::without_gates;
use crate::suppressions::SuppressionsError;

/// Cases with a finding across tenants after which a scenario has said what it has to say.
const FAILING_CASES_MAX: u32 = 5;
/// As much as that many cases say, in which a tenant's reply reached another; any other failing case says a third.
const SAID_MAX: u32 = 3 * FAILING_CASES_MAX;
/// How long making one finding's plan smaller may take, where nobody says.
const SHRINK_TIME: Duration = Duration::from_secs(30);

/// How often each kept plan is run: gateways schedule as they like.
const REGRESSION_RUNS: u32 = 3;

/// How long the present case may still take once the end was asked for, where nobody says.
const GRACE: Duration = Duration::from_secs(5);
/// How often it is looked for whether the end was asked for, where nothing else would notice.
const STOP_POLL: Duration = Duration::from_millis(20);

/// Simulated time passes about so many times as fast as real time. A limit of time is counted in simulated time, so that
/// it falls on the same case in every run.
const SIMULATED_SPEED: u32 = 50;
/// Every simulation's secret before its seed is added.
const SIMULATED_SECRET: u128 = 0x5245_434f_5244_2054_4845_2053_4545_4421;

/// Ends a run after its present case. Clones ask for the same.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks for the end.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the end was asked for.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What happens during a run, for whoever watches it.
#[derive(Debug)]
pub enum RunEvent<'a> {
    /// The run begins: its folder is there, and the gateway is started or waited for.
    Started {
        /// The run's id.
        run_id: &'a str,
        /// Its seed.
        seed: u64,
        /// Its folder.
        folder: &'a Path,
        /// The gateway under test.
        gateway: &'a GatewayRecord,
        /// How many scenarios are run.
        scenarios: usize,
        /// Which profile.
        profile: &'a Profile,
    },
    /// A scenario is left out.
    Skipped {
        /// Its name.
        scenario: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// Requests of this form do not come through the gateway, or their replies do not come back: they are sent in none.
    FormLost(&'a str),
    /// A case was judged, or a plan was replayed once.
    CaseDone {
        /// The scenario.
        scenario: &'a str,
        /// Which case.
        case: u32,
        /// Replies verified so far in the run.
        verified: u64,
        /// Faults performed so far.
        faults: u64,
        /// Findings so far.
        findings: usize,
    },
    /// Something was found. It is on disk.
    Found(&'a Finding),
    /// Something was found that somebody answers for. It is on disk, and it is pursued no further.
    Suppressed(&'a Finding, &'a Suppression),
    /// A smaller plan was tried for a finding.
    Shrinking {
        /// The finding's id.
        finding: &'a str,
        /// The size of the smallest plan so far.
        smallest: Size,
        /// How many plans were tried.
        tried: u32,
        /// How long it has taken, and how long it may take.
        took: Duration,
        /// How long it may take.
        may_take: Duration,
    },
    /// The finding was replayed; with the command that does it again.
    Measured(&'a Finding, &'a str),
}

/// Why a run could not be made, or could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No gateway was given.
    #[error("run without a gateway: name one with --recipe, --command or --gateway")]
    NoGateway,
    /// The choice of scenarios is empty or wrong.
    #[error("choose scenarios: {0}")]
    Select(#[from] SelectError),
    /// The choice of mutants is empty.
    #[error("choose mutants: none matches {glob:?}; `crosswire demo --list` shows all")]
    NoMutant {
        /// As given.
        glob: String,
    },
    /// None of the chosen scenarios can be run on this gateway.
    #[error("draw plans: {scenario} does not fit this gateway: {reason}")]
    NothingFits {
        /// The first of them.
        scenario: String,
        /// What it needs.
        reason: &'static str,
    },
    /// A control run cannot be made.
    #[error("run against an origin of somebody else's: {reason}")]
    Control {
        /// Why.
        reason: String,
    },
    /// A scenario file cannot be read.
    #[error("read the scenario {}: {source}", path.display())]
    ScenarioFile {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A scenario file is wrong.
    #[error("read the scenario {0}")]
    Scenario(#[from] ScenarioError),
    /// A plan file is wrong.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A gate is none.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// The file of suppressions is wrong.
    #[error(transparent)]
    Suppressions(#[from] SuppressionsError),
    /// The gateway or the origin does not start, or not any more.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// The run folder cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The run folder could not be written any more, half-way.
    #[error("{error}. The run ended there; {}", if *found { "what it had found was printed above" } else { "it had found nothing by then" })]
    JournalLost {
        /// What could not be written.
        error: JournalError,
        /// Whether something had been found.
        found: bool,
    },
    /// The run has no thread or no work folder.
    #[error("start the run's thread and work folder: {0}; check the limits on threads, files and disk")]
    Thread(std::io::Error),
    /// Crosswire itself failed.
    #[error("crosswire failed: {0}; this is a bug of ours, the journal is readable")]
    Broken(String),
}

impl RunError {
    /// The exit code of the process that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            RunError::NoGateway
            | RunError::Select(_)
            | RunError::NoMutant { .. }
            | RunError::NothingFits { .. }
            | RunError::Control { .. }
            | RunError::ScenarioFile { .. }
            | RunError::Scenario(_)
            | RunError::Plan(_)
            | RunError::Gate(_)
            | RunError::Suppressions(_)
            | RunError::Journal(_)
            | RunError::Thread(_) => 2,
            RunError::Bench(error) if error.is_before_anything_was_sent() => 2,
            RunError::Bench(_) => 3,
            // A proven finding survives what happened to us afterwards.
            RunError::JournalLost { found: true, .. } => 10,
            RunError::JournalLost { found: false, .. } | RunError::Broken(_) => 70,
        }
    }
}

impl From<CaseError> for RunError {
    fn from(error: CaseError) -> RunError {
        match error {
            CaseError::Bench(error) => RunError::Bench(error),
            CaseError::Overflow(error) => RunError::Broken(error.to_string()),
            CaseError::Oracle(error) => RunError::Broken(error.to_string()),
        }
    }
}

/// Runs on a thread with a runtime of its own: the caller may have any runtime, or a single-threaded one that it blocks.
/// In a simulation that runtime has no sockets, and its time passes only while everybody waits.
pub(crate) async fn on_own_thread<T, Fut>(
    simulated: bool,
    work: impl FnOnce() -> Fut + Send + 'static,
) -> Result<T, RunError>
where
    T: Send + 'static,
    Fut: Future<Output = Result<T, RunError>>,
{
    let (done, result) = tokio::sync::oneshot::channel();
    let spawned = std::thread::Builder::new().name("crosswire-run".to_owned()).spawn(move || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = match simulated {
            true => builder.enable_time().start_paused(true).build(),
            false => builder.enable_all().build(),
        };
        let ended = match runtime {
            // What is started in here, such as a simulated gateway, ends with it.
            Ok(runtime) => LocalSet::new().block_on(&runtime, work()),
            Err(error) => Err(RunError::Thread(error)),
        };
        // Nobody waits any more: the caller has dropped the run.
        drop(done.send(ended));
    });
    spawned.map_err(RunError::Thread)?;
    result.await.unwrap_or_else(|_| Err(RunError::Broken("the run's thread panicked".to_owned())))
}

/// What comes of the work, or nothing where the end was asked for so long before. A gateway that never becomes ready keeps
/// nobody waiting who wants to end. In a simulation nothing is waited for, and a clock that is looked at has moved.
pub(crate) async fn unless_stopped<T>(
    stop: &Stop,
    grace: Duration,
    simulated: bool,
    work: impl Future<Output = T>,
) -> Option<T> {
    if simulated {
        return Some(work.await);
    }
    let asked = async {
        while !stop.is_asked() {
            tokio::time::sleep(STOP_POLL).await;
        }
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        biased;
        done = work => Some(done),
        () = asked => None,
    }
}

/// Waits for a run without any runtime: it does nothing on this thread but wait.
pub(crate) fn blocking<T>(run: impl Future<Output = Result<T, RunError>>) -> Result<T, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(RunError::Thread)?;
    runtime.block_on(run)
}

/// A random key, never derived from the run's seed: whoever knows the plan cannot forge a canary. Nobody attacks a
/// simulation, and there each byte shall follow from the seeds.
pub(crate) fn draw_key(gateway: &Gateway) -> CanaryKey {
    match gateway.simulation_seed() {
        Some(seed) => CanaryKey::new((u128::from(seed) ^ SIMULATED_SECRET).to_le_bytes(), 0),
        None => CanaryKey::new(rand::random(), rand::random()),
    }
}

pub(crate) async fn run(builder: Builder) -> Result<Report, RunError> {
    let gateway = builder.gateway.clone().ok_or(RunError::NoGateway)?;
    let down = gateway.down(builder.protocol).map_err(BenchError::from)?;
    let Work { plans, scenarios: chosen } = builder.effective_work()?;
    let regressions = builder.effective_regressions();
    let (gates, suppressions) = (builder.parsed_gates()?, builder.known_suppressions()?);
    let profile = builder.effective_profile();
    let of_profile = builder.plain_profile().evidence;
    let seed = builder.seed.unwrap_or_else(rand::random);
    let run_id = uuid::Uuid::now_v7().to_string();
    let key = draw_key(&gateway);
    let out = builder.out.clone().unwrap_or_else(|| usual_out().join(&run_id));
    let mut folder = RunFolder::create(&out, &key)?;
    let started_at = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    let today = Day::of_moment(&started_at);
    folder.write(JournalEntry::RunStarted(RunStart {
        schema: JOURNAL_SCHEMA.to_owned(),
        crosswire_version: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: run_id.clone(),
        seed,
        started_at,
        profile: profile.name.clone(),
        evidence: profile.evidence,
        evidence_of_profile: Some(of_profile).filter(|of_profile| *of_profile != profile.evidence),
        gates,
        suppressions: suppressions.clone(),
        scenarios: plans
            .iter()
            .map(|plan| &plan.scenario)
            .chain(chosen.iter().map(|one| &one.head))
            .map(planned)
            .collect(),
        gateway: gateway.label().clone(),
        captured_bodies: builder.capture_bodies,
        self_test: oracle::self_test(),
    }))?;
    let redaction = Redaction::new(gateway.given_fields(), &key);
    let began = Instant::now();
    let context = DrawContext { gateway_timeout: gateway.known_reply_timeout(), draws: builder.draws, down };
    let program = builder.program.clone().unwrap_or_else(|| "crosswire".to_owned());
    let arguments = arguments(&builder, &gateway);
    let told = |event: RunEvent<'_>| {
        if let Some(tell) = &builder.on_event {
            tell(event);
        }
    };
    let (label, folder_path, scenarios) = (gateway.label(), folder.path().to_owned(), chosen.len());
    told(RunEvent::Started {
        run_id: &run_id,
        seed,
        folder: &folder_path,
        gateway: label,
        scenarios,
        profile: &profile,
    });
    let simulated = gateway.simulation_seed().is_some();
    let set_up = Bench::set_up(gateway.clone(), builder.origin_listen, key, folder.gateway(), down);
    let mut found = false;
    let mut plans_kept = Vec::new();
    let end = match unless_stopped(&builder.stop, Duration::ZERO, simulated, set_up).await {
        // Nothing was run; that somebody ended it is all there is to say.
        None => Ok(()),
        Some(Ok(mut bench)) => {
            bench.keep(builder.bodies());
            if builder.out.is_none() {
                folder.link_as_latest();
            }
            let replay = |finding: &Finding| replay_command(&program, &folder_path, finding, arguments.as_deref());
            let mut run = Run {
                bench,
                gateway: &gateway,
                folder: &mut folder,
                profile: &profile,
                context: &context,
                builder: &builder,
                told: &told,
                replay: &replay,
                regressions: &regressions,
                kept: Vec::new(),
                seed,
                deadline: began + time_limit(&profile, &gateway),
                findings: Vec::new(),
                suppressions: suppressions.into_iter().filter(|one| one.holds_on(today)).collect(),
                set_aside: Vec::new(),
                references: References::default(),
                lost_forms: Vec::new(),
                used: false,
                verified: 0,
                faults: 0,
            };
            let work = async {
                run.regressions(&plans).await?;
                run.cases(chosen).await
            };
            // A case that is given up is not counted; whatever was told of it before is in the journal.
            let grace = builder.grace.unwrap_or(GRACE);
            let end = unless_stopped(&builder.stop, grace, simulated, work).await.unwrap_or(Ok(()));
            found = !run.findings.is_empty();
            plans_kept = run.kept;
            end
        }
        // Nothing was sent: there is no run to keep.
        Some(Err(error)) if error.is_before_anything_was_sent() => {
            folder.discard();
            return Err(RunError::Bench(error));
        }
        Some(Err(error)) => Err(RunError::Bench(error)),
    };
    // The gateway has ended, and writes no more.
    let end = end.and_then(|()| Ok(folder.conceal_gateway_log(&redaction)?));
    let record = conclude(folder, end, &builder.stop, began);
    // What was found was told already, even where it can no longer be kept.
    let record = record.map_err(|error| RunError::JournalLost { error, found })?;
    Ok(Report::new(record, out, plans_kept, Replaying { program, arguments }))
}

/// Where run folders are, where nobody says. A test's program lies in the folder `deps` of a profile of cargo's build
/// folder: what it leaves behind belongs there, and not among sources.
fn usual_out() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let deps = program.parent().filter(|folder| folder.ends_with("deps"));
    deps.and_then(|deps| deps.ancestors().nth(2)).unwrap_or(Path::new("")).join("crosswire-out")
}

fn planned(head: &ScenarioHead) -> PlannedScenario {
    PlannedScenario { name: head.name.clone(), family: head.family.clone(), level: head.level }
}

/// Writes what ended the run and folds it all into the record. A run that broke half-way still yields one.
fn conclude(
    mut folder: RunFolder,
    end: Result<(), RunError>,
    stop: &Stop,
    began: Instant,
) -> Result<RunRecord, JournalError> {
    let mut how = RunEnd::Completed;
    match end {
        Ok(()) if stop.is_asked() => how = RunEnd::Interrupted,
        Ok(()) => {}
        // The journal itself failed: there is nothing to write to.
        Err(RunError::Journal(error)) => return Err(error),
        Err(RunError::Bench(error)) => {
            // One line in a record; what the gateway printed has several.
            let what = error.to_string().lines().map(str::trim).collect::<Vec<_>>().join(" ⏎ ");
            folder.write(JournalEntry::GatewayFailed { what })?;
        }
        Err(error) => folder.write(JournalEntry::RunBroken { what: error.to_string() })?,
    }
    folder.write(JournalEntry::RunEnded { duration_ms: began.elapsed().as_millis() as u64, how })?;
    folder.close()
}

fn arguments(builder: &Builder, gateway: &Gateway) -> Option<String> {
    let listen = builder.origin_listen.map(|addr| format!(" --origin-listen {addr}")).unwrap_or_default();
    gateway.arguments().map(|arguments| format!("{arguments}{listen}"))
}

fn time_limit(profile: &Profile, gateway: &Gateway) -> Duration {
    match gateway.simulation_seed() {
        Some(_) => profile.time_limit.saturating_mul(SIMULATED_SPEED),
        None => profile.time_limit,
    }
}

struct Run<'a> {
    bench: Bench,
    gateway: &'a Gateway,
    folder: &'a mut RunFolder,
    profile: &'a Profile,
    context: &'a DrawContext,
    builder: &'a Builder,
    told: &'a dyn Fn(RunEvent<'_>),
    replay: &'a dyn Fn(&Finding) -> String,
    regressions: &'a Regressions,
    /// What was said of keeping the plans of findings.
    kept: Vec<Kept>,
    seed: u64,
    deadline: Instant,
    findings: Vec<Finding>,
    /// What somebody answers for today, and the findings that were set aside by it.
    suppressions: Vec<Suppression>,
    set_aside: Vec<Finding>,
    references: References,
    lost_forms: Vec<Form>,
    /// Whether the gateway has seen a case already.
    used: bool,
    verified: u64,
    faults: u64,
}

/// How far a scenario is.
struct Progress {
    scenario: Scenario,
    cases: u32,
    verified: u64,
    faults: u64,
    /// How much its failing cases have said, up to [`SAID_MAX`].
    said: u32,
}

impl Progress {
    fn is_done(&self, profile: &Profile, serialised: bool) -> bool {
        let enough = self.cases >= profile.cases_min
            && (self.faults >= profile.faults_min || serialised)
            && self.verified >= profile.evidence.verified_per_scenario_min;
        enough || self.is_exhausted(profile)
    }

    /// More cases would say nothing new.
    fn is_exhausted(&self, profile: &Profile) -> bool {
        self.said >= SAID_MAX || self.cases >= profile.cases_max
    }
}

impl Run<'_> {
    /// One case of each scenario in turn, so that a limit of time takes from all alike.
    async fn cases(&mut self, chosen: Vec<Scenario>) -> Result<(), RunError> {
        let mut scenarios = Vec::new();
        for scenario in chosen {
            match self.fit().lacks(&scenario) {
                Some(reason) => self.skip(scenario.name(), reason)?,
                None => scenarios.push(Progress { scenario, cases: 0, verified: 0, faults: 0, said: 0 }),
            }
        }
        loop {
            let enough_in_all = self.verified >= self.profile.evidence.verified_min;
            let mut any = false;
            for progress in &mut scenarios {
                let done = match enough_in_all {
                    true => progress.is_done(self.profile, self.bench.is_serialised()),
                    false => progress.is_exhausted(self.profile),
                };
                if done {
                    continue;
                }
                if self.is_over() {
                    return Ok(());
                }
                any = true;
                self.case(progress).await?;
            }
            if !any {
                return Ok(());
            }
        }
    }

    /// What is known of what scenarios may need.
    fn fit(&self) -> Fit {
        Fit { up: Some(self.bench.up()), ..self.gateway.fit(self.context.down) }
    }

    fn skip(&mut self, scenario: &str, reason: &str) -> Result<(), RunError> {
        (self.told)(RunEvent::Skipped { scenario, reason });
        let (name, reason) = (scenario.to_owned(), reason.to_owned());
        Ok(self.folder.write(JournalEntry::ScenarioSkipped { name, reason })?)
    }

    async fn case(&mut self, progress: &mut Progress) -> Result<(), RunError> {
        let mut plan = progress.scenario.plan(self.seed, CaseNumber(progress.cases), self.context);
        if self.bench.is_serialised() {
            plan = without_gates(&plan);
        }
        self.without_lost_forms(&mut plan).await;
        let judgement = self.judged(&plan).await?;
        progress.cases += 1;
        progress.verified += judgement.summary.verified;
        progress.faults += judgement.summary.faults_performed + judgement.summary.faults_prevented;
        // What is set aside says nothing: the scenario goes on as if it were not there.
        let counting = judgement.findings.iter().filter(|finding| self.suppression_of(finding).is_none());
        progress.said += match counting.map(|finding| finding.boundary).max() {
            None => 0,
            Some(Boundary::CrossTenant) => SAID_MAX / FAILING_CASES_MAX,
            // The same defect may still be seen to reach farther.
            Some(Boundary::SameLane | Boundary::SameTenant) => 1,
        };
        self.take_in(judgement, &plan).await
    }

    /// Requests in a form that the gateway does not carry are sent in none.
    async fn without_lost_forms(&mut self, plan: &mut Plan) {
        for stimulus in plan.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli) {
            let request = &mut stimulus.request;
            if !request.form.is_plain() && !self.bench.carries(request).await {
                let form = std::mem::take(&mut request.form);
                let method = if request.body == RequestBody::None { "GET" } else { "POST" };
                method.clone_into(&mut request.method);
                if !self.lost_forms.contains(&form) {
                    (self.told)(RunEvent::FormLost(form.word()));
                    self.lost_forms.push(form);
                }
            }
        }
    }

    /// Runs a plan, on a fresh gateway if that was asked for.
    async fn judged(&mut self, plan: &Plan) -> Result<Judgement, RunError> {
        if self.builder.fresh_gateway && std::mem::replace(&mut self.used, true) {
            self.bench.refresh().await?;
        }
        let began = Instant::now();
        let mut judgement = self.bench.run(plan).await?;
        judgement.summary.duration_us = began.elapsed().as_micros() as u64;
        self.bench.note(judgement.gates);
        Ok(judgement)
    }

    /// Keeps what a case came to, and pursues what it has found.
    async fn take_in(&mut self, judgement: Judgement, plan: &Plan) -> Result<(), RunError> {
        self.verified += judgement.summary.verified;
        self.faults += judgement.summary.faults_performed;
        let case = judgement.summary.case;
        self.folder.write(JournalEntry::CaseJudged(judgement.summary))?;
        for finding in judgement.findings {
            self.found(finding, plan, &judgement.arrivals).await?;
        }
        let (scenario, findings) = (plan.scenario.name.as_str(), self.findings.len());
        (self.told)(RunEvent::CaseDone { scenario, case, verified: self.verified, faults: self.faults, findings });
        Ok(())
    }

    /// The plans of findings that were kept, before anything else: what was wrong once is looked for first.
    async fn regressions(&mut self, plans: &[Plan]) -> Result<(), RunError> {
        for plan in plans {
            if let Some(reason) = self.fit().lacks_for(plan) {
                self.skip(&plan.scenario.name, reason)?;
                continue;
            }
            for _ in 0..REGRESSION_RUNS {
                if self.is_over() {
                    return Ok(());
                }
                let judgement = self.judged(plan).await?;
                self.take_in(judgement, plan).await?;
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        let failed_fast = self.builder.fail_fast && !self.findings.is_empty();
        self.builder.stop.is_asked() || failed_fast || Instant::now() >= self.deadline
    }

    /// What somebody has said today of a finding.
    fn suppression_of(&self, finding: &Finding) -> Option<&Suppression> {
        self.suppressions.iter().find(|one| one.covers(finding))
    }

    /// A finding that is new is kept with its plan, told, made smaller and replayed; one that is known was counted with
    /// its case. What somebody answers for is told and kept, and no time is spent on it.
    async fn found(&mut self, mut finding: Finding, plan: &Plan, arrivals: &[ExchangeId]) -> Result<(), RunError> {
        // The same way over a narrower boundary is the same defect, seen from nearer.
        let known = self.findings.iter().chain(&self.set_aside).any(|known| {
            (&known.scenario, known.shape, known.leg) == (&finding.scenario, finding.shape, finding.leg)
                && known.boundary >= finding.boundary
        });
        let suppression = self.suppression_of(&finding).cloned();
        let kept = if suppression.is_some() { self.set_aside.len() } else { self.findings.len() };
        if known || kept >= FINDINGS_MAX {
            return Ok(());
        }
        finding.id = format!("f{}", self.findings.len() + self.set_aside.len() + 1);
        // The plan, then the finding, before everything that could still go wrong with them.
        finding.plan = self.folder.keep_plan(&format!("{}-as-found", finding.id), plan)?;
        self.folder.write(JournalEntry::FindingFound(Box::new(finding.clone())))?;
        if let Some(suppression) = suppression {
            (self.told)(RunEvent::Suppressed(&finding, &suppression));
            self.set_aside.push(finding);
            return Ok(());
        }
        self.findings.push(finding.clone());
        (self.told)(RunEvent::Found(&finding));
        // A kept plan has been made small before it was kept.
        let is_kept = plan.scenario.family == REGRESSIONS;
        let shrink_time = if is_kept { Duration::ZERO } else { self.builder.shrink_time.unwrap_or(SHRINK_TIME) };
        let limits = Limits {
            stop: &self.builder.stop,
            deadline: self.deadline,
            shrink_time,
            replays: self.builder.replays.unwrap_or(REPRODUCTION_RUNS),
        };
        let mut pursuit = Pursuit {
            bench: &mut self.bench,
            references: &mut self.references,
            folder: self.folder,
            told: self.told,
            limits,
            afresh: false,
        };
        let finding = pursuit.pursue(finding, plan, arrivals).await?;
        self.keep(&finding);
        (self.told)(RunEvent::Measured(&finding, &(self.replay)(&finding)));
        Ok(())
    }

    /// Keeps the plan of a finding for the next run. That it cannot be kept must not hide the finding.
    fn keep(&mut self, finding: &Finding) {
        let kept = match self.regressions.keep(finding, self.folder.path()) {
            Ok(None) => return,
            Ok(Some(path)) => Ok(path),
            Err(error) => Err(error.to_string()),
        };
        self.kept.push(Kept { finding: finding.id.clone(), kept });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_given_up_only_after_its_grace() {
        let stop = Stop::default();
        let never = Duration::from_secs(3_600);
        assert_eq!(unless_stopped(&stop, Duration::ZERO, false, async { 1 }).await, Some(1));
        stop.ask();
        let endless = std::future::pending::<u8>();
        assert_eq!(unless_stopped(&stop, Duration::ZERO, false, endless).await, None);
        // Its work is done long before its grace is over.
        let slow = async {
            tokio::time::sleep(STOP_POLL * 2).await;
            1
        };
        assert_eq!(unless_stopped(&stop, never, false, slow).await, Some(1));
        let slow = tokio::time::sleep(never);
        assert_eq!(unless_stopped(&stop, STOP_POLL, false, slow).await, None);
        // In a simulation nobody is waiting.
        assert_eq!(unless_stopped(&stop, Duration::ZERO, true, async { 1 }).await, Some(1));
    }
}
