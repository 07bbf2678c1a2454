//! A run record in, bytes out: one file per format.
//!
//! [`card()`] tells one finding to a person, [`summary()`] the whole run, [`json()`] and [`jsonl()`] tell it to
//! programs; `schemas/` has the JSON Schemas of both. [`junit()`] tells it to a CI system, [`annotations()`] and
//! [`step_summary()`] to GitHub Actions. The kill matrix has a text, a page and JSON of its own, the
//! examination of a gateway a text and JSON. Every function here is
//! pure: no clock, no file, no terminal. The same record always gives the same bytes.
//!
//! A record quotes a gateway, and a gateway may be hostile. All formats but two are written from a copy of the record
//! in which the module `neutral` has disarmed every text; JSON and JSONL escape the same characters in the way of JSON,
//! so that a reader gets the text back and a terminal does not.
//!
//! ```
//! use reports::Style;
//! assert_eq!(Style::default(), Style { color: false, width: 100 });
//! ```
#![forbid(unsafe_code)]

#[cfg(test)]
mod agreement_tests;
mod annotations;
mod card;
mod chain;
mod delivery_map;
mod examination;
#[cfg(test)]
mod fixtures;
mod ink;
mod json;
mod junit;
mod matrix;
mod neutral;
mod normalized;
mod scenario_table;
#[cfg(test)]
mod schema_tests;
mod sketch;
mod step_summary;
mod steps;
mod summary;
mod terms;
mod wire;
mod worst;
mod wrap;

pub use annotations::annotations;
pub use card::card;
pub use examination::{examination_json, examination_text};
pub use json::{json, jsonl};
pub use junit::junit;
pub use matrix::{matrix_json, matrix_markdown, matrix_text};
pub use normalized::normalized_card;
pub use step_summary::step_summary;
pub use summary::summary;

/// How a text for people is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether ANSI colour codes may be used. Without them the text says the same.
    pub color: bool,
    /// Columns. Text is wrapped to it; the replay command never is. Less than 40 is taken as 40.
    pub width: usize,
}

impl Default for Style {
    /// No colour, 100 columns: what a file or a CI log wants.
    fn default() -> Style {
        Style { color: false, width: 100 }
    }
}

impl Style {
    const WIDTH_MIN: usize = 40;

    fn columns(self) -> usize {
        self.width.max(Self::WIDTH_MIN)
    }
}
