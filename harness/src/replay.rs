//! Running one plan again: is it fixed, or how often does it still fail?

use std::path::{Path, PathBuf};

use vocabulary::finding::{Finding, Reproduction};
use vocabulary::plan::{PLAN_SCHEMA, Plan};
use vocabulary::scenario::{Obligation, ObligationState};

use crate::builder::Builder;
use crate::case::Bench;
use crate::run::{self, RunError, RunEvent};

/// What replays came to.
#[derive(Debug)]
pub struct Replayed {
    /// How often the plan was run, and how often it failed.
    pub reproduction: Reproduction,
    /// The findings of the last run that failed.
    pub findings: Vec<Finding>,
    /// Obligations that no run met and nothing excuses: the runs prove nothing.
    pub unmet: Vec<String>,
    /// Whether the plan has faults and not one of them could be performed: the runs prove nothing either.
    pub kept_from_its_faults: bool,
}

/// Why a plan cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file cannot be read.
    #[error("read the plan {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no plan.
    #[error("read the plan {}: {source}; a plan is a file like crosswire-out/<run-id>/plans/f1.json", path.display())]
    Parse {
        /// Which.
        path: PathBuf,
        /// Where and why, in the words of the JSON reader.
        source: serde_json::Error,
    },
    /// The plan is of another schema.
    #[error("read the plan {}: its schema is {found:?}, this build reads {PLAN_SCHEMA:?}; use the crosswire that wrote it", path.display())]
    Schema {
        /// Which.
        path: PathBuf,
        /// The schema that it states.
        found: String,
    },
    /// The plan contradicts itself.
    #[error("run the plan {}: {defect}", path.display())]
    Defect {
        /// Which.
        path: PathBuf,
        /// The first contradiction.
        defect: String,
    },
}

/// Why a plan that was to be tried has failed. It is short, for `prop_assert!` and for people.
#[derive(Debug, thiserror::Error)]
pub enum PlanFailed {
    /// Something was wrong.
    #[error("{} ({})", findings[0].sentence, findings[0].requirement)]
    Violated {
        /// At least one.
        findings: Vec<Finding>,
    },
    /// It could not be run.
    #[error(transparent)]
    NotRun(#[from] RunError),
}

/// What one run came to.
pub(crate) fn judged(replayed: Replayed) -> Result<Replayed, PlanFailed> {
    match replayed.findings.is_empty() {
        true => Ok(replayed),
        false => Err(PlanFailed::Violated { findings: replayed.findings }),
    }
}

/// Reads a plan from its file.
pub fn load_plan(path: &Path) -> Result<Plan, PlanError> {
    let text = std::fs::read_to_string(path).map_err(|source| PlanError::Read { path: path.to_owned(), source })?;
    let parse = |source| PlanError::Parse { path: path.to_owned(), source };
    // The schema before the rest: a plan of another one may have any form.
    let value: serde_json::Value = serde_json::from_str(&text).map_err(parse)?;
    if let Some(found) = value.get("schema").and_then(|schema| schema.as_str()).filter(|schema| *schema != PLAN_SCHEMA)
    {
        return Err(PlanError::Schema { path: path.to_owned(), found: found.to_owned() });
    }
    // From the text again: its errors have lines and columns.
    let plan: Plan = serde_json::from_str(&text).map_err(parse)?;
    match plan.defect() {
        Some(defect) => Err(PlanError::Defect { path: path.to_owned(), defect }),
        None => Ok(plan),
    }
}

pub(crate) async fn replay(builder: Builder, plan: Plan, times: u32) -> Result<Replayed, RunError> {
    let gateway = builder.gateway.clone().ok_or(RunError::NoGateway)?;
    let work = tempfile::tempdir().map_err(RunError::Thread)?;
    let key = run::draw_key(&gateway);
    let simulated = gateway.simulation_seed().is_some();
    let set_up = Bench::set_up(gateway, builder.origin_listen, key, work.path().to_owned(), plan.down);
    let set_up = run::unless_stopped(&builder.stop, std::time::Duration::ZERO, simulated, set_up).await;
    let mut replayed = Replayed {
        reproduction: Reproduction::default(),
        findings: Vec::new(),
        unmet: Vec::new(),
        kept_from_its_faults: !plan.faults().is_empty(),
    };
    let Some(bench) = set_up else { return Ok(replayed) };
    let mut bench = bench?;
    bench.keep(builder.bodies());
    let mut met = Vec::new();
    let (mut verified, mut faults) = (0, 0);
    for run in 0..times {
        if builder.stop.is_asked() {
            break;
        }
        if builder.fresh_gateway && run > 0 {
            bench.refresh().await?;
        }
        let judgement = bench.run(&plan).await?;
        replayed.reproduction.runs += 1;
        replayed.kept_from_its_faults &= judgement.summary.faults_performed == 0;
        for outcome in &judgement.summary.obligations {
            match (outcome.state, outcome.obligation) {
                // A shrunk plan has no more followers than it needs to fail: it is the fault that must be performed.
                (ObligationState::Unmet, Obligation::FollowUps(_) | Obligation::Affinity(_)) => {}
                (ObligationState::Unmet, obligation) => replayed.unmet.push(obligation.to_string()),
                (ObligationState::Met | ObligationState::Prevented(_) | ObligationState::NotPlanned, obligation) => {
                    met.push(obligation.to_string());
                }
            }
        }
        if !judgement.findings.is_empty() {
            replayed.reproduction.failed += 1;
            replayed.findings = judgement.findings;
        }
        verified += judgement.summary.verified;
        faults += judgement.summary.faults_performed;
        if let Some(tell) = &builder.on_event {
            let (scenario, findings) = (plan.scenario.name.as_str(), replayed.findings.len());
            tell(RunEvent::CaseDone { scenario, case: run, verified, faults, findings });
        }
    }
    replayed.unmet.sort();
    replayed.unmet.dedup();
    replayed.unmet.retain(|obligation| !met.contains(obligation));
    Ok(replayed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        std::fs::write(&path, text).unwrap();
        load_plan(&path).unwrap_err().to_string()
    }

    #[test]
    fn a_file_that_is_no_plan_says_what_is_wrong_and_where() {
        assert!(load("{").contains("line 1"), "{}", load("{"));
        assert!(load("{\"schema\": \"crosswire.plan/1\"}").contains("missing field"));
        assert!(load_plan(Path::new("no/such/plan.json")).unwrap_err().to_string().contains("no/such/plan.json"));
    }

    #[test]
    fn a_plan_of_another_schema_is_refused_by_its_name() {
        let error = load("{\"schema\": \"crosswire.plan/9\", \"shape\": \"unknown\"}");
        assert!(error.contains("crosswire.plan/9") && error.contains(PLAN_SCHEMA), "{error}");
    }
}
