//! Five ways of testing one proxy.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod by_hand;
mod command;
mod in_process;
mod own_plans;
mod planted_bug;
