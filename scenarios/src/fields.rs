//! Header fields in a scenario file: one list of lines, or a list of such lists to choose from.
//!
//! `fields = ["Vary: Cookie"]` always sends that line; `fields = [[], ["Cache-Control: private", "Vary: Cookie"]]` sends
//! either nothing or both. Lines rather than a table, because the same field may stand twice.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use vocabulary::directive::{Field, is_token};

use crate::dice::Dice;

/// The sets of fields to choose from; at least one, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields(Vec<Vec<Field>>);

impl Fields {
    /// Closes it.
    pub(crate) fn draw(&self, dice: &mut Dice) -> Vec<Field> {
        dice.pick(&self.0).clone()
    }

    /// Every field of every set.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Field> {
        self.0.iter().flatten()
    }
}

impl Default for Fields {
    fn default() -> Fields {
        Fields(vec![Vec::new()])
    }
}

impl fmt::Display for Fields {
    /// `with Vary: Cookie, or with nothing`; empty where there is never a field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.iter().all(Vec::is_empty) {
            return Ok(());
        }
        let set = |fields: &Vec<Field>| match fields.as_slice() {
            [] => "no further field".to_owned(),
            fields => {
                fields.iter().map(|field| format!("{}: {}", field.name, field.value)).collect::<Vec<_>>().join(" + ")
            }
        };
        let sets: Vec<String> = self.0.iter().map(set).collect();
        write!(f, " with {}", sets.join(" | "))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sets;

        impl<'de> Visitor<'de> for Sets {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of lines such as [\"Vary: Cookie\"], or a list of such lists")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Fields, A::Error> {
                let (mut lines, mut sets) = (Vec::new(), Vec::new());
                while let Some(entry) = list.next_element()? {
                    match entry {
                        Entry::Line(line) => lines.push(line),
                        Entry::Lines(lines) => sets.push(lines),
                    }
                }
                match (lines.is_empty(), sets.is_empty()) {
                    (_, true) => Ok(Fields(vec![lines])),
                    (true, false) => Ok(Fields(sets)),
                    (false, false) => Err(A::Error::custom("the list mixes lines with lists of lines")),
                }
            }
        }

        deserializer.deserialize_seq(Sets)
    }
}

enum Entry {
    Line(Field),
    Lines(Vec<Field>),
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LineOrLines;

        impl<'de> Visitor<'de> for LineOrLines {
            type Value = Entry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a line such as \"Vary: Cookie\", or a list of lines")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Entry, E> {
                line(text).map(Entry::Line).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Entry, A::Error> {
                let mut lines = Vec::new();
                while let Some(entry) = list.next_element()? {
                    match entry {
                        Entry::Line(line) => lines.push(line),
                        Entry::Lines(_) => return Err(A::Error::custom("lists of lines do not nest any deeper")),
                    }
                }
                Ok(Entry::Lines(lines))
            }
        }

        deserializer.deserialize_any(LineOrLines)
    }
}

/// One line of a head.
pub(crate) fn line(text: &str) -> Result<Field, String> {
    match text.split_once(':') {
        Some((name, value)) if is_token(name) && !value.contains(['\r', '\n', '\0']) => {
            Ok(Field { name: name.to_owned(), value: value.trim().to_owned() })
        }
        _ => Err(format!("{text:?} is no header field, expected \"Name: value\"")),
    }
}
