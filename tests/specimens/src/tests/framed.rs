//! One end of a connection of HTTP/2 to the gateway, played by hand: frame by frame, and where it matters byte by byte.
//!
//! It reads with the tester's codec, of which the gateway knows nothing, and tells heads as lines so that both versions of
//! HTTP can be asked the same questions.

use std::collections::{BTreeMap, VecDeque};

use http2::frame::{self, PAYLOAD_BYTES_DEFAULT};
use http2::hpack::{Decoder, Encoder, FieldList, Style, TABLE_BYTES_DEFAULT};
use http2::{Blocks, ErrorCode, FrameReader, PREFACE, Payload, Setting, SettingId, StreamId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::stage::{Message, WAIT};

/// One end.
pub(super) struct Framed {
    pub(super) stream: TcpStream,
    reader: FrameReader,
    blocks: Blocks,
    pub(super) encoder: Encoder,
    pub(super) decoder: Decoder,
    pub(super) out: Vec<u8>,
    heard: VecDeque<Heard>,
    /// The next stream that a client opens.
    next: u32,
    /// Whether windows are given back for what has come.
    pub(super) takes: bool,
    /// What may be sent: on the connection, and on each stream.
    room: i64,
    rooms: BTreeMap<u32, i64>,
    room_at_first: i64,
}

/// What has come of a stream, or of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    Head { stream: u32, head: String, ends: bool },
    Data { stream: u32, bytes: String, ends: bool },
    Reset { stream: u32, code: ErrorCode },
    GoAway { last: u32, code: ErrorCode },
}

impl Heard {
    fn stream(&self) -> u32 {
        match self {
            Heard::Head { stream, .. } | Heard::Data { stream, .. } | Heard::Reset { stream, .. } => *stream,
            Heard::GoAway { .. } => 0,
        }
    }
}

impl Framed {
    /// The end that asks: the preface goes out at once, and settings.
    pub(super) async fn client(stream: TcpStream, settings: &[Setting]) -> Framed {
        let mut framed = Framed::new(stream);
        framed.out.extend_from_slice(PREFACE);
        frame::settings(&mut framed.out, settings);
        framed.flush().await;
        framed
    }

    /// The end that answers: the preface has come when it goes on.
    pub(super) async fn origin(stream: TcpStream, settings: &[Setting]) -> Framed {
        let mut framed = Framed::new(stream);
        frame::settings(&mut framed.out, settings);
        framed.flush().await;
        let mut preface = [0; PREFACE.len()];
        timeout(WAIT, framed.stream.read_exact(&mut preface)).await.expect("the gateway begins").unwrap();
        assert_eq!(&preface, PREFACE);
        framed
    }

    fn new(stream: TcpStream) -> Framed {
        stream.set_nodelay(true).unwrap();
        Framed {
            stream,
            reader: FrameReader::new(PAYLOAD_BYTES_DEFAULT),
            blocks: Blocks::default(),
            encoder: Encoder::new(TABLE_BYTES_DEFAULT),
            decoder: Decoder::new(TABLE_BYTES_DEFAULT),
            out: Vec::new(),
            heard: VecDeque::new(),
            next: 1,
            takes: true,
            room: 65_535,
            rooms: BTreeMap::new(),
            room_at_first: 65_535,
        }
    }

    /// Sends what has been put.
    pub(super) async fn flush(&mut self) {
        let out = std::mem::take(&mut self.out);
        timeout(WAIT, self.stream.write_all(&out)).await.expect("the gateway takes bytes").unwrap();
    }

    /// Puts a block of fields.
    pub(super) fn put_fields(&mut self, stream: u32, fields: &[(&str, &str)], style: Style, ends: bool) {
        let mut block = Vec::new();
        self.encoder.begin(&mut block);
        for (name, value) in fields {
            self.encoder.encode(&mut block, name.as_bytes(), value.as_bytes(), style);
        }
        frame::headers(&mut self.out, StreamId(stream), &block, ends, PAYLOAD_BYTES_DEFAULT as usize);
    }

    /// Puts DATA.
    pub(super) fn put_data(&mut self, stream: u32, bytes: &str, ends: bool) {
        frame::data(&mut self.out, StreamId(stream), bytes.as_bytes(), ends, None);
    }

    /// Puts a request's head on a new stream.
    pub(super) fn put_request(&mut self, method: &str, path: &str, fields: &[(&str, &str)], ends: bool) -> u32 {
        let stream = self.next;
        self.next += 2;
        let has_authority = fields.iter().any(|(name, _)| *name == ":authority");
        let mut all = vec![(":method", method), (":scheme", "http"), (":path", path)];
        all.extend((!has_authority).then_some((":authority", "h")));
        all.extend_from_slice(fields);
        // Pseudo fields come first: RFC 9113 §8.3.
        all.sort_by_key(|(name, _)| !name.starts_with(':'));
        self.put_fields(stream, &all, Style::USUAL, ends);
        stream
    }

