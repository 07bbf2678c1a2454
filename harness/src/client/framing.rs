//! What the head of a reply says of its framing: the rules of RFC 9112 §6.3, one after the other.
//!
//! They stand apart from the parser because they are what gateways get wrong: each rule can be read, and tested, by
//! itself. Nothing here looks at a body.

use std::mem::MaybeUninit;

use vocabulary::limits::{FIELDS_MAX, HEAD_BYTES_MAX};

use super::wire::Defect;

/// How the head of a final reply frames its body (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// No body can follow.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
    /// Everything up to the end of the connection, or of the stream.
    UntilClose,
    /// The connection is a tunnel from here on.
    Tunnel,
}

/// Whether a connection may be used again after a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// It may.
    Kept,
    /// It must be closed.
    Closing,
}

/// What the framing of a reply depends on in its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// HEAD: no body follows, whatever the head says.
    Head,
    /// CONNECT: a 2xx opens a tunnel.
    Connect,
    /// Any other method.
    Other,
}

impl Asked {
    /// What a request with this method asks for. Methods are case-sensitive (RFC 9110 §9.1).
    pub(crate) fn by(method: &str) -> Asked {
        match method {
            "HEAD" => Asked::Head,
            "CONNECT" => Asked::Connect,
            _ => Asked::Other,
        }
    }
}

/// What the first head in some bytes says: its status, and whether it announces the end of the connection. None if they
/// do not begin with a whole head.
pub(crate) fn first_head(bytes: &[u8]) -> Option<(u16, Reuse)> {
    let end = head_end(&bytes[..bytes.len().min(HEAD_BYTES_MAX)], 0)?;
    let facts = HeadFacts::of(&bytes[..end]).ok()?;
    Some((facts.status, facts.announced()))
}

/// What a head says that matters to the framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeadFacts {
    /// 100 to 999.
    pub(super) status: u16,
    is_http_1_0: bool,
    length: Length,
    coding: Coding,
    says_close: bool,
    says_keep_alive: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Absent,
    Exactly(u64),
    Bad,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Absent,
    /// `chunked` is the last one.
    Chunked,
    Other,
}

impl HeadFacts {
    /// Reads a whole head, its empty line included.
    pub(super) fn of(head: &[u8]) -> Result<HeadFacts, Defect> {
        let mut slots = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let mut parsed = httparse::Response::new(&mut []);
        let outcome = httparse::ParserConfig::default()
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .allow_multiple_spaces_in_response_status_delimiters(true)
            .parse_response_with_uninit_headers(&mut parsed, head, &mut slots);
        let whole = matches!(outcome, Ok(httparse::Status::Complete(bytes)) if bytes == head.len());
        let (true, Some(status @ 100..), Some(minor)) = (whole, parsed.code, parsed.version) else {
            return Err(Defect::BrokenHead);
        };
        let mut facts = HeadFacts { is_http_1_0: minor == 0, ..HeadFacts::of_stream(status, std::iter::empty()) };
        for field in parsed.headers.iter() {
            facts.add(field.name, field.value);
        }
        Ok(facts)
    }

