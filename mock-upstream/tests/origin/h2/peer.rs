//! A client that trusts nothing: it reads and writes frames.

use std::collections::VecDeque;
use std::time::Duration;

use http2::hpack::decoder::Spelling;
use http2::hpack::{Decoder, Encoder, FieldList, Style, TABLE_BYTES_DEFAULT};
use http2::{Blocks, ErrorCode, Frame, FrameReader, PREFACE, Payload, Setting, SettingId, StreamId, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transport::Stream;
use vocabulary::canary::{CanaryKey, Claim, Role, Scanner, Site, StripedBody, read_body};
use vocabulary::identity::Attempt;

use crate::stage::{Stage, WAIT, request_claim};

/// A client's end of a connection.
pub(crate) struct Peer {
    pub(crate) stream: Stream,
    pub(crate) key: CanaryKey,
    frames: FrameReader,
    blocks: Blocks,
    encoder: Encoder,
    decoder: Decoder,
    /// What was read and not asked for yet.
    unread: VecDeque<Got>,
    next: u32,
    /// Whether room is made for more DATA as it comes.
    makes_room: bool,
    /// How long it waits for anything.
    pub(crate) wait: Duration,
    /// How often the socket was read.
    pub(crate) reads: usize,
    /// How the fields of the last block were spelled.
    pub(crate) spelled: Vec<Spelling>,
}

/// A frame that came, or a block of fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Got {
    /// Spelled `:status=200 etag=x`; in how many frames; whether the stream ends.
    Head(u32, String, usize, bool),
    /// Bytes, how many of padding, and whether the stream ends.
    Data(u32, Vec<u8>, usize, bool),
    Reset(u32, ErrorCode),
    GoAway(u32, ErrorCode),
    Settings(Vec<Setting>),
    Room(u32, u32),
    Pong([u8; 8]),
}

/// A reply as it came on one stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) heads: Vec<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailer: Option<String>,
    /// Bytes in each DATA frame.
    pub(crate) cuts: Vec<usize>,
    /// Whose its stripes say the body is.
    pub(crate) owner: Option<(u32, u16)>,
}

impl Got {
    fn stream(&self) -> u32 {
        match self {
            Got::Head(id, ..) | Got::Data(id, ..) | Got::Reset(id, _) | Got::Room(id, _) => *id,
            Got::GoAway(..) | Got::Settings(_) | Got::Pong(_) => 0,
        }
    }
}

impl Peer {
    /// A client whose settings are the usual ones.
    pub(crate) async fn connect(stage: &Stage) -> Peer {
        let mut peer = Peer::with(stage, &[]).await;
        peer.makes_room = true;
        peer
    }

    /// A client with these settings, which makes no room by itself.
    pub(crate) async fn with(stage: &Stage, settings: &[Setting]) -> Peer {
        let mut peer = Peer::over(stage.open().await, stage.key.clone());
        peer.open(settings).await;
        peer
    }

    /// A client that has said nothing yet.
    pub(crate) fn over(stream: Stream, key: CanaryKey) -> Peer {
        Peer {
            stream,
            key,
            frames: FrameReader::new(frame::PAYLOAD_BYTES_DEFAULT),
            blocks: Blocks::default(),
            encoder: Encoder::new(TABLE_BYTES_DEFAULT),
            decoder: Decoder::new(TABLE_BYTES_DEFAULT),
            unread: VecDeque::new(),
            next: 1,
            makes_room: false,
            wait: WAIT,
            reads: 0,
            spelled: Vec::new(),
        }
    }

    /// Takes frames with so many bytes.
    pub(crate) fn takes_frames_of(&mut self, bytes: u32) {
        self.frames = FrameReader::new(bytes);
    }

