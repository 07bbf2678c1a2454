//! Where things go: reports by their ending, words for people to stderr.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use reports::Style;
use vocabulary::finding::Finding;
use vocabulary::record::RunRecord;

use crate::arguments::{Annotations, Color, Reports};

/// The width of what people read where no terminal says otherwise.
const WIDTH: usize = 100;
/// Bytes of a step summary that GitHub takes; of a larger one it shows nothing at all.
const STEP_SUMMARY_BYTES_MAX: u64 = 1024 * 1024;

/// How this process speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    color: bool,
    /// Only what it has come to is said.
    pub(crate) quiet: bool,
    /// Not even that.
    silent: bool,
    pub(crate) terminal: bool,
}

impl Output {
    pub(crate) fn new(color: Color, quiet: u8) -> Output {
        // A dumb terminal can do no more than a file: no colour, and no line that is drawn anew.
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = std::io::stderr().is_terminal() && !dumb;
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !refused,
        };
        Output { color, quiet: quiet > 0, silent: quiet > 1, terminal }
    }

    /// Says what a command has come to, unless the exit code is to say it alone.
    pub(crate) fn conclude(&self, words: &str) {
        if !self.silent {
            to_stderr(words);
        }
    }

    /// How reports are written for people.
    pub(crate) fn style(&self) -> Style {
        Style { color: self.color, width: WIDTH }
    }
}

/// The ending of a report that can be written.
#[derive(Debug, Clone, Copy)]
enum Format {
    Json,
    Jsonl,
    Junit,
    Markdown,
}

/// Refuses what cannot be written, before anything is sent: endings that no report has, folders that are not there.
pub(crate) fn check(files: &[PathBuf]) -> anyhow::Result<()> {
    for file in files {
        format(file)?;
        check_folder(file)?;
    }
    Ok(())
}

/// The same where there is only JSON.
pub(crate) fn check_json(files: &[PathBuf], what: &str) -> anyhow::Result<()> {
    for file in files.iter().filter(|file| *file != Path::new("-")) {
        if file.extension().is_none_or(|ending| ending != "json") {
            bail!("write the {what} {}: its ending names no format; use .json, or - for stdout", file.display());
        }
        check_folder(file)?;
    }
    Ok(())
}

/// Refuses a file whose folder is not there.
pub(crate) fn check_folder(file: &Path) -> anyhow::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        bail!("write the report {}: there is no folder {}", file.display(), folder.display());
    }
    Ok(())
}

/// Writes to stdout. That nobody reads it to its end (`| head`) is no failure.
pub(crate) fn to_stdout(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("write to stdout"),
    }
}

/// Writes a line for people. That nobody listens any more is no failure: the run and its exit code go on.
pub(crate) fn to_stderr(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// Writes a record into every file that was asked for. `replay` gives the command that replays a finding.
pub(crate) fn write_reports(
    record: &RunRecord,
    files: &[PathBuf],
    replay: &dyn Fn(&Finding) -> String,
) -> anyhow::Result<()> {
    for file in files {
        let text = match format(file)? {
            Format::Json => reports::json(record),
            Format::Jsonl => reports::jsonl(record),
            Format::Junit => reports::junit(record, replay),
            Format::Markdown => reports::step_summary(record, replay),
        };
        if file == Path::new("-") {
            to_stdout(&text)?;
            continue;
        }
        to_file(file, &text)?;
    }
    Ok(())
}

/// Tells GitHub Actions of a run where that is asked for. That it cannot be told changes no exit code: the run is what
/// it is, and nobody asked for a file.
pub(crate) fn tell_github(record: &RunRecord, folder: &Path, options: &Reports, replay: &dyn Fn(&Finding) -> String) {
    let asked_for = match options.annotations {
        Annotations::Auto => std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true"),
        Annotations::Github => true,
        Annotations::None => false,
    };
    if !asked_for {
        return;
    }
    // The runner reads commands from both streams, and stdout may be somebody's JSON.
    reports::annotations(record).lines().for_each(to_stderr);
    let file = |name| std::env::var_os(name).filter(|file| !file.is_empty());
    let summary =
        file("GITHUB_STEP_SUMMARY").map(|file| append_step_summary(&file, &reports::step_summary(record, replay)));
    let outputs = file("GITHUB_OUTPUT").map(|file| append_outputs(&file, record, folder));
    for error in [summary, outputs].into_iter().flatten().filter_map(Result::err) {
        to_stderr(&format!("crosswire: failed to {error:#}; --annotations none leaves it out"));
    }
}

/// The outputs of the step, for steps behind it.
fn append_outputs(file: &OsStr, record: &RunRecord, folder: &Path) -> anyhow::Result<()> {
    // A path may hold anything, even an end of line: it ends where the run's own id stands.
    let end = format!("crosswire-{}", record.run_id);
    let outputs = format!(
        "verdict={}\nfindings={}\nrun-folder<<{end}\n{}\n{end}\n",
        record.verdict.word(),
        record.findings.len(),
        folder.display()
    );
    append(file, &outputs).with_context(|| format!("append to the step's outputs {}", Path::new(file).display()))
}

fn append(file: &OsStr, text: &str) -> std::io::Result<()> {
    OpenOptions::new().append(true).create(true).open(file)?.write_all(text.as_bytes())
}

/// Behind what other commands of the same step have written.
fn append_step_summary(file: &OsStr, page: &str) -> anyhow::Result<()> {
    let what = || format!("append to the step summary {}", Path::new(file).display());
    let taken = fs::metadata(file).map_or(0, |metadata| metadata.len());
    if taken + page.len() as u64 > STEP_SUMMARY_BYTES_MAX {
        bail!("{}: it has {taken} bytes, and GitHub shows none that has more than {STEP_SUMMARY_BYTES_MAX}", what());
    }
    append(file, page).with_context(what)
}

/// Writes a report into its file, under another name first: whoever reads the file never sees half of it.
pub(crate) fn to_file(file: &Path, text: &str) -> anyhow::Result<()> {
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    fs::write(&partial, text)
        .and_then(|()| fs::rename(&partial, file))
        .with_context(|| format!("write the report {}", file.display()))
}

fn format(file: &Path) -> anyhow::Result<Format> {
    if file == Path::new("-") {
        return Ok(Format::Json);
    }
    match file.extension().and_then(|ending| ending.to_str()) {
        Some("json") => Ok(Format::Json),
        Some("jsonl") => Ok(Format::Jsonl),
        Some("xml") => Ok(Format::Junit),
        Some("md") => Ok(Format::Markdown),
        _ => bail!(
            "write the report {}: its ending names no format; use .json, .jsonl, .xml (JUnit) or .md, or - for stdout",
            file.display()
        ),
    }
}
