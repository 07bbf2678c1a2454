//! `crosswire report`: render a run's record again, from its journal, without running it.

use crosswire::{RunError, arguments_of, read_run};

use crate::arguments::Report;
use crate::output::{self, Output, to_stderr};

pub(crate) fn run(options: &Report, output: &Output) -> anyhow::Result<u8> {
    output::check(&options.output)?;
    let record = read_run(&options.folder).map_err(RunError::from)?;
    output::write_reports(&record, &options.output)?;
    if !output.quiet {
        for finding in &record.findings {
            let plan = options.folder.join(&finding.plan);
            let gateway = arguments_of(&record.gateway).unwrap_or_else(|| "--command '<how it is started>'".to_owned());
            let replay = format!("{} replay {} {gateway}", crate::program()?, plan.display());
            to_stderr(&reports::card(finding, &replay, output.style()));
        }
    }
    to_stderr(&reports::summary(&record, output.style()));
    Ok(record.exit_code)
}
