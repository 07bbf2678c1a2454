//! A test harness of its own: one test for each scenario, listed, filtered and run as `cargo test` and `cargo nextest`
//! expect it.
//!
//! Each test starts its own origin and gateways, so that tests may run side by side, in any order, or each in a process.
//! It passes if the scenario is Clean, prevented obligations included; what proves nothing fails, with the reasons.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use scenarios::Scenario;
use vocabulary::plan::Plan;
use vocabulary::record::{EvidenceRequired, NO_FAULT, RunRecord, ScenarioRecord};
use vocabulary::verdict::Verdict;

use crate::builder::{Builder, Work};
use crate::case::BenchError;
use crate::run::RunError;

/// The tests of a gateway, one for each scenario that is chosen, and one for each plan that was kept.
///
/// In `Cargo.toml`, `[[test]] name = "isolation", harness = false`; in `tests/isolation.rs`:
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use crosswire::{Gateway, Profile};
///
/// # async fn serve(_: std::net::TcpListener, _: std::net::SocketAddr) {}
/// fn main() -> ExitCode {
///     let gateway = Gateway::in_process(serve);
///     crosswire::suite(crosswire::builder().gateway(gateway).profile(Profile::quick())).main()
/// }
/// ```
#[must_use = "a suite runs when its main() is called"]
pub struct Suite(Builder);

/// The tests of what a builder says.
pub fn suite(builder: Builder) -> Suite {
    Suite(builder)
}

impl Suite {
    /// Runs the tests that the process's arguments ask for. What to return from `main`.
    pub fn main(self) -> ExitCode {
        let arguments = Arguments::from_args();
        match self.trials(&arguments) {
            Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
            Err(error) => {
                eprintln!("crosswire: failed to {error}");
                ExitCode::from(error.exit_code())
            }
        }
    }

    fn trials(self, arguments: &Arguments) -> Result<Vec<Trial>, RunError> {
        let builder = self.0;
        let gateway = builder.gateway.as_ref().ok_or(RunError::NoGateway)?;
        let fit = gateway.fit(gateway.down(builder.protocol).map_err(BenchError::from)?);
        // A list says what is ignored before it runs, and cannot say why; a run says why.
        let is_told_before = arguments.list || arguments.ignored || arguments.include_ignored;
        let trial = |name: String, lacks: Option<&'static str>, run: Builder| {
            let trial = Trial::ignorable_test(name, move || outcome(run).told());
            trial.with_ignored_flag(is_told_before && lacks.is_some())
        };
        let kept = builder.effective_regressions();
        let plans = kept.read()?;
        let replays =
            plans.iter().map(|plan| trial(plan.scenario.name.clone(), fit.lacks_for(plan), of_plan(&builder, plan)));
        let chosen = builder.chosen()?;
        let scenarios = chosen.iter().map(|scenario| {
            let name = format!("{}/{}", scenario.family(), scenario.name());
            trial(name, fit.lacks(scenario), of_scenario(&builder, scenario))
        });
        Ok(replays.chain(scenarios).collect())
    }
}

/// The run of one scenario. New findings are kept, earlier ones are tests of their own.
fn of_scenario(builder: &Builder, scenario: &Scenario) -> Builder {
    alone(builder, Work { plans: Vec::new(), scenarios: vec![scenario.clone()] })
}

/// The run of one kept plan.
fn of_plan(builder: &Builder, plan: &Plan) -> Builder {
    alone(builder, Work { plans: vec![plan.clone()], scenarios: Vec::new() })
}

/// What a run of all would ask of all together, is asked of each.
fn alone(builder: &Builder, work: Work) -> Builder {
    let mut profile = builder.effective_profile();
    let each = if work.scenarios.is_empty() { 1 } else { profile.evidence.verified_per_scenario_min };
    profile.evidence = EvidenceRequired { verified_min: each, ..profile.evidence };
    Builder { profile: Some(profile), cases: None, work: Some(work), ..builder.clone() }
}

/// How a test has ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Passed,
    Ignored(String),
    Failed(String),
}

impl Ended {
    fn told(self) -> Result<Completion, Failed> {
        match self {
            Ended::Passed => Ok(Completion::Completed),
            Ended::Ignored(reason) => Ok(Completion::ignored_with(reason)),
            Ended::Failed(message) => Err(message.into()),
        }
    }
}

fn outcome(run: Builder) -> Ended {
    let report = match run.run_blocking() {
        Ok(report) => report,
        Err(error) => return Ended::Failed(format!("failed to {error}")),
    };
    let record = report.record();
    match (record.skipped.first(), report.failure()) {
        (Some(skipped), _) if record.scenarios.is_empty() => Ended::Ignored(skipped.reason.clone()),
        (_, Some(failure)) if !is_prevented(record) => Ended::Failed(failure),
        (_, _) => Ended::Passed,
    }
}

