//! A specimen as a program of its own, for tests that stop and end gateways: built anew with them.
//!
//! `LISTEN_PORT` and `UPSTREAM_PORT` say where, `VARIANT` which, as recipes are named: `reference`, `mutant:NAME`.
#![forbid(unsafe_code)]

fn main() -> std::io::Result<()> {
    specimens::serve_as_program(&std::env::var("VARIANT").unwrap_or_default())
}