    /// Asks for something.
    pub(super) async fn get(&mut self, path: &str) -> u32 {
        let stream = self.put_request("GET", path, &[], true);
        self.flush().await;
        stream
    }

    /// Puts a reply's head.
    pub(super) fn put_reply(&mut self, stream: u32, status: u16, fields: &[(&str, &str)], ends: bool) {
        let status = status.to_string();
        let all = [&[(":status", status.as_str())], fields].concat();
        self.put_fields(stream, &all, Style::USUAL, ends);
    }

    /// Puts a reply with this body and its length.
    pub(super) fn put_ok(&mut self, stream: u32, body: &str) {
        self.put_reply(stream, 200, &[("content-length", &body.len().to_string())], false);
        self.put_data(stream, body, true);
    }

    /// Answers.
    pub(super) async fn ok(&mut self, stream: u32, body: &str) {
        self.put_ok(stream, body);
        self.flush().await;
    }

    /// Resets a stream.
    pub(super) async fn reset(&mut self, stream: u32, code: ErrorCode) {
        frame::rst_stream(&mut self.out, StreamId(stream), code);
        self.flush().await;
    }

    /// Announces the end of the connection.
    pub(super) async fn go_away(&mut self, last: u32) {
        frame::go_away(&mut self.out, StreamId(last), ErrorCode::NO_ERROR, b"");
        self.flush().await;
    }

    /// Sends a body, however long, as the peer's windows allow.
    pub(super) async fn pour(&mut self, stream: u32, body: &str, ends: bool) {
        let mut rest = body;
        while !rest.is_empty() {
            let own = *self.rooms.entry(stream).or_insert(self.room_at_first);
            let room = self.room.min(own).min(i64::from(PAYLOAD_BYTES_DEFAULT)).max(0);
            if room == 0 {
                assert!(self.hear().await, "a close before a body was taken");
                continue;
            }
            let (piece, later) = rest.split_at(rest.len().min(room as usize));
            rest = later;
            self.room -= piece.len() as i64;
            *self.rooms.entry(stream).or_default() -= piece.len() as i64;
            self.put_data(stream, piece, ends && rest.is_empty());
            self.flush().await;
        }
    }

    /// The next that comes of a stream.
    pub(super) async fn of(&mut self, stream: u32) -> Heard {
        self.heard(|heard| heard.stream() == stream).await
    }

    /// The next head that comes of any stream: a request.
    pub(super) async fn request(&mut self) -> (u32, String) {
        match self.heard(|heard| matches!(heard, Heard::Head { .. })).await {
            Heard::Head { stream, head, .. } => (stream, head),
            other => unreachable!("{other:?} is no head"),
        }
    }

    /// The next request, and its body.
    pub(super) async fn whole_request(&mut self) -> (u32, Message) {
        let stream = match self.heard(|heard| matches!(heard, Heard::Head { .. })).await {
            head @ Heard::Head { stream, .. } => {
                self.heard.push_front(head);
                stream
            }
            other => unreachable!("{other:?} is no head"),
        };
        (stream, self.message(stream).await)
    }

    /// The next head of a stream, interim or not.
    pub(super) async fn head(&mut self, stream: u32) -> String {
        match self.of(stream).await {
            Heard::Head { head, .. } => head,
            other => panic!("{other:?} where a head was to come"),
        }
    }

    /// The next message of a stream, to its end.
    pub(super) async fn message(&mut self, stream: u32) -> Message {
        let (head, mut over) = match self.of(stream).await {
            Heard::Head { head, ends, .. } => (head, ends),
            other => panic!("{other:?} where a head was to come"),
        };
        let mut body = String::new();
        while !over {
            over = match self.of(stream).await {
                Heard::Data { bytes, ends, .. } => {
                    body += &bytes;
                    ends
                }
                Heard::Head { head, ends, .. } => {
                    head.trim_end().lines().for_each(|line| body += &format!("[{line}]"));
                    ends
                }
                other => panic!("{other:?} amid a message: {head}"),
            };
        }
        Message { head, body }
    }

    /// Waits until the stream is reset; says how.
    pub(super) async fn reset_of(&mut self, stream: u32) -> ErrorCode {
        loop {
            if let Heard::Reset { code, .. } = self.of(stream).await {
                return code;
            }
        }
    }

