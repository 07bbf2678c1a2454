//! The words every part of crosswire shares: plain data and pure codecs, no IO, no async.
//!
//! One request walks through these modules in order: a [`scenario`] is closed by a seed into a [`plan`]; the plan tells
//! the client what to send and the origin, by a [`directive`], how to misbehave; every request and reply carries a
//! [`canary`]; what both ends saw becomes a [`history`]; judging it yields [`finding`]s and a [`verdict`]; all of it
//! is kept as a [`record`], in which a [`gate`] may fail and a [`suppression`] may set a finding aside. The [`matrix`] says
//! whether the tester itself can be trusted, an [`examination`] what a check of a gateway can show.
//!
//! This crate opens no socket, reads no clock and draws no random number.
#![forbid(unsafe_code)]
#![deny(clippy::wildcard_enum_match_arm)]

pub mod canary;
pub mod crossing;
pub mod directive;
pub mod examination;
pub mod excerpt;
pub mod finding;
pub mod gate;
pub mod history;
pub mod identity;
pub mod latency;
pub mod limits;
pub mod matrix;
pub mod nearest;
pub mod plan;
pub mod record;
pub mod scenario;
pub mod suppression;
pub mod traced;
pub mod verdict;
