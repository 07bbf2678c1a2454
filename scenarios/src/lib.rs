//! The catalogue of incidents, the language in which they are told, and the generator that draws plans from it.
//!
//! A [`Scenario`] is one TOML file that tells both ends: who the clients are and what they do, what the origin does in
//! return, what must have happened for silence to count. It leaves numbers, times and words open; a seed closes them
//! into a [`Plan`](vocabulary::plan::Plan). README.md documents the language.
//!
//! ```
//! use scenarios::{DrawContext, catalogue};
//! use vocabulary::identity::CaseNumber;
//!
//! let scenario = catalogue().find("interim-100-late-final").expect("it is in the catalogue");
//! let plan = scenario.plan(1, CaseNumber(0), &DrawContext::default());
//! assert_eq!(plan, scenario.plan(1, CaseNumber(0), &DrawContext::default()));
//! ```
//!
//! Nothing here opens a file or a socket, reads a clock, or draws a number that no seed decides.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod catalogue;
mod check;
mod client;
mod crossing;
mod describe;
mod dice;
mod draw;
mod enumerate;
mod error;
mod fields;
mod fill;
mod generate;
mod glossary;
#[cfg(test)]
mod grammar;
mod index;
mod language;
mod origin;
mod plan_words;
mod schedule;
mod select;
mod stage;
#[cfg(feature = "proptest")]
mod strategy;
mod swarm;

pub use catalogue::{Catalogue, catalogue};
pub use error::{Place, ScenarioError};
pub use generate::{DrawContext, Draws};
pub use glossary::{Word, glossary};
pub use language::{DirectiveAt, ProfileWord, Scenario};
pub use plan_words::describe_plan;
pub use select::{SelectError, glob_fits, select, select_for};
#[cfg(feature = "proptest")]
pub use strategy::plans_of;
