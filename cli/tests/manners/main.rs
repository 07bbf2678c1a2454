//! How the command behaves towards whoever calls it: what it keeps to itself, how it ends, what outlives it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

mod disk;
mod doctor;
mod kill;
mod manual;
mod secrets;
mod signals;
mod stage;
mod terminal;
