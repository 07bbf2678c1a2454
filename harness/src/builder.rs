//! Saying what is to be run: the gateway, the scenarios, how much, where the results go.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "proptest")]
use scenarios::DrawContext;
use scenarios::{Draws, Scenario, catalogue, select_for};
use vocabulary::crossing::Http;
use vocabulary::examination::Examination;
use vocabulary::gate::{Gate, GateError};
use vocabulary::plan::Plan;
use vocabulary::suppression::Suppression;

use crate::doctor;
use crate::gateway::Gateway;
use crate::profile::Profile;
use crate::redaction::Bodies;
use crate::regressions::Regressions;
use crate::replay::{self, PlanFailed, Replayed};
use crate::report::Report;
use crate::run::{self, RunError, RunEvent, Stop};
use crate::suppressions::{SuppressionsError, read_suppressions};

/// Begins a run.
pub fn builder() -> Builder {
    Builder::default()
}

/// Is told what happens during a run.
pub(crate) type Tell = Arc<dyn Fn(RunEvent<'_>) + Send + Sync>;

/// What one run is about.
#[derive(Clone)]
pub(crate) struct Work {
    /// Kept plans, which come first.
    pub(crate) plans: Vec<Plan>,
    /// Scenarios.
    pub(crate) scenarios: Vec<Scenario>,
}

/// Everything that a run needs. Only the gateway has no default.
#[derive(Clone, Default)]
pub struct Builder {
    pub(crate) gateway: Option<Gateway>,
    pub(crate) scenarios: Vec<String>,
    pub(crate) skip: Vec<String>,
    pub(crate) cases: Option<u32>,
    pub(crate) seed: Option<u64>,
    pub(crate) draws: Draws,
    pub(crate) protocol: Option<Http>,
    pub(crate) profile: Option<Profile>,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) verified_min: Option<u64>,
    pub(crate) gates: Vec<String>,
    pub(crate) suppressions: Option<PathBuf>,
    pub(crate) fail_fast: bool,
    pub(crate) fresh_gateway: bool,
    pub(crate) regressions: Option<Regressions>,
    pub(crate) shrink_time: Option<Duration>,
    pub(crate) replays: Option<u32>,
    pub(crate) grace: Option<Duration>,
    pub(crate) capture_bodies: bool,
    pub(crate) out: Option<PathBuf>,
    pub(crate) origin_listen: Option<SocketAddr>,
    pub(crate) program: Option<String>,
    pub(crate) on_event: Option<Tell>,
    pub(crate) stop: Stop,
    /// Where it is settled already, as in a suite, whose tests have a share each.
    pub(crate) work: Option<Work>,
}

impl Builder {
    /// The gateway to be tested.
    pub fn gateway(mut self, gateway: Gateway) -> Builder {
        self.gateway = Some(gateway);
        self
    }

    /// Adds scenarios: a name or a glob over names (`interim-*`), a glob over `family/name`, or the path of a `.toml`
    /// file. Without any, the whole catalogue is run, as far as the profile goes.
    pub fn scenarios(mut self, glob: &str) -> Builder {
        self.scenarios.push(glob.to_owned());
        self
    }

    /// Leaves scenarios out.
    pub fn skip(mut self, glob: &str) -> Builder {
        self.skip.push(glob.to_owned());
        self
    }

    /// Exactly so many cases of each scenario.
    pub fn cases(mut self, cases: u32) -> Builder {
        self.cases = Some(cases);
        self
    }

    /// The seed of plans; the same seed gives the same plans. Without one it is drawn, and printed.
    pub fn seed(mut self, seed: u64) -> Builder {
        self.seed = Some(seed);
        self
    }

    /// How the swarm's knobs act, for measuring how much swarm draws are worth.
    pub fn draws(mut self, draws: Draws) -> Builder {
        self.draws = draws;
        self
    }

    /// What the clients speak to the gateway. Where nobody says, what its recipe names first, or HTTP/1.1. In HTTP/2 they begin with it, without asking (RFC
    /// 9113 §3.3).
    pub fn protocol(mut self, protocol: Http) -> Builder {
        self.protocol = Some(protocol);
        self
    }

    /// How much is run.
    pub fn profile(mut self, profile: Profile) -> Builder {
        self.profile = Some(profile);
        self
    }

    /// How long the run may take. In a simulation that is only about so, because the limit then falls on the same case in
    /// every run.
    pub fn time_limit(mut self, limit: Duration) -> Builder {
        self.time_limit = Some(limit);
        self
    }

    /// So many verified replies are enough. Where that is less than the profile asks for, every report says so.
    pub fn min_verified(mut self, replies: u64) -> Builder {
        self.verified_min = Some(replies);
        self
    }

