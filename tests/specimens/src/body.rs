//! Where a body ends: the four framings, read and written.
//!
//! Pure: it takes bytes from an inbox and hands out content. It reads chunks strictly, because a lenient reader and a
//! strict one behind it see two different messages (RFC 9112 §7.1, §11.2).

use crate::decisions::Decisions;
use crate::head::{Fields, Malformed, parse_trailers};
use crate::inbox::Inbox;

/// How long a chunk's first line may be, extensions included, in bytes.
const CHUNK_LINE_BYTES_MAX: usize = 1024;
/// How large a trailer section may be, in bytes.
const TRAILER_BYTES_MAX: usize = 8 * 1024;

/// How a body says where it ends. RFC 9112 §6.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// After so many bytes.
    Length(u64),
    /// After the last chunk and the trailers.
    Chunked,
    /// When the connection closes; replies only.
    UntilClose,
}

/// Whether a body has been read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More must arrive.
    More,
    /// It ended.
    Done,
}

/// Reads one body.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    /// Whether a chunk's first line ends only with CRLF, whatever else stands in it.
    lf_in_extensions: bool,
    /// The trailer fields of a chunked body that has ended.
    pub(crate) trailers: Fields,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Length(u64),
    ChunkLine,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    UntilClose,
    Done,
}

impl Decoder {
    pub(crate) fn new(framing: Framing) -> Decoder {
        let state = match framing {
            Framing::None => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::ChunkLine,
            Framing::UntilClose => State::UntilClose,
        };
        Decoder { state, lf_in_extensions: false, trailers: Fields::default() }
    }

    /// For the body of a request.
    pub(crate) fn of_request(framing: Framing, decisions: &Decisions) -> Decoder {
        Decoder { lf_in_extensions: decisions.lf_in_extensions, ..Decoder::new(framing) }
    }

    /// How the rest of the body is framed.
    pub(crate) fn rest(&self) -> Framing {
        match self.state {
            State::Length(left) => Framing::Length(left),
            State::ChunkLine | State::Chunk(_) | State::ChunkEnd | State::Trailers => Framing::Chunked,
            State::UntilClose => Framing::UntilClose,
            State::Done => Framing::None,
        }
    }

    /// Takes what belongs to this body out of the inbox, not one byte more, and hands its content to `content`.
    pub(crate) fn drain(&mut self, inbox: &mut Inbox, mut content: impl FnMut(&[u8])) -> Result<Progress, Malformed> {
        let mut pass = |inbox: &mut Inbox, most: u64| {
            let count = usize::try_from(most).unwrap_or(usize::MAX).min(inbox.len());
            if count > 0 {
                content(&inbox.bytes()[..count]);
                inbox.consume(count);
            }
            count as u64
        };
        loop {
            self.state = match self.state {
                State::Done | State::Length(0) => return Ok(Progress::Done),
                State::Length(left) => match pass(inbox, left) {
                    0 => return Ok(Progress::More),
                    count => State::Length(left - count),
                },
                State::UntilClose => {
                    pass(inbox, u64::MAX);
                    return Ok(Progress::More);
                }
                State::ChunkLine => match chunk_line(inbox, self.lf_in_extensions)? {
                    None => return Ok(Progress::More),
                    Some(0) => State::Trailers,
                    Some(length) => State::Chunk(length),
                },
                State::Chunk(0) => State::ChunkEnd,
                State::Chunk(left) => match pass(inbox, left) {
                    0 => return Ok(Progress::More),
                    count => State::Chunk(left - count),
                },
                State::ChunkEnd => match inbox.bytes() {
                    [b'\r', b'\n', ..] => {
                        inbox.consume(2);
                        State::ChunkLine
                    }
                    [] | [b'\r'] => return Ok(Progress::More),
                    _ => return Err(Malformed),
                },
                State::Trailers => match parse_trailers(inbox.bytes())? {
                    Some((length, trailers)) => {
                        inbox.consume(length);
                        self.trailers = trailers;
                        State::Done
                    }
                    None if inbox.len() > TRAILER_BYTES_MAX => return Err(Malformed),
                    None => return Ok(Progress::More),
                },
            };
        }
    }
}

/// Takes a chunk's first line and says how long the chunk is. Extensions are dropped, RFC 9112 §7.1.1.
fn chunk_line(inbox: &mut Inbox, lf_in_extensions: bool) -> Result<Option<u64>, Malformed> {
    let bytes = inbox.bytes();
    let window = &bytes[..bytes.len().min(CHUNK_LINE_BYTES_MAX)];
    let end = match lf_in_extensions {
        true => window.windows(2).position(|pair| pair == b"\r\n").map(|at| at + 1),
        false => window.iter().position(|&byte| byte == b'\n'),
    };
    let Some(end) = end else {
        return if bytes.len() < CHUNK_LINE_BYTES_MAX { Ok(None) } else { Err(Malformed) };
    };
    // A bare LF, or a CR within the line, would end it for some parsers and not for others.
    let line = window[..end].strip_suffix(b"\r").ok_or(Malformed)?;
    if line.contains(&b'\r') {
        return Err(Malformed);
    }
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let after = line[digits..].trim_ascii_start();
    if !(1..=16).contains(&digits) || !(after.is_empty() || after[0] == b';') {
        return Err(Malformed);
    }
    let digit = |byte: &u8| u64::from((*byte as char).to_digit(16).unwrap_or_default());
    let length = line[..digits].iter().fold(0, |length, byte| length << 4 | digit(byte));
    inbox.consume(end + 1);
    Ok(Some(length))
}

