//! A scratch buffer beside an upstream connection, which still holds the reply before. The reference has none: what one
//! exchange read is gone with it (RFC 9110 §3.3). A mutant that writes a stale buffer out needs the place.

use crate::head::Fields;
use crate::letter::Letter;
use crate::stretch::{Stretch, Traits};
use crate::worker::show_through;

/// One per upstream connection.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    stretch: Stretch,
    before: Option<Letter>,
    /// The fields of the reply before.
    fields: Fields,
    /// Its body.
    body: Vec<u8>,
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

impl Scratch {
    /// A reply's fields, in the object that held those of the one before.
    pub(crate) fn refill(&mut self, own: &mut Fields) {
        show_through(&mut self.fields, own);
    }

    /// A reply's body has been read.
    pub(crate) fn note_body(&mut self, body: &[u8]) {
        self.body = body.to_vec();
    }

    /// Fills up a body that broke off with what the buffer held before; `false`, and nothing, if that is too little.
    pub(crate) fn pad(&self, body: &mut Vec<u8>, declared: u64) -> bool {
        let from = body.len();
        let rest = usize::try_from(declared).ok().and_then(|declared| self.body.get(from..declared));
        body.extend_from_slice(rest.unwrap_or_default());
        rest.is_some()
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
    fn a_body_is_padded_only_with_what_the_buffer_has() {
        let mut scratch = Scratch::default();
        scratch.note_body(b"secret");
        let padded = |length| {
            let mut body = b"own".to_vec();
            (scratch.pad(&mut body, length), body)
        };
        assert_eq!(padded(6), (true, b"ownret".to_vec()));
        assert_eq!(padded(7), (false, b"own".to_vec()));
    }

    #[test]
    fn what_does_not_fit_empties_the_buffer() {
        let mut scratch = Scratch::default();
        scratch.write(Traits::default(), Letter::of("a"), |_| true);
        scratch.pass(Traits::default());
        assert_eq!(scratch.write(Traits::default(), Letter::of("b"), |_| true).text(), "b");
    }
}
