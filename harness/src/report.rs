//! What a run came to, for the program that asked for it.

use std::path::{Path, PathBuf};

use reports::Style;
use vocabulary::finding::Finding;
use vocabulary::limits::REPRODUCTION_RUNS;
use vocabulary::record::RunRecord;
use vocabulary::verdict::Verdict;

/// The record of a run, and how to speak of it.
#[derive(Debug)]
#[must_use = "a run proves nothing until its report is looked at: call assert_isolated()"]
pub struct Report {
    record: RunRecord,
    folder: PathBuf,
    program: String,
    gateway_arguments: Option<String>,
}

/// Cards that a failed assertion shows; the rest is in the run folder.
const CARDS_MAX: usize = 3;

impl Report {
    pub(crate) fn new(record: RunRecord, folder: PathBuf, program: String, arguments: Option<String>) -> Report {
        Report { record, folder, program, gateway_arguments: arguments }
    }

    /// Everything that is known of the run.
    pub fn record(&self) -> &RunRecord {
        &self.record
    }

    /// The folder with the journal, the record and the plans.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The command that runs a finding's plan again.
    pub fn replay_command(&self, finding: &Finding) -> String {
        replay_command(&self.program, &self.folder, finding, self.gateway_arguments.as_deref())
    }

    /// Panics unless the run is Clean: with each finding's card, the fact first and the replay command last, or with
    /// the reasons for which silence proves nothing.
    #[track_caller]
    pub fn assert_isolated(&self) {
        if self.record.verdict == Verdict::Clean {
            return;
        }
        let style = Style { color: false, width: 100 };
        let findings = &self.record.findings;
        let cards = findings.iter().take(CARDS_MAX).map(|finding| {
            format!("{}\n\n{}", finding.sentence, reports::card(finding, &self.replay_command(finding), style))
        });
        let mut message: Vec<String> = cards.collect();
        if message.is_empty() {
            message.push(format!("{}: {}", self.record.verdict, self.record.reasons.join("; ")));
        }
        if findings.len() > CARDS_MAX {
            message.push(format!("… and {} more findings in {}", findings.len() - CARDS_MAX, self.folder.display()));
        }
        panic!("{}", message.join("\n"));
    }
}

/// The command that runs the plan of a finding again: which program, the run's folder, and the arguments that name the
/// gateway, as far as they are known.
pub fn replay_command(program: &str, folder: &Path, finding: &Finding, arguments: Option<&str>) -> String {
    let plan = folder.join(&finding.plan);
    let gateway = arguments.unwrap_or("--command '<how the gateway is started>'");
    format!("{program} replay {} {gateway} --times {REPRODUCTION_RUNS}", plan.display())
}
