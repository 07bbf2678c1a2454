//! Open values: a number, a range or a list in the scenario file, which a case's seed closes.
//!
//! `requests = 2`, `requests = "1..=3"`, `status = [100, 102, "190..=199"]`; durations carry their unit: `"300us"`,
//! `"0ms..=15ms"`, `"timeout+200ms"`. A list is drawn from evenly, so that repeating an entry gives it more weight.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use crate::dice::Dice;

/// An open quantity: alternatives, each one value or a range of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draw<T>(Vec<(T, T)>);

/// What can be drawn from a range.
pub(crate) trait Quantity: Copy + Ord + fmt::Display {
    /// What the reader expects, for errors.
    fn expected() -> String;
    /// Reads one value.
    fn from_text(text: &str) -> Result<Self, String>;
    /// Reads one value that stands without quotes.
    fn from_integer(integer: i64) -> Result<Self, String>;
    /// Whether both can be the ends of one range.
    fn same_base(self, other: Self) -> bool;
    /// A value from `low` to `high`.
    fn between(low: Self, high: Self, dice: &mut Dice) -> Self;
}

impl<T: Quantity> Draw<T> {
    /// Always the same value.
    pub(crate) fn just(value: T) -> Draw<T> {
        Draw(vec![(value, value)])
    }

    /// Closes it.
    pub(crate) fn draw(&self, dice: &mut Dice) -> T {
        let (low, high) = *dice.pick(&self.0);
        T::between(low, high, dice)
    }

    /// The largest value that can be drawn.
    pub(crate) fn max(&self) -> T {
        self.0.iter().map(|(_, high)| *high).max().expect("an open value has at least one alternative")
    }

    /// Its alternatives, each with both ends.
    pub(crate) fn alternatives(&self) -> &[(T, T)] {
        &self.0
    }
}

impl<T: Quantity> fmt::Display for Draw<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = Vec::new();
        for (low, high) in &self.0 {
            let word = if low == high { low.to_string() } else { format!("{low} to {high}") };
            if !words.contains(&word) {
                words.push(word);
            }
        }
        f.write_str(&one_of(&words))
    }
}

/// `a`, `a or b`, `a, b or c`.
pub(crate) fn one_of(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

/// A whole number from MIN to MAX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number<const MIN: u64, const MAX: u64>(pub(crate) u64);

impl<const MIN: u64, const MAX: u64> fmt::Display for Number<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const MIN: u64, const MAX: u64> Quantity for Number<MIN, MAX> {
    fn expected() -> String {
        format!("a number from {MIN} to {MAX}, a range such as \"{MIN}..={}\", or a list of them", MAX.min(MIN + 2))
    }

    fn from_text(text: &str) -> Result<Self, String> {
        let number = text.parse::<i64>();
        number.map_err(|_| format!("{text:?} is no number")).and_then(Self::from_integer)
    }

    fn from_integer(integer: i64) -> Result<Self, String> {
        match u64::try_from(integer) {
            Ok(number) if (MIN..=MAX).contains(&number) => Ok(Number(number)),
            _ => Err(format!("{integer} is out of range, expected {MIN} to {MAX}")),
        }
    }

    fn same_base(self, _other: Self) -> bool {
        true
    }

    fn between(low: Self, high: Self, dice: &mut Dice) -> Self {
        Number(dice.within(low.0, high.0))
    }
}

/// A duration, at most [`Time::US_MAX`], counted from zero or from the gateway's own reply timeout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time {
    /// Whether the gateway's reply timeout is added.
    pub(crate) beyond_timeout: bool,
    /// Microseconds.
    pub(crate) us: u64,
}

impl Time {
    /// No scenario waits longer: a case as a whole is bounded by `limits::CASE_WAIT`.
    const US_MAX: u64 = 30_000_000;

    /// Its length in microseconds behind a gateway that gives up after `timeout_us`.
    pub(crate) fn us(self, timeout_us: u64) -> u64 {
        if self.beyond_timeout { timeout_us + self.us } else { self.us }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.beyond_timeout {
            f.write_str("the gateway's timeout + ")?;
        }
        match self.us {
            0 => f.write_str("0 ms"),
            us if us % 1_000_000 == 0 => write!(f, "{} s", us / 1_000_000),
            us if us % 1_000 == 0 => write!(f, "{} ms", us / 1_000),
            us => write!(f, "{us} us"),
        }
    }
}

