//! `crosswire report`: render a run's record again, from its journal, without running it.

use crosswire::{RunError, arguments_of, read_run, replay_command};
use vocabulary::finding::Finding;

use crate::arguments::{Annotations, Report};
use crate::output::{self, Output, to_stderr};

pub(crate) fn run(options: &Report, output: &Output) -> anyhow::Result<u8> {
    output::check(&options.reports.output)?;
    let record = read_run(&options.folder).map_err(RunError::from)?;
    let program = crate::program()?;
    let gateway = arguments_of(&record.gateway);
    let replay = |finding: &Finding| replay_command(&program, &options.folder, finding, gateway.as_deref());
    output::write_reports(&record, &options.reports.output, &replay)?;
    if output.quiet {
        output.conclude(record.verdict.title());
    } else {
        for finding in &record.findings {
            to_stderr(&reports::card(finding, &replay(finding), output.style()));
        }
        to_stderr(&reports::summary(&record, output.style()));
    }
    // The run was told when it was made; only whoever asks for it is told again.
    if options.reports.annotations == Annotations::Github {
        output::tell_github(&record, &options.folder, &options.reports, &replay);
    }
    Ok(record.exit_code)
}
