//! Open values: a number, a range or a list in the scenario file, which a case's seed closes.
//!
//! `requests = 2`, `requests = "1..=3"`, `status = [100, 102, "190..=199"]`; durations carry their unit: `"300us"`,
//! `"0ms..=15ms"`, `"timeout+200ms"`. A list is drawn from evenly; an entry with a weight, `"30*2"`, counts as often as
//! if it stood there so many times. A number of workers may refer to another lane's: `"warm+1"`, `"warm/2"`.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor};

use crate::dice::Dice;

/// Weights are shares of a hundred, or smaller.
const WEIGHT_MAX: usize = 100;

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

    /// Closes it, without a number of the dice where there is nothing to decide: for what scenarios could not say once,
    /// so that the plans of those that do not say it stay what they were.
    pub(crate) fn draw_if_open(&self, dice: &mut Dice) -> T {
        match self.0.as_slice() {
            [(low, high)] if low == high => *low,
            _ => self.draw(dice),
        }
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
                let (weight, text) = weighted(text).map_err(E::custom)?;
                range(text).map(|ends| Draw(vec![ends; weight])).map_err(E::custom)
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

/// The weight before a `*`, 1 where there is none. Only digits make a weight: `*` may stand in a method.
fn weighted(text: &str) -> Result<(usize, &str), String> {
    let Some((weight, rest)) = text.split_once('*') else { return Ok((1, text)) };
    let weight = weight.trim();
    if weight.is_empty() || !weight.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok((1, text));
    }
    match weight.parse() {
        Ok(number @ 1..=WEIGHT_MAX) => Ok((number, rest.trim())),
        _ => Err(format!("{weight} is no weight, expected 1 to {WEIGHT_MAX} before the *")),
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

    /// Closes it, without a number of the dice where there is nothing to decide (as [`Draw::draw_if_open`]).
    pub(crate) fn draw_if_open<'a>(&'a self, dice: &mut Dice) -> &'a T {
        if let [only] = self.0.as_slice() { only } else { self.draw(dice) }
    }
}

impl<T: Default> Default for Choice<T> {
    fn default() -> Choice<T> {
        Choice::just(T::default())
    }
}

impl<'de, T: Deserialize<'de> + Clone> Deserialize<'de> for Choice<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de> + Clone> Visitor<'de> for OneOrMany<T> {
            type Value = Choice<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one of the words for it, or a list of them")
            }

            fn visit_bool<E: Error>(self, yes: bool) -> Result<Choice<T>, E> {
                let word = T::deserialize(yes.into_deserializer());
                word.map(Choice::just).map_err(|_: E| E::invalid_type(Unexpected::Bool(yes), &self))
            }

            fn visit_i64<E: Error>(self, integer: i64) -> Result<Choice<T>, E> {
                T::deserialize(integer.into_deserializer()).map(Choice::just)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Choice<T>, E> {
                let (weight, text) = weighted(text).map_err(E::custom)?;
                T::deserialize(text.into_deserializer()).map(|word| Choice(vec![word; weight]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Choice<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Choice::just)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Choice<T>, A::Error> {
                let mut choices = Vec::new();
                // Each entry is read as a choice of its own: it may have a weight, and an error points at it.
                while let Some(Choice(entry)) = list.next_element::<Choice<T>>()? {
                    choices.extend(entry);
                }
                if choices.is_empty() { Err(A::Error::custom("the list is empty")) } else { Ok(Choice(choices)) }
            }
        }

        deserializer.deserialize_any(OneOrMany(PhantomData))
    }
}

/// A number of workers: drawn, or in relation to the workers of an earlier lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Count(Vec<CountOf>);

/// One alternative of a number of workers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CountOf {
    Range(Number<1, 64>, Number<1, 64>),
    /// `warm`, `warm/2`, `warm+1`: as many as that lane has in this case, half of them, one more.
    Lane {
        lane: String,
        half: bool,
        plus: u64,
    },
}

