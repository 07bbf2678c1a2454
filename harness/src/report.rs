//! What a run came to, for the program that asked for it.

use std::path::{Path, PathBuf};

use reports::Style;
use vocabulary::finding::Finding;
use vocabulary::limits::REPRODUCTION_RUNS;
use vocabulary::record::{RunRecord, kept_plan};
use vocabulary::verdict::Verdict;

/// The record of a run, and how to speak of it.
#[derive(Debug)]
#[must_use = "a run proves nothing until its report is looked at: call assert_isolated()"]
pub struct Report {
    record: RunRecord,
    folder: PathBuf,
    kept: Vec<Kept>,
    replaying: Replaying,
}

/// What was said of keeping a finding's plan: its file, or why there is none.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The finding's id.
    pub(crate) finding: String,
    pub(crate) kept: Result<PathBuf, String>,
}

/// What replay commands are made of.
#[derive(Debug)]
pub(crate) struct Replaying {
    pub(crate) program: String,
    /// Those that name the gateway, where a command line can.
    pub(crate) arguments: Option<String>,
}

/// Findings beside the first that a failed assertion names; of the rest it tells how many there are.
const NAMED_MAX: usize = 4;

impl Report {
    pub(crate) fn new(record: RunRecord, folder: PathBuf, kept: Vec<Kept>, replaying: Replaying) -> Report {
        Report { record, folder, kept, replaying }
    }

    /// Everything that is known of the run.
    pub fn record(&self) -> &RunRecord {
        &self.record
    }

    /// The folder with the journal, the record and the plans.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The command that runs a finding's plan again. Of a gateway that only a test knows, where the plan was kept: the
    /// test.
    pub fn replay_command(&self, finding: &Finding) -> String {
        // One that its kept plan has found again lies where it lay.
        let again = kept_plan(&finding.scenario);
        let kept = match self.file_of(finding) {
            Some(Ok(kept)) => Some(shown(kept).to_string()),
            _ => again.map(|name| format!("the kept plan {name}.json")),
        };
        match (&self.replaying.arguments, kept, std::env::var("CARGO_PKG_NAME")) {
            (None, Some(kept), Ok(package)) => format!("cargo test -p {package}{}  # runs {kept} first", this_test()),
            (arguments, _, _) => replay_command(&self.replaying.program, &self.folder, finding, arguments.as_deref()),
        }
    }

    /// The file in which a finding's plan is kept for the next run, if it is.
    pub fn kept(&self, finding: &Finding) -> Option<&Path> {
        self.file_of(finding)?.as_deref().ok()
    }

    /// The whole run on a page: the verdict, and of each scenario how much was verified and what bounds its silence.
    pub fn summary(&self) -> String {
        reports::summary(&self.record, Style::default())
    }

    /// The card of a finding: the fact first, the replay command last.
    pub fn card(&self, finding: &Finding) -> String {
        reports::card(finding, &self.replay_command(finding), Style::default())
    }

    /// What is the same of a finding's card in every run that shows it, for snapshot tests: no times, canaries, rates or
    /// paths, and connections numbered anew.
    pub fn normalized_card(&self, finding: &Finding) -> String {
        reports::normalized_card(finding)
    }

    /// Nothing if the run is Clean. Else what [`Report::assert_isolated`] panics with.
    pub fn failure(&self) -> Option<String> {
        if self.record.verdict == Verdict::Clean {
            return None;
        }
        let mut findings: Vec<&Finding> = self.record.findings.iter().collect();
        // The worst is told in full.
        findings.sort_by_key(|finding| finding.severity);
        let Some((worst, others)) = findings.split_first() else {
            return Some(format!("{}: {}", self.record.verdict, self.record.reasons.join("; ")));
        };
        let mut lines = vec![worst.sentence.clone(), String::new()];
        lines.extend(others.iter().take(NAMED_MAX).map(|other| format!("also: {}", other.sentence)));
        if others.len() > NAMED_MAX {
            let more = others.len() - NAMED_MAX;
            lines.push(format!("… and {more} more findings in {}", self.folder.display()));
        }
        match self.file_of(worst) {
            Some(Ok(kept)) => lines.push(format!("kept in {}, which is run first from now on", shown(kept))),
            Some(Err(error)) => lines.push(format!("its plan could not be kept for the next run: {error}")),
            None => {}
        }
        if lines.len() > 2 {
            lines.push(String::new());
        }
        lines.push(self.card(worst));
        Some(lines.join("\n"))
    }

    /// Panics unless the run is Clean: with the finding's card, the fact first and the replay command last, or with the
    /// reasons for which silence proves nothing.
    #[track_caller]
    pub fn assert_isolated(&self) {
        if let Some(failure) = self.failure() {
            panic!("{failure}");
        }
    }

    fn file_of(&self, finding: &Finding) -> Option<&Result<PathBuf, String>> {
        self.kept.iter().find(|kept| kept.finding == finding.id).map(|kept| &kept.kept)
    }
}

/// The arguments by which `cargo test` runs this test alone, as far as they are known: cargo names the program of an
/// integration test after its file, and the test's thread has the test's name.
fn this_test() -> String {
    let program = std::env::current_exe().unwrap_or_default();
    let stem = program.file_stem().unwrap_or_default().to_string_lossy();
    let target = stem.rsplit_once('-').map(|(target, _)| target).unwrap_or_default();
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let is_its_own_file = Path::new(&package).join("tests").join(format!("{target}.rs")).is_file();
    let target = if is_its_own_file { format!(" --test {target}") } else { String::new() };
    let is_path = |name: &str| name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ':'));
    match std::thread::current().name() {
        Some(test) if test != "main" && is_path(test) => format!("{target} {test}"),
        _ => target,
    }
}

/// A file of the package, as its author would name it.
fn shown(path: &Path) -> std::path::Display<'_> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR");
    package.and_then(|package| path.strip_prefix(package).ok()).unwrap_or(path).display()
}

/// The command that runs the plan of a finding again: which program, the run's folder, and the arguments that name the
/// gateway, as far as they are known.
pub fn replay_command(program: &str, folder: &Path, finding: &Finding, arguments: Option<&str>) -> String {
    let plan = folder.join(&finding.plan);
    let gateway = arguments.unwrap_or("--command '<how the gateway is started>'");
    format!("{program} replay {} {gateway} --times {REPRODUCTION_RUNS}", plan.display())
}
