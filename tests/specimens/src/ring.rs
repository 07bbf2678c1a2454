//! A ring of pending exchanges, in the order in which they were passed on to the origin. The reference pairs each reply
//! with its own exchange and needs none; a mutant that mixes replies up by their order needs the place.
//!
//! A reply that leaves the ring in an order that the mutant cannot cope with waits a moment for the next one; the two
//! may then leave by each other's exchange.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::decisions::{Passed, Swaps};
use crate::letter::Letter;

/// How long a reply waits for the next one.
const NEXT_WAIT: Duration = Duration::from_millis(20);

/// One per gateway.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    top: Mutex<Top>,
}

#[derive(Debug, Default)]
struct Top {
    /// Exchanges passed on so far.
    count: u64,
    /// The exchange that completed last.
    last: Option<Passed>,
    /// A complete reply that waits for the next one. It is the one that completed last, unless its client has gone.
    waiting: Option<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    before: Passed,
    own: Passed,
    letter: Letter,
    back: oneshot::Sender<Letter>,
}

impl Ring {
    /// An exchange is passed on; its place, counted from 1.
    pub(crate) fn enter(&self) -> u64 {
        let mut top = self.top();
        top.count += 1;
        top.count
    }

    /// An exchange completes whose reply cannot be mixed up.
    pub(crate) fn pass(&self, own: Passed) {
        let mut top = self.top();
        top.release();
        top.last = Some(own);
    }

    /// An exchange completes. The reply that leaves through it: its own, or that of the one it was mixed up with.
    pub(crate) async fn complete(&self, own: Passed, letter: Letter, swaps: &Swaps) -> Letter {
        let (place, mut other) = {
            let mut top = self.top();
            let before = top.last.replace(own.clone());
            let mixed_up = |waiting: &mut Waiting| {
                waiting.letter.is_like(&letter) && (swaps.swaps)(&waiting.before, &waiting.own, &own)
            };
            if let Some(waiting) = top.waiting.take_if(mixed_up) {
                // An exchange whose client has gone takes nothing: then everybody keeps their own.
                return match waiting.back.send(letter) {
                    Ok(()) => waiting.letter,
                    Err(letter) => letter,
                };
            }
            top.release();
            let Some(before) = before.filter(|before| (swaps.waits)(before, &own)) else { return letter };
            let (back, other) = oneshot::channel();
            let place = own.place;
            top.waiting = Some(Waiting { before, own, letter, back });
            (place, other)
        };
        if let Ok(Ok(letter)) = tokio::time::timeout(NEXT_WAIT, &mut other).await {
            return letter;
        }
        let mine = self.top().waiting.take_if(|waiting| waiting.own.place == place);
        match mine {
            Some(waiting) => waiting.letter,
            // Somebody came at the last moment, so the channel holds a letter.
            None => other.await.expect("whoever takes a waiting letter sends one back"),
        }
    }

    fn top(&self) -> MutexGuard<'_, Top> {
        self.top.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Top {
    /// Gives a waiting reply back to its own exchange, if that still wants it.
    fn release(&mut self) {
        if let Some(Waiting { letter, back, .. }) = self.waiting.take() {
            drop(back.send(letter));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits behind the next but one, and is mixed up with the next.
    const SWAPS: Swaps = Swaps {
        waits: |before, own| before.place == own.place + 2,
        swaps: |_, waiting, own| waiting.place + 1 == own.place,
    };

    fn passed(place: u64) -> Passed {
        Passed { place, target: format!("/{place}") }
    }

    /// Lets exchanges complete in this order, and says what left through each.
    async fn complete(ring: &Ring, order: [u64; 3]) -> [String; 3] {
        let one = async |place: u64| ring.complete(passed(place), Letter::of(&place.to_string()), &SWAPS).await;
        let [a, b, c] = order;
        // They are polled in this order.
        let letters: [Letter; 3] = tokio::join!(biased; one(a), one(b), one(c)).into();
        letters.map(|letter| letter.text().to_owned())
    }

    #[tokio::test]
    async fn only_the_order_that_the_decision_names_mixes_two_up() {
        let ring = Ring::default();
        assert_eq!([ring.enter(), ring.enter(), ring.enter()], [1, 2, 3]);
        assert_eq!(complete(&ring, [3, 1, 2]).await, ["3", "2", "1"]);
        for right in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 2, 1], [9, 7, 6], [9, 8, 7], [5, 3, 1]] {
            assert_eq!(complete(&ring, right).await, right.map(|place| place.to_string()), "{right:?}");
        }
    }

    #[tokio::test]
    async fn a_reply_that_cannot_be_mixed_up_comes_between_them() {
        let ring = Ring::default();
        let one = async |place: u64| ring.complete(passed(place), Letter::of(&place.to_string()), &SWAPS).await;
        ring.pass(passed(3));
        let between = async { ring.pass(passed(9)) };
        let (first, (), second) = tokio::join!(biased; one(1), between, one(2));
        assert_eq!((first.text(), second.text()), ("1", "2"));
    }

    #[tokio::test]
    async fn a_letter_whose_client_left_is_never_delivered() {
        let ring = Ring::default();
        ring.pass(passed(3));
        tokio::select! {
            biased;
            _ = ring.complete(passed(1), Letter::of("gone"), &SWAPS) => panic!("it waits"),
            () = std::future::ready(()) => {}
        }
        assert_eq!(ring.complete(passed(2), Letter::of("own"), &SWAPS).await.text(), "own");
    }
}
