//! A proxy to be tested, and beside it, in `tests/`, five ways of testing it.
//!
//! `tests/isolation.rs` is one test for each scenario; `tests/examples/` has a test of the whole, the same with a planted
//! bug, a command, plans for `proptest!`, and requests written by hand.
#![forbid(unsafe_code)]

pub mod proxy;
