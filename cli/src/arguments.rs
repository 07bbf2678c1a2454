//! The arguments of the command line. Every flag has an environment variable; exit codes stand in the help.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use crosswire::Gateway;
use vocabulary::crossing::Http;
use vocabulary::gate::Gate;

use crate::config::Settings;

const EXIT_CODES: &str = "\
Exit codes:
  0    Clean: nothing was wrong, and enough happened to say so
  2    usage, configuration, missing program, occupied port: nothing was sent
  3    Inconclusive: the gateway was never ready, or too little happened for silence to count
  10   Violated: a reply was delivered to the wrong request, with proof
  11   gate failed: a requirement of level `should` was broken, a --gate does not hold, a suppression has expired
  20   safety stop
  70   Broken: crosswire itself failed; the journal is readable
  130  interrupted with nothing found (143 by SIGTERM)
For replay: 0 fixed, 10 failed k of n, 3 cannot run.
For doctor: 0 a check can be made, 3 it cannot.
For selftest: 0 passed, 70 failed (crosswire is not to be trusted here), 3 something could not be run.";

/// Finds replies that a gateway delivered to the wrong request.
#[derive(Debug, Parser)]
#[command(name = "crosswire", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Show only the verdict (-qq: nothing, errors excepted; the exit code says it)
    #[arg(short, long, global = true, action = ArgAction::Count, env = "CROSSWIRE_QUIET", value_parser = how_quiet)]
    pub(crate) quiet: u8,
    /// Say more about what is done (-vv: still more)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Use colour on stderr
    #[arg(long, global = true, value_enum, default_value_t, env = "CROSSWIRE_COLOR")]
    pub(crate) color: Color,
}

/// The environment may say it in words.
fn how_quiet(text: &str) -> Result<u8, String> {
    match text {
        "" | "false" | "no" | "off" => Ok(0),
        "true" | "yes" | "on" => Ok(1),
        number => number.parse().map_err(|_| "say true, false, or how many -q".to_owned()),
    }
}

/// Whether colour is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR says otherwise
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find, explain and replay a planted defect, in seconds, with nothing to set up
    Demo(Demo),
    /// Test a gateway
    Check(Box<Check>),
    /// Write a commented crosswire.toml, and a pipeline of CI; nothing is written over
    Init(Init),
    /// Run one plan again: is it fixed?
    Replay(Replay),
    /// Render a run's record again, without running it
    Report(Report),
    /// Test the tester on this machine: every planted defect must be found as declared, the correct gateway left alone
    Selftest(Selftest),
    /// Examine a gateway before it is tested: what comes through it, what it does with connections, what a check can show
    Doctor(Doctor),
    /// The catalogue of scenarios
    Scenarios {
        #[command(subcommand)]
        command: Scenarios,
    },
    /// The gateways that crosswire can start
    Gateways {
        #[command(subcommand)]
        command: Gateways,
    },
    /// What a shell is to complete, as a script on stdout: `source <(crosswire completions bash)`
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// A manual page on stdout: `crosswire man check | man -l -`
    Man {
        /// Of which command, like `check` or `scenarios list`; without it, of the program
        command: Vec<String>,
    },
    /// Explain a word of a report: a shape, a boundary, a leg, a verdict, a witness
    Explain {
        /// The word; without it, all are listed
        what: Option<String>,
    },
}

/// What clients speak to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// HTTP/1.1, over TLS where the gateway speaks it
    H1,
    /// HTTP/2 in the clear, from the first byte on (RFC 9113, section 3.3)
    H2c,
    /// HTTP/2 over TLS, if the gateway agrees to it (ALPN)
    H2,
}

impl Protocol {
    pub(crate) fn http(self) -> Http {
        match self {
            Protocol::H1 => Http::H1,
            Protocol::H2c | Protocol::H2 => Http::H2,
        }
    }

