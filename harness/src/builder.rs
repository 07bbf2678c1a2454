//! Saying what is to be run: the gateway, the scenarios, how much, where the results go.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use scenarios::{Draws, Scenario, catalogue, select_for};
use vocabulary::crossing::Http;
use vocabulary::gate::{Gate, GateError};
use vocabulary::plan::Plan;
use vocabulary::record::REGRESSIONS;
use vocabulary::scenario::Obligation;
use vocabulary::suppression::Suppression;

use crate::gateway::Gateway;
use crate::profile::Profile;
use crate::replay::{self, PlanError, Replayed, load_plan};
use crate::report::Report;
use crate::run::{self, RunError, RunEvent, Stop};
use crate::suppressions::{SuppressionsError, read_suppressions};

/// Begins a run.
pub fn builder() -> Builder {
    Builder::default()
}

/// Is told what happens during a run.
pub(crate) type Tell = Arc<dyn Fn(RunEvent<'_>) + Send + Sync>;

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
    pub(crate) regressions: Option<PathBuf>,
    pub(crate) shrink_time: Option<Duration>,
    pub(crate) replays: Option<u32>,
    pub(crate) out: Option<PathBuf>,
    pub(crate) origin_listen: Option<SocketAddr>,
    pub(crate) program: Option<String>,
    pub(crate) on_event: Option<Tell>,
    pub(crate) stop: Stop,
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

    /// A folder with the plans of earlier findings (`*.json`, copied from the `plans` of a run folder), each of which is
    /// run before anything else.
    pub fn regressions(mut self, folder: &Path) -> Builder {
        self.regressions = Some(folder.to_owned());
        self
    }

    /// How long making the plan of one finding smaller may take, 30 s where nobody says; never more than a third of the
    /// time that is left of the run's limit. Zero: a plan stays as it was found.
    pub fn shrink_time(mut self, limit: Duration) -> Builder {
        self.shrink_time = Some(limit);
        self
    }

    /// How often the plan of each finding is run again for its reproduction rate, and for each rate beside it, 20 times
    /// where nobody says. Zero: never.
    pub fn replays(mut self, times: u32) -> Builder {
        self.replays = Some(times);
        self
    }

    /// The folder of the run; without it, `crosswire-out/<run-id>`.
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

    /// The kept plans, in the order of their files, each as a scenario of its own: it is the fault that must be performed,
    /// a small plan has no more followers than it needs to fail.
    pub(crate) fn kept_regressions(&self) -> Result<Vec<Plan>, RunError> {
        let Some(folder) = &self.regressions else { return Ok(Vec::new()) };
        let listed = || -> std::io::Result<Vec<PathBuf>> {
            let paths = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
            let mut paths: Vec<PathBuf> = paths.collect::<Result<_, _>>()?;
            paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
            paths.sort();
            Ok(paths)
        };
        let paths = listed().map_err(|source| PlanError::Read { path: folder.clone(), source })?;
        let kept = paths.iter().map(|path| {
            let mut plan = load_plan(path)?;
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            plan.scenario.name = format!("{REGRESSIONS}/{stem}");
            REGRESSIONS.clone_into(&mut plan.scenario.family);
            plan.scenario.must_exercise.retain(|obligation| matches!(obligation, Obligation::FaultPerformed(_)));
            Ok(plan)
        });
        kept.collect()
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
