//! Who tests the tester: mutants must be found, correct gateways must be left alone, the code must stay in order.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod correct;
mod fingerprints;
mod foreign;
mod hyper_proxy;
mod kill_matrix;
mod mutants;
mod real;
mod redis;
mod scripts;
mod simulated;
mod tidy;
mod twisted;

use std::time::Duration;

use crosswire::{Builder, Gateway, Regressions, Report};
use specimens::{Decisions, Mutant};
use vocabulary::crossing::Http;
use vocabulary::finding::Finding;
use vocabulary::record::{ObligationWord, RunRecord};
use vocabulary::scenario::Level;
use vocabulary::verdict::Verdict;

/// A run of this gateway, its folder gone with the returned guard.
fn run(gateway: Gateway, say: impl FnOnce(Builder) -> Builder) -> (Report, tempfile::TempDir) {
    let out = tempfile::tempdir().unwrap();
    let builder = crosswire::builder().gateway(gateway).out(&out.path().join("run"));
    let builder = builder.regressions(Regressions::Off);
    (say(builder).run_blocking().unwrap(), out)
}

/// Where it is asked whether something is found, and not how small its plan becomes.
fn unshrunk(builder: Builder) -> Builder {
    builder.shrink_time(Duration::ZERO).replays(0)
}

/// The first finding of a run, shrunk and compared, and the log of its shrinking.
fn pursued(mutant: &Mutant, gateway: Gateway, seed: u64) -> (Finding, String) {
    let (report, _out) = run(gateway, |builder| {
        builder.protocol(spoken(mutant, seed)).scenarios(mutant.scenario).cases(60).seed(seed).fail_fast()
    });
    let Some(finding) = report.record().findings.first() else {
        panic!("{} with seed {seed}: {}", mutant.name, story(report.record()))
    };
    let log = report.folder().join(format!("plans/{}-shrinking.log", finding.id));
    (finding.clone(), std::fs::read_to_string(log).unwrap())
}

fn specimen(name: &str, decisions: Decisions) -> Gateway {
    let gateway = Gateway::in_process(move |listener, origin| specimens::serve(listener, origin, decisions));
    gateway.labelled("recipe", name).reply_timeout(decisions.reply_wait)
}

/// The specimen of this name as a program of its own, which can be stopped.
fn program(name: &str) -> Gateway {
    Gateway::command(&format!("VARIANT={name} {}", program_command()))
}

/// The shell command that is the specimen of the environment's `VARIANT`.
fn program_command() -> String {
    format!("exec '{}'", env!("CARGO_BIN_EXE_specimen"))
}

/// The mutant of a test's name.
fn mutant_of(test: &str) -> &'static Mutant {
    specimens::mutant(&test.replace('_', "-")).unwrap()
}

/// What clients speak to a mutant: with every seed another of what its defect and its scenario can do with.
fn spoken(mutant: &Mutant, seed: u64) -> Http {
    let head = &scenarios::catalogue().find(mutant.scenario).unwrap().head;
    let fits = |http: &Http| [mutant.clients, head.down].into_iter().flatten().all(|needed| needed == *http);
    let all: Vec<Http> = [Http::H1, Http::H2].into_iter().filter(fits).collect();
    all[(seed as usize - 1) % all.len()]
}

/// Whether a mutant shows itself only to those who stop its process.
fn must_be_stopped(mutant: &Mutant) -> bool {
    scenarios::catalogue().find(mutant.scenario).unwrap().needs_freezing()
}

/// What a run of the scenario that is meant for a mutant comes to.
fn accused_by(mutant: &Mutant) -> Verdict {
    match scenarios::catalogue().find(mutant.scenario).unwrap().head.level {
        Level::Must => Verdict::Violated,
        Level::Should => Verdict::GateFailed,
        Level::Observe => panic!("{} is meant for a scenario that never accuses", mutant.name),
    }
}

/// How often a test repeats itself with other seeds: more where somebody asks for it.
fn seeds() -> std::ops::RangeInclusive<u64> {
    let count = std::env::var("CROSSWIRE_SEEDS").ok().map(|count| count.parse().unwrap());
    1..=count.unwrap_or(2)
}

/// Everything that a stranger would want to know when a run was not as expected.
fn story(record: &RunRecord) -> String {
    let findings: Vec<String> =
        record.findings.iter().map(|finding| format!("{}: {}", finding.scenario, finding.sentence)).collect();
    format!("{}\n{}\n{:#?}\n{:#?}", record.verdict, findings.join("\n"), record.reasons, record.scenarios)
}

/// The obligations that a run's scenarios rightly prevented: scenario, obligation, witness.
fn prevented(record: &RunRecord) -> Vec<(String, String, &'static str)> {
    let scenarios = record.scenarios.iter();
    let all = scenarios
        .flat_map(|scenario| scenario.obligations.iter().map(|obligation| (scenario.name.clone(), obligation)));
    let prevented = all.filter(|(_, obligation)| obligation.state == ObligationWord::Prevented);
    prevented
        .map(|(scenario, it)| (scenario, it.name.clone(), it.witness.map_or("", |witness| witness.word())))
        .collect()
}