    /// Adds a gate that must hold beside isolation, like `error_rate < 1%`: one that fails ends the run as
    /// [`Verdict::GateFailed`](vocabulary::verdict::Verdict::GateFailed), one without samples as `Inconclusive`. An
    /// expression that is none is an error of the run, before anything is sent. [`Metric`](vocabulary::gate::Metric) lists
    /// what can be measured.
    pub fn gate(mut self, expression: &str) -> Builder {
        self.gates.push(expression.to_owned());
        self
    }

    /// A file of suppressions: findings that somebody answers for until a day. What they cover is in the record and in
    /// every report, and fails nothing.
    pub fn suppressions(mut self, file: &Path) -> Builder {
        self.suppressions = Some(file.to_owned());
        self
    }

    /// Ends the run at the first finding.
    pub fn fail_fast(mut self) -> Builder {
        self.fail_fast = true;
        self
    }

    /// Starts a fresh gateway for every case.
    pub fn fresh_gateway(mut self) -> Builder {
        self.fresh_gateway = true;
        self
    }

    /// What becomes of the plans of findings. Where nobody says, they are kept in `crosswire-regressions` beside the
    /// manifest of the package that `cargo test` runs, and run before anything else the next time.
    pub fn regressions(mut self, regressions: Regressions) -> Builder {
        self.regressions = Some(regressions);
        self
    }

    /// How long making the plan of one finding smaller may take, 30 s where nobody says; never more than a third of the
    /// time that is left of the run's limit. Zero: a plan stays as it was found.
    pub fn shrink_time(mut self, limit: Duration) -> Builder {
        self.shrink_time = Some(limit);
        self
    }

    /// How long the present case may still take once the end was asked for by [`Stop`](crate::Stop), 5 s where nobody
    /// says. One that takes longer is given up, and not counted.
    pub fn grace(mut self, grace: Duration) -> Builder {
        self.grace = Some(grace);
        self
    }

    /// How often the plan of each finding is run again for its reproduction rate, and for each rate beside it, 20 times
    /// where nobody says. Zero: never.
    pub fn replays(mut self, times: u32) -> Builder {
        self.replays = Some(times);
        self
    }

    /// Keeps the beginning of bodies in evidence, whosever they are. Without it, what is not ours of a body is left out: a
    /// reply that went astray in a gateway that others use may be somebody's.
    pub fn capture_bodies(mut self) -> Builder {
        self.capture_bodies = true;
        self
    }

    /// The folder of the run; without it, `crosswire-out/<run-id>` in the working folder, or, in `cargo test`, in cargo's
    /// build folder.
    pub fn out(mut self, folder: &Path) -> Builder {
        self.out = Some(folder.to_owned());
        self
    }

    /// Where the origin listens, for a gateway that already forwards there.
    pub fn origin_listen(mut self, addr: SocketAddr) -> Builder {
        self.origin_listen = Some(addr);
        self
    }

    /// The command line's own name, as a replay command has to begin.
    pub fn program(mut self, program: &str) -> Builder {
        self.program = Some(program.to_owned());
        self
    }