    /// Refuses what cannot be spoken with this gateway, because of TLS or for want of it.
    pub(crate) fn refuse_unless_fits(self, gateway: &Gateway) -> anyhow::Result<()> {
        let name = &gateway.label().name;
        match (self, gateway.is_tls()) {
            (Protocol::H1, _) | (Protocol::H2c, false) | (Protocol::H2, true) => Ok(()),
            (Protocol::H2c, true) => bail!(
                "speak h2c with {name}: that is HTTP/2 in the clear, and it speaks TLS with its clients; write --protocol h2"
            ),
            (Protocol::H2, false) => bail!(
                "speak h2 with {name}: that is HTTP/2 over TLS, and it listens in the clear; write --protocol h2c, or choose \
                 one with TLS: a variant like --recipe nginx:h2tls, a URL with https://, a --command with --tls"
            ),
        }
    }
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The planted defect, or `none` for the correct reference gateway
    #[arg(long, default_value = "interim-taken-as-final", env = "CROSSWIRE_DEFECT")]
    pub(crate) defect: String,
    /// List the defects
    #[arg(long, env = "CROSSWIRE_LIST")]
    pub(crate) list: bool,
    /// The seed of plans
    #[arg(long, default_value_t = 1, env = "CROSSWIRE_SEED")]
    pub(crate) seed: u64,
    /// The run's folder [default: crosswire-out/<run-id>]
    #[arg(long, env = "CROSSWIRE_OUT")]
    pub(crate) out: Option<PathBuf>,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) gateway: GatewayOptions,
    /// Run these scenarios: a name, a glob (`interim-*`, `cache/*`), or a .toml file [default: all]
    #[arg(long, value_name = "GLOB", env = "CROSSWIRE_SCENARIO")]
    pub(crate) scenario: Vec<String>,
    /// Leave these scenarios out
    #[arg(long, value_name = "GLOB", env = "CROSSWIRE_SKIP")]
    pub(crate) skip: Vec<String>,
    /// What the clients speak to the gateway [default: what its recipe names first, or h1]
    #[arg(long, value_enum, env = "CROSSWIRE_PROTOCOL")]
    pub(crate) protocol: Option<Protocol>,
    /// How much is run: quick (up to 60 s), default (up to 5 min), deep (up to an hour), or a profile of crosswire.toml
    #[arg(long, default_value = "default", env = "CROSSWIRE_PROFILE")]
    pub(crate) profile: String,
    /// Run exactly so many cases of each scenario
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), env = "CROSSWIRE_CASES")]
    pub(crate) cases: Option<u32>,
    /// Stop after this time, like 60s or 5m
    #[arg(long, value_parser = humantime::parse_duration, env = "CROSSWIRE_TIME_LIMIT")]
    pub(crate) time_limit: Option<Duration>,
    /// So many verified replies are enough [default: as the profile says]; fewer than that every report calls loosened
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), env = "CROSSWIRE_MIN_VERIFIED")]
    pub(crate) min_verified: Option<u64>,
    /// Fail unless this holds, like `error_rate < 1%` or `verified >= 5k`; `crosswire explain METRIC` tells what is counted
    #[arg(long, value_name = "EXPR", value_parser = str::parse::<Gate>, env = "CROSSWIRE_GATE")]
    pub(crate) gate: Vec<Gate>,
    /// Findings that somebody answers for until a day [default: crosswire.ignore.toml, beside crosswire.toml or here]
    #[arg(long, value_name = "FILE", env = "CROSSWIRE_SUPPRESSIONS")]
    pub(crate) suppressions: Option<PathBuf>,
    /// The seed of plans: the same seed gives the same plans [default: drawn]
    #[arg(long, env = "CROSSWIRE_SEED")]
    pub(crate) seed: Option<u64>,
    /// Stop at the first finding
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false,
          action = ArgAction::Set, value_name = "BOOL", hide_default_value = true, hide_possible_values = true,
          env = "CROSSWIRE_FAIL_FAST")]
    pub(crate) fail_fast: bool,
    /// Spend at most this on making the plan of one finding smaller; 0s leaves it as it was found
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration, env = "CROSSWIRE_SHRINK_TIME")]
    pub(crate) shrink_time: Duration,
    /// After the first signal, wait this long for the present case before it is given up
    #[arg(long, default_value = "5s", value_parser = humantime::parse_duration, env = "CROSSWIRE_GRACE")]
    pub(crate) grace: Duration,
    /// Run the plans in this folder first: those of earlier findings [default: crosswire-regressions, where it exists]
    #[arg(long, value_name = "DIR", env = "CROSSWIRE_REGRESSIONS")]
    pub(crate) regressions: Option<PathBuf>,
    /// The run's folder [default: crosswire-out/<run-id>]
    #[arg(long, env = "CROSSWIRE_OUT")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reports: Reports,
    /// Keep the beginning of bodies in evidence, whosever they are [default: only what is crosswire's own of them]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false,
          action = ArgAction::Set, value_name = "BOOL", hide_default_value = true, hide_possible_values = true,
          env = "CROSSWIRE_CAPTURE_BODIES")]
    pub(crate) capture_bodies: bool,
    /// Read options from this file [default: crosswire.toml, here or in a folder above]
    #[arg(long, value_name = "FILE", conflicts_with = "no_config", env = "CROSSWIRE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Read no crosswire.toml
    #[arg(long, env = "CROSSWIRE_NO_CONFIG")]
    pub(crate) no_config: bool,
    /// Print every option as it holds, and what has said it (flag, environment, file, default), and send nothing
    #[arg(long, env = "CROSSWIRE_SHOW_CONFIG")]
    pub(crate) show_config: bool,
    /// What the file said.
    #[arg(skip)]
    pub(crate) settings: Settings,
    /// Say what would be run, and send nothing
    #[arg(long, env = "CROSSWIRE_DRY_RUN")]
    pub(crate) dry_run: bool,
}

