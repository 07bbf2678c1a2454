//! Reading the body of a request by its framing, strictly, without any IO: bytes go in, their number comes out.
//!
//! The beginning of the body and the trailer are kept for the search for canaries; the rest is drained.

use vocabulary::limits::{BODY_BYTES_MAX, CHUNK_LINE_BYTES_MAX};

use crate::head::{Framing, Malformed};

/// Bytes of a body that are searched for canaries: as long as bodies become in plans, so that nothing of another's hides at
/// the end of one.
pub(crate) const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Where in a body the reader stands.
#[derive(Debug, Clone)]
pub(crate) struct BodyReader {
    stands: Stands,
    /// The line that is being read: a chunk's size, or a field of the trailer.
    line: Vec<u8>,
    body_bytes: u64,
    trailer_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    InSized(u64),
    InSize,
    InChunk(u64),
    AfterChunk,
    InTrailer,
    AtEnd,
}

/// What is kept of a body: its beginning and its trailer, freed from the framing.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) body: Vec<u8>,
    pub(crate) trailer: Vec<u8>,
}

impl BodyReader {
    pub(crate) fn new(framing: Framing) -> BodyReader {
        let stands = match framing {
            Framing::None => Stands::AtEnd,
            Framing::Sized(bytes) => Stands::InSized(bytes),
            Framing::Chunked => Stands::InSize,
        };
        BodyReader { stands, line: Vec::new(), body_bytes: 0, trailer_bytes: 0 }
    }

    /// Whether the body has ended.
    pub(crate) fn at_end(&self) -> bool {
        self.stands == Stands::AtEnd
    }

    /// Reads on: how many of `bytes` belong to the body.
    pub(crate) fn read(&mut self, bytes: &[u8], kept: &mut Kept) -> Result<usize, Malformed> {
        let mut rest = bytes;
        while !rest.is_empty() && !self.at_end() {
            let used = match self.stands {
                Stands::InSized(left) => {
                    let used = self.data(rest, left, kept)?;
                    self.stands = match left - used as u64 {
                        0 => Stands::AtEnd,
                        left => Stands::InSized(left),
                    };
                    used
                }
                Stands::InChunk(left) => {
                    let used = self.data(rest, left, kept)?;
                    self.stands = match left - used as u64 {
                        0 => Stands::AfterChunk,
                        left => Stands::InChunk(left),
                    };
                    used
                }
                Stands::InSize | Stands::AfterChunk | Stands::InTrailer => self.line(rest, kept)?,
                Stands::AtEnd => 0,
            };
            rest = &rest[used..];
        }
        Ok(bytes.len() - rest.len())
    }

    fn data(&mut self, bytes: &[u8], left: u64, kept: &mut Kept) -> Result<usize, Malformed> {
        let used = left.min(bytes.len() as u64) as usize;
        let room = KEPT_BYTES_MAX - kept.body.len();
        kept.body.extend_from_slice(&bytes[..used.min(room)]);
        self.body_bytes += used as u64;
        match self.body_bytes <= BODY_BYTES_MAX {
            true => Ok(used),
            false => Err(Malformed::BodyTooLong),
        }
    }

    fn line(&mut self, bytes: &[u8], kept: &mut Kept) -> Result<usize, Malformed> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(bytes.len(), |end| end + 1);
        self.line.extend_from_slice(&bytes[..used]);
        if self.line.len() + self.trailer_bytes > CHUNK_LINE_BYTES_MAX {
            return Err(Malformed::Chunk);
        }
        if end.is_none() {
            return Ok(used);
        }
        // RFC 9112 §2.2 allows a bare LF after a line of the head; within chunked bodies it is a means of smuggling.
        let line = self.line.strip_suffix(b"\r\n").ok_or(Malformed::Chunk)?;
        self.stands = match self.stands {
            Stands::InSize => match chunk_size(line)? {
                0 => Stands::InTrailer,
                bytes => Stands::InChunk(bytes),
            },
            Stands::AfterChunk if line.is_empty() => Stands::InSize,
            Stands::InTrailer if line.is_empty() => Stands::AtEnd,
            Stands::InTrailer => {
                self.trailer_bytes += self.line.len();
                kept.trailer.extend_from_slice(&self.line);
                Stands::InTrailer
            }
            Stands::AfterChunk | Stands::InSized(_) | Stands::InChunk(_) | Stands::AtEnd => {
                return Err(Malformed::Chunk);
            }
        };
        self.line.clear();
        Ok(used)
    }
}

/// RFC 9112 §7.1: hexadecimal digits, then perhaps extensions, which are ignored.
fn chunk_size(line: &[u8]) -> Result<u64, Malformed> {
    let digits = line.split(|byte| matches!(byte, b';' | b' ' | b'\t')).next().unwrap_or_default();
    let sound = (1..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    let text = sound.then(|| std::str::from_utf8(digits).ok()).flatten().ok_or(Malformed::Chunk)?;
    u64::from_str_radix(text, 16).map_err(|_| Malformed::Chunk)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `bytes` in pieces of `step`: body, trailer and what was left.
    fn read(framing: Framing, bytes: &str, step: usize) -> Result<(String, String, String), Malformed> {
        let (mut reader, mut kept) = (BodyReader::new(framing), Kept::default());
        let mut rest = bytes.as_bytes();
        while !rest.is_empty() && !reader.at_end() {
            let used = reader.read(&rest[..step.min(rest.len())], &mut kept)?;
            rest = &rest[used..];
        }
        assert!(reader.at_end(), "the body ends");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ok((text(&kept.body), text(&kept.trailer), text(rest)))
    }

    #[test]
    fn a_body_ends_where_its_framing_says_however_it_is_cut_into_pieces() {
        let chunked = "3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\nT: 1\r\n\r\nGET /";
        for step in 1..chunked.len() {
            let expected = ("abc0123456789".to_owned(), "T: 1\r\n".to_owned(), "GET /".to_owned());
            assert_eq!(read(Framing::Chunked, chunked, step), Ok(expected), "step {step}");
            let expected = ("abcd".to_owned(), String::new(), "GET /".to_owned());
            assert_eq!(read(Framing::Sized(4), "abcdGET /", step), Ok(expected), "step {step}");
        }
    }

    #[test]
    fn a_chunk_that_could_be_read_in_two_ways_is_refused() {
        for text in
            ["3\nabc\r\n", "3\r\nabcd\r\n", "xyz\r\n", "-1\r\n", "\r\n", "fffffffffffffffff\r\n", "3\r\nabc\n0\r\n"]
        {
            assert_eq!(read(Framing::Chunked, text, 100), Err(Malformed::Chunk), "{text:?}");
        }
    }

    #[test]
    fn lines_and_bodies_are_bounded() {
        let extension = format!("1;{}", "x".repeat(CHUNK_LINE_BYTES_MAX));
        assert_eq!(read(Framing::Chunked, &extension, 1000), Err(Malformed::Chunk));
        let mut reader = BodyReader::new(Framing::Chunked);
        reader.read(format!("{:x}\r\n", BODY_BYTES_MAX + 1).as_bytes(), &mut Kept::default()).unwrap();
        let (block, mut kept, mut outcome) = (vec![0; 1 << 20], Kept::default(), Ok(0));
        for _ in 0..=BODY_BYTES_MAX >> 20 {
            outcome = outcome.and_then(|_| reader.read(&block, &mut kept));
        }
        assert_eq!(outcome, Err(Malformed::BodyTooLong));
        assert_eq!(kept.body.len(), KEPT_BYTES_MAX);
    }
}
