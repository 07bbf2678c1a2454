//! A desk on which complete replies may meet. The reference has none; a mutant that mixes up replies needs the place.
//!
//! A reply that may cross waits a moment for another one; the two then leave by each other's exchange.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::head::ReplyHead;

/// How large a reply's body may be to be laid on the desk, in bytes.
pub(crate) const DESK_BYTES_MAX: u64 = 64 * 1024;
/// How long a reply waits for another one.
const MEETING_WAIT: Duration = Duration::from_millis(20);

/// A complete reply, its body in memory.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) head: ReplyHead,
    pub(crate) body: Vec<u8>,
}

/// One per gateway.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    top: Mutex<Top>,
}

#[derive(Debug, Default)]
struct Top {
    /// Complete small replies so far.
    count: u64,
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
    /// The reply that leaves through this exchange: its own, or the one that it met.
    pub(crate) async fn cross(&self, own: Letter, crosses: fn(nth: u64) -> bool) -> Letter {
        let (nth, mut other) = {
            let mut top = self.top();
            top.count += 1;
            let nth = top.count;
            if let Some(met) = top.waiting.take() {
                // An exchange whose client has gone takes nothing: then everybody keeps their own.
                return match met.back.send(own) {
                    Ok(()) => met.letter,
                    Err(own) => own,
                };
            }
            if !crosses(nth) {
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
    use crate::head::Fields;

    fn letter(body: &str) -> Letter {
        let head = ReplyHead { status: 200, reason: String::new(), http_10: false, fields: Fields::default() };
        Letter { head, body: body.into() }
    }

    #[tokio::test]
    async fn two_that_meet_are_exchanged_and_one_alone_keeps_its_own() {
        let desk = Desk::default();
        let (a, b) = tokio::join!(desk.cross(letter("a"), |_| true), desk.cross(letter("b"), |_| true));
        assert_eq!((a.body, b.body), (b"b".to_vec(), b"a".to_vec()));
        assert_eq!(desk.cross(letter("c"), |_| true).await.body, b"c");
        let (a, b) = tokio::join!(desk.cross(letter("a"), |_| false), desk.cross(letter("b"), |_| false));
        assert_eq!((a.body, b.body), (b"a".to_vec(), b"b".to_vec()));
    }

    #[tokio::test]
    async fn a_letter_whose_client_left_is_never_delivered() {
        let desk = Desk::default();
        tokio::select! {
            biased;
            _ = desk.cross(letter("gone"), |_| true) => panic!("it waits"),
            () = std::future::ready(()) => {}
        }
        assert_eq!(desk.cross(letter("own"), |_| true).await.body, b"own");
    }
}
