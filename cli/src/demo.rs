//! `crosswire demo`: an embedded origin, an embedded gateway with a planted defect, concurrent clients.

use std::fmt::Write;

use anyhow::{Context, bail};
use crosswire::{Profile, Regressions};
use scenarios::Scenario;
use specimens::Decisions;
use vocabulary::record::EvidenceRequired;

use crate::arguments::Demo;
use crate::output::{Output, to_stderr, to_stdout};
use crate::{check, gateway, program};

/// Cases of each scenario when there is nothing to find: enough to be silent about.
const CLEAN_CASES: u32 = 6;
/// Cases of the scenario that shows the defect, at most: the run ends at the first finding.
const DEFECT_CASES: u32 = 40;
/// What must be verified of the correct gateway, in all and of each scenario, for its silence to count.
const EVIDENCE: EvidenceRequired = EvidenceRequired { verified_min: 5_000, verified_per_scenario_min: 50 };

pub(crate) fn run(options: &Demo, output: &Output) -> anyhow::Result<u8> {
    if options.list {
        list()?;
        return Ok(0);
    }
    let mut builder = crosswire::builder().seed(options.seed).program(&program()?).regressions(Regressions::Off);
    if let Some(folder) = &options.out {
        builder = builder.out(folder);
    }
    if options.defect == "none" {
        let gateway = gateway::specimen("reference", Decisions::reference());
        builder = builder.gateway(gateway).profile(profile(CLEAN_CASES)?);
    } else {
        let Some(mutant) = specimens::mutant(&options.defect) else {
            bail!("find the defect {:?}: `crosswire demo --list` shows all", options.defect);
        };
        if scenarios::catalogue().find(mutant.scenario).is_some_and(Scenario::needs_freezing) {
            bail!(
                "show the defect {:?}: its gateway must be a program that can be stopped; the test suite runs it as one",
                mutant.name
            );
        }
        if !output.quiet {
            to_stderr(&format!("The gateway of this demo has a planted defect, {}: {}\n", mutant.name, mutant.story));
        }
        let gateway = gateway::mutant(mutant.name)?;
        builder = builder.gateway(gateway).scenarios(mutant.scenario).profile(profile(DEFECT_CASES)?).fail_fast();
    }
    let ended = check::run_to_the_end(builder, output)?;
    let code = check::conclude(&ended, output);
    if !output.quiet {
        next(&options.defect)?;
    }
    Ok(code)
}

/// So many cases of each scenario of the default profile.
fn profile(cases: u32) -> anyhow::Result<Profile> {
    let usual = Profile::named("default").context("find the default profile")?;
    Ok(Profile { name: "demo".to_owned(), evidence: EVIDENCE, ..usual.with_cases(cases) })
}

fn list() -> anyhow::Result<()> {
    let mut text = format!("{:32} {:20} what goes wrong\n", "defect", "shows as");
    for mutant in specimens::mutants() {
        writeln!(text, "{:32} {:20} {}", mutant.name, mutant.shape.to_string(), mutant.story)?;
    }
    writeln!(text, "{:32} {:20} the reference gateway, which is correct", "none", "nothing")?;
    to_stdout(&text)
}

fn next(defect: &str) -> anyhow::Result<()> {
    let program = crate::program()?;
    let other = match defect {
        "none" => format!("A gateway with a defect: {program} demo."),
        _ => format!("The same gateway without the defect: {program} demo --defect none."),
    };
    to_stderr(&format!("\n{other} Your own: {program} check --help."));
    Ok(())
}
