//! The `crosswire` command: arguments in, files and an exit code out. What it does is in the library.
//!
//! stdout is for machines (`-o -`, lists), stderr for people.
#![forbid(unsafe_code)]

mod arguments;
mod check;
mod config;
mod demo;
mod doctor;
mod explain;
mod gateway;
mod init;
mod list;
mod manual;
mod output;
mod replay;
mod report;
mod selftest;
mod signals;
mod watch;

use std::process::ExitCode;

use anyhow::Context;
use crosswire::RunError;
use tracing_subscriber::EnvFilter;

use arguments::{Arguments, Command};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let ended = config::arguments().and_then(|arguments| {
        log(arguments.verbose);
        run(arguments)
    });
    let (code, error) = match ended {
        Ok(code) => (code, None),
        Err(error) => (exit_code(&error), Some(error)),
    };
    if let Some(error) = error {
        output::to_stderr(&format!("crosswire: failed to {}", told(&error)));
    }
    ExitCode::from(code)
}

fn run(arguments: Arguments) -> anyhow::Result<u8> {
    let output = output::Output::new(arguments.color, arguments.quiet);
    match arguments.command {
        Command::Demo(options) => demo::run(&options, &output),
        Command::Check(options) => check::run(&options, &output),
        Command::Init(options) => init::run(&options),
        Command::Replay(options) => replay::run(&options, &output),
        Command::Report(options) => report::run(&options, &output),
        Command::Doctor(options) => doctor::run(&options, &output),
        Command::Selftest(options) => selftest::run(&options, &output),
        Command::Scenarios { command } => list::scenarios(command),
        Command::Gateways { command } => list::gateways(command),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { command } => manual::page(&command),
        Command::Explain { what } => explain::run(what.as_deref()),
    }
}

/// An error with its causes, each said once: some say their cause themselves.
fn told(error: &anyhow::Error) -> String {
    error
        .chain()
        .skip(1)
        .map(ToString::to_string)
        .fold(error.to_string(), |text, cause| if text.contains(&cause) { text } else { format!("{text}: {cause}") })
}

/// Usage and configuration end with 2, what the library reports with its own code.
fn exit_code(error: &anyhow::Error) -> u8 {
    error.downcast_ref::<RunError>().map_or(2, RunError::exit_code)
}

fn log(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    // Only what is ours says more: what libraries log may hold fields of requests, and so a user's credentials.
    let usual = || EnvFilter::new(format!("warn,crosswire={level}"));
    let filter = EnvFilter::try_from_env("CROSSWIRE_LOG").unwrap_or_else(|_| usual());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
}

/// How this program was called, as a command that can be pasted: by name where the shell would find it, else by path.
fn program() -> anyhow::Result<String> {
    let own = std::env::current_exe().context("find out where this program is")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("crosswire")).find(|found| found.is_file());
    if found.and_then(|found| found.canonicalize().ok()) == own.canonicalize().ok() {
        return Ok("crosswire".to_owned());
    }
    let here = std::env::current_dir().context("find out the working folder")?;
    Ok(match own.strip_prefix(&here) {
        // A bare name would be looked for in PATH.
        Ok(below) if below.components().count() == 1 => format!("./{}", below.display()),
        Ok(below) => below.display().to_string(),
        Err(_) => own.display().to_string(),
    })
}
