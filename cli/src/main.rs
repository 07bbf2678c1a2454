//! The crosswire command.
#![forbid(unsafe_code)]
fn main() {}
