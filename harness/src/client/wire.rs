//! Reads a reply off the wire: bytes in, events out.
//!
//! This is crosswire's own eye. A client library hides exactly the evidence that we look for (bytes after a 204, a
//! second reply, an interim reply with a length). The parser is lenient in what it can read, says [`Defect`] where it
//! cannot, and never takes a byte that comes after its reply: whoever feeds it decides what becomes of those.
//!
//! It opens no socket, keeps no body and looks for no canary.

use vocabulary::history::Completeness;
use vocabulary::limits::{BODY_BYTES_MAX, CHUNK_LINE_BYTES_MAX, FIELDS_MAX, HEAD_BYTES_MAX, INTERIMS_MAX};

use super::framing::{Asked, Framing, HeadFacts, Reuse, digits, head_end};

/// What the parser has read. Bodies and strays come in as many pieces as the wire happened to cut them into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WireEvent<'a> {
    /// The head of an interim reply; another head follows.
    Interim {
        /// 100 or 102 to 199.
        status: u16,
        /// Its raw bytes, the empty line included.
        head: &'a [u8],
    },
    /// The head of the final reply.
    Final {
        /// 101 or 200 to 999.
        status: u16,
        /// Its raw bytes, the empty line included.
        head: &'a [u8],
        /// How the body is framed.
        framing: Framing,
        /// Whether the connection may be used again after the reply.
        connection: Reuse,
    },
    /// Bytes of the body, decoded from their framing.
    Body(&'a [u8]),
    /// The raw trailer fields, without the empty line.
    Trailer(&'a [u8]),
    /// The reply has ended; no further event follows.
    Done(Completeness),
    /// The bytes cannot be read any further; only [`WireEvent::Stray`] follows.
    Malformed(Defect),
    /// Bytes that could not be read as a part of the reply.
    Stray(&'a [u8]),
}

/// Why bytes cannot be read as a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    /// They do not begin like a status line.
    NoStatusLine,
    /// A status line or field that breaks the grammar, a version other than 1.x, or too many fields.
    BrokenHead,
    /// A head, or the empty lines before it, above [`HEAD_BYTES_MAX`].
    LongHead,
    /// More than [`INTERIMS_MAX`] interim replies.
    EndlessInterims,
    /// A `Content-Length` that is no number, several that differ, or one that is not the body's on a stream (RFC 9113
    /// §8.1.1).
    BadLength,
    /// A chunk-size line that breaks the grammar, or chunk data without its line end.
    BadChunk,
    /// A chunk-size line or a trailer above [`CHUNK_LINE_BYTES_MAX`].
    LongChunkLine,
    /// A trailer that consists of something else than fields, or that ends no stream.
    BadTrailer,
    /// A body, or an announced chunk, above [`BODY_BYTES_MAX`].
    LongBody,
    /// A body before any head, or an end without one (RFC 9113 §8.1).
    NoHead,
    /// More than there was room for (RFC 9113 §6.9).
    Overrun,
}

/// Reads one reply with the interim replies before it.
#[derive(Debug)]
pub(crate) struct ReplyParser {
    asked: Asked,
    state: State,
    /// The beginning of a head, chunk-size line or trailer that is not whole yet.
    held: Vec<u8>,
    interims: usize,
    empty_line_bytes: usize,
    body_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Length { left: u64 },
    ChunkSize,
    ChunkData { left: u64 },
    ChunkEnd { after_cr: bool },
    Trailer,
    UntilClose,
    Done,
    Broken,
}

impl ReplyParser {
    /// A parser for the reply to a request.
    pub(crate) fn new(asked: Asked) -> ReplyParser {
        ReplyParser { asked, state: State::Head, held: Vec::new(), interims: 0, empty_line_bytes: 0, body_bytes: 0 }
    }

    /// Reads on. Returns how many of the bytes belong to the reply: the rest came after its end.
    pub(crate) fn feed(&mut self, bytes: &[u8], sink: &mut impl FnMut(WireEvent<'_>)) -> usize {
        let mut taken = 0;
        while taken < bytes.len() && self.state != State::Done {
            taken += self.step(&bytes[taken..], sink);
        }
        taken
    }

    /// The connection has ended in order.
    pub(crate) fn end_of_stream(&mut self, sink: &mut impl FnMut(WireEvent<'_>)) {
        match self.state {
            State::Done | State::Broken => return,
            // RFC 9112 §6.3 item 8: the body is everything up to the close.
            State::UntilClose => sink(WireEvent::Done(Completeness::CloseDelimited)),
            State::Head
            | State::Length { .. }
            | State::ChunkSize
            | State::ChunkData { .. }
            | State::ChunkEnd { .. }
            | State::Trailer => {
                if !self.held.is_empty() {
                    sink(WireEvent::Stray(&self.held));
                }
                sink(WireEvent::Done(Completeness::CutOff));
            }
        }
        self.state = State::Done;
    }

    /// Takes at least one byte.
    fn step(&mut self, bytes: &[u8], sink: &mut impl FnMut(WireEvent<'_>)) -> usize {
        match self.state {
            State::Head => self.head(bytes, sink),
            State::Length { left } => {
                let piece = upto(bytes, left);
                let left = left - piece.len() as u64;
                self.body(piece, State::Length { left }, sink);
                if left == 0 && self.state != State::Broken {
                    self.finish(sink);
                }
                piece.len()
            }
            State::ChunkSize => self.chunk_size(bytes, sink),
            State::ChunkData { left } => {
                let piece = upto(bytes, left);
                let next = match left - piece.len() as u64 {
                    0 => State::ChunkEnd { after_cr: false },
                    left => State::ChunkData { left },
                };
                self.body(piece, next, sink);
                piece.len()
            }
            State::ChunkEnd { after_cr } => {
                match bytes[0] {
                    b'\n' => self.state = State::ChunkSize,
                    b'\r' if !after_cr => self.state = State::ChunkEnd { after_cr: true },
                    // The data is longer than its size said: where the next chunk begins cannot be known.
                    _ => return self.give_up(Defect::BadChunk, bytes, sink),
                }
                1
            }
            State::Trailer => self.trailer(bytes, sink),
            State::UntilClose => {
                self.body(bytes, State::UntilClose, sink);
                bytes.len()
            }
            State::Broken => {
                sink(WireEvent::Stray(bytes));
                bytes.len()
            }
            State::Done => bytes.len(),
        }
    }

    fn body(&mut self, piece: &[u8], next: State, sink: &mut impl FnMut(WireEvent<'_>)) {
        let within = upto(piece, BODY_BYTES_MAX - self.body_bytes);
        if !within.is_empty() {
            sink(WireEvent::Body(within));
        }
        self.body_bytes += within.len() as u64;
        self.state = next;
        if within.len() < piece.len() {
            self.give_up(Defect::LongBody, &piece[within.len()..], sink);
        }
    }

    fn head(&mut self, bytes: &[u8], sink: &mut impl FnMut(WireEvent<'_>)) -> usize {
        if self.held.is_empty() {
            // RFC 9112 §2.2: empty lines before a message are noise that robust recipients skip.
            let noise = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let room = HEAD_BYTES_MAX - self.empty_line_bytes;
            if noise > room {
                self.empty_line_bytes = HEAD_BYTES_MAX;
                return room + self.give_up(Defect::LongHead, &bytes[room..], sink);
            }
            if noise > 0 {
                self.empty_line_bytes += noise;
                return noise;
            }
        }
        if !begins_like_a_status_line(&self.held, bytes) {
            return self.give_up(Defect::NoStatusLine, bytes, sink);
        }
        let window = &bytes[..bytes.len().min(HEAD_BYTES_MAX - self.held.len())];
        if self.held.is_empty()
            && let Some(end) = head_end(window, 0)
        {
            return match self.whole_head(&window[..end], sink) {
                Ok(()) => end,
                Err(defect) => self.give_up(defect, bytes, sink),
            };
        }
        // A terminator may lie across the seam: at most its first two bytes are held already.
        let (before, from) = (self.held.len(), self.held.len().saturating_sub(2));
        self.held.extend_from_slice(window);
        let Some(end) = head_end(&self.held, from) else {
            if self.held.len() < HEAD_BYTES_MAX {
                return window.len();
            }
            return window.len() + self.give_up(Defect::LongHead, &bytes[window.len()..], sink);
        };
        self.held.truncate(end);
        let mut head = std::mem::take(&mut self.held);
        let outcome = self.whole_head(&head, sink);
        match outcome {
            Ok(()) => {
                head.clear();
                self.held = head;
                end - before
            }
            Err(defect) => {
                self.held = head;
                end - before + self.give_up(defect, &bytes[end - before..], sink)
            }
        }
    }

    fn whole_head(&mut self, head: &[u8], sink: &mut impl FnMut(WireEvent<'_>)) -> Result<(), Defect> {
        let facts = HeadFacts::of(head)?;
        // RFC 9110 §15.2: any number of 1xx may precede the final reply; a 101 is the last one of its connection.
        if facts.status < 200 && facts.status != 101 {
            if self.interims == INTERIMS_MAX {
                return Err(Defect::EndlessInterims);
            }
            self.interims += 1;
            sink(WireEvent::Interim { status: facts.status, head });
            return Ok(());
        }
        let framing = facts.framing(self.asked)?;
        sink(WireEvent::Final { status: facts.status, head, framing, connection: facts.reuse(framing) });
        match framing {
            Framing::None | Framing::Length(0) => self.finish(sink),
            Framing::Length(left) => self.state = State::Length { left },
            Framing::Chunked => self.state = State::ChunkSize,
            Framing::UntilClose | Framing::Tunnel => self.state = State::UntilClose,
        }
        Ok(())
    }

    fn chunk_size(&mut self, bytes: &[u8], sink: &mut impl FnMut(WireEvent<'_>)) -> usize {
        // What does not begin with a digit is no size, whether or not its line ever ends.
        if self.held.is_empty() && !bytes[0].is_ascii_hexdigit() {
            return self.give_up(Defect::BadChunk, bytes, sink);
        }
        let (taken, line) = self.line(bytes);
        match line {
            Line::Partial => taken,
            Line::TooLong => taken + self.give_up(Defect::LongChunkLine, &bytes[taken..], sink),
            Line::Whole => match chunk_size(&self.held) {
                Ok(size) => {
                    self.held.clear();
                    self.state = match size {
                        0 => State::Trailer,
                        left => State::ChunkData { left },
                    };
                    taken
                }
                Err(defect) => taken + self.give_up(defect, &bytes[taken..], sink),
            },
        }
    }

    fn trailer(&mut self, bytes: &[u8], sink: &mut impl FnMut(WireEvent<'_>)) -> usize {
        let (taken, line) = self.line(bytes);
        match line {
            Line::Partial => return taken,
            Line::TooLong => return taken + self.give_up(Defect::LongChunkLine, &bytes[taken..], sink),
            Line::Whole => {}
        }
        let without_end = self.held.strip_suffix(b"\r\n").or(self.held.strip_suffix(b"\n")).unwrap_or(&self.held);
        if !without_end.is_empty() && !without_end.ends_with(b"\n") {
            return taken;
        }
        let fields = without_end.len();
        if fields > 0 {
            let mut slots = [httparse::EMPTY_HEADER; FIELDS_MAX];
            if !matches!(httparse::parse_headers(&self.held, &mut slots), Ok(httparse::Status::Complete(_))) {
                return taken + self.give_up(Defect::BadTrailer, &bytes[taken..], sink);
            }
            sink(WireEvent::Trailer(&self.held[..fields]));
        }
        self.held.clear();
        self.finish(sink);
        taken
    }

    /// Holds bytes up to the next line end, within the bound.
    fn line(&mut self, bytes: &[u8]) -> (usize, Line) {
        let room = CHUNK_LINE_BYTES_MAX - self.held.len();
        let window = &bytes[..bytes.len().min(room)];
        let newline = window.iter().position(|byte| *byte == b'\n');
        let taken = newline.map_or(window.len(), |at| at + 1);
        self.held.extend_from_slice(&window[..taken]);
        match newline {
            Some(_) => (taken, Line::Whole),
            None if taken == room => (taken, Line::TooLong),
            None => (taken, Line::Partial),
        }
    }

    fn finish(&mut self, sink: &mut impl FnMut(WireEvent<'_>)) {
        self.state = State::Done;
        sink(WireEvent::Done(Completeness::Whole));
    }

    /// Turns what is held and what comes into strays. Returns the length of `rest`, all of which is taken.
    fn give_up(&mut self, defect: Defect, rest: &[u8], sink: &mut impl FnMut(WireEvent<'_>)) -> usize {
        self.state = State::Broken;
        sink(WireEvent::Malformed(defect));
        let held = std::mem::take(&mut self.held);
        for stray in [&held[..], rest] {
            if !stray.is_empty() {
                sink(WireEvent::Stray(stray));
            }
        }
        rest.len()
    }
}

enum Line {
    Whole,
    Partial,
    TooLong,
}

fn upto(bytes: &[u8], most: u64) -> &[u8] {
    &bytes[..usize::try_from(most).map_or(bytes.len(), |most| most.min(bytes.len()))]
}

fn begins_like_a_status_line(held: &[u8], bytes: &[u8]) -> bool {
    let seen = held.iter().chain(bytes);
    seen.zip(b"HTTP/").all(|(seen, wanted)| seen == wanted)
}

/// The size in a chunk-size line. Extensions are skipped; a sign, `0x`, or inner space is no number (RFC 9112 §7.1).
fn chunk_size(line: &[u8]) -> Result<u64, Defect> {
    let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
    match digits(size.trim_ascii_end(), 16) {
        Some(size) if size <= BODY_BYTES_MAX => Ok(size),
        Some(_) => Err(Defect::LongBody),
        None => Err(Defect::BadChunk),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fuzzing::{ReadBack, Seen, fuzz_reply_parser, read};
    use super::*;

    /// Reads `wire` as the reply to a GET in one piece; it must read the same however it is cut.
    fn check(wire: &[u8]) -> ReadBack {
        fuzz_reply_parser(&[b"G", wire].concat());
        read(Asked::Other, &[wire])
    }

    /// What was read, in short: statuses, the body, the end or the defect, and what was left over.
    fn told(wire: &str) -> String {
        let ReadBack { events, taken } = check(wire.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\r\n", "~");
        let mut words: Vec<String> = events
            .iter()
            .map(|seen| match seen {
                Seen::Interim(status, _) => format!("({status})"),
                Seen::Final(status, _, _, _) => status.to_string(),
                Seen::Body(bytes) => format!("body:{}", text(bytes)),
                Seen::Trailer(bytes) => format!("trailer:{}", text(bytes)),
                Seen::Done(end) => format!("{end:?}"),
                Seen::Malformed(defect) => format!("{defect:?}"),
                Seen::Stray(bytes) => format!("stray:{}", text(bytes)),
            })
            .collect();
        if taken < wire.len() {
            words.push(format!("left:{}", text(&wire.as_bytes()[taken..])));
        }
        words.join(" ")
    }

    #[test]
    fn replies_are_read_to_their_end_and_no_further() {
        const LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (wire, expected) in [
            (format!("{LENGTH}hello"), "200 body:hello Whole"),
            (format!("{LENGTH}hello, you"), "200 body:hello Whole left:, you"),
            (format!("{LENGTH}hell"), "200 body:hell CutOff"),
            (format!("{CHUNKED}5\r\nhello\r\n0\r\n\r\nmore"), "200 body:hello Whole left:more"),
            (format!("{CHUNKED}2\r\nhe\r\n003 ; a=b\nllo\n0\n\n"), "200 body:hello Whole"),
            (format!("{CHUNKED}5\r\nhello\r\n0\r\nx: y\r\nz: w\r\n\r\n"), "200 body:hello trailer:x: y~z: w~ Whole"),
            (format!("{CHUNKED}5\r\nhello\r\n"), "200 body:hello CutOff"),
            (format!("{CHUNKED}5\r\nhello\r\n0\r\n"), "200 body:hello CutOff"),
            (format!("{CHUNKED}5\r\nhello\r\n0\r\nx: y"), "200 body:hello stray:x: y CutOff"),
            ("HTTP/1.1 200 OK\r\n\r\nhello".to_owned(), "200 body:hello CloseDelimited"),
            ("HTTP/1.1 204 N\r\nContent-Length: 5\r\n\r\nhello".to_owned(), "204 Whole left:hello"),
            ("HTTP/1.1 101 S\r\n\r\nhello".to_owned(), "101 body:hello CloseDelimited"),
            ("\r\n\nHTTP/1.1 204 N\r\n\r\n\r\n".to_owned(), "204 Whole left:~"),
            (String::new(), "CutOff"),
            ("HTTP/1.1 200 O".to_owned(), "stray:HTTP/1.1 200 O CutOff"),
        ] {
            assert_eq!(told(&wire), expected, "{wire:?}");
        }
    }

    #[test]
    fn interim_replies_have_no_body_whatever_they_say() {
        let wire = "HTTP/1.1 100 C\r\nContent-Length: 5\r\n\r\nHTTP/1.1 103 E\r\n\r\nHTTP/1.1 204 N\r\n\r\n";
        assert_eq!(told(wire), "(100) (103) 204 Whole");
    }

    #[test]
    fn what_cannot_be_read_is_malformed_and_kept_as_stray() {
        const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (wire, expected) in [
            ("hello\r\n\r\n".to_owned(), "NoStatusLine stray:hello~~"),
            ("HTTP/1.1 200 OK\r\nno colon\r\n\r\nx".to_owned(), "BrokenHead stray:HTTP/1.1 200 OK~no colon~~x"),
            (format!("{CHUNKED}zz\r\nhello"), "200 BadChunk stray:zz~hello"),
            (format!("{CHUNKED}-5\r\nhello"), "200 BadChunk stray:-5~hello"),
            (format!("{CHUNKED}0x5\r\nhello"), "200 BadChunk stray:0x5~hello"),
            (format!("{CHUNKED}5 5\r\nhello"), "200 BadChunk stray:5 5~hello"),
            (format!("{CHUNKED}3\r\nhello\r\n0\r\n\r\n"), "200 body:hel BadChunk stray:lo~0~~"),
            (format!("{CHUNKED}ffffffffffffffffffff\r\nx"), "200 BadChunk stray:ffffffffffffffffffff~x"),
            (format!("{CHUNKED}ffffffff\r\nx"), "200 LongBody stray:ffffffff~x"),
            // The last chunk's empty line is missing: the next reply is not taken for trailer fields.
            (format!("{CHUNKED}0\r\nHTTP/1.1 200 OK\r\na: b\r\n\r\n"), "200 BadTrailer stray:HTTP/1.1 200 OK~a: b~~"),
        ] {
            assert_eq!(told(&wire), expected, "{wire:?}");
        }
    }

    /// Feeds `piece` again and again; how many bytes went in before the parser gave up, and why.
    fn flood(start: &str, piece: &[u8]) -> (usize, Defect) {
        let mut parser = ReplyParser::new(Asked::Other);
        let mut found = None;
        parser.feed(start.as_bytes(), &mut |_| {});
        for round in 1..100_000 {
            parser.feed(piece, &mut |event| {
                if let WireEvent::Malformed(defect) = event {
                    found = Some(defect);
                }
            });
            if let Some(defect) = found {
                return (round * piece.len(), defect);
            }
        }
        panic!("never gave up");
    }

    #[test]
    fn floods_are_bounded() {
        const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let kib = vec![b'a'; 1024];
        let (bytes, defect) = flood("HTTP/1.1 200 OK\r\nA: ", &kib);
        assert!(bytes <= HEAD_BYTES_MAX && defect == Defect::LongHead, "{bytes} {defect:?}");
        let (bytes, defect) = flood("HTTP/1.1 200 OK\r\n", b"name: value\r\n");
        assert!(bytes <= HEAD_BYTES_MAX && defect == Defect::LongHead, "{bytes} {defect:?}");
        let (bytes, defect) = flood("", b"\r\n\r\n");
        assert!(bytes <= HEAD_BYTES_MAX + 4 && defect == Defect::LongHead, "{bytes} {defect:?}");
        let interim = b"HTTP/1.1 102 P\r\n\r\n";
        assert_eq!(flood("", interim), ((INTERIMS_MAX + 1) * interim.len(), Defect::EndlessInterims));
        let (bytes, defect) = flood(&format!("{CHUNKED}5;"), &kib);
        assert!(bytes <= CHUNK_LINE_BYTES_MAX && defect == Defect::LongChunkLine, "{bytes} {defect:?}");
        let (bytes, defect) = flood(&format!("{CHUNKED}0\r\n"), b"name: value\r\n");
        assert!(bytes <= CHUNK_LINE_BYTES_MAX + 13 && defect == Defect::LongChunkLine, "{bytes} {defect:?}");
        let mib = vec![b'a'; 1024 * 1024];
        let (bytes, defect) = flood("HTTP/1.1 200 OK\r\n\r\n", &mib);
        assert!(bytes as u64 <= BODY_BYTES_MAX + 1024 * 1024 && defect == Defect::LongBody, "{bytes} {defect:?}");
    }

    #[test]
    fn a_head_of_just_the_bound_is_read_however_it_is_cut() {
        let fill = HEAD_BYTES_MAX - "HTTP/1.1 204 N\r\nA: \r\n\r\n".len();
        let head = |bytes: usize| format!("HTTP/1.1 204 N\r\nA: {}\r\n\r\n", "a".repeat(bytes)).into_bytes();
        assert!(matches!(check(&head(fill)).events[..], [Seen::Final(204, ..), Seen::Done(_)]));
        assert!(matches!(check(&head(fill + 1)).events[0], Seen::Malformed(Defect::LongHead)));
    }

    #[test]
    fn a_reply_to_head_has_no_body() {
        let wire = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        fuzz_reply_parser(&[b"H", &wire[..]].concat());
        assert_eq!(read(Asked::Head, &[wire]).taken, wire.len() - 5);
    }
}
