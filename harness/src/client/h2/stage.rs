//! A stage for HTTP/2: the lanes of a plan on one side, a gateway that sends frame after frame as its script says on the
//! other.

use std::collections::BTreeMap;
use std::sync::Arc;

use http2::frame::{self, PAYLOAD_BYTES_DEFAULT};
use http2::hpack::{Decoder, Encoder, FieldList, Style, TABLE_BYTES_DEFAULT};
use http2::{Blocks, ErrorCode, FrameReader, PREFACE, Payload, Setting, StreamId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use vocabulary::crossing::Http;
use vocabulary::history::Observation;
use vocabulary::identity::{ExchangeId, TenantId};
use vocabulary::plan::{ConnectionUse, EventKind, Lane, Stimulus};

use super::super::stage::{BASE, Gateway, Played, body, get, play_over};
use crate::ledger::Ledger;

/// Runs the lanes over HTTP/2 against the script.
pub(super) async fn play(lanes: Vec<Lane>, script: impl AsyncFnOnce(&Gateway)) -> Played {
    play_over(Http::H2, lanes, script).await
}

/// A GET beside those before it.
pub(super) fn beside(exchange: u32) -> Stimulus {
    Stimulus { connection: ConnectionUse::Pipelined, ..get(exchange) }
}

pub(super) fn of_tenant(tenant: u16, stimulus: Stimulus) -> Stimulus {
    Stimulus { tenant: TenantId(tenant), ..stimulus }
}

/// What the client has sent, as far as it tells something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    /// A block: each field in a line.
    Head {
        stream: u32,
        text: String,
        end: bool,
    },
    Data {
        stream: u32,
        bytes: Vec<u8>,
        end: bool,
    },
    Reset {
        stream: u32,
        code: ErrorCode,
    },
    GoAway(ErrorCode),
    WindowUpdate {
        stream: u32,
        bytes: u32,
    },
    Settings(Vec<Setting>),
    SettingsAck,
    PingAck([u8; 8]),
}

/// A client's connection, seen from the gateway.
pub(super) struct Peer {
    stream: transport::Stream,
    reader: FrameReader,
    blocks: Blocks,
    decoder: Decoder,
    encoder: Encoder,
    /// Frames that were written by the script and have not been sent.
    pub(super) out: Vec<u8>,
    ledger: Arc<Ledger>,
    /// The frames that a HEADERS took last.
    pub(super) block_frames: usize,
}

impl Peer {
    /// The next connection, with the client's first words and a server's plain answer to them.
    pub(super) async fn accept(gateway: &Gateway) -> Peer {
        Peer::accept_with(gateway, &[]).await
    }

    /// As [`accept`](Peer::accept), with these settings.
    pub(super) async fn accept_with(gateway: &Gateway, settings: &[Setting]) -> Peer {
        let mut peer = Peer::accept_silently(gateway).await;
        frame::settings(&mut peer.out, settings);
        frame::settings_ack(&mut peer.out);
        peer.send().await;
        peer
    }

    /// The next connection, with the client's first words.
    pub(super) async fn accept_silently(gateway: &Gateway) -> Peer {
        let mut stream = gateway.accept_stream().await;
        let mut preface = [0; PREFACE.len()];
        stream.read_exact(&mut preface).await.unwrap();
        assert_eq!(&preface, PREFACE);
        let mut peer = Peer {
            stream,
            reader: FrameReader::new(PAYLOAD_BYTES_DEFAULT),
            blocks: Blocks::default(),
            decoder: Decoder::new(TABLE_BYTES_DEFAULT),
            encoder: Encoder::new(TABLE_BYTES_DEFAULT),
            out: Vec::new(),
            ledger: Arc::clone(&gateway.ledger),
            block_frames: 0,
        };
        assert!(matches!(peer.next().await, Some(Sent::Settings(_))));
        peer
    }

