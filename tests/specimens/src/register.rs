//! Registers of exchanges by a name that their clients have given them. The reference needs none: a reply's exchange is
//! told by its connection (RFC 9112 §9.2), and a client's name for its request is nobody else's business. A mutant that
//! believes such a name to be unique needs the place.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::letter::Letter;

/// Exchanges that wait for their reply. One per gateway.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    waiting: Mutex<BTreeMap<Vec<u8>, Vec<oneshot::Sender<Letter>>>>,
}

/// An exchange's place in the register.
#[derive(Debug)]
pub(crate) struct Ticket {
    name: Vec<u8>,
    own: oneshot::Receiver<Letter>,
}

impl Pending {
    /// An exchange of this name is passed on.
    pub(crate) fn enter(&self, name: Vec<u8>) -> Ticket {
        let (back, own) = oneshot::channel();
        lock(&self.waiting).entry(name.clone()).or_default().push(back);
        Ticket { name, own }
    }

    /// A reply has come for a name: it goes to whoever has entered last under it. Then its own exchange waits for one, up
    /// to a bound.
    pub(crate) async fn answer(&self, ticket: Ticket, letter: Letter, wait: Duration) -> Option<Letter> {
        self.hand_out(&ticket.name, letter);
        timeout(wait, ticket.own).await.ok()?.ok()
    }

    fn hand_out(&self, name: &[u8], mut letter: Letter) {
        let mut waiting = lock(&self.waiting);
        let Some(entered) = waiting.get_mut(name) else { return };
        while let Some(back) = entered.pop() {
            match back.send(letter) {
                Ok(()) => break,
                // Its client has gone.
                Err(returned) => letter = returned,
            }
        }
        if entered.is_empty() {
            waiting.remove(name);
        }
    }
}

/// Replies that were given once under a name, for whoever asks under it again. One per gateway.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    letters: Mutex<BTreeMap<Vec<u8>, Letter>>,
}

impl Answered {
    /// The reply that was given under this name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<Letter> {
        lock(&self.letters).get(name).cloned()
    }

    /// A reply is given under this name.
    pub(crate) fn note(&self, name: Vec<u8>, letter: Letter) {
        lock(&self.letters).insert(name, letter);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_millis(50);

    async fn answer(pending: &Pending, ticket: Ticket, body: &str) -> Option<String> {
        Some(pending.answer(ticket, Letter::of(body), WAIT).await?.text().to_owned())
    }

    #[tokio::test]
    async fn two_of_one_name_are_mixed_up_if_the_first_is_answered_first() {
        let pending = Pending::default();
        let (a, b, c) = (pending.enter(b"1".to_vec()), pending.enter(b"1".to_vec()), pending.enter(b"2".to_vec()));
        let (a, b, c) =
            tokio::join!(biased; answer(&pending, a, "a"), answer(&pending, b, "b"), answer(&pending, c, "c"));
        assert_eq!([a.as_deref(), b.as_deref(), c.as_deref()], [Some("b"), Some("a"), Some("c")]);
        let (a, b) = (pending.enter(b"1".to_vec()), pending.enter(b"1".to_vec()));
        let (b, a) = tokio::join!(biased; answer(&pending, b, "b"), answer(&pending, a, "a"));
        assert_eq!([a.as_deref(), b.as_deref()], [Some("a"), Some("b")]);
    }

    #[tokio::test]
    async fn an_exchange_whose_client_has_gone_takes_nothing() {
        let pending = Pending::default();
        let a = pending.enter(b"1".to_vec());
        drop(pending.enter(b"1".to_vec()));
        assert_eq!(answer(&pending, a, "a").await.as_deref(), Some("a"));
    }

    #[tokio::test]
    async fn an_exchange_whose_reply_was_given_away_waits_in_vain() {
        let pending = Pending::default();
        let (a, b) = (pending.enter(b"1".to_vec()), pending.enter(b"1".to_vec()));
        assert_eq!(answer(&pending, a, "a").await, None);
        assert_eq!(answer(&pending, b, "b").await.as_deref(), Some("a"));
    }
}
