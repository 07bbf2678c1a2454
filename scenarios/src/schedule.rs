//! Small schedules, exhaustively: every order in which a few exchanges can be sent and answered.
//!
//! A schedule is a string such as `010212`: the first time a digit stands there that exchange is sent, the second time
//! its reply is released. Exchanges are alike, so a digit appears for the first time in order; that leaves 3, 15 and
//! 105 schedules of 2, 3 and 4 exchanges.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// A schedule as it stands in a file: `"010212"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderString(pub(crate) Vec<u8>);

impl OrderString {
    fn read(text: &str) -> Result<OrderString, String> {
        let wrong = |why: String| Err(format!("{text:?} is no schedule: {why}, as in \"010212\""));
        let mut digits = Vec::new();
        let mut sent = 0;
        for letter in text.chars() {
            let Some(digit) = letter.to_digit(10).map(|digit| digit as u8) else {
                return wrong(format!("{letter:?} is no digit, each exchange is one"));
            };
            match digits.iter().filter(|seen| **seen == digit).count() {
                0 if digit == sent => sent += 1,
                0 => {
                    return wrong(format!(
                        "{digit} is sent before {sent}, exchanges are numbered in the order of sending"
                    ));
                }
                1 => {}
                _ => return wrong(format!("{digit} stands there more than twice, once to send and once to release")),
            }
            digits.push(digit);
        }
        if let Some(open) = (0..sent).find(|digit| digits.iter().filter(|seen| *seen == digit).count() == 1) {
            return wrong(format!("{open} is sent and never released"));
        }
        if sent == 0 {
            return wrong("it has no exchange".to_owned());
        }
        Ok(OrderString(digits))
    }
}

impl fmt::Display for OrderString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|digit| write!(f, "{digit}"))
    }
}

impl<'de> Deserialize<'de> for OrderString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Order;

        impl Visitor<'_> for Order {
            type Value = OrderString;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a schedule such as \"010212\"")
            }

            // Not after the visit: only an error in here is given the place of the entry.
            fn visit_str<E: Error>(self, text: &str) -> Result<OrderString, E> {
                OrderString::read(text).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Order)
    }
}

/// All schedules of so many exchanges, in alphabetical order.
pub(crate) fn schedules(exchanges: u8) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    extend(&mut Vec::new(), exchanges, &mut found);
    found
}

fn extend(prefix: &mut Vec<u8>, exchanges: u8, found: &mut Vec<Vec<u8>>) {
    if prefix.len() == 2 * usize::from(exchanges) {
        found.push(prefix.clone());
        return;
    }
    let sent = prefix.iter().max().map_or(0, |highest| highest + 1);
    for digit in 0..=sent {
        let times = prefix.iter().filter(|seen| **seen == digit).count();
        if digit < exchanges && times < 2 {
            prefix.push(digit);
            extend(prefix, exchanges, found);
            prefix.pop();
        }
    }
}

/// A schedule cut into sends and releases: what can be planned with events and gates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send this exchange.
    Send(u8),
    /// Release these replies in this order, once all that are in flight have arrived.
    Release {
        /// What is in flight, in the order of sending.
        in_flight: Vec<u8>,
        /// What is released.
        order: Vec<u8>,
    },
}

/// The steps of a schedule. Releases without a send between them are one step.
pub(crate) fn steps(schedule: &[u8]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut in_flight: Vec<u8> = Vec::new();
    for (position, digit) in schedule.iter().enumerate() {
        if !schedule[..position].contains(digit) {
            in_flight.push(*digit);
            steps.push(Step::Send(*digit));
            continue;
        }
        match steps.last_mut() {
            Some(Step::Release { order, .. }) => order.push(*digit),
            _ => steps.push(Step::Release { in_flight: in_flight.clone(), order: vec![*digit] }),
        }
        in_flight.retain(|open| open != digit);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_orders_of_two_three_and_four_exchanges_are_3_15_and_105() {
        assert_eq!(schedules(2), [[0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0]]);
        assert_eq!((schedules(3).len(), schedules(4).len()), (15, 105));
    }

    #[test]
    fn a_release_awaits_what_is_in_flight() {
        let release =
            |in_flight: &[u8], order: &[u8]| Step::Release { in_flight: in_flight.to_vec(), order: order.to_vec() };
        let expected = [Step::Send(0), Step::Send(1), release(&[0, 1], &[0]), Step::Send(2), release(&[1, 2], &[1, 2])];
        assert_eq!(steps(&[0, 1, 0, 2, 1, 2]), expected);
    }
}