    /// What the client sends next; none if it has closed.
    pub(super) async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(sent) = self.held() {
                return Some(sent);
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes).await {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.reader.push(&bytes[..read]),
            }
        }
    }

    /// What the client has sent and has been read already.
    pub(super) fn held(&mut self) -> Option<Sent> {
        while let Some(frame) = self.reader.next().unwrap() {
            let stream = frame.stream.0;
            if let Some(block) = self.blocks.take(frame).unwrap() {
                let mut fields = FieldList::default();
                self.decoder.decode(&block.bytes, &mut fields).unwrap();
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                let lines = fields.iter().map(|field| format!("{}: {}\n", text(field.name), text(field.value)));
                self.block_frames = block.frames;
                return Some(Sent::Head { stream, text: lines.collect(), end: block.end_stream });
            }
            match frame.parse().unwrap() {
                Payload::Data { bytes, end_stream } => {
                    return Some(Sent::Data { stream, bytes: bytes.to_vec(), end: end_stream });
                }
                Payload::RstStream(code) => return Some(Sent::Reset { stream, code }),
                Payload::GoAway { code, .. } => return Some(Sent::GoAway(code)),
                Payload::WindowUpdate(bytes) => return Some(Sent::WindowUpdate { stream, bytes }),
                Payload::Settings(settings) => return Some(Sent::Settings(Setting::read(settings).collect())),
                Payload::SettingsAck => return Some(Sent::SettingsAck),
                Payload::PingAck(opaque) => return Some(Sent::PingAck(opaque)),
                Payload::Headers { .. } | Payload::Continuation { .. } => {}
                other => panic!("the client sent {other:?}"),
            }
        }
        None
    }

    /// The first thing that satisfies this; what comes before is not looked at.
    pub(super) async fn first<T>(&mut self, wanted: impl Fn(&Sent) -> Option<T>) -> T {
        loop {
            let sent = self.next().await.expect("the client closed before");
            if let Some(found) = wanted(&sent) {
                return found;
            }
        }
    }

    /// The next request's stream and fields.
    pub(super) async fn request(&mut self) -> (u32, String) {
        self.first(|sent| match sent {
            Sent::Head { stream, text, .. } => Some((*stream, text.clone())),
            _ => None,
        })
        .await
    }

    /// The streams of so many requests, by the exchanges that they name.
    pub(super) async fn requests(&mut self, count: usize) -> BTreeMap<u32, u32> {
        let mut streams = BTreeMap::new();
        while streams.len() < count {
            let (stream, text) = self.request().await;
            streams.insert(exchange_in(&text), stream);
        }
        streams
    }

    /// Writes a block of fields.
    pub(super) fn head(&mut self, stream: u32, fields: &[(&str, &str)], end: bool) {
        let mut block = Vec::new();
        self.encoder.begin(&mut block);
        for (name, value) in fields {
            self.encoder.encode(&mut block, name.as_bytes(), value.as_bytes(), Style::USUAL);
        }
        frame::headers(&mut self.out, StreamId(stream), &block, end, PAYLOAD_BYTES_DEFAULT as usize);
    }

    /// Writes DATA.
    pub(super) fn data(&mut self, stream: u32, bytes: impl AsRef<[u8]>, end: bool) {
        frame::data(&mut self.out, StreamId(stream), bytes.as_ref(), end, None);
    }

    /// Writes a delivery to an exchange.
    pub(super) fn reply(&mut self, stream: u32, exchange: u32, number: u16) {
        self.head(stream, &[(":status", "200"), ("content-length", "200")], false);
        self.data(stream, body(exchange, number), true);
    }

    /// Sends what is written.
    pub(super) async fn send(&mut self) {
        self.stream.write_all(&std::mem::take(&mut self.out)).await.unwrap();
    }

    /// Reads a request and answers it with the first delivery to an exchange, which the origin has seen then.
    pub(super) async fn serve(&mut self, exchange: u32) -> String {
        let (stream, text) = self.request().await;
        let (seen, at) = (ExchangeId(exchange + BASE), self.ledger.now());
        self.ledger.record(Observation::Event { exchange: seen, kind: EventKind::Seen, at });
        self.reply(stream, exchange, 1);
        self.send().await;
        text
    }

    /// Reads to the end.
    pub(super) async fn end(&mut self) {
        while self.next().await.is_some() {}
    }

    /// Resets the connection.
    pub(super) fn hang_up(self) {
        self.stream.set_zero_linger().unwrap();
    }
}

/// The exchange that a request names, by its plan's number.
pub(super) fn exchange_in(text: &str) -> u32 {
    let found = vocabulary::canary::Scanner::new().scan(&super::super::stage::key(), text.as_bytes());
    let claims = found.into_iter().filter_map(|hit| hit.canary.ok());
    claims.map(|claim| claim.exchange.0).find(|exchange| *exchange > 0).unwrap() - BASE
}