/// Options of `init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Write a pipeline for this CI system as well
    #[arg(long, value_enum, env = "CROSSWIRE_CI")]
    pub(crate) ci: Option<Ci>,
    /// The gateway under test is started by this recipe
    #[arg(long, value_name = "NAME", group = "initial", env = "CROSSWIRE_RECIPE")]
    pub(crate) recipe: Option<String>,
    /// The gateway under test is started by this shell command
    #[arg(long, value_name = "CMD", group = "initial", env = "CROSSWIRE_COMMAND")]
    pub(crate) command: Option<String>,
}

/// A CI system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ci {
    /// .github/workflows/crosswire.yml
    Github,
    /// crosswire.gitlab-ci.yml, and a .gitlab-ci.yml that includes it, where there is none
    Gitlab,
    /// Jenkinsfile.crosswire
    Jenkins,
}

/// Where reports for machines go.
#[derive(Debug, Args)]
pub(crate) struct Reports {
    /// Write a report, by its ending: .json, .jsonl, .xml (JUnit), .md; `-` is JSON on stdout
    #[arg(short = 'o', long = "output", value_name = "FILE", env = "CROSSWIRE_OUTPUT")]
    pub(crate) output: Vec<PathBuf>,
    /// Tell GitHub Actions of the worst findings (on stderr), append the run to the job's step summary, set the step's
    /// outputs; `auto` does so for `check` alone, so that a run that is rendered again is not told twice
    #[arg(long, value_enum, default_value_t, env = "CROSSWIRE_ANNOTATIONS")]
    pub(crate) annotations: Annotations,
}

/// Whether a run is told to GitHub Actions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Annotations {
    /// Where GITHUB_ACTIONS is true and the run is of now
    #[default]
    Auto,
    /// Always
    Github,
    /// Never
    None,
}

