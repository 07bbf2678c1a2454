//! `crosswire selftest`: the kill matrix on this machine. 0 passed, 70 failed, 3 something could not be run.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use crosswire::KillMatrix;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use vocabulary::matrix::Matrix;
use vocabulary::verdict::Verdict;

use crate::arguments::Selftest;
use crate::output::{self, Output, to_stderr, to_stdout};
use crate::signals::Ending;
use crate::watch::Lines;

/// How often the time that has passed is shown anew.
const TICK: Duration = Duration::from_millis(250);

pub(crate) fn run(options: &Selftest, output: &Output) -> anyhow::Result<u8> {
    output::check_json(&options.output, "matrix")?;
    options.markdown.iter().try_for_each(|file| output::check_folder(file))?;
    let ending = Ending::new(output);
    let bar = Arc::new(progress(output));
    let told = Arc::clone(&bar);
    let (lines, status) = (Lines::new(output), ending.status.clone());
    let matrix = matrix(options)?.stop(ending.stop.clone()).on_cell(move |done, total| {
        told.set_length(total as u64);
        told.set_position(done as u64);
        let progress = format!("{done} of {total} cells");
        status.set(&progress);
        lines.tell(|| progress);
    });
    let ran = ending.watched(async { tokio::task::spawn_blocking(|| matrix.run()).await })?;
    bar.finish_and_clear();
    let matrix = ran.context("run the matrix on a thread of its own")??;
    match output.quiet {
        true => output.conclude(matrix.verdict.title()),
        false => to_stderr(&reports::matrix_text(&matrix, output.style())),
    }
    write(&matrix, options)?;
    Ok(match (matrix.verdict, ending.signalled()) {
        // Which signal it was, as shells say it.
        (Verdict::Interrupted, Some(code)) => code,
        _ => matrix.exit_code,
    })
}

fn matrix(options: &Selftest) -> anyhow::Result<KillMatrix> {
    let own = std::env::current_exe().context("find out where this program is")?;
    let quoted = own.display().to_string().replace('\'', "'\\''");
    let mut matrix =
        KillMatrix::default().seeds(options.seeds.clone()).program(&format!("exec '{quoted}' gateways serve"));
    if options.tcp {
        matrix = matrix.over_tcp();
    }
    matrix = options.mutant.iter().fold(matrix, |matrix, glob| matrix.mutants(glob));
    Ok(options.scenario.iter().fold(matrix, |matrix, glob| matrix.scenarios(glob)))
}

fn progress(output: &Output) -> ProgressBar {
    let target = match output.terminal && !output.quiet {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(None, target);
    let style = ProgressStyle::with_template("{elapsed:>4} {pos} of {len} cells {wide_bar}");
    bar.set_style(style.expect("the template is right, a test shows it"));
    bar.enable_steady_tick(TICK);
    bar
}

fn write(matrix: &Matrix, options: &Selftest) -> anyhow::Result<()> {
    for file in &options.output {
        let text = reports::matrix_json(matrix);
        match file == Path::new("-") {
            true => to_stdout(&text)?,
            false => output::to_file(file, &text)?,
        }
    }
    options.markdown.iter().try_for_each(|file| output::to_file(file, &reports::matrix_markdown(matrix)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_template_of_the_progress_bar_is_right() {
        assert!(indicatif::ProgressStyle::with_template("{elapsed:>4} {pos} of {len} cells {wide_bar}").is_ok());
    }
}
