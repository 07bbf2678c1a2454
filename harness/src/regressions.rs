//! Plans of earlier findings, kept beside the code that they were found in and run before anything else.
//!
//! A file is a plan as the run folder has it, `<scenario>-<fingerprint>.json`: one for each defect, however often it is
//! found. It belongs into the repository, and is deleted by hand when nobody wants it any more.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use vocabulary::directive::FaultKind;
use vocabulary::finding::Finding;
use vocabulary::plan::Plan;
use vocabulary::record::{REGRESSIONS, kept_plan};
use vocabulary::scenario::{Level, Obligation};

use crate::replay::{PlanError, load_plan};

/// The folder's usual name.
const FOLDER: &str = "crosswire-regressions";

/// What becomes of the plans of findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Regressions {
    /// The plans in this folder are run first, and the plan of each new finding is kept there. The folder need not be
    /// there yet.
    Kept(PathBuf),
    /// The plans in this folder are run first, and nothing is written.
    ReadOnly(PathBuf),
    /// None is run, and none is kept.
    Off,
}

impl Regressions {
    /// In a program that cargo has started, as `cargo test` does: kept in `crosswire-regressions` beside the manifest of
    /// its package. Anywhere else there is no such place.
    pub fn beside_the_manifest() -> Regressions {
        match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(package) => Regressions::Kept(Path::new(&package).join(FOLDER)),
            None => Regressions::Off,
        }
    }

    /// The kept plans, in the order of their files, each as a scenario of its own.
    pub(crate) fn read(&self) -> Result<Vec<Plan>, PlanError> {
        let folder = match self {
            Regressions::Kept(folder) if !folder.exists() => return Ok(Vec::new()),
            Regressions::Kept(folder) | Regressions::ReadOnly(folder) => folder,
            Regressions::Off => return Ok(Vec::new()),
        };
        let listed = || -> io::Result<Vec<PathBuf>> {
            let paths = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
            let mut paths: Vec<PathBuf> = paths.collect::<Result<_, _>>()?;
            paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
            paths.sort();
            Ok(paths)
        };
        let paths = listed().map_err(|source| PlanError::Read { path: folder.clone(), source })?;
        paths.iter().map(|path| Ok(as_regression(load_plan(path)?, path))).collect()
    }

    /// Keeps the plan of a finding, if it is to be kept and none of the same defect is: its file.
    pub(crate) fn keep(&self, finding: &Finding, run_folder: &Path) -> io::Result<Option<PathBuf>> {
        let Regressions::Kept(folder) = self else { return Ok(None) };
        if !is_worth_keeping(finding) {
            return Ok(None);
        }
        let path = folder.join(format!("{}-{}.json", finding.scenario, finding.fingerprint));
        if path.exists() {
            return Ok(Some(path));
        }
        std::fs::create_dir_all(folder)?;
        // Tests run side by side: none may read half a plan of another.
        let mut whole = tempfile::NamedTempFile::new_in(folder)?;
        whole.write_all(&std::fs::read(run_folder.join(&finding.plan))?)?;
        whole.persist(&path).map_err(|error| error.error)?;
        Ok(Some(path))
    }
}

/// A kept plan under the name of its file. It is the fault that must be performed: a small plan has no more followers than it
/// needs to fail, and of the faults that its scenario is about it may have kept none, but another.
fn as_regression(mut plan: Plan, path: &Path) -> Plan {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    plan.scenario.name = format!("{REGRESSIONS}/{stem}");
    REGRESSIONS.clone_into(&mut plan.scenario.family);
    let planned: BTreeSet<FaultKind> = plan.faults().into_iter().map(|(_, kind)| kind).collect();
    let must = &mut plan.scenario.must_exercise;
    must.retain(|obligation| matches!(obligation, Obligation::FaultPerformed(kind) if planned.contains(kind)));
    if must.is_empty() {
        must.extend(planned.into_iter().map(Obligation::FaultPerformed));
    }
    plan
}

/// A finding that comes from a kept plan is kept already; one that only observes, that never came again, or that the
/// reference gateway shows as well, accuses nobody.
fn is_worth_keeping(finding: &Finding) -> bool {
    let came_again = finding.reproduction.runs == 0 || finding.reproduction.failed > 0;
    let is_kept = kept_plan(&finding.scenario).is_some();
    !is_kept && came_again && finding.level != Level::Observe && finding.counterfactual.on_reference.failed == 0
}

