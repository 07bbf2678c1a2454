//! Under clients of HTTP/2: our own, which read and write frames, and those of others.

mod acts;
mod connections;
pub(crate) mod foreign;
mod frames;
pub(crate) mod peer;
mod requests;
mod simulated;
mod streams;
