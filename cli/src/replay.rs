//! `crosswire replay`: run one plan again. 0 fixed, 10 failed k of n, 3 cannot run.

use crosswire::{RunError, RunEvent, load_plan};

use crate::arguments::Replay;
use crate::output::{Output, to_stderr};
use crate::signals::Ending;
use crate::{gateway, program};

pub(crate) fn run(options: &Replay, output: &Output) -> anyhow::Result<u8> {
    let plan = load_plan(&options.plan).map_err(RunError::from)?;
    let gateway = gateway::under_test(&options.gateway)?;
    let named = gateway.arguments().unwrap_or_default();
    let listen = options.gateway.origin_listen.map(|addr| format!(" --origin-listen {addr}")).unwrap_or_default();
    let (program, times) = (program()?, options.times);
    let again = format!("{program} replay {} {named}{listen} --times {times}", options.plan.display());
    let mut builder = crosswire::builder().gateway(gateway).program(&program);
    if let Some(addr) = options.gateway.origin_listen {
        builder = builder.origin_listen(addr);
    }
    if options.gateway.fresh_gateway {
        builder = builder.fresh_gateway();
    }
    if options.capture_bodies {
        builder = builder.capture_bodies();
    }
    let ending = Ending::new(output);
    let found = ending.clone();
    let builder = builder.stop(ending.stop.clone()).on_event(move |event| {
        if let RunEvent::CaseDone { findings: 1.., .. } = event {
            found.found();
        }
    });
    let replayed = ending.watched(builder.replay(plan, times))??;
    let (runs, failed) = (replayed.reproduction.runs, replayed.reproduction.failed);
    if failed > 0 {
        if !output.quiet {
            for finding in &replayed.findings {
                let mut finding = finding.clone();
                finding.reproduction = replayed.reproduction;
                to_stderr(&reports::card(&finding, &again, output.style()));
            }
        }
        output.conclude(&format!("FAILED {failed} of {runs}"));
        return Ok(10);
    }
    if let Some(code) = ending.signalled() {
        output.conclude(&format!("INTERRUPTED: of {times} runs {runs} were made, and none of them failed"));
        return Ok(code);
    }
    if !replayed.unmet.is_empty() || runs == 0 {
        output.conclude(&format!(
            "CANNOT RUN: in {runs} runs the gateway was not exercised; unmet: {}",
            replayed.unmet.join(", ")
        ));
        return Ok(3);
    }
    if replayed.kept_from_its_faults {
        output.conclude(&format!(
            "CANNOT RUN: in {runs} runs not one fault of the plan was performed; the gateway may speak HTTP/1.0 to the origin, \
             or close its connection first"
        ));
        return Ok(3);
    }
    output.conclude(&format!("FIXED 0 of {runs}"));
    Ok(0)
}
