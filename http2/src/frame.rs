//! Frames: nine bytes of head and a payload. RFC 9113 §4.1, §6.

use std::fmt;

use crate::error_code::ErrorCode;
use crate::settings::Setting;

/// The head of a frame, in bytes.
pub const HEAD_BYTES: usize = 9;
/// The bytes of payload that everyone takes, unless their settings say more. RFC 9113 §4.2.
pub const PAYLOAD_BYTES_DEFAULT: u32 = 1 << 14;
/// The most that a frame's length can say, in bytes.
pub const PAYLOAD_BYTES_MAX: u32 = (1 << 24) - 1;

/// The stream's, or nobody's, end: on DATA and HEADERS. RFC 9113 §6.1, §6.2.
pub const END_STREAM: u8 = 0x1;
/// On SETTINGS and PING: an answer to the peer's. RFC 9113 §6.5, §6.7.
pub const ACK: u8 = 0x1;
/// The block's end: on HEADERS, PUSH_PROMISE, CONTINUATION. RFC 9113 §6.2.
pub const END_HEADERS: u8 = 0x4;
/// There is padding: on DATA, HEADERS, PUSH_PROMISE. RFC 9113 §6.1.
pub const PADDED: u8 = 0x8;
/// There is a priority: on HEADERS. RFC 9113 §6.2.
pub const PRIORITY: u8 = 0x20;

/// A stream: 31 bits, odd if the client has opened it; 0 is the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u32);

impl StreamId {
    /// The connection itself.
    pub const CONNECTION: StreamId = StreamId(0);
}

impl fmt::Display for StreamId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "s{}", self.0)
    }
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A part of a body.
    Data,
    /// The beginning of a field block: a request's or reply's head, an interim reply, trailers.
    Headers,
    /// A priority, which nobody heeds any more.
    Priority,
    /// The end of a stream before its end.
    RstStream,
    /// What the sender is prepared for, or the answer to that.
    Settings,
    /// A request of the server's own.
    PushPromise,
    /// A question whether the other is there, or the answer.
    Ping,
    /// No more streams on this connection, and which were dealt with.
    GoAway,
    /// More room for DATA.
    WindowUpdate,
    /// More of a field block.
    Continuation,
    /// Something that RFC 9113 does not have: to be overlooked (§4.1).
    Unknown(u8),
}

impl Kind {
    /// The kind of a frame by its number.
    pub fn from_number(number: u8) -> Kind {
        match number {
            0 => Kind::Data,
            1 => Kind::Headers,
            2 => Kind::Priority,
            3 => Kind::RstStream,
            4 => Kind::Settings,
            5 => Kind::PushPromise,
            6 => Kind::Ping,
            7 => Kind::GoAway,
            8 => Kind::WindowUpdate,
            9 => Kind::Continuation,
            other => Kind::Unknown(other),
        }
    }

    /// Its number.
    pub fn number(self) -> u8 {
        match self {
            Kind::Data => 0,
            Kind::Headers => 1,
            Kind::Priority => 2,
            Kind::RstStream => 3,
            Kind::Settings => 4,
            Kind::PushPromise => 5,
            Kind::Ping => 6,
            Kind::GoAway => 7,
            Kind::WindowUpdate => 8,
            Kind::Continuation => 9,
            Kind::Unknown(number) => number,
        }
    }
}

/// A frame as it was read: nothing of it has been found right yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its flags, those that mean nothing among them.
    pub flags: u8,
    /// Its stream.
    pub stream: StreamId,
    /// Everything behind its head.
    pub payload: &'a [u8],
}

/// What a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload<'a> {
    /// A part of a body.
    Data {
        /// The bytes, without padding.
        bytes: &'a [u8],
        /// Whether the stream ends with it.
        end_stream: bool,
    },
    /// The beginning of a field block.
    Headers {
        /// The block, or its beginning.
        fragment: &'a [u8],
        /// Whether that is all of the block.
        end_headers: bool,
        /// Whether the stream ends with the block.
        end_stream: bool,
    },
    /// A priority.
    Priority,
    /// The end of the stream.
    RstStream(ErrorCode),
    /// Settings of the peer's: [`Setting::read`] has them.
    Settings(&'a [u8]),
    /// Our settings are in force.
    SettingsAck,
    /// A request of the server's own.
    PushPromise {
        /// The stream that it is promised on.
        promised: StreamId,
        /// The block, or its beginning.
        fragment: &'a [u8],
        /// Whether that is all of the block.
        end_headers: bool,
    },
    /// To be answered with the same eight bytes.
    Ping([u8; 8]),
    /// The answer to ours.
    PingAck([u8; 8]),
    /// No more streams.
    GoAway {
        /// The last stream that was, or may have been, dealt with.
        last: StreamId,
        /// Why.
        code: ErrorCode,
        /// In other words.
        debug: &'a [u8],
    },
    /// So many bytes more: 31 bits, and 0 is wrong.
    WindowUpdate(u32),
    /// More of a field block.
    Continuation {
        /// The bytes.
        fragment: &'a [u8],
        /// Whether the block ends with them.
        end_headers: bool,
    },
    /// Something that RFC 9113 does not have.
    Unknown,
}