#[cfg(test)]
mod tests {
    use vocabulary::finding::Reproduction;
    use vocabulary::identity::{ExchangeId, TenantId};
    use vocabulary::plan::{Abort, AbortHow, AbortWhen, Lane, Stimulus};

    use super::*;
    use crate::oracle::{self, Known};

    /// A finding of a scenario of this name, with its plan in a run folder.
    fn found(scenario: &str, run_folder: &Path) -> Finding {
        let stimuli = vec![Stimulus::get(ExchangeId(1), TenantId(1))];
        let plan = Plan::bare(scenario, vec![Lane { name: "only".to_owned(), stimuli, until: None }]);
        std::fs::create_dir_all(run_folder.join("plans")).unwrap();
        std::fs::write(run_folder.join("plans/f1.json"), serde_json::to_vec(&plan).unwrap()).unwrap();
        let plan = "plans/f1.json".to_owned();
        let judged = oracle::judge(&oracle::notation::history("1<2 2<1"), Known::VERBATIM).unwrap();
        let finding = judged.findings[0].clone();
        Finding { scenario: scenario.to_owned(), fingerprint: "00ff".to_owned(), plan, ..finding }
    }

    #[test]
    fn what_is_kept_is_read_again_under_the_name_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Regressions::Kept(folder.path().join("kept"));
        assert_eq!(kept.read().unwrap(), [], "there is no folder yet");
        let finding = found("crowd", folder.path());
        let path = kept.keep(&finding, folder.path()).unwrap().unwrap();
        assert_eq!(kept.keep(&finding, folder.path()).unwrap(), Some(path), "one file for each defect");
        let names: Vec<String> = kept.read().unwrap().into_iter().map(|plan| plan.scenario.name).collect();
        assert_eq!(names, ["regressions/crowd-00ff"]);
        assert_eq!(Regressions::ReadOnly(folder.path().join("kept")).read().unwrap().len(), 1);
    }

    #[test]
    fn of_a_kept_plan_the_faults_that_it_has_must_be_performed() {
        let mut plan = {
            let scenario = scenarios::catalogue().find("retry-duplicate-body").unwrap();
            scenario.plan(1, vocabulary::identity::CaseNumber(0), &scenarios::DrawContext::default())
        };
        let both = [FaultKind::Close, FaultKind::Cut].map(Obligation::FaultPerformed);
        let must = |plan: &Plan| as_regression(plan.clone(), Path::new("kept.json")).scenario.must_exercise;
        assert_eq!(must(&plan), both);
        for stimulus in plan.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli) {
            stimulus.directive = vocabulary::directive::Directive::benign(64);
            stimulus.abort = None;
        }
        assert_eq!(must(&plan), [], "what no fault is left to show, none must");
        plan.lanes[0].stimuli[0].abort = Some(Abort { how: AbortHow::Fin, when: AbortWhen::AfterSent { us: 0 } });
        assert_eq!(must(&plan), [Obligation::FaultPerformed(FaultKind::ClientAbort)]);
    }

    #[test]
    fn nothing_is_written_where_nothing_is_to_be_kept() {
        let folder = tempfile::tempdir().unwrap();
        let finding = found("crowd", folder.path());
        let place = folder.path().join("kept");
        for regressions in [Regressions::Off, Regressions::ReadOnly(place.clone())] {
            assert_eq!(regressions.keep(&finding, folder.path()).unwrap(), None);
        }
        let kept = Regressions::Kept(place.clone());
        let never_again = Finding { reproduction: Reproduction { runs: 20, failed: 0 }, ..finding.clone() };
        let observed = Finding { level: Level::Observe, ..finding.clone() };
        let known = Finding { scenario: "regressions/crowd-00ff".to_owned(), ..finding };
        for finding in [never_again, observed, known] {
            assert_eq!(kept.keep(&finding, folder.path()).unwrap(), None);
        }
        assert!(!place.exists());
        assert!(Regressions::ReadOnly(place).read().is_err(), "a folder that was named must be there");
    }
}