    /// Of a head that stands on a stream of its own, with the values of its `content-length`: nothing else frames its body
    /// there (RFC 9113 §8.1.1).
    pub(super) fn of_stream<'a>(status: u16, lengths: impl Iterator<Item = &'a [u8]>) -> HeadFacts {
        let mut facts = HeadFacts {
            status,
            is_http_1_0: false,
            length: Length::Absent,
            coding: Coding::Absent,
            says_close: false,
            says_keep_alive: false,
        };
        lengths.for_each(|length| facts.add("content-length", length));
        facts
    }

    fn add(&mut self, name: &str, value: &[u8]) {
        if name.eq_ignore_ascii_case("content-length") {
            for element in elements(value) {
                self.length = match (self.length, decimal(element)) {
                    (Length::Absent, Some(bytes)) => Length::Exactly(bytes),
                    (Length::Exactly(first), Some(bytes)) if first == bytes => Length::Exactly(bytes),
                    _ => Length::Bad,
                };
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            for element in elements(value).filter(|element| !element.is_empty()) {
                self.coding = match element.eq_ignore_ascii_case(b"chunked") {
                    true => Coding::Chunked,
                    false => Coding::Other,
                };
            }
        } else if name.eq_ignore_ascii_case("connection") {
            self.says_close |= elements(value).any(|element| element.eq_ignore_ascii_case(b"close"));
            self.says_keep_alive |= elements(value).any(|element| element.eq_ignore_ascii_case(b"keep-alive"));
        }
    }

    /// How the body is framed: RFC 9112 §6.3, in its order.
    pub(super) fn framing(&self, asked: Asked) -> Result<Framing, Defect> {
        // RFC 9112 §6.3 item 1: no body after HEAD, 1xx, 204, 304, so the next byte starts the next reply.
        if asked == Asked::Head || matches!(self.status, 204 | 304) {
            return Ok(Framing::None);
        }
        // Item 2: a 2xx to CONNECT is a tunnel, lengths are ignored. So is a switch of protocols (RFC 9110 §15.2.2).
        if self.status == 101 || (asked == Asked::Connect && (200..300).contains(&self.status)) {
            return Ok(Framing::Tunnel);
        }
        match (self.coding, self.length) {
            // Items 3 and 4: a coding overrides any length; if chunked is not the last one, the body runs to the close.
            (Coding::Chunked, _) => Ok(Framing::Chunked),
            (Coding::Other, _) => Ok(Framing::UntilClose),
            // Item 5: close the connection and discard the reply. Equal repetitions count as one.
            (Coding::Absent, Length::Bad) => Err(Defect::BadLength),
            // Item 6.
            (Coding::Absent, Length::Exactly(bytes)) => Ok(Framing::Length(bytes)),
            // Item 8.
            (Coding::Absent, Length::Absent) => Ok(Framing::UntilClose),
        }
    }

    /// Whether the connection may be used again after the reply.
    pub(super) fn reuse(&self, framing: Framing) -> Reuse {
        let framed = match framing {
            Framing::None | Framing::Length(_) | Framing::Chunked => true,
            Framing::UntilClose | Framing::Tunnel => false,
        };
        // RFC 9112 §6.3 item 3 and §6.1: a coding together with a length, or in HTTP/1.0, is faulty framing.
        let ambiguous = self.coding != Coding::Absent && (self.length != Length::Absent || self.is_http_1_0);
        match framed && !ambiguous {
            true => self.announced(),
            false => Reuse::Closing,
        }
    }

    /// RFC 9112 §9.3: `close` ends the connection, HTTP/1.1 keeps it, HTTP/1.0 only with `keep-alive`.
    fn announced(&self) -> Reuse {
        match self.says_close || (self.is_http_1_0 && !self.says_keep_alive) {
            true => Reuse::Closing,
            false => Reuse::Kept,
        }
    }
}