impl Quantity for Time {
    fn expected() -> String {
        "a duration such as \"20ms\", a range such as \"0ms..=15ms\", or a list of them".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        let (beyond_timeout, rest) = match text.strip_prefix("timeout") {
            Some(rest) => (true, rest.trim_start().strip_prefix('+').unwrap_or(rest).trim_start()),
            None => (false, text),
        };
        if beyond_timeout && rest.is_empty() {
            return Ok(Time { beyond_timeout, us: 0 });
        }
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = rest.split_at(digits);
        let factor = match unit.trim_start() {
            "us" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "" => return Err(format!("the duration {text:?} has no unit, expected us, ms or s")),
            _ => return Err(format!("{text:?} is no duration, expected a whole number of us, ms or s")),
        };
        let us = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
        match us {
            Some(us) if us <= Time::US_MAX => Ok(Time { beyond_timeout, us }),
            Some(_) => Err(format!("{text} is out of range, no scenario waits longer than 30s")),
            None => Err(format!("{text:?} is no duration, expected a whole number of us, ms or s")),
        }
    }

    fn from_integer(integer: i64) -> Result<Self, String> {
        Err(format!("the duration {integer} has no unit, write \"{integer}ms\""))
    }

    fn same_base(self, other: Self) -> bool {
        self.beyond_timeout == other.beyond_timeout
    }

    fn between(low: Self, high: Self, dice: &mut Dice) -> Self {
        Time { beyond_timeout: low.beyond_timeout, us: dice.within(low.us, high.us) }
    }
}

impl<'de, T: Quantity> Deserialize<'de> for Draw<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Open<T>(PhantomData<T>);

        impl<'de, T: Quantity> Visitor<'de> for Open<T> {
            type Value = Draw<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&T::expected())
            }

            fn visit_i64<E: Error>(self, integer: i64) -> Result<Draw<T>, E> {
                T::from_integer(integer).map(Draw::just).map_err(E::custom)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Draw<T>, E> {
                range(text).map(|ends| Draw(vec![ends])).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Draw<T>, A::Error> {
                let mut alternatives = Vec::new();
                // Each entry is read as an open value of its own, so that an error points at the entry.
                while let Some(Draw(entry)) = list.next_element::<Draw<T>>()? {
                    alternatives.extend(entry);
                }
                if alternatives.is_empty() {
                    Err(A::Error::custom("the list is empty"))
                } else {
                    Ok(Draw(alternatives))
                }
            }
        }

        deserializer.deserialize_any(Open(PhantomData))
    }
}

fn range<T: Quantity>(text: &str) -> Result<(T, T), String> {
    let Some((low, high)) = text.split_once("..=") else {
        if text.contains("..") {
            return Err(format!("{text:?} is no range, ranges name their last value: \"1..=3\""));
        }
        return T::from_text(text.trim()).map(|value| (value, value));
    };
    let (low, high) = (T::from_text(low.trim())?, T::from_text(high.trim())?);
    if !low.same_base(high) {
        return Err(format!("the range {text:?} counts only one of its ends from the timeout"));
    }
    if low > high {
        return Err(format!("the range {text:?} is empty, its first value is larger than its last"));
    }
    Ok((low, high))
}

/// One word, number or table, or a list of them to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice<T>(pub(crate) Vec<T>);

impl<T> Choice<T> {
    /// Always the same.
    pub(crate) fn just(value: T) -> Choice<T> {
        Choice(vec![value])
    }

    /// Closes it.
    pub(crate) fn draw<'a>(&'a self, dice: &mut Dice) -> &'a T {
        dice.pick(&self.0)
    }
}

impl<T: Default> Default for Choice<T> {
    fn default() -> Choice<T> {
        Choice::just(T::default())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Choice<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
            type Value = Choice<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one of the words for it, or a list of them")
            }

            fn visit_i64<E: Error>(self, integer: i64) -> Result<Choice<T>, E> {
                T::deserialize(integer.into_deserializer()).map(Choice::just)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Choice<T>, E> {
                T::deserialize(text.into_deserializer()).map(Choice::just)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Choice<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Choice::just)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Choice<T>, A::Error> {
                let mut choices = Vec::new();
                while let Some(choice) = list.next_element()? {
                    choices.push(choice);
                }
                if choices.is_empty() { Err(A::Error::custom("the list is empty")) } else { Ok(Choice(choices)) }
            }
        }

        deserializer.deserialize_any(OneOrMany(PhantomData))
    }
}
