//! What the last exchanges had in common: how many in a row had a trait, up to the present one.
//!
//! The right decisions never ask for it: RFC 9110 §3.3 lets each request stand on its own. Many real defects need a
//! run of alike exchanges, because it takes a few of them to empty a free list, to wrap a queue, to leave a buffer as
//! it is.

use crate::body::Framing;
use crate::head::{Fields, ReplyHead};
use crate::request::Request;

/// The size of a page, at which buffers begin and end, in bytes.
const PAGE_BYTES: u64 = 4096;

/// What one exchange was like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traits {
    pub(crate) chunked: bool,
    pub(crate) page_sized: bool,
    pub(crate) without_body: bool,
    pub(crate) kept: bool,
    pub(crate) closing: bool,
    pub(crate) cookie_only: bool,
}

impl Traits {
    /// The traits of an exchange whose reply is framed so; `kept` says that its client connection had carried
    /// another before.
    pub(crate) fn of(request: &Request, kept: bool, reply: &ReplyHead, framing: Framing) -> Traits {
        Traits {
            chunked: framing == Framing::Chunked,
            page_sized: matches!(reply.fields.content_length(), Ok(Some(length)) if is_page_sized(length)),
            without_body: !request.has_body(),
            kept,
            closing: request.closing,
            cookie_only: is_cookie_only(&request.head.fields),
        }
    }
}

/// One below a number of whole pages, at it, or one above.
fn is_page_sized(bytes: u64) -> bool {
    bytes > 1 && (bytes + 1) % PAGE_BYTES <= 2
}

/// Whether a cookie alone says who asks.
fn is_cookie_only(fields: &Fields) -> bool {
    fields.has("cookie") && !fields.has("authorization")
}

/// For each trait the exchanges in a row that had it, up to the present one; 0 if that has not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stretch {
    /// All exchanges so far.
    pub exchanges: u64,
    /// Those with a chunked reply.
    pub chunked: u64,
    /// Those whose reply declares a length at a page's end, one below or one above.
    pub page_sized: u64,
    /// Those whose request had no body.
    pub without_body: u64,
    /// Those whose client connection had carried another before.
    pub kept: u64,
    /// Those whose client announced that it closes.
    pub closing: u64,
    /// Those whose client named itself by a cookie alone.
    pub cookie_only: u64,
}

impl Stretch {
    /// Goes on by one exchange.
    pub(crate) fn note(&mut self, traits: Traits) {
        let Traits { chunked, page_sized, without_body, kept, closing, cookie_only } = traits;
        let counts = [
            (&mut self.exchanges, true),
            (&mut self.chunked, chunked),
            (&mut self.page_sized, page_sized),
            (&mut self.without_body, without_body),
            (&mut self.kept, kept),
            (&mut self.closing, closing),
            (&mut self.cookie_only, cookie_only),
        ];
        for (count, has) in counts {
            *count = if has { *count + 1 } else { 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decisions::Decisions;
    use crate::head::{parse_reply, parse_request};
    use crate::request::admit;

    fn traits(request: &str, reply: &str, framing: Framing) -> Traits {
        let request = admit(parse_request(request.as_bytes()).unwrap().unwrap().1, &Decisions::reference()).unwrap();
        let (_, head) = parse_reply(reply.as_bytes()).unwrap().unwrap();
        Traits::of(&request, true, &head, framing)
    }

    #[test]
    fn a_run_grows_by_one_and_ends_with_the_first_that_is_different() {
        let (with, without) = (Traits { chunked: true, kept: true, ..Traits::default() }, Traits::default());
        let mut stretch = Stretch::default();
        for traits in [with, with, with, Traits { kept: false, ..with }] {
            stretch.note(traits);
        }
        assert_eq!(stretch, Stretch { exchanges: 4, chunked: 4, ..Stretch::default() });
        stretch.note(without);
        assert_eq!(stretch, Stretch { exchanges: 5, ..Stretch::default() });
    }

    #[test]
    fn traits_are_read_off_the_heads() {
        let plain = traits(
            "GET / HTTP/1.1\r\nHost: h\r\nCookie: s=a\r\nAuthorization: Bearer a\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
            Framing::Length(9),
        );
        assert_eq!(plain, Traits { without_body: true, kept: true, ..Traits::default() });
        let rich = traits(
            "POST / HTTP/1.1\r\nHost: h\r\nCookie: s=a\r\nConnection: close\r\nContent-Length: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            Framing::Chunked,
        );
        assert_eq!(rich, Traits { chunked: true, kept: true, closing: true, cookie_only: true, ..Traits::default() });
    }

    #[test]
    fn sizes_at_the_end_of_a_page_are_told_from_others() {
        let page_sized: Vec<u64> = (0..=8194).filter(|bytes| is_page_sized(*bytes)).collect();
        assert_eq!(page_sized, [4095, 4096, 4097, 8191, 8192, 8193]);
    }
}
