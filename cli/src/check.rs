//! `crosswire check`: test a gateway.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use crosswire::{Builder, Regressions, Report, RunEvent};
use vocabulary::finding::Finding;
use vocabulary::identity::CaseNumber;
use vocabulary::verdict::Verdict;

use crate::arguments::{Check, Protocol};
use crate::output::{self, Output, to_stderr};
use crate::signals::Ending;
use crate::watch::Watch;
use crate::{config, gateway, program};

/// Where suppressions are looked for.
const SUPPRESSIONS: &str = "crosswire.ignore.toml";
/// Where plans of earlier findings are looked for.
const REGRESSIONS: &str = "crosswire-regressions";

pub(crate) fn run(options: &Check, output: &Output) -> anyhow::Result<u8> {
    if options.show_config {
        let profile = options.settings.profile(&options.profile)?;
        output::to_stdout(&config::show(&options.settings, &profile))?;
        return Ok(0);
    }
    output::check(&options.reports.output)?;
    let builder = builder(options)?;
    if options.dry_run {
        return dry_run(&builder, options);
    }
    let ended = run_to_the_end(builder, output)?;
    let code = conclude(&ended, output);
    let (record, replay) = (ended.report.record(), |finding: &Finding| ended.report.replay_command(finding));
    output::tell_github(record, ended.report.folder(), &options.reports, &replay);
    match (output::write_reports(record, &options.reports.output, &replay), code) {
        (Err(error), 0) => Err(error),
        // A report that cannot be written must not hide what was found.
        (Err(error), code) => {
            to_stderr(&format!("crosswire: failed to {error:#}"));
            Ok(code)
        }
        (Ok(()), code) => Ok(code),
    }
}

fn builder(options: &Check) -> anyhow::Result<Builder> {
    let profile = options.settings.profile(&options.profile)?;
    let mut builder = crosswire::builder().profile(profile).program(&program()?).shrink_time(options.shrink_time);
    builder = builder.grace(options.grace);
    if let Some(protocol) = options.protocol {
        builder = builder.protocol(protocol.http());
    }
    let usual = Path::new(REGRESSIONS);
    builder = builder.regressions(match &options.regressions {
        Some(folder) => Regressions::ReadOnly(folder.clone()),
        None if usual.is_dir() => Regressions::ReadOnly(usual.to_owned()),
        None => Regressions::Off,
    });
    // Without a gateway a plan can still be shown.
    let named =
        options.gateway.recipe.is_some() || options.gateway.command.is_some() || options.gateway.gateway.is_some();
    if named || !options.dry_run {
        let gateway = gateway::under_test(&options.gateway)?;
        options.protocol.map_or(Ok(()), |protocol| protocol.refuse_unless_fits(&gateway))?;
        builder = builder.gateway(gateway);
    }
    for glob in &options.scenario {
        builder = builder.scenarios(glob);
    }
    for glob in &options.skip {
        builder = builder.skip(glob);
    }
    if let Some(cases) = options.cases {
        builder = builder.cases(cases);
    }
    if let Some(limit) = options.time_limit {
        builder = builder.time_limit(limit);
    }
    if let Some(replies) = options.min_verified {
        builder = builder.min_verified(replies);
    }
    for gate in &options.gate {
        builder = builder.gate(&gate.to_string());
    }
    let usual = options.settings.folder.as_deref().unwrap_or(Path::new("")).join(SUPPRESSIONS);
    match &options.suppressions {
        Some(file) => builder = builder.suppressions(file),
        None if usual.is_file() => builder = builder.suppressions(&usual),
        None => {}
    }
    if let Some(seed) = options.seed {
        builder = builder.seed(seed);
    }
    if options.fail_fast {
        builder = builder.fail_fast();
    }
    if options.gateway.fresh_gateway {
        builder = builder.fresh_gateway();
    }
    if options.capture_bodies {
        builder = builder.capture_bodies();
    }
    if let Some(addr) = options.gateway.origin_listen {
        builder = builder.origin_listen(addr);
    }
    if let Some(folder) = &options.out {
        builder = builder.out(folder);
    }
    Ok(builder)
}

/// A run that has ended, and the exit code of the signal that ended it, if one did.
pub(crate) struct Ended {
    report: Report,
    signalled: Option<u8>,
}

/// Runs while a person watches. The first signal ends the run after its present case, the second ends the process.
pub(crate) fn run_to_the_end(builder: Builder, output: &Output) -> anyhow::Result<Ended> {
    let ending = Ending::new(output);
    let watch = Arc::new(Watch::new(*output, ending.status.clone()));
    let (watching, found) = (Arc::clone(&watch), ending.clone());
    let builder = builder.stop(ending.stop.clone()).on_event(move |event| {
        if let RunEvent::Found(_) = event {
            found.found();
        }
        watching.show(event);
    });
    let report = ending.watched(builder.run())?;
    watch.end();
    Ok(Ended { report: report?, signalled: ending.signalled() })
}

/// Prints how it ended; the exit code.
pub(crate) fn conclude(ended: &Ended, output: &Output) -> u8 {
    let (record, folder) = (ended.report.record(), ended.report.folder().display());
    if output.quiet {
        output.conclude(record.verdict.title());
    } else {
        to_stderr(&reports::summary(record, output.style()));
        to_stderr(&format!("run folder: {folder}"));
    }
    match (record.verdict, ended.signalled) {
        (Verdict::Broken, _) => {
            to_stderr(&format!("crosswire failed by itself; please report it with {folder}"));
            record.exit_code
        }
        // Which signal it was, as shells say it.
        (Verdict::Interrupted, Some(code)) => code,
        _ => record.exit_code,
    }
}

/// Says what would be run: the first plan of each scenario, in words and counts.
fn dry_run(builder: &Builder, options: &Check) -> anyhow::Result<u8> {
    let seed = options.seed.unwrap_or(1);
    let context = scenarios::DrawContext {
        gateway_timeout: options.gateway.gateway_timeout,
        down: options.protocol.map(Protocol::http).unwrap_or_default(),
        ..scenarios::DrawContext::default()
    };
    let mut text = String::new();
    for scenario in builder.chosen()? {
        let plan = scenario.plan(seed, CaseNumber(0), &context);
        writeln!(
            text,
            "{}/{} · {}\nfirst plan of seed {seed}:",
            scenario.family(),
            scenario.name(),
            scenario.head.title
        )?;
        writeln!(text, "{}", scenarios::describe_plan(&plan))?;
    }
    text.push_str("nothing was sent; `crosswire scenarios show NAME` explains a scenario\n");
    output::to_stdout(&text)?;
    Ok(0)
}