/// Why a frame says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// RFC 9113 §4.2, §6: the payload is shorter or longer than its kind of frame can be.
    #[error("a {kind:?} frame cannot have {bytes} bytes of payload")]
    Size {
        /// What it is.
        kind: Kind,
        /// The bytes of its payload.
        bytes: usize,
    },
    /// RFC 9113 §6.1: the padding is as long as what is left of the payload, or longer.
    #[error("{padding} bytes of padding do not fit into {bytes} bytes of payload")]
    Padding {
        /// The padding that it declares.
        padding: usize,
        /// The bytes of its payload.
        bytes: usize,
    },
}

impl Malformed {
    /// What the peer is to be told of it.
    pub fn code(self) -> ErrorCode {
        match self {
            Malformed::Size { .. } => ErrorCode::FRAME_SIZE_ERROR,
            Malformed::Padding { .. } => ErrorCode::PROTOCOL_ERROR,
        }
    }
}

impl<'a> Frame<'a> {
    /// What it says. Whether it may be said on this stream, and now, is for those who have the states.
    pub fn parse(self) -> Result<Payload<'a>, Malformed> {
        let size = Malformed::Size { kind: self.kind, bytes: self.payload.len() };
        Ok(match self.kind {
            Kind::Data => Payload::Data { bytes: self.unpadded()?, end_stream: self.has(END_STREAM) },
            Kind::Headers => {
                let unpadded = self.unpadded()?;
                // RFC 9113 §5.3.2: a priority is read over.
                let fragment = if self.has(PRIORITY) { unpadded.get(5..).ok_or(size)? } else { unpadded };
                Payload::Headers { fragment, end_headers: self.has(END_HEADERS), end_stream: self.has(END_STREAM) }
            }
            Kind::Priority if self.payload.len() == 5 => Payload::Priority,
            Kind::RstStream => Payload::RstStream(ErrorCode(u32::from_be_bytes(exactly(self.payload).ok_or(size)?))),
            Kind::Settings if self.has(ACK) && self.payload.is_empty() => Payload::SettingsAck,
            Kind::Settings if !self.has(ACK) && self.payload.len().is_multiple_of(6) => Payload::Settings(self.payload),
            Kind::PushPromise => {
                let (promised, fragment) = self.unpadded()?.split_first_chunk().ok_or(size)?;
                let promised = StreamId(u32::from_be_bytes(*promised) & STREAM_BITS);
                Payload::PushPromise { promised, fragment, end_headers: self.has(END_HEADERS) }
            }
            Kind::Ping => {
                let opaque = exactly(self.payload).ok_or(size)?;
                if self.has(ACK) { Payload::PingAck(opaque) } else { Payload::Ping(opaque) }
            }
            Kind::GoAway => {
                let (last, rest) = self.payload.split_first_chunk().ok_or(size)?;
                let (code, debug) = rest.split_first_chunk().ok_or(size)?;
                let last = StreamId(u32::from_be_bytes(*last) & STREAM_BITS);
                Payload::GoAway { last, code: ErrorCode(u32::from_be_bytes(*code)), debug }
            }
            Kind::WindowUpdate => {
                Payload::WindowUpdate(u32::from_be_bytes(exactly(self.payload).ok_or(size)?) & STREAM_BITS)
            }
            Kind::Continuation => Payload::Continuation { fragment: self.payload, end_headers: self.has(END_HEADERS) },
            Kind::Unknown(_) => Payload::Unknown,
            Kind::Priority | Kind::Settings => return Err(size),
        })
    }

    /// Whether it has a flag. The same bit means other things on other kinds of frames.
    pub fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Appends it.
    ///
    /// # Panics
    /// If the payload is longer than a length can say.
    pub fn write(self, out: &mut Vec<u8>) {
        write_head(out, self.payload.len(), self.kind, self.flags, self.stream);
        out.extend_from_slice(self.payload);
    }

    /// The payload without padding. RFC 9113 §6.1.
    fn unpadded(self) -> Result<&'a [u8], Malformed> {
        if !self.has(PADDED) {
            return Ok(self.payload);
        }
        let bytes = self.payload.len();
        let (length, rest) = self.payload.split_first().ok_or(Malformed::Size { kind: self.kind, bytes })?;
        let padding = usize::from(*length);
        let kept = rest.len().checked_sub(padding).ok_or(Malformed::Padding { padding, bytes })?;
        Ok(&rest[..kept])
    }
}

