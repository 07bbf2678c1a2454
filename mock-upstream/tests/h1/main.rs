//! The origin under raw HTTP/1.1 clients, in one process: every act once, as it is seen on the wire and as it is
//! reported. Every wait is for a condition and has a bound.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod acts;
mod bait;
mod connections;
mod gates;
mod requests;
mod simulated;
mod stage;
