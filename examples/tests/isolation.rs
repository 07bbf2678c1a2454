//! One test for each scenario, as `cargo test` and `cargo nextest` list, filter and run them.

use std::process::ExitCode;

use crosswire::{Gateway, Profile};

fn main() -> ExitCode {
    let gateway = Gateway::in_process(examples::proxy::serve);
    crosswire::suite(crosswire::builder().gateway(gateway).profile(Profile::quick())).main()
}