    pub(crate) async fn open(&mut self, settings: &[Setting]) {
        let mut out = PREFACE.to_vec();
        frame::settings(&mut out, settings);
        self.send(&out).await;
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The block of a request's fields, spelled `name=value`.
    pub(crate) fn block(&mut self, fields: &[(&str, &str)]) -> Vec<u8> {
        let mut block = Vec::new();
        self.encoder.begin(&mut block);
        for (name, value) in fields {
            self.encoder.encode(&mut block, name.as_bytes(), value.as_bytes(), Style::USUAL);
        }
        block
    }

    /// The frames of a request, and its stream.
    pub(crate) fn spell(&mut self, method: &str, exchange: u32, fields: &[(&str, &str)], ends: bool) -> (u32, Vec<u8>) {
        let (path, header) = (self.canary(exchange, Site::Path), self.canary(exchange, Site::Header));
        let path = format!("/{path}");
        let line = [(":method", method), (":scheme", "http"), (":authority", "origin"), (":path", path.as_str())];
        let all: Vec<(&str, &str)> =
            line.into_iter().chain([("x-crosswire", header.as_str())]).chain(fields.iter().copied()).collect();
        let (id, block, mut out) = (self.take_id(), self.block(&all), Vec::new());
        frame::headers(&mut out, StreamId(id), &block, ends, frame::PAYLOAD_BYTES_DEFAULT as usize);
        (id, out)
    }

    pub(crate) fn take_id(&mut self) -> u32 {
        self.next += 2;
        self.next - 2
    }

    /// Sends a request without a body: its stream.
    pub(crate) async fn get(&mut self, exchange: u32) -> u32 {
        self.request("GET", exchange, &[], true).await
    }

    pub(crate) async fn request(&mut self, method: &str, exchange: u32, fields: &[(&str, &str)], ends: bool) -> u32 {
        let (id, out) = self.spell(method, exchange, fields, ends);
        self.send(&out).await;
        id
    }

    pub(crate) async fn data(&mut self, id: u32, bytes: &[u8], ends: bool) {
        let mut out = Vec::new();
        frame::data(&mut out, StreamId(id), bytes, ends, None);
        self.send(&out).await;
    }

    pub(crate) async fn trailer(&mut self, id: u32, fields: &[(&str, &str)]) {
        let (block, mut out) = (self.block(fields), Vec::new());
        frame::headers(&mut out, StreamId(id), &block, true, 1000);
        self.send(&out).await;
    }

    pub(crate) async fn reset(&mut self, id: u32) {
        let mut out = Vec::new();
        frame::rst_stream(&mut out, StreamId(id), ErrorCode::CANCEL);
        self.send(&out).await;
    }

    pub(crate) async fn room(&mut self, id: u32, bytes: u32) {
        let mut out = Vec::new();
        frame::window_update(&mut out, StreamId(id), bytes);
        self.send(&out).await;
    }

    /// Asks for an answer and waits for it: what came before it has come.
    pub(crate) async fn ping(&mut self) {
        let mut out = Vec::new();
        frame::ping(&mut out, *b"crosswir", false);
        self.send(&out).await;
        self.find("the answer to a ping", |got| matches!(got, Got::Pong(_))).await;
    }

    /// The next frame of any stream.
    pub(crate) async fn any(&mut self) -> Got {
        self.find("a frame of a stream", |got| got.stream() != 0 && !matches!(got, Got::Room(..))).await
    }

    /// The next frame of a stream.
    pub(crate) async fn on(&mut self, id: u32) -> Got {
        self.find(&format!("a frame on s{id}"), |got| got.stream() == id && !matches!(got, Got::Room(..))).await
    }

    /// The next frame that is meant, wherever it stands among the others.
    pub(crate) async fn find(&mut self, what: &str, is_meant: impl Fn(&Got) -> bool) -> Got {
        loop {
            if let Some(at) = self.unread.iter().position(&is_meant) {
                return self.unread.remove(at).unwrap();
            }
            assert!(self.more().await.unwrap(), "the connection ended without {what}; unread: {:?}", self.unread);
        }
    }

    /// Everything that still comes until the connection ends.
    pub(crate) async fn rest(&mut self) -> Vec<Got> {
        while self.more().await.unwrap_or(false) {}
        self.unread.drain(..).collect()
    }

    /// Whether frames of a stream have come that nobody asked for.
    pub(crate) fn has_unread(&self, id: u32) -> bool {
        self.unread.iter().any(|got| got.stream() == id)
    }

    /// A head on a stream, without its end.
    pub(crate) async fn head(&mut self, id: u32) -> String {
        match self.on(id).await {
            Got::Head(_, head, _, false) => head,
            other => panic!("{other:?} is no head that something follows"),
        }
    }

    /// A reply up to the end of its stream.
    pub(crate) async fn reply(&mut self, id: u32) -> Reply {
        let mut reply = Reply { heads: Vec::new(), body: Vec::new(), trailer: None, cuts: Vec::new(), owner: None };
        loop {
            let ends = match self.on(id).await {
                Got::Head(_, head, _, ends) if head.starts_with(":status=") => {
                    reply.heads.push(head);
                    ends
                }
                Got::Head(_, trailer, _, ends) => {
                    assert!(ends, "a trailer is the end");
                    reply.trailer = Some(trailer);
                    ends
                }
                Got::Data(_, bytes, _, ends) => {
                    reply.cuts.push(bytes.len());
                    reply.body.extend(bytes);
                    ends
                }
                other => panic!("{other:?} amid {reply:?}"),
            };
            if ends {
                reply.owner = self.owner(&reply.body);
                return reply;
            }
        }
    }

    pub(crate) fn canary(&self, exchange: u32, site: Site) -> String {
        self.key.mint(request_claim(exchange, site)).to_string()
    }

    /// Whose a body is: exchange and delivery.
    pub(crate) fn owner(&self, body: &[u8]) -> Option<(u32, u16)> {
        let owner = read_body(&Scanner::new(), &self.key, None, body).owner?;
        Some((owner.exchange.0, owner.delivery))
    }

    /// The body of a delivery of tenant 1.
    pub(crate) fn striped(&self, exchange: u32, delivery: u16, bytes: u64) -> Vec<u8> {
        let claim =
            Claim { role: Role::Reply, attempt: Attempt(1), delivery, ..request_claim(exchange, Site::BodyBegin) };
        StripedBody::new(&self.key, claim, bytes).to_vec()
    }

    /// Reads once, and answers what asks for an answer: whether the connection goes on.
    pub(crate) async fn more(&mut self) -> std::io::Result<bool> {
        let mut bytes = vec![0; 64 * 1024];
        let read = tokio::time::timeout(self.wait, self.stream.read(&mut bytes)).await;
        let read = read.unwrap_or_else(|_| panic!("nothing came within {:?}; unread: {:?}", self.wait, self.unread))?;
        self.reads += 1;
        self.frames.push(&bytes[..read]);
        let mut out = Vec::new();
        while let Some(frame) = self.frames.next().unwrap() {
            let got = got(frame, &mut self.blocks, &mut self.decoder, &mut self.spelled, &mut out);
            if let Some(Got::Data(id, bytes, padding, ends)) = &got
                && self.makes_room
            {
                let beside = if *padding > 0 { padding + 1 } else { 0 };
                let counted = u32::try_from(bytes.len() + beside).unwrap();
                if counted > 0 {
                    frame::window_update(&mut out, StreamId::CONNECTION, counted);
                }
                if counted > 0 && !ends {
                    frame::window_update(&mut out, StreamId(*id), counted);
                }
            }
            self.unread.extend(got);
        }
        if !out.is_empty() {
            // The origin may have closed meanwhile.
            let _ = self.stream.write_all(&out).await;
        }
        Ok(read > 0)
    }
}

fn got(
    frame: Frame<'_>,
    blocks: &mut Blocks,
    decoder: &mut Decoder,
    spelled: &mut Vec<Spelling>,
    out: &mut Vec<u8>,
) -> Option<Got> {
    let id = frame.stream.0;
    if let Some(block) = blocks.take(frame).unwrap() {
        let mut fields = FieldList::default();
        decoder.decode(&block.bytes, &mut fields).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        *spelled = fields.iter().map(|field| field.spelling).collect();
        let fields: Vec<String> =
            fields.iter().map(|field| format!("{}={}", text(field.name), text(field.value))).collect();
        return Some(Got::Head(id, fields.join(" "), block.frames, block.end_stream));
    }
    match frame.parse().unwrap() {
        Payload::Data { bytes, end_stream } => {
            let padding = if frame.has(frame::PADDED) { frame.payload.len() - bytes.len() - 1 } else { 0 };
            Some(Got::Data(id, bytes.to_vec(), padding, end_stream))
        }
        Payload::RstStream(code) => Some(Got::Reset(id, code)),
        Payload::GoAway { last, code, .. } => Some(Got::GoAway(last.0, code)),
        Payload::Settings(payload) => {
            for Setting { id, value } in Setting::read(payload) {
                if id == SettingId::HEADER_TABLE_SIZE {
                    // Our own encoder never uses more.
                    assert!(value <= TABLE_BYTES_DEFAULT);
                }
            }
            frame::settings_ack(out);
            Some(Got::Settings(Setting::read(payload).collect()))
        }
        Payload::Ping(opaque) => {
            frame::ping(out, opaque, true);
            None
        }
        Payload::PingAck(opaque) => Some(Got::Pong(opaque)),
        Payload::WindowUpdate(bytes) => Some(Got::Room(id, bytes)),
        _ => None,
    }
}
