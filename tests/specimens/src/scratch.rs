//! A scratch buffer beside an upstream connection, which still holds the reply before. The reference has none: what one
//! exchange read is gone with it (RFC 9110 §3.3). A mutant that writes a stale buffer out needs the place.

use crate::letter::Letter;
use crate::stretch::{Stretch, Traits};

/// One per upstream connection.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    stretch: Stretch,
    before: Option<Letter>,
}

impl Scratch {
    /// An exchange ends whose reply does not fit into the buffer.
    pub(crate) fn pass(&mut self, traits: Traits) {
        self.stretch.note(traits);
        self.before = None;
    }

    /// The reply that is written: its own, or once more the one before.
    pub(crate) fn write(&mut self, traits: Traits, own: Letter, repeats: fn(&Stretch) -> bool) -> Letter {
        self.stretch.note(traits);
        match self.before.replace(own.clone()) {
            Some(before) if before.is_like(&own) && repeats(&self.stretch) => before,
            Some(_) | None => own,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reply_before_is_written_again_only_where_the_decision_says_so() {
        let mut scratch = Scratch::default();
        let mut write =
            |body: &str| scratch.write(Traits::default(), Letter::of(body), |stretch| stretch.exchanges == 3);
        assert_eq!(["a", "b", "c", "d"].map(|body| write(body).text().to_owned()), ["a", "b", "b", "d"]);
    }

    #[test]
    fn what_does_not_fit_empties_the_buffer() {
        let mut scratch = Scratch::default();
        scratch.write(Traits::default(), Letter::of("a"), |_| true);
        scratch.pass(Traits::default());
        assert_eq!(scratch.write(Traits::default(), Letter::of("b"), |_| true).text(), "b");
    }
}