    /// Waits until the peer announces the end of the connection, and says which stream was the last.
    pub(super) async fn gone_away(&mut self) -> (u32, ErrorCode) {
        match self.heard(|heard| matches!(heard, Heard::GoAway { .. })).await {
            Heard::GoAway { last, code } => (last, code),
            other => unreachable!("{other:?}"),
        }
    }

    /// Waits until the gateway closes; says of which streams anything came before.
    pub(super) async fn closed(&mut self) -> Vec<u32> {
        while self.hear().await {}
        self.heard.drain(..).map(|heard| heard.stream()).filter(|stream| *stream > 0).collect()
    }

    /// Everything that has come until an answer to a PING shows that there was nothing else.
    pub(super) async fn settled(&mut self) -> Vec<Heard> {
        frame::ping(&mut self.out, *b"settled?", false);
        self.flush().await;
        let mark = Heard::GoAway { last: u32::MAX, code: ErrorCode::NO_ERROR };
        self.heard(|heard| *heard == mark).await;
        self.heard.drain(..).collect()
    }

    async fn heard(&mut self, is_wanted: impl Fn(&Heard) -> bool) -> Heard {
        loop {
            if let Some(at) = self.heard.iter().position(&is_wanted) {
                return self.heard.remove(at).unwrap();
            }
            assert!(self.hear().await, "a close before what was awaited; there was {:?}", self.heard);
        }
    }

    /// Reads once more; `false` at the end of the connection.
    pub(super) async fn hear(&mut self) -> bool {
        let mut piece = [0; 16 * 1024];
        let read = timeout(WAIT, self.stream.read(&mut piece)).await.expect("the gateway sends or closes");
        let Ok(count @ 1..) = read else { return false };
        self.reader.push(&piece[..count]);
        while let Some(frame) = self.reader.next().expect("frames of the size that was announced") {
            let (stream, bytes) = (frame.stream.0, frame.payload.len());
            if let Some(block) = self.blocks.take(frame).unwrap() {
                let mut list = FieldList::default();
                self.decoder.decode(&block.bytes, &mut list).expect("a block that can be decoded");
                self.heard.push_back(Heard::Head { stream, head: spelled(&list), ends: block.end_stream });
                continue;
            }
            match frame.parse().unwrap() {
                Payload::Data { bytes: piece, end_stream } => {
                    let piece = String::from_utf8(piece.to_vec()).unwrap();
                    self.heard.push_back(Heard::Data { stream, bytes: piece, ends: end_stream });
                    if self.takes && bytes > 0 {
                        frame::window_update(&mut self.out, StreamId(0), bytes as u32);
                        if !end_stream {
                            frame::window_update(&mut self.out, frame.stream, bytes as u32);
                        }
                    }
                }
                Payload::RstStream(code) => self.heard.push_back(Heard::Reset { stream, code }),
                Payload::GoAway { last, code, .. } => self.heard.push_back(Heard::GoAway { last: last.0, code }),
                Payload::Settings(settings) => {
                    for setting in Setting::read(settings).filter(|one| one.id == SettingId::INITIAL_WINDOW_SIZE) {
                        let more = i64::from(setting.value) - self.room_at_first;
                        self.rooms.values_mut().for_each(|room| *room += more);
                        self.room_at_first += more;
                    }
                    frame::settings_ack(&mut self.out);
                }
                Payload::Ping(opaque) => frame::ping(&mut self.out, opaque, true),
                Payload::PingAck(_) => {
                    self.heard.push_back(Heard::GoAway { last: u32::MAX, code: ErrorCode::NO_ERROR });
                }
                Payload::WindowUpdate(more) if stream == 0 => self.room += i64::from(more),
                Payload::WindowUpdate(more) => {
                    *self.rooms.entry(stream).or_insert(self.room_at_first) += i64::from(more);
                }
                _ => {}
            }
        }
        if !self.out.is_empty() {
            let out = std::mem::take(&mut self.out);
            // A peer that has closed reads no answers.
            let _ = self.stream.write_all(&out).await;
        }
        true
    }
}

/// Fields as the lines of a head.
fn spelled(list: &FieldList) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let pseudo = |name: &str| list.get(name).map(text);
    let mut head = match (pseudo(":method"), pseudo(":status")) {
        (Some(method), _) => format!("{method} {} HTTP/2\r\n", pseudo(":path").unwrap_or_default()),
        (None, Some(status)) => format!("HTTP/2 {status}\r\n"),
        (None, None) => String::new(),
    };
    pseudo(":authority").into_iter().for_each(|authority| head += &format!("host: {authority}\r\n"));
    for field in list.iter().filter(|field| !field.name.starts_with(b":")) {
        head += &format!("{}: {}\r\n", text(field.name), text(field.value));
    }
    head + "\r\n"
}