/// The length of the head, if its empty line lies at or after `from`. Line ends may be a bare LF (RFC 9112 §2.2).
pub(super) fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(offset) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        at += offset + 1;
        match bytes[at..] {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// The elements of a list-valued field, empty ones too: an empty `Content-Length` is bad and not absent.
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn decimal(text: &[u8]) -> Option<u64> {
    digits(text, 10)
}

/// A number without sign or space, within 64 bits.
pub(super) fn digits(text: &[u8], radix: u32) -> Option<u64> {
    let mut value = 0u64;
    for byte in text {
        let digit = char::from(*byte).to_digit(radix)?;
        value = value.checked_mul(u64::from(radix))?.checked_add(u64::from(digit))?;
    }
    (!text.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(asked: Asked, status_and_fields: &str) -> Result<(Framing, Reuse), Defect> {
        let (status, fields) = status_and_fields.split_once('|').unwrap_or((status_and_fields, ""));
        let fields: String =
            fields.split('|').filter(|field| !field.is_empty()).map(|field| format!("{field}\r\n")).collect();
        let version = if status.starts_with("HTTP/") { "" } else { "HTTP/1.1 " };
        let facts = HeadFacts::of(format!("{version}{status} -\r\n{fields}\r\n").as_bytes())?;
        let framing = facts.framing(asked)?;
        Ok((framing, facts.reuse(framing)))
    }

    #[test]
    fn each_rule_of_framing_fires_where_it_should_and_nowhere_else() {
        use Asked::{Connect, Head, Other};
        use Framing::{Chunked, Length, None, Tunnel, UntilClose};
        use Reuse::{Closing, Kept};
        for (asked, head, expected) in [
            // Item 1: statuses and HEAD without a body.
            (Head, "200|Content-Length: 5", Ok((None, Kept))),
            (Head, "200|Transfer-Encoding: chunked", Ok((None, Kept))),
            (Other, "204|Content-Length: 5", Ok((None, Kept))),
            (Other, "304|Content-Length: 5", Ok((None, Kept))),
            (Other, "205|Content-Length: 5", Ok((Length(5), Kept))),
            (Connect, "204", Ok((None, Kept))),
            // Item 2: tunnels.
            (Connect, "200|Content-Length: 5", Ok((Tunnel, Closing))),
            (Connect, "299", Ok((Tunnel, Closing))),
            (Connect, "407|Content-Length: 5", Ok((Length(5), Kept))),
            (Other, "200|Content-Length: 0", Ok((Length(0), Kept))),
            (Other, "101|Content-Length: 5", Ok((Tunnel, Closing))),
            // Item 3: a coding overrides a length.
            (Other, "200|Content-Length: 5|Transfer-Encoding: chunked", Ok((Chunked, Closing))),
            (Other, "200|Content-Length: x|Transfer-Encoding: chunked", Ok((Chunked, Closing))),
            // Item 4: chunked must be the last coding.
            (Other, "200|transfer-encoding: gzip, Chunked", Ok((Chunked, Kept))),
            (Other, "200|Transfer-Encoding: gzip|Transfer-Encoding: chunked", Ok((Chunked, Kept))),
            (Other, "200|Transfer-Encoding: chunked, gzip", Ok((UntilClose, Closing))),
            (Other, "200|Transfer-Encoding: xchunked", Ok((UntilClose, Closing))),
            (Other, "HTTP/1.0 200|Transfer-Encoding: chunked|Connection: keep-alive", Ok((Chunked, Closing))),
            // Item 5: lengths that are none, or disagree.
            (Other, "200|Content-Length: 5|Content-Length: 6", Err(Defect::BadLength)),
            (Other, "200|Content-Length: 5, 6", Err(Defect::BadLength)),
            (Other, "200|Content-Length: +5", Err(Defect::BadLength)),
            (Other, "200|Content-Length:", Err(Defect::BadLength)),
            (Other, "200|Content-Length: 18446744073709551616", Err(Defect::BadLength)),
            (Other, "200|Content-Length: 5|Content-Length: 5, 5", Ok((Length(5), Kept))),
            // Item 6.
            (Other, "200|Content-Length:  5 ", Ok((Length(5), Kept))),
            (Other, "500|Content-Length: 5|Connection: keep-alive, Close", Ok((Length(5), Closing))),
            (Other, "HTTP/1.0 200|Content-Length: 5", Ok((Length(5), Closing))),
            (Other, "HTTP/1.0 200|Content-Length: 5|Connection: Keep-Alive", Ok((Length(5), Kept))),
            // Item 8.
            (Other, "200", Ok((UntilClose, Closing))),
            (Other, "200|X-Content-Length: 5", Ok((UntilClose, Closing))),
        ] {
            assert_eq!(framing(asked, head), expected, "{asked:?} {head}");
        }
    }

    #[test]
    fn methods_are_case_sensitive() {
        assert_eq!(
            [Asked::by("HEAD"), Asked::by("CONNECT"), Asked::by("head")],
            [Asked::Head, Asked::Connect, Asked::Other]
        );
    }

    #[test]
    fn a_head_of_another_version_or_grammar_is_broken() {
        for head in ["HTTP/2.0 200", "HTTP/1.1 099", "HTTP/1.1 20x", "HTTP/1.1 200|no colon here"] {
            assert_eq!(framing(Asked::Other, head), Err(Defect::BrokenHead), "{head}");
        }
    }

    #[test]
    fn fields_beyond_the_bound_break_the_head() {
        let many = |count: usize| format!("200{}", "|a: b".repeat(count));
        assert!(framing(Asked::Head, &many(FIELDS_MAX)).is_ok());
        assert_eq!(framing(Asked::Head, &many(FIELDS_MAX + 1)), Err(Defect::BrokenHead));
    }

    #[test]
    fn the_first_head_is_found_only_if_it_is_whole() {
        assert_eq!(first_head(b"HTTP/1.1 408 T\r\nConnection: close\r\n\r\nrest"), Some((408, Reuse::Closing)));
        assert_eq!(first_head(b"HTTP/1.1 408 T\r\nConnection: close\r\n"), None);
        assert_eq!(first_head(b"stripes\r\n\r\n"), None);
    }
}