/// The gateway under test.
#[derive(Debug, Args)]
pub(crate) struct GatewayOptions {
    /// Start a gateway by its recipe: NAME, NAME:VARIANT, or a folder (./my-recipe, ./my-recipe:VARIANT)
    #[arg(long, value_name = "NAME", group = "under_test", env = "CROSSWIRE_RECIPE")]
    pub(crate) recipe: Option<String>,
    /// Start a gateway by a shell command; it gets LISTEN_PORT, UPSTREAM_PORT, WORKDIR and VARIANT in its environment,
    /// listens on 127.0.0.1:LISTEN_PORT, forwards to 127.0.0.1:UPSTREAM_PORT, and stays in the foreground
    #[arg(long, value_name = "CMD", group = "under_test", env = "CROSSWIRE_COMMAND", hide_env_values = true)]
    pub(crate) command: Option<String>,
    /// The gateway that --command starts speaks TLS with its clients
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false,
          action = ArgAction::Set, value_name = "BOOL", hide_default_value = true, hide_possible_values = true,
          env = "CROSSWIRE_TLS")]
    pub(crate) tls: bool,
    /// Test a gateway that already runs and forwards to --origin-listen; over TLS if the URL begins with https://
    #[arg(long, value_name = "URL", group = "under_test", env = "CROSSWIRE_GATEWAY", hide_env_values = true)]
    pub(crate) gateway: Option<String>,
    /// Where the origin listens, for a gateway that already runs
    #[arg(long, value_name = "ADDR", env = "CROSSWIRE_ORIGIN_LISTEN")]
    pub(crate) origin_listen: Option<SocketAddr>,
    /// Send this field with every request; its value is taken for a secret and shown nowhere
    #[arg(long, value_name = "NAME:VALUE", env = "CROSSWIRE_HEADER", hide_env_values = true)]
    pub(crate) header: Vec<String>,
    /// Send this Host
    #[arg(long, env = "CROSSWIRE_HOST")]
    pub(crate) host: Option<String>,
    /// How long the gateway waits for the origin's reply; without it scenarios that need it are skipped
    #[arg(long, value_parser = humantime::parse_duration, env = "CROSSWIRE_GATEWAY_TIMEOUT")]
    pub(crate) gateway_timeout: Option<Duration>,
    /// How long the gateway may take until a canary comes back through it [default: what its recipe says, or 20s]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, env = "CROSSWIRE_WAIT_READY")]
    pub(crate) wait_ready: Option<Duration>,
    /// Start a fresh gateway for every case
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false,
          action = ArgAction::Set, value_name = "BOOL", hide_default_value = true, hide_possible_values = true,
          env = "CROSSWIRE_FRESH_GATEWAY")]
    pub(crate) fresh_gateway: bool,
}

/// Options of `replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The plan, like crosswire-out/<run-id>/plans/f1.json
    pub(crate) plan: PathBuf,
    #[command(flatten)]
    pub(crate) gateway: GatewayOptions,
    /// How often
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..), env = "CROSSWIRE_TIMES")]
    pub(crate) times: u32,
    /// Show the beginning of bodies, whosever they are [default: only what is crosswire's own of them]
    #[arg(long, env = "CROSSWIRE_CAPTURE_BODIES")]
    pub(crate) capture_bodies: bool,
}

/// Options of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) gateway: GatewayOptions,
    /// What the clients speak to the gateway [default: what its recipe names first, or h1]
    #[arg(long, value_enum, env = "CROSSWIRE_PROTOCOL")]
    pub(crate) protocol: Option<Protocol>,
    /// Write what was found as JSON; `-` is stdout
    #[arg(short = 'o', long = "output", value_name = "FILE", env = "CROSSWIRE_OUTPUT")]
    pub(crate) output: Vec<PathBuf>,
}

/// Options of `report`.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The run's folder, like crosswire-out/<run-id>
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) reports: Reports,
}

