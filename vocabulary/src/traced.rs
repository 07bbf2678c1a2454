//! What a type says to serde of itself: the keys of a table, the words of a choice. A reader that only listens.
//!
//! For tests: they compare published schemas with the types that are behind them, so that neither says more than the other.

use std::cell::RefCell;

use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

/// Keys or words.
pub type Words = &'static [&'static str];

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Keys(Words),
    Choice(Words),
    Unit,
    Newtype,
}

/// The keys of a table.
///
/// # Panics
///
/// If the type is none.
pub fn keys<'de, T: Deserialize<'de>>() -> Words {
    match hear::<T>(None) {
        Some(Heard::Keys(keys)) => keys,
        other => panic!("a table was expected, it is {other:?}"),
    }
}

/// The words of a choice.
///
/// # Panics
///
/// If the type is none.
pub fn words<'de, T: Deserialize<'de>>() -> Words {
    match hear::<T>(None) {
        Some(Heard::Choice(words)) => words,
        other => panic!("a choice was expected, it is {other:?}"),
    }
}

/// Whether one of the words of a choice stands by itself.
pub fn stands_alone<'de, T: Deserialize<'de>>(word: &'static str) -> bool {
    hear::<T>(Some(word)) == Some(Heard::Unit)
}

/// The keys of the table behind one of the words of a choice, if they belong to the choice itself.
pub fn keys_behind<'de, T: Deserialize<'de>>(word: &'static str) -> Option<Words> {
    match hear::<T>(Some(word)) {
        Some(Heard::Keys(keys)) => Some(keys),
        _ => None,
    }
}

fn hear<'de, T: Deserialize<'de>>(word: Option<&'static str>) -> Option<Heard> {
    let heard = RefCell::new(None);
    // It always fails: what matters was heard before.
    let _ = T::deserialize(Listener { heard: &heard, word });
    heard.into_inner()
}

#[derive(Clone, Copy)]
struct Listener<'a> {
    heard: &'a RefCell<Option<Heard>>,
    /// The word of a choice to follow.
    word: Option<&'static str>,
}

impl Listener<'_> {
    fn hear<T>(self, heard: Heard) -> Result<T, Error> {
        self.heard.replace(Some(heard));
        Err(Error::custom("heard enough"))
    }
}

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("neither a table nor a choice"))
    }

    fn deserialize_struct<V: Visitor<'de>>(self, _: &'static str, keys: Words, _: V) -> Result<V::Value, Error> {
        self.hear(Heard::Keys(keys))
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, words: Words, visitor: V) -> Result<V::Value, Error> {
        match self.word {
            None => self.hear(Heard::Choice(words)),
            Some(_) => visitor.visit_enum(self),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Listener<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let word: StrDeserializer<'static, Error> = self.word.unwrap_or_default().into_deserializer();
        Ok((seed.deserialize(word)?, self))
    }
}

impl<'de> VariantAccess<'de> for Listener<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        self.hear(Heard::Unit)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Error> {
        self.hear(Heard::Newtype)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("the language has no tuples"))
    }

    fn struct_variant<V: Visitor<'de>>(self, keys: Words, _: V) -> Result<V::Value, Error> {
        self.hear(Heard::Keys(keys))
    }
}
