//! Under clients of HTTP/1.1.

mod acts;
mod bait;
mod connections;
mod gates;
mod requests;
mod simulated;
