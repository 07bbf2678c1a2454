//! Crosswire finds replies that a gateway delivered to the wrong request.
//!
//! Concurrent clients send requests through any gateway to an origin that misbehaves on purpose. Every request carries
//! a secret canary, every reply is checked against it. A wrong one is named: whose was it, how did it slip.
//!
//! ```no_run
//! use crosswire::{Gateway, Recipe};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let nginx = Gateway::recipe(Recipe::find("nginx")?, None)?;
//! let report = crosswire::builder().gateway(nginx).scenarios("interim-*").seed(7).run_blocking()?;
//! report.assert_isolated();
//! # Ok(())
//! # }
//! ```
//!
//! The way of one request: a scenario is drawn into a plan, [`client`] sends it, the gateway passes it on, the origin
//! (crate `mock_upstream`) answers as planned; both ends report to the [`ledger`]; [`oracle`] judges the sealed
//! history; [`run`] does that case by case and keeps the [`journal`].
#![forbid(unsafe_code)]

mod ablate;
mod affinity;
mod builder;
mod case;
mod client;
mod foreign;
mod gateway;
mod journal;
mod kill_matrix;
mod ledger;
mod oracle;
mod profile;
mod pursue;
mod replay;
mod report;
mod run;
mod shrink;
mod suppressions;

pub use builder::{Builder, builder};
pub use foreign::{Asked, Controlled, ForeignOrigin, Minted};
pub use gateway::{Gateway, GatewayError, Recipe, RecipeError, Variant, arguments_of};
pub use journal::{JournalError, read_run};
pub use kill_matrix::KillMatrix;
pub use profile::Profile;
pub use replay::{PlanError, Replayed, load_plan};
pub use report::{Report, replay_command};
pub use run::{RunError, RunEvent, Stop};
pub use scenarios::{Draws, ProfileWord};
pub use suppressions::{SuppressionsError, read_suppressions};
pub use transport;

#[doc(hidden)]
pub use client::fuzz_reply_parser;