/// Options of `selftest`.
#[derive(Debug, Args)]
pub(crate) struct Selftest {
    /// Run the mutants over TCP, each under the scenario that it declares, and not the whole matrix in a simulation
    #[arg(long, env = "CROSSWIRE_TCP")]
    pub(crate) tcp: bool,
    /// Seeds, like 1..=20: a mutant must be killed with 19 of 20. One that is missed is run with 20 in any case
    #[arg(long, value_name = "RANGE", default_value = "1", value_parser = seeds, env = "CROSSWIRE_SELFTEST_SEEDS")]
    pub(crate) seeds: RangeInclusive<u64>,
    /// Run these mutants: a name or a glob (`surplus-*`) [default: all]
    #[arg(long, value_name = "GLOB", env = "CROSSWIRE_MUTANT")]
    pub(crate) mutant: Vec<String>,
    /// Run these scenarios: a name, a glob (`interim-*`, `cache/*`), or a .toml file [default: all]
    #[arg(long, value_name = "GLOB", env = "CROSSWIRE_SCENARIO")]
    pub(crate) scenario: Vec<String>,
    /// Write the matrix as JSON; `-` is stdout
    #[arg(short = 'o', long = "output", value_name = "FILE", env = "CROSSWIRE_OUTPUT")]
    pub(crate) output: Vec<PathBuf>,
    /// Write the matrix as a page in Markdown
    #[arg(long, value_name = "FILE", env = "CROSSWIRE_MARKDOWN")]
    pub(crate) markdown: Option<PathBuf>,
}

/// Seeds as people write them: `7`, `1..=20`, `1..21`.
fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let number =
        |text: &str| text.trim().parse::<u64>().map_err(|error| format!("{text:?}: {error}; write it like 1..=20"));
    let range = match text.split_once("..") {
        None => number(text)?..=number(text)?,
        Some((first, last)) => match last.strip_prefix('=') {
            Some(last) => number(first)?..=number(last)?,
            None => number(first)?..=number(last)?.checked_sub(1).ok_or("it has no seed; write it like 1..=20")?,
        },
    };
    if range.is_empty() { Err("it has no seed; write it like 1..=20".to_owned()) } else { Ok(range) }
}

/// What to show of scenarios.
#[derive(Debug, Subcommand)]
pub(crate) enum Scenarios {
    /// One line each
    List,
    /// One in words: who does what at both ends, what must happen, what it retells
    Show {
        /// Its name, or a .toml file
        name: String,
    },
}

/// What to show of gateways.
#[derive(Debug, Subcommand)]
pub(crate) enum Gateways {
    /// One line each
    List,
    /// One: its variants, how it is installed
    Show {
        /// Its name, or a folder (./my-recipe)
        name: String,
    },
    /// Be a built-in gateway as a program of its own: on 127.0.0.1, from the port LISTEN_PORT to the port UPSTREAM_PORT
    Serve {
        /// reference, reference:cache or mutant:NAME
        #[arg(env = "VARIANT")]
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use clap::{Command as Clap, CommandFactory};

    use super::*;

    fn flags_without_a_variable(command: &Clap) -> Vec<String> {
        let own = command.get_arguments().filter(|argument| argument.get_env().is_none());
        let own = own.filter_map(|argument| Some(format!("{} --{}", command.get_name(), argument.get_long()?)));
        own.chain(command.get_subcommands().flat_map(flags_without_a_variable)).collect()
    }

    #[test]
    fn every_flag_can_be_given_by_the_environment() {
        // How much is logged, CROSSWIRE_LOG says in more words.
        assert_eq!(flags_without_a_variable(&Arguments::command()), ["crosswire --verbose"]);
    }

    #[test]
    fn seeds_are_a_number_or_a_range_and_never_none() {
        assert_eq!(seeds("7"), Ok(7..=7));
        assert_eq!(seeds("1..=20"), Ok(1..=20));
        assert_eq!(seeds("1..21"), Ok(1..=20));
        for wrong in ["", "x", "5..=4", "5..5", "0..0", "1-20", "..=3"] {
            assert!(seeds(wrong).is_err_and(|error| error.contains("1..=20")), "{wrong}");
        }
    }
}
