//! A desk on which complete replies may meet. The reference has none; a mutant that mixes up replies needs the place.
//!
//! A reply that may cross waits a moment for another one; the two then leave by each other's exchange.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::letter::Letter;
use crate::stretch::{Stretch, Traits};

/// How long a reply waits for another one.
const MEETING_WAIT: Duration = Duration::from_millis(20);

/// One per gateway.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    top: Mutex<Top>,
}

#[derive(Debug, Default)]
struct Top {
    /// All exchanges so far.
    stretch: Stretch,
    /// The one that waits, with the way back to its exchange.
    waiting: Option<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    nth: u64,
    letter: Letter,
    back: oneshot::Sender<Letter>,
}

impl Desk {
    /// An exchange ends whose reply is not laid on the desk.
    pub(crate) fn pass(&self, traits: Traits) {
        self.top().stretch.note(traits);
    }

    /// The reply that leaves through this exchange: its own, or the one that it met.
    pub(crate) async fn cross(&self, traits: Traits, own: Letter, crosses: fn(&Stretch) -> bool) -> Letter {
        let (nth, mut other) = {
            let mut top = self.top();
            top.stretch.note(traits);
            let nth = top.stretch.exchanges;
            if let Some(met) = top.waiting.take_if(|waiting| waiting.letter.is_like(&own)) {
                // An exchange whose client has gone takes nothing: then everybody keeps their own.
                return match met.back.send(own) {
                    Ok(()) => met.letter,
                    Err(own) => own,
                };
            }
            // One that waits already keeps its place; only what has a body names its owner there.
            if own.body.is_empty() || top.waiting.is_some() || !crosses(&top.stretch) {
                return own;
            }
            let (back, other) = oneshot::channel();
            top.waiting = Some(Waiting { nth, letter: own, back });
            (nth, other)
        };
        if let Ok(Ok(letter)) = tokio::time::timeout(MEETING_WAIT, &mut other).await {
            return letter;
        }
        let mine = self.top().waiting.take_if(|waiting| waiting.nth == nth);
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn cross(desk: &Desk, body: &str, crosses: fn(&Stretch) -> bool) -> String {
        desk.cross(Traits::default(), Letter::of(body), crosses).await.text().to_owned()
    }

    #[tokio::test]
    async fn two_that_meet_are_exchanged_and_one_alone_keeps_its_own() {
        let desk = Desk::default();
        let (a, b) = tokio::join!(cross(&desk, "a", |_| true), cross(&desk, "b", |_| true));
        assert_eq!((a.as_str(), b.as_str()), ("b", "a"));
        assert_eq!(cross(&desk, "c", |_| true).await, "c");
        let (a, b) = tokio::join!(cross(&desk, "a", |_| false), cross(&desk, "b", |_| false));
        assert_eq!((a.as_str(), b.as_str()), ("a", "b"));
    }

    #[tokio::test]
    async fn the_decision_sees_the_stretch_of_all_exchanges() {
        let desk = Desk::default();
        desk.pass(Traits::default());
        let second: fn(&Stretch) -> bool = |stretch| stretch.exchanges == 2;
        let (a, b) = tokio::join!(biased; cross(&desk, "a", second), cross(&desk, "b", second));
        assert_eq!((a.as_str(), b.as_str()), ("b", "a"));
    }

    #[tokio::test]
    async fn one_that_waits_is_not_met_by_a_reply_without_a_body() {
        let desk = Desk::default();
        let (a, empty, b) =
            tokio::join!(biased; cross(&desk, "a", |_| true), cross(&desk, "", |_| true), cross(&desk, "b", |_| true));
        assert_eq!((a.as_str(), empty.as_str(), b.as_str()), ("b", "", "a"));
    }

    #[tokio::test]
    async fn a_letter_whose_client_left_is_never_delivered() {
        let desk = Desk::default();
        tokio::select! {
            biased;
            _ = cross(&desk, "gone", |_| true) => panic!("it waits"),
            () = std::future::ready(()) => {}
        }
        assert_eq!(cross(&desk, "own", |_| true).await, "own");
    }
}