const STREAM_BITS: u32 = (1 << 31) - 1;

fn exactly<const N: usize>(payload: &[u8]) -> Option<[u8; N]> {
    payload.try_into().ok()
}

/// Appends the head of a frame. It need not tell the truth.
///
/// # Panics
/// If the length is more than it can say.
pub fn write_head(out: &mut Vec<u8>, payload_bytes: usize, kind: Kind, flags: u8, stream: StreamId) {
    assert!(payload_bytes <= PAYLOAD_BYTES_MAX as usize, "a frame has a length of 24 bits, not {payload_bytes} bytes");
    out.extend_from_slice(&(payload_bytes as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind.number(), flags]);
    out.extend_from_slice(&(stream.0 & STREAM_BITS).to_be_bytes());
}

/// Appends DATA, with so many bytes of padding if there is to be padding: its length is one byte more.
pub fn data(out: &mut Vec<u8>, stream: StreamId, bytes: &[u8], end_stream: bool, padding: Option<u8>) {
    let end = if end_stream { END_STREAM } else { 0 };
    match padding {
        None => Frame { kind: Kind::Data, flags: end, stream, payload: bytes }.write(out),
        Some(padding) => {
            let length = 1 + bytes.len() + usize::from(padding);
            write_head(out, length, Kind::Data, end | PADDED, stream);
            out.push(padding);
            out.extend_from_slice(bytes);
            out.extend(std::iter::repeat_n(0, usize::from(padding)));
        }
    }
}

/// Appends a field block: HEADERS, and CONTINUATION as often as frames of at most so many bytes need it, at least one byte.
pub fn headers(out: &mut Vec<u8>, stream: StreamId, block: &[u8], end_stream: bool, frame_bytes_max: usize) {
    let (first, rest) = block.split_at(block.len().min(frame_bytes_max.max(1)));
    let mut parts = rest.chunks(frame_bytes_max.max(1)).peekable();
    let mut flags = if end_stream { END_STREAM } else { 0 };
    flags |= if parts.peek().is_none() { END_HEADERS } else { 0 };
    Frame { kind: Kind::Headers, flags, stream, payload: first }.write(out);
    while let Some(payload) = parts.next() {
        let flags = if parts.peek().is_none() { END_HEADERS } else { 0 };
        Frame { kind: Kind::Continuation, flags, stream, payload }.write(out);
    }
}

/// Appends RST_STREAM.
pub fn rst_stream(out: &mut Vec<u8>, stream: StreamId, code: ErrorCode) {
    Frame { kind: Kind::RstStream, flags: 0, stream, payload: &code.0.to_be_bytes() }.write(out);
}

/// Appends SETTINGS.
pub fn settings(out: &mut Vec<u8>, settings: &[Setting]) {
    write_head(out, settings.len() * 6, Kind::Settings, 0, StreamId::CONNECTION);
    settings.iter().for_each(|setting| setting.write(out));
}

/// Appends the answer to SETTINGS.
pub fn settings_ack(out: &mut Vec<u8>) {
    write_head(out, 0, Kind::Settings, ACK, StreamId::CONNECTION);
}

/// Appends PING, or the answer to one.
pub fn ping(out: &mut Vec<u8>, opaque: [u8; 8], ack: bool) {
    let flags = if ack { ACK } else { 0 };
    Frame { kind: Kind::Ping, flags, stream: StreamId::CONNECTION, payload: &opaque }.write(out);
}

/// Appends GOAWAY.
pub fn go_away(out: &mut Vec<u8>, last: StreamId, code: ErrorCode, debug: &[u8]) {
    write_head(out, 8 + debug.len(), Kind::GoAway, 0, StreamId::CONNECTION);
    out.extend_from_slice(&(last.0 & STREAM_BITS).to_be_bytes());
    out.extend_from_slice(&code.0.to_be_bytes());
    out.extend_from_slice(debug);
}