impl CountOf {
    /// The number, given the workers of the lane that it refers to; within what a lane may have, and at least 1.
    fn of(&self, workers: u64) -> u64 {
        match self {
            CountOf::Range(low, _) => low.0,
            CountOf::Lane { half, plus, .. } => {
                ((if *half { workers / 2 } else { workers }) + plus).clamp(1, WORKERS_MAX)
            }
        }
    }
}

/// Workers of one lane.
pub(crate) const WORKERS_MAX: u64 = 64;

impl Count {
    /// Always one.
    pub(crate) fn one() -> Count {
        Count(vec![CountOf::Range(Number(1), Number(1))])
    }

    /// Closes it. `workers` knows how many workers an earlier lane has.
    pub(crate) fn draw(&self, dice: &mut Dice, workers: impl Fn(&str) -> u64) -> u64 {
        match dice.pick(&self.0) {
            CountOf::Range(low, high) => Number::between(*low, *high, dice).0,
            related @ CountOf::Lane { lane, .. } => related.of(workers(lane)),
        }
    }

    /// The largest number, where `workers` knows the most workers of an earlier lane.
    pub(crate) fn max(&self, workers: impl Fn(&str) -> u64) -> u64 {
        let each = self.0.iter().map(|count| match count {
            CountOf::Range(_, high) => high.0,
            related @ CountOf::Lane { lane, .. } => related.of(workers(lane)),
        });
        each.max().unwrap_or(1)
    }

    /// The lanes that it refers to.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|count| match count {
            CountOf::Lane { lane, .. } => Some(lane.as_str()),
            CountOf::Range(..) => None,
        })
    }

    fn entry(text: &str) -> Result<Count, String> {
        let (weight, text) = weighted(text)?;
        let count = match text.starts_with(|first: char| first.is_ascii_alphabetic()) {
            true => relation(text)?,
            false => range(text).map(|(low, high)| CountOf::Range(low, high))?,
        };
        Ok(Count(vec![count; weight]))
    }
}

fn relation(text: &str) -> Result<CountOf, String> {
    let (rest, plus) = match text.split_once('+') {
        Some((rest, plus)) => match plus.trim().parse() {
            Ok(plus @ 0..=WORKERS_MAX) => (rest.trim_end(), plus),
            _ => {
                return Err(format!(
                    "{text:?} is no number of workers, expected a number after the +, as in \"warm+1\""
                ));
            }
        },
        None => (text, 0),
    };
    let (lane, half) = match rest.split_once('/') {
        Some((lane, "2")) => (lane, true),
        Some(_) => return Err(format!("{text:?} is no number of workers, only halves can be taken, as in \"warm/2\"")),
        None => (rest, false),
    };
    Ok(CountOf::Lane { lane: lane.to_owned(), half, plus })
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = Vec::new();
        for count in &self.0 {
            let word = match count {
                CountOf::Range(low, high) if low == high => low.to_string(),
                CountOf::Range(low, high) => format!("{low} to {high}"),
                CountOf::Lane { lane, half, plus } => {
                    let part = if *half { "half as many as" } else { "as many as" };
                    let more = if *plus > 0 { format!(" and {plus} more") } else { String::new() };
                    format!("{part} {lane}{more}")
                }
            };
            if !words.contains(&word) {
                words.push(word);
            }
        }
        f.write_str(&one_of(&words))
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Open;

        impl<'de> Visitor<'de> for Open {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}, or another lane's number such as \"warm+1\"", Number::<1, WORKERS_MAX>::expected())
            }

            fn visit_i64<E: Error>(self, integer: i64) -> Result<Count, E> {
                let number = Number::from_integer(integer).map_err(E::custom)?;
                Ok(Count(vec![CountOf::Range(number, number)]))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Count, E> {
                Count::entry(text).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Count, A::Error> {
                let mut alternatives = Vec::new();
                while let Some(Count(entry)) = list.next_element::<Count>()? {
                    alternatives.extend(entry);
                }
                if alternatives.is_empty() {
                    Err(A::Error::custom("the list is empty"))
                } else {
                    Ok(Count(alternatives))
                }
            }
        }

        deserializer.deserialize_any(Open)
    }
}
