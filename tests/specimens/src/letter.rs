//! A complete reply in memory: what a mutant can give to the wrong exchange.

use crate::body::Framing;
use crate::date::Calendar;
use crate::head::{Fields, ReplyHead};
use crate::outlet::ToClient;
use crate::wire::{After, Ends};

/// How large a reply's body may be to become a letter, in bytes.
pub(crate) const LETTER_BYTES_MAX: u64 = 64 * 1024;

/// A complete reply, its body in memory.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) head: ReplyHead,
    /// How it came, and leaves: without a body, by length, or in chunks.
    pub(crate) framing: Framing,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Fields,
}

impl Letter {
    /// Whether it may be mistaken for the other: a reply without a body cannot answer a GET, nor one with a body a HEAD.
    /// A defect that breaks its client's framing as well is another one.
    pub(crate) fn is_like(&self, other: &Letter) -> bool {
        self.body.is_empty() == other.body.is_empty()
            && (self.framing == Framing::None) == (other.framing == Framing::None)
    }

    /// How it ends on its way to a client.
    pub(crate) fn ends(&self) -> Ends {
        match self.framing {
            Framing::None if self.head.status < 200 || self.head.status == 204 => Ends::WithHead,
            Framing::None => Ends::WithHeadOf(self.head.fields.content_length().ok().flatten()),
            Framing::Chunked => Ends::WithLastChunk,
            Framing::Length(_) | Framing::UntilClose => Ends::AfterLength(self.body.len() as u64),
        }
    }

    /// Sends it to a client.
    pub(crate) fn send(&self, to: &mut ToClient<'_>, after: After, calendar: &Calendar) {
        self.send_to(self.framing == Framing::None, to, after, calendar);
    }

    /// Sends it to a client that expects a body or none, whatever the reply has.
    pub(crate) fn send_to(&self, as_head: bool, to: &mut ToClient<'_>, after: After, calendar: &Calendar) {
        to.head(&self.head, self.ends(), after, None, calendar);
        if as_head {
            return;
        }
        to.content(&self.body);
        to.end(&self.trailers);
    }
}

#[cfg(test)]
impl Letter {
    /// A reply of this text.
    pub(crate) fn of(body: &str) -> Letter {
        let head = ReplyHead { status: 200, reason: String::new(), http_10: false, fields: Fields::default() };
        Letter { head, framing: Framing::Length(body.len() as u64), body: body.into(), trailers: Fields::default() }
    }

    /// Its text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(letter: &Letter) -> String {
        let mut memory = ToClient::memory();
        letter.send(&mut memory, After::Keep, &Calendar::real());
        String::from_utf8(memory.into_memory()).unwrap()
    }

    #[test]
    fn it_leaves_as_it_came() {
        let plain = Letter::of("abc");
        assert!(written(&plain).ends_with("\r\nContent-Length: 3\r\n\r\nabc"));
        let mut trailers = Fields::default();
        trailers.push(b"x-end", b"t");
        let chunked = Letter { framing: Framing::Chunked, trailers, ..plain.clone() };
        assert!(written(&chunked).ends_with("\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-end: t\r\n\r\n"));
        let mut head = plain.head.clone();
        head.fields.push(b"Content-Length", b"3");
        let bodyless = Letter { head, framing: Framing::None, body: Vec::new(), ..plain.clone() };
        assert!(written(&bodyless).ends_with("\r\nContent-Length: 3\r\n\r\n"));
        assert!(plain.is_like(&chunked) && !plain.is_like(&bodyless) && !plain.is_like(&Letter::of("")));
    }
}