/// Appends WINDOW_UPDATE: 31 bits.
pub fn window_update(out: &mut Vec<u8>, stream: StreamId, bytes: u32) {
    Frame { kind: Kind::WindowUpdate, flags: 0, stream, payload: &(bytes & STREAM_BITS).to_be_bytes() }.write(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::FrameReader;

    /// What is read of what is written.
    fn payloads(written: &[u8]) -> Vec<(StreamId, String)> {
        let mut reader = FrameReader::new(PAYLOAD_BYTES_DEFAULT);
        reader.push(written);
        let mut read = Vec::new();
        while let Some(frame) = reader.next().unwrap() {
            read.push((frame.stream, format!("{:?}", frame.parse().unwrap())));
        }
        read
    }

    fn one(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        let mut read = payloads(&out);
        assert_eq!(read.len(), 1, "{read:?}");
        read.remove(0).1
    }

    #[test]
    fn what_is_written_is_read_again() {
        let s3 = StreamId(3);
        assert_eq!(one(|out| data(out, s3, b"abc", true, None)), "Data { bytes: [97, 98, 99], end_stream: true }");
        assert_eq!(one(|out| data(out, s3, b"abc", false, Some(7))), "Data { bytes: [97, 98, 99], end_stream: false }");
        assert_eq!(one(|out| data(out, s3, b"", false, Some(0))), "Data { bytes: [], end_stream: false }");
        assert_eq!(one(|out| rst_stream(out, s3, ErrorCode::CANCEL)), "RstStream(ErrorCode(8))");
        assert_eq!(one(|out| settings(out, &[])), "Settings([])");
        assert_eq!(one(settings_ack), "SettingsAck");
        assert_eq!(one(|out| ping(out, *b"12345678", false)), "Ping([49, 50, 51, 52, 53, 54, 55, 56])");
        assert_eq!(one(|out| ping(out, [0; 8], true)), "PingAck([0, 0, 0, 0, 0, 0, 0, 0])");
        assert_eq!(
            one(|out| go_away(out, StreamId(5), ErrorCode::NO_ERROR, b"x")),
            "GoAway { last: StreamId(5), code: ErrorCode(0), debug: [120] }"
        );
        assert_eq!(one(|out| window_update(out, s3, u32::MAX)), "WindowUpdate(2147483647)");
        let unknown = Frame { kind: Kind::Unknown(0xfa), flags: 0xff, stream: s3, payload: b"grease" };
        assert_eq!(one(|out| unknown.write(out)), "Unknown");
    }

    #[test]
    fn a_block_is_cut_into_as_many_frames_as_it_takes() {
        let mut out = Vec::new();
        headers(&mut out, StreamId(1), b"abcde", true, 2);
        headers(&mut out, StreamId(3), b"", false, 2);
        let read: Vec<String> =
            payloads(&out).into_iter().map(|(stream, payload)| format!("{stream} {payload}")).collect();
        assert_eq!(
            read,
            [
                "s1 Headers { fragment: [97, 98], end_headers: false, end_stream: true }",
                "s1 Continuation { fragment: [99, 100], end_headers: false }",
                "s1 Continuation { fragment: [101], end_headers: true }",
                "s3 Headers { fragment: [], end_headers: true, end_stream: false }",
            ]
        );
    }

    #[test]
    fn a_priority_within_headers_is_read_over() {
        let payload = b"\x02\x80\x00\x00\x01\xffblock\0\0";
        let frame = Frame { kind: Kind::Headers, flags: PADDED | PRIORITY, stream: StreamId(1), payload };
        let expected = Payload::Headers { fragment: b"block", end_headers: false, end_stream: false };
        assert_eq!(frame.parse(), Ok(expected));
    }

    #[test]
    fn what_cannot_be_of_its_kind_says_so_and_with_which_code() {
        let of = |kind, flags, payload| Frame { kind, flags, stream: StreamId(1), payload }.parse();
        for (kind, flags, payload) in [
            (Kind::RstStream, 0, &b"123"[..]),
            (Kind::Settings, 0, b"12345"),
            (Kind::Settings, ACK, b"123456"),
            (Kind::Ping, 0, b"1234567"),
            (Kind::GoAway, 0, b"1234567"),
            (Kind::WindowUpdate, 0, b"12345"),
            (Kind::Priority, 0, b"1234"),
            (Kind::Headers, PRIORITY, b"1234"),
            (Kind::PushPromise, 0, b"123"),
            (Kind::Data, PADDED, b""),
        ] {
            let malformed = of(kind, flags, payload).unwrap_err();
            assert_eq!(
                (malformed, malformed.code()),
                (Malformed::Size { kind, bytes: payload.len() }, ErrorCode::FRAME_SIZE_ERROR)
            );
        }
        let malformed = of(Kind::Data, PADDED, b"\x03ab").unwrap_err();
        assert_eq!(
            (malformed, malformed.code()),
            (Malformed::Padding { padding: 3, bytes: 3 }, ErrorCode::PROTOCOL_ERROR)
        );
        assert!(of(Kind::Data, PADDED, b"\x02ab").is_ok());
    }
}
