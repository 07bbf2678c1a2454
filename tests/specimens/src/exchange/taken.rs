//! What has been taken of a request's body, so that it can be sent again.
//!
//! RFC 9113 §8.7 lets a client repeat what its server has not worked on; a gateway can only repeat what it still has.

use super::Attempts;
use crate::body::Framing;
use crate::request::Request;

/// How much of a body is kept, in bytes.
const TAKEN_BYTES_MAX: usize = 64 * 1024;

/// The body as far as it has been taken from the client, or word that it is gone.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    bytes: Vec<u8>,
    /// Whether it is kept at all.
    keeps: bool,
    lost: bool,
}

impl Taken {
    /// Keeps what is taken from now on.
    pub(crate) fn keep(&mut self) {
        self.keeps = true;
    }

    /// A piece has been taken.
    pub(super) fn note(&mut self, content: &[u8]) {
        if self.keeps && self.bytes.len() + content.len() <= TAKEN_BYTES_MAX {
            self.bytes.extend_from_slice(content);
        } else if !content.is_empty() {
            self.lost = true;
            self.keeps = false;
            self.bytes = Vec::new();
        }
    }

    /// What has been taken and is kept.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether nothing has been taken that is gone.
    pub(crate) fn is_whole(&self) -> bool {
        !self.lost
    }
}

impl Attempts {
    /// How the next attempt's body is framed.
    pub(super) fn framing(&self, request: &Request) -> Framing {
        self.body.as_ref().map_or(request.framing, |body| Framing::Length(body.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_whole_as_long_as_all_of_it_is_kept() {
        let mut taken = Taken::default();
        assert!(taken.is_whole());
        taken.keep();
        taken.note(b"abc");
        taken.note(b"def");
        assert!(taken.is_whole());
        assert_eq!(taken.bytes(), b"abcdef");
        taken.note(&vec![0; TAKEN_BYTES_MAX]);
        taken.note(b"g");
        assert!(!taken.is_whole() && taken.bytes().is_empty());
    }

    #[test]
    fn what_is_not_kept_is_gone_with_the_first_byte() {
        let mut taken = Taken::default();
        taken.note(b"");
        assert!(taken.is_whole());
        taken.note(b"a");
        assert!(!taken.is_whole());
    }
}