/// Whether nothing is missing but a fault that the gateway rightly kept from being performed.
fn is_prevented(record: &RunRecord) -> bool {
    let is_prevented = |scenario: &ScenarioRecord| scenario.verdict == Verdict::Clean && scenario.is_prevented();
    record.reasons == [NO_FAULT] && record.scenarios.iter().all(is_prevented)
}

#[cfg(test)]
mod tests {
    use specimens::Decisions;

    use super::*;
    use crate::gateway::Gateway;
    use crate::regressions::Regressions;

    /// A builder of runs that leave nothing behind but the run folder.
    fn simulated(decisions: Decisions) -> (Builder, tempfile::TempDir) {
        let out = tempfile::tempdir().unwrap();
        let gateway = Gateway::simulated(1, move |listener, origin| specimens::serve_on(listener, origin, decisions));
        let builder = crate::builder().gateway(gateway).out(&out.path().join("run")).cases(12).seed(1);
        (builder.regressions(Regressions::Off), out)
    }

    fn names(builder: Builder, arguments: Arguments) -> Vec<(String, bool)> {
        let trials = suite(builder).trials(&arguments).unwrap();
        trials.iter().map(|trial| (trial.name().to_owned(), trial.has_ignored_flag())).collect()
    }

    /// How the test of one scenario ends.
    fn ended(decisions: Decisions, scenario: &str) -> Ended {
        let (builder, _out) = simulated(decisions);
        outcome(of_scenario(&builder, scenarios::catalogue().find(scenario).unwrap()))
    }

    #[test]
    fn there_is_a_test_for_each_scenario_and_a_list_says_what_is_ignored() {
        let listed = |list| {
            let (builder, _out) = simulated(Decisions::reference());
            let builder = builder.scenarios("plain-concurrency").scenarios("surplus-frozen");
            names(builder, Arguments { list, ..Arguments::default() })
        };
        let name = |name: &str, ignored| (name.to_owned(), ignored);
        let (plain, frozen) = ("concurrency/plain-concurrency", "surplus/surplus-frozen");
        assert_eq!(listed(true), [name(plain, false), name(frozen, true)]);
        assert_eq!(listed(false), [name(plain, false), name(frozen, false)], "a run says why");
    }

    #[test]
    fn a_correct_gateway_passes_and_what_it_cannot_do_is_ignored_with_the_reason() {
        assert_eq!(ended(Decisions::reference(), "plain-concurrency"), Ended::Passed);
        let ignored = ended(Decisions::reference(), "surplus-frozen");
        assert!(matches!(&ignored, Ended::Ignored(reason) if reason.contains("must be stopped")), "{ignored:?}");
    }

    #[test]
    fn a_defect_fails_with_its_card() {
        let mutant = specimens::mutant("interim-taken-as-final").unwrap();
        let Ended::Failed(card) = ended((mutant.decisions)(), mutant.scenario) else { panic!("it was not found") };
        assert!(card.lines().last().unwrap().starts_with("replay: "), "{card}");
    }

    #[test]
    fn a_fault_that_is_rightly_prevented_passes() {
        assert_eq!(ended(Decisions::reference(), "cache-cookie-bleed"), Ended::Passed);
    }

    #[test]
    fn what_proves_nothing_fails_with_the_reasons() {
        let (builder, _out) = simulated(Decisions::reference());
        let run = of_scenario(&builder, scenarios::catalogue().find("plain-concurrency").unwrap());
        let mut profile = run.effective_profile();
        profile.evidence.verified_per_scenario_min = 1_000_000;
        let ended = outcome(run.profile(profile));
        let is_told = |reason: &String| reason.contains("at least 1000000 are needed");
        assert!(matches!(&ended, Ended::Failed(reason) if is_told(reason)), "{ended:?}");
    }

    #[test]
    fn kept_plans_are_tests_of_their_own_and_come_first() {
        let (builder, _out) = simulated(Decisions::reference());
        let folder = tempfile::tempdir().unwrap();
        let scenario = scenarios::catalogue().find("plain-concurrency").unwrap();
        let plan = scenario.plan(1, vocabulary::identity::CaseNumber(0), &scenarios::DrawContext::default());
        std::fs::write(folder.path().join("once.json"), serde_json::to_vec(&plan).unwrap()).unwrap();
        let builder = builder.scenarios("plain-concurrency").regressions(Regressions::ReadOnly(folder.path().into()));
        let names = names(builder.clone(), Arguments::default());
        assert_eq!(names[0].0, "regressions/once");
        assert_eq!(names.len(), 2);
        let plans = builder.effective_regressions().read().unwrap();
        assert_eq!(outcome(of_plan(&builder, &plans[0])), Ended::Passed);
    }
}
