//! The origin under raw clients of HTTP/1.1 and HTTP/2, in one process: every act once, as it is seen on the wire and
//! as it is reported. Every wait is for a condition and has a bound.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod h1;
mod h2;
mod stage;
#[cfg(feature = "tls")]
mod tls;
