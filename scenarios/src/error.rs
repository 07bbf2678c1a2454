//! Why a scenario file cannot be read: the place to the column, what stands there, what was expected.
//!
//! `scenarios/x.toml:14:9: unknown act "interm", did you mean "interim"?`

use std::fmt;
use std::ops::Range;

use thiserror::Error;
use vocabulary::nearest::nearest;

/// A place in a file. Lines and columns start at 1; columns count characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named to the reader.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Place {
    /// The place of a byte of `text`, which stands in `file`.
    pub fn of(file: &str, text: &str, offset: usize) -> Place {
        let before = &text[..text.floor_char_boundary(offset)];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Why a scenario file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScenarioError {
    /// The file is no TOML.
    #[error("{at}: {what}")]
    Syntax {
        /// Where.
        at: Place,
        /// What the TOML reader says.
        what: String,
    },
    /// A key or word that the language does not have.
    #[error("{at}: unknown {noun} {found:?}, {}", hint(.found, .expected))]
    Unknown {
        /// Where.
        at: Place,
        /// What kind of word was expected: `key`, `act`, `event`, `lane`, …
        noun: &'static str,
        /// What stands there.
        found: String,
        /// The words that may stand there.
        expected: Vec<String>,
    },
    /// A key that must be there.
    #[error("{at}: the key {key:?} is missing")]
    MissingKey {
        /// The table in which it is missing.
        at: Place,
        /// The key.
        key: String,
    },
    /// A value of the wrong type or out of range.
    #[error("{at}: {what}")]
    Value {
        /// Where.
        at: Place,
        /// What stands there and what was expected.
        what: String,
    },
    /// Parts that contradict each other.
    #[error("{at}: {what}")]
    Contradiction {
        /// Where.
        at: Place,
        /// What contradicts what.
        what: String,
    },
}

impl ScenarioError {
    /// The place that the error points at.
    pub fn place(&self) -> &Place {
        match self {
            ScenarioError::Syntax { at, .. }
            | ScenarioError::Unknown { at, .. }
            | ScenarioError::MissingKey { at, .. }
            | ScenarioError::Value { at, .. }
            | ScenarioError::Contradiction { at, .. } => at,
        }
    }
}

/// What was expected: the word that was probably meant, or all of them.
fn hint(found: &str, expected: &[String]) -> String {
    match (nearest(found, expected.iter().map(String::as_str)), expected) {
        (Some(near), _) => format!("did you mean {near:?}?"),
        (None, []) => "nothing is expected here".to_owned(),
        (None, [only]) => format!("expected {only:?}"),
        (None, several) => {
            let words: Vec<String> = several.iter().map(|word| format!("{word:?}")).collect();
            format!("expected one of {}", words.join(", "))
        }
    }
}

/// A file that is being read: turns offsets into places and library errors into ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
}

impl Source<'_> {
    pub(crate) fn syntax(self, error: &toml::de::Error) -> ScenarioError {
        ScenarioError::Syntax { at: self.at(error.span().unwrap_or_default()), what: one_line(error.message()) }
    }

    pub(crate) fn contradiction(self, span: Range<usize>, what: impl Into<String>) -> ScenarioError {
        ScenarioError::Contradiction { at: self.at(span), what: what.into() }
    }

    pub(crate) fn value(self, span: Range<usize>, what: impl Into<String>) -> ScenarioError {
        ScenarioError::Value { at: self.at(span), what: what.into() }
    }

    pub(crate) fn unknown(
        self,
        span: Range<usize>,
        noun: &'static str,
        found: &str,
        expected: Vec<String>,
    ) -> ScenarioError {
        ScenarioError::Unknown { at: self.at(span), noun, found: found.to_owned(), expected }
    }

    /// An error of serde's, whose words are fixed (`serde::de::Error::unknown_field` and its neighbours).
    pub(crate) fn data(self, error: &toml::de::Error) -> ScenarioError {
        let span = error.span().unwrap_or_default();
        let message = error.message();
        let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        let (found, expected) = match quoted.split_first() {
            Some((found, expected)) => (*found, expected.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()),
            None => ("", Vec::new()),
        };
        if message.starts_with("unknown field") {
            return self.unknown(span, "key", found, expected);
        }
        if message.starts_with("unknown variant") {
            return self.unknown(span, noun(&expected), found, expected);
        }
        if message.starts_with("missing field") {
            return ScenarioError::MissingKey { at: self.at(span), key: found.to_owned() };
        }
        let wrong = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
        match wrong.and_then(|wrong| wrong.split_once(", expected ")) {
            Some((found, expected)) => self.value(span, format!("expected {}, found {found}", one_line(expected))),
            None => self.value(span, one_line(message)),
        }
    }

    fn at(self, span: Range<usize>) -> Place {
        Place::of(self.path, self.text, span.start)
    }
}

/// What a closed list of words is a list of; each is known by its first word.
fn noun(expected: &[String]) -> &'static str {
    match expected.first().map(String::as_str) {
        Some("hold") => "act",
        Some("frozen") => "event",
        Some("bait") => "hold",
        Some("must") => "level",
        Some("quick") => "profile",
        Some("splice") => "shape",
        Some("overlap") => "obligation",
        Some("peer-closed-first") => "witness",
        Some("client-abort") => "fault",
        Some("fresh") => "knob",
        Some("kept") => "use of a connection",
        Some("length") => "framing",
        Some("plain") => "form",
        Some("exchange") => "audience",
        Some("h1") => "version",
        Some("no-error") => "code",
        Some("header-table") => "setting",
        _ => "word",
    }
}

fn one_line(message: &str) -> String {
    message.trim().lines().map(str::trim).collect::<Vec<_>>().join(", ")
}
