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
mod doctor;
mod fit;
mod foreign;
mod gateway;
mod journal;
mod kill_matrix;
mod ledger;
mod oracle;
mod origin;
mod profile;
mod pursue;
mod redaction;
mod regressions;
mod replay;
mod report;
mod reproducer;
mod run;
mod shrink;
#[cfg(feature = "suite")]
mod suite;
mod suppressions;

pub use builder::{Builder, builder};
pub use foreign::{Asked, Controlled, ForeignOrigin, Minted};
pub use gateway::{Gateway, GatewayError, Recipe, RecipeError, Variant, arguments_of};
pub use journal::{JournalError, read_run};
pub use kill_matrix::KillMatrix;
pub use origin::{Exchange, NotItsOwn, Origin};
pub use profile::Profile;
pub use regressions::Regressions;
pub use replay::{PlanError, PlanFailed, Replayed, load_plan};
pub use report::{Report, replay_command};
pub use run::{RunError, RunEvent, Stop};
pub use scenarios::{self, Draws, ProfileWord};
#[cfg(feature = "suite")]
pub use suite::{Suite, suite};
pub use suppressions::{SuppressionsError, read_suppressions};
pub use transport;
pub use vocabulary;

#[doc(hidden)]
pub use client::fuzz_reply_parser;
