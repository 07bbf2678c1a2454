//! `crosswire doctor`: examine a gateway before it is tested. 0 a check can be made, 3 it cannot.

use std::path::Path;

use crate::arguments::Doctor;
use crate::gateway;
use crate::output::{self, Output, to_stderr, to_stdout};

pub(crate) fn run(options: &Doctor, output: &Output) -> anyhow::Result<u8> {
    output::check_json(&options.output, "examination")?;
    let gateway = gateway::under_test(&options.gateway)?;
    let mut builder = crosswire::builder();
    if let Some(protocol) = options.protocol {
        protocol.refuse_unless_fits(&gateway)?;
        builder = builder.protocol(protocol.http());
    }
    if let Some(addr) = options.gateway.origin_listen {
        builder = builder.origin_listen(addr);
    }
    let examination = builder.gateway(gateway).examine_blocking()?;
    match output.quiet {
        true => output.conclude(&examination.state().to_string()),
        false => to_stderr(&reports::examination_text(&examination, output.style())),
    }
    for file in &options.output {
        let text = reports::examination_json(&examination);
        match file == Path::new("-") {
            true => to_stdout(&text)?,
            false => output::to_file(file, &text)?,
        }
    }
    Ok(examination.exit_code())
}