    /// Is told what happens, on the run's thread.
    pub fn on_event(mut self, told: impl Fn(RunEvent<'_>) + Send + Sync + 'static) -> Builder {
        self.on_event = Some(Arc::new(told));
        self
    }

    /// Ends the run after the present case when asked to.
    pub fn stop(mut self, stop: Stop) -> Builder {
        self.stop = stop;
        self
    }

    /// Runs everything, on threads of its own.
    pub async fn run(self) -> Result<Report, RunError> {
        run::on_own_thread(self.is_simulated(), async move || run::run(self).await).await
    }

    /// Runs everything and waits for it, without any runtime.
    pub fn run_blocking(self) -> Result<Report, RunError> {
        run::blocking(self.run())
    }

    /// Runs one plan again and again, against a gateway that is fresh at the beginning.
    pub async fn replay(self, plan: Plan, times: u32) -> Result<Replayed, RunError> {
        run::on_own_thread(self.is_simulated(), async move || replay::replay(self, plan, times).await).await
    }

    /// Runs one plan again and again and waits for it, without any runtime.
    pub fn replay_blocking(self, plan: Plan, times: u32) -> Result<Replayed, RunError> {
        run::blocking(self.replay(plan, times))
    }

    /// Runs a plan once, for a test that draws plans: fine is that nothing was wrong, even where nothing could be proven.
    ///
    /// # Errors
    ///
    /// If something was wrong, or the plan could not be run at all.
    pub async fn try_plan(self, plan: &Plan) -> Result<Replayed, PlanFailed> {
        replay::judged(self.replay(plan.clone(), 1).await?)
    }

    /// Runs a plan once and waits for it, without any runtime.
    ///
    /// # Errors
    ///
    /// As [`Builder::try_plan`].
    pub fn try_plan_blocking(self, plan: &Plan) -> Result<Replayed, PlanFailed> {
        replay::judged(self.replay_blocking(plan.clone(), 1)?)
    }

    /// Finds out what a check of the gateway can show, with traffic that hides nothing: some 20 s at most.
    pub async fn examine(self) -> Result<Examination, RunError> {
        run::on_own_thread(self.is_simulated(), async move || doctor::examine(self).await).await
    }

    /// Finds out what a check of the gateway can show and waits for it, without any runtime.
    pub fn examine_blocking(self) -> Result<Examination, RunError> {
        run::blocking(self.examine())
    }

    /// The scenarios that are chosen, in the order of the catalogue, files behind them. Those for a larger profile than the
    /// run's are among them only where they are named in full.
    pub fn chosen(&self) -> Result<Vec<Scenario>, RunError> {
        let (files, globs): (Vec<String>, Vec<String>) =
            self.scenarios.iter().cloned().partition(|chosen| chosen.ends_with(".toml"));
        let mut chosen = match globs.is_empty() && !files.is_empty() {
            true => Vec::new(),
            false => select_for(self.effective_profile().runs, catalogue().all(), &globs, &self.skip)?,
        };
        for path in files {
            let text = std::fs::read_to_string(&path)
                .map_err(|source| RunError::ScenarioFile { path: PathBuf::from(&path), source })?;
            chosen.push(Scenario::parse(&path, &text)?);
        }
        Ok(chosen)
    }

    /// What the run is about.
    pub(crate) fn effective_work(&self) -> Result<Work, RunError> {
        match &self.work {
            Some(work) => Ok(work.clone()),
            None => Ok(Work { scenarios: self.chosen()?, plans: self.effective_regressions().read()? }),
        }
    }

    /// What becomes of the plans of findings, after what was said of it.
    pub(crate) fn effective_regressions(&self) -> Regressions {
        self.regressions.clone().unwrap_or_else(Regressions::beside_the_manifest)
    }

    /// The plans of the chosen scenarios as a strategy for one's own `proptest!`; scenarios that this gateway cannot do
    /// with are left out. Shrinking leaves out lanes, then requests, and keeps the scenario.
    ///
    /// ```no_run
    /// use crosswire::{Builder, Gateway};
    /// use proptest::prelude::*;
    ///
    /// # async fn serve(_: std::net::TcpListener, _: std::net::SocketAddr) {}
    /// fn under_test() -> Builder {
    ///     crosswire::builder().gateway(Gateway::in_process(serve)).scenarios("surplus-*")
    /// }
    ///
    /// proptest! {
    ///     #![proptest_config(ProptestConfig::with_cases(20))]
    ///     #[test]
    ///     fn replies_stay_with_their_requests(plan in under_test().plans().unwrap()) {
    ///         under_test().try_plan_blocking(&plan)?;
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// If no scenario is chosen, or a file cannot be read.
    #[cfg(feature = "proptest")]
    pub fn plans(&self) -> Result<impl proptest::strategy::Strategy<Value = Plan> + use<>, RunError> {
        let gateway = self.gateway.as_ref().ok_or(RunError::NoGateway)?;
        let down = gateway.down(self.protocol).map_err(crate::case::BenchError::from)?;
        let fit = gateway.fit(down);
        let (fitting, others): (Vec<Scenario>, Vec<Scenario>) =
            self.chosen()?.into_iter().partition(|scenario| fit.lacks(scenario).is_none());
        if let (true, Some(first)) = (fitting.is_empty(), others.first()) {
            let (scenario, reason) = (first.name().to_owned(), fit.lacks(first).unwrap_or_default());
            return Err(RunError::NothingFits { scenario, reason });
        }
        let context = DrawContext { gateway_timeout: gateway.known_reply_timeout(), draws: self.draws, down };
        Ok(scenarios::plans_of(fitting, context))
    }

    /// What is kept of bodies.
    pub(crate) fn bodies(&self) -> Bodies {
        if self.capture_bodies { Bodies::Whole } else { Bodies::Ours }
    }

    pub(crate) fn parsed_gates(&self) -> Result<Vec<Gate>, GateError> {
        self.gates.iter().map(|gate| gate.parse()).collect()
    }

    pub(crate) fn known_suppressions(&self) -> Result<Vec<Suppression>, SuppressionsError> {
        self.suppressions.as_deref().map_or(Ok(Vec::new()), read_suppressions)
    }

    /// Whether time and network are simulated.
    fn is_simulated(&self) -> bool {
        self.gateway.as_ref().is_some_and(|gateway| gateway.simulation_seed().is_some())
    }

    /// How much is run, after what was said of cases and time.
    pub(crate) fn effective_profile(&self) -> Profile {
        let mut profile = self.plain_profile();
        if let Some(cases) = self.cases {
            profile = profile.with_cases(cases);
        }
        if let Some(limit) = self.time_limit {
            profile.time_limit = limit;
        }
        match self.verified_min {
            Some(replies) => profile.with_verified_min(replies),
            None => profile,
        }
    }

    /// The profile by itself.
    pub(crate) fn plain_profile(&self) -> Profile {
        let named = || Profile::named("default").expect("there is a profile of this name");
        self.profile.clone().unwrap_or_else(named)
    }
}
