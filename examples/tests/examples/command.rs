//! The proxy as a program that crosswire starts and ends.

use crosswire::{Gateway, RunError};

#[test]
fn the_program_keeps_replies_with_their_requests() -> Result<(), RunError> {
    let gateway = Gateway::command(&format!("exec '{}'", env!("CARGO_BIN_EXE_proxy")));
    let run = crosswire::builder().gateway(gateway).scenarios("surplus/*").cases(3).seed(1);
    run.run_blocking()?.assert_isolated();
    Ok(())
}