/// Writes one body, as it is or in chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoder {
    /// The length or the close says where it ends.
    Plain,
    /// In chunks.
    Chunked,
}

impl Encoder {
    pub(crate) fn content(self, out: &mut Vec<u8>, content: &[u8]) {
        if self == Encoder::Plain {
            out.extend_from_slice(content);
        } else if !content.is_empty() {
            // An empty chunk would be the last one.
            out.extend_from_slice(format!("{:x}\r\n", content.len()).as_bytes());
            out.extend_from_slice(content);
            out.extend_from_slice(b"\r\n");
        }
    }

    pub(crate) fn end(self, out: &mut Vec<u8>, trailers: &Fields) {
        if self == Encoder::Plain {
            return;
        }
        out.extend_from_slice(b"0\r\n");
        for (name, value) in trailers.iter().filter(|(name, _)| may_trail(name)) {
            out.extend_from_slice(name);
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Whether a field may stand in a trailer. RFC 9110 §6.5.1: not if it is for framing, routing, authentication, request
/// modification, control or how the content is read. We pass on only fields that nobody knows.
pub(crate) fn may_trail(name: &[u8]) -> bool {
    name.len() > 2 && name[..2].eq_ignore_ascii_case(b"x-")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes `wire`, cut after every byte or not at all; says content, trailers and what is left.
    fn decoded(framing: Framing, wire: &[u8]) -> Result<(Progress, String, usize), Malformed> {
        let whole = decode(framing, wire, wire.len().max(1))?;
        assert_eq!(whole, decode(framing, wire, 1)?, "the cut makes no difference");
        Ok(whole)
    }

    fn decode(framing: Framing, wire: &[u8], step: usize) -> Result<(Progress, String, usize), Malformed> {
        let (mut decoder, mut content, mut inbox) = (Decoder::new(framing), Vec::new(), Inbox::default());
        let mut progress = Progress::More;
        for piece in wire.chunks(step) {
            inbox = Inbox::from([inbox.bytes(), piece].concat().as_slice());
            progress = decoder.drain(&mut inbox, |bytes| content.extend_from_slice(bytes))?;
        }
        Ok((progress, String::from_utf8(content).unwrap(), inbox.len()))
    }

    #[test]
    fn a_body_takes_its_own_bytes_and_leaves_the_rest() {
        let done = |content: &str, left| Ok((Progress::Done, content.to_owned(), left));
        assert_eq!(decoded(Framing::Length(3), b"abcHTTP"), done("abc", 4));
        assert_eq!(decoded(Framing::None, b"HTTP"), done("", 4));
        assert_eq!(
            decoded(Framing::Chunked, b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-T: v\r\n\r\nHT"),
            done("abc0123456789", 2)
        );
        assert_eq!(decoded(Framing::Chunked, b"0\r\n\r\n"), done("", 0));
        assert_eq!(decoded(Framing::UntilClose, b"abc"), Ok((Progress::More, "abc".to_owned(), 0)));
    }

    #[test]
    fn chunks_that_parsers_read_differently_are_malformed() {
        for wire in [
            &b"3\nabc\r\n0\r\n\r\n"[..],
            b"3\r\nabcd\r\n0\r\n\r\n",
            b"3\r\nabc\n\n0\r\n\r\n",
            b"0x3\r\nabc\r\n",
            b"-3\r\nabc\r\n",
            b"3 x\r\nabc\r\n",
            b"3;\rx\r\nabc\r\n",
            b"11111111111111111\r\nabc\r\n",
            b"\r\nabc\r\n",
            b"0\r\nbad trailer\r\n\r\n",
        ] {
            assert_eq!(decoded(Framing::Chunked, wire), Err(Malformed), "{}", wire.escape_ascii());
        }
        let endless = vec![b'1'; CHUNK_LINE_BYTES_MAX + 1];
        assert_eq!(decode(Framing::Chunked, &[b"3;", &endless[..]].concat(), 7), Err(Malformed));
    }

    #[test]
    fn only_unknown_fields_are_passed_on_as_trailers() {
        let mut trailers = Fields::default();
        trailers.push(b"Content-Length", b"7");
        trailers.push(b"X-End", b"canary");
        let mut out = Vec::new();
        Encoder::Chunked.content(&mut out, b"");
        Encoder::Chunked.content(&mut out, b"abc");
        Encoder::Chunked.end(&mut out, &trailers);
        assert_eq!(out.escape_ascii().to_string(), "3\\r\\nabc\\r\\n0\\r\\nX-End: canary\\r\\n\\r\\n");
    }
}
