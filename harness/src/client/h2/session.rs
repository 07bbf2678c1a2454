//! A connection's session: what must be remembered of it as long as it lives, whoever uses it. Bytes in, arrivals out.
//!
//! It opens no socket and knows no reply. What is written lies in its [`Outbox`] until somebody writes it.

use http2::frame::{HEAD_BYTES, PADDED, PAYLOAD_BYTES_DEFAULT};
use http2::hpack::{Decoder, Encoder, FieldList, TABLE_BYTES_DEFAULT};
use http2::{Blocks, ErrorCode, FrameReader, PREFACE, Setting, SettingId, StreamId, Window, frame};
use vocabulary::identity::{ConnectionId, ExchangeId, LaneId, Moment};
use vocabulary::limits::HEAD_BYTES_MAX;

use super::super::Run;
use super::arriving::Broken;
use super::head;
use super::late::{Late, UnaskedOn};
use super::outbox::Outbox;
use super::streams::{Receiving, Room, Stream, Streams};

/// Bytes of DATA that a stream has room for, unless its reader is slow.
pub(in super::super) const STREAM_WINDOW: u32 = 65_535;
/// Bytes of DATA that a connection has room for: no stream waits for another.
const CONNECTION_WINDOW: u32 = 1 << 20;
/// Bytes of a frame that we write, at most.
const FRAME_BYTES_MAX: usize = PAYLOAD_BYTES_DEFAULT as usize;

/// Everything that is known of an HTTP/2 connection to the gateway.
#[derive(Debug)]
pub(in super::super) struct Session {
    reader: FrameReader,
    pub(super) link: Link,
}

/// The connection behind its reader.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) blocks: Blocks,
    pub(super) decoder: Decoder,
    pub(super) encoder: Encoder,
    pub(super) out: Outbox,
    /// How much we may send on all streams together.
    pub(super) send: Window,
    /// How much the peer may.
    room: Room,
    /// Bytes that a stream has room for when it is opened.
    stream_room: u32,
    /// The scheme of every request.
    scheme: &'static str,
    pub(super) peer: Peer,
    next: u32,
    pub(super) streams: Streams,
    pub(super) late: Late,
    /// Frames that brought nothing forward since one did.
    pub(super) idle_frames: u32,
}

/// What the peer has said of itself.
#[derive(Debug)]
pub(super) struct Peer {
    /// Whether it has said anything.
    pub(super) is_known: bool,
    /// Streams that may be open at once.
    pub(super) streams_max: u32,
    /// What may be sent on a stream when it is opened.
    pub(super) stream_window: u32,
    /// The last stream that it works on, if it has announced the end.
    pub(super) last: Option<StreamId>,
}

/// Something that has come for a stream on which something is awaited.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrived {
    /// A block of fields.
    Head {
        /// On which.
        stream: StreamId,
        /// What it said.
        fields: FieldList,
        /// Whether the stream ends with it.
        end_stream: bool,
    },
    /// Bytes of a body.
    Data {
        /// On which.
        stream: StreamId,
        /// The bytes.
        bytes: Vec<u8>,
        /// Whether the stream ends with them.
        end_stream: bool,
        /// Whether there was room for them.
        within_window: bool,
    },
    /// The peer has reset it.
    Reset {
        /// Which.
        stream: StreamId,
        /// Why.
        code: ErrorCode,
    },
    /// The peer works on no stream behind this one.
    GoAway {
        /// Which.
        last: StreamId,
    },
}

impl Session {
    /// Of a new connection, on which a stream has room for so many bytes when it is opened. The preface lies in the outbox.
    pub(in super::super) fn new(stream_room: u32, scheme: &'static str) -> Session {
        let mut out = Outbox::default();
        out.push(|bytes| {
            bytes.extend_from_slice(PREFACE);
            // RFC 9113 §8.4: nobody asks for pushed streams here.
            let mut settings: Vec<Setting> =
                vec![SettingId::ENABLE_PUSH.of(0), SettingId::MAX_HEADER_LIST_SIZE.of(HEAD_BYTES_MAX as u32)];
            if stream_room != STREAM_WINDOW {
                settings.push(SettingId::INITIAL_WINDOW_SIZE.of(stream_room));
            }
            frame::settings(bytes, &settings);
            frame::window_update(bytes, StreamId::CONNECTION, CONNECTION_WINDOW - Window::INITIAL.available() as u32);
        });
        let link = Link {
            blocks: Blocks::default(),
            decoder: Decoder::new(TABLE_BYTES_DEFAULT),
            encoder: Encoder::new(TABLE_BYTES_DEFAULT),
            out,
            send: Window::INITIAL,
            room: Room::of(CONNECTION_WINDOW),
            stream_room,
            scheme,
            // RFC 9113 §6.5.2: there is no limit to streams unless the peer names one.
            peer: Peer { is_known: false, streams_max: u32::MAX, stream_window: STREAM_WINDOW, last: None },
            next: 1,
            streams: Streams::default(),
            late: Late::default(),
            idle_frames: 0,
        };
        Session { reader: FrameReader::new(PAYLOAD_BYTES_DEFAULT), link }
    }

    /// Asks the peer whether it is there (RFC 9113 §6.7).
    pub(in super::super) fn ping(&mut self) {
        self.link.out.push(|out| frame::ping(out, [0; 8], false));
    }

    /// What is to be written.
    pub(in super::super) fn out(&mut self) -> &mut Outbox {
        &mut self.link.out
    }

    /// Takes bytes from the wire.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.reader.push(bytes);
    }

    /// The next thing that came for somebody. After an error nothing can be read any more.
    pub(super) fn next(&mut self, now: Moment) -> Result<Option<Arrived>, Broken> {
        while let Some(frame) = self.reader.next()? {
            if let Some(arrived) = self.link.take(frame, now)? {
                return Ok(Some(arrived));
            }
        }
        Ok(None)
    }

    /// Takes bytes that came while nothing was asked. After an error nothing can be read any more; bytes that were no frames
    /// are given back then.
    pub(in super::super) fn take_idle(&mut self, bytes: &[u8], now: Moment) -> Result<(), Option<&[u8]>> {
        self.push(bytes);
        loop {
            match self.next(now) {
                Ok(None) => return Ok(()),
                // An end, announced or of what is over; everything else is late then.
                Ok(Some(_)) => {}
                Err(broken) => {
                    self.link.go_away(broken.code());
                    return Err(broken.is_unframed().then(|| self.reader.rest()));
                }
            }
        }
    }

    /// Whether more requests may be sent on it.
    pub(in super::super) fn is_usable(&self) -> bool {
        self.link.peer.last.is_none() && self.link.next <= Window::MAX as u32 && !self.link.late.is_unlawful()
    }

    /// What came on streams on which nothing was awaited.
    pub(in super::super) fn report_late(
        self,
        lane: LaneId,
        connection: ConnectionId,
        run: &Run,
    ) -> Vec<vocabulary::history::Unasked> {
        self.link.late.report(lane, connection, run)
    }

    /// What has been read and is no whole frame.
    pub(super) fn rest(&self) -> &[u8] {
        self.reader.rest()
    }

    /// The bytes of a body in a frame that did not come in full, and the stream that awaits them.
    pub(super) fn cut_data(&self) -> Option<(StreamId, &[u8])> {
        let (head, payload) = self.reader.rest().split_first_chunk::<HEAD_BYTES>()?;
        let [.., kind, flags, s1, s2, s3, s4] = *head;
        let stream = StreamId(u32::from_be_bytes([s1, s2, s3, s4]) & Window::MAX as u32);
        // RFC 9113 §6.1: of a padded frame, the first byte is the length of the padding.
        let bytes = payload.get(usize::from(flags & PADDED != 0)..)?;
        let awaited = kind == http2::Kind::Data.number() && self.link.streams.unasked(stream).is_none();
        awaited.then_some((stream, bytes))
    }
}

impl Link {
    /// Whether another stream may be opened now.
    pub(super) fn may_open(&self) -> bool {
        self.streams.active() < self.peer.streams_max as usize
    }

    /// Opens a stream for an exchange: the head of its request, and the end of it, if nothing follows. Room for its reply may
    /// be small; then it is given back by hand.
    pub(super) fn open(
        &mut self,
        exchange: ExchangeId,
        head: &str,
        end_stream: bool,
        small_room: Option<u32>,
    ) -> StreamId {
        let id = StreamId(self.next);
        self.next += 2;
        let mut block = Vec::new();
        head::encode_request(self.scheme, head, &mut self.encoder, &mut block);
        let room = small_room.unwrap_or(STREAM_WINDOW);
        self.out.push(|bytes| {
            frame::headers(bytes, id, &block, end_stream, FRAME_BYTES_MAX);
            if let Some(more @ 1..) = room.checked_sub(self.stream_room) {
                frame::window_update(bytes, id, more);
            }
        });
        self.idle_frames = 0;
        self.streams.open(
            id,
            Stream {
                exchange,
                sends: !end_stream,
                receives: Receiving::Open,
                send: Window::of(self.peer.stream_window),
                room: Room::of(room.max(self.stream_room)),
                by_hand: small_room.is_some(),
            },
        );
        id
    }

    /// How many bytes of DATA may be sent on a stream now; none if nothing is wanted on it any more.
    pub(super) fn sendable(&self, id: StreamId) -> Option<usize> {
        let stream = self.streams.get(id).filter(|stream| stream.sends)?;
        let most = stream.send.available().min(self.send.available()).min(FRAME_BYTES_MAX);
        Some(if self.out.has_room() { most } else { 0 })
    }

    /// Sends DATA: as much as [`sendable`](Link::sendable) says, at most.
    pub(super) fn data(&mut self, id: StreamId, bytes: &[u8], end_stream: bool) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        stream.send.take(bytes.len());
        self.send.take(bytes.len());
        stream.sends = !end_stream;
        self.idle_frames = 0;
        self.out.push(|out| frame::data(out, id, bytes, end_stream, None));
    }

    /// Sends the fields behind a body, which end it.
    pub(super) fn trailer(&mut self, id: StreamId, trailer: &str) {
        let Some(stream) = self.streams.get_mut(id).filter(|stream| stream.sends) else { return };
        stream.sends = false;
        let mut block = Vec::new();
        head::encode_trailer(trailer, &mut self.encoder, &mut block);
        self.out.push(|out| frame::headers(out, id, &block, true, FRAME_BYTES_MAX));
    }

    /// Resets a stream, unless it is over.
    pub(super) fn reset(&mut self, id: StreamId, code: ErrorCode) {
        let Some(stream) = self.streams.get_mut(id).filter(|stream| stream.is_active()) else { return };
        stream.cut();
        self.out.push(|out| frame::rst_stream(out, id, code));
    }

    /// Says why nothing more can be read. RFC 9113 §5.4.1.
    pub(super) fn go_away(&mut self, code: ErrorCode) {
        // The server has opened none.
        self.out.push(|out| frame::go_away(out, StreamId::CONNECTION, code, b""));
    }

    /// Bytes of DATA have come, on whatever stream: RFC 9113 §6.9 has them counted in any case.
    pub(super) fn count(&mut self, bytes: usize) -> Result<(), Broken> {
        self.room.take(bytes)?;
        if let Some(given) = self.room.give_back_half(CONNECTION_WINDOW) {
            self.out.push(|out| frame::window_update(out, StreamId::CONNECTION, given));
        }
        Ok(())
    }

    /// Whether a slow reader has used up room that it has not given back.
    pub(super) fn reads_on(&self, id: StreamId) -> bool {
        self.streams.get(id).is_some_and(|stream| stream.receives == Receiving::Open && stream.room.is_used())
    }

    /// A slow reader reads on: so many bytes more, if so many were used.
    pub(super) fn read_on(&mut self, id: StreamId, most: u32) {
        let open = self.streams.get_mut(id).filter(|stream| stream.receives == Receiving::Open);
        if let Some(given) = open.and_then(|stream| stream.room.give_back(most)) {
            self.out.push(|out| frame::window_update(out, id, given));
        }
    }

    /// Room for so many bytes more on a stream that had little.
    pub(super) fn give_room(&mut self, id: StreamId, bytes: u64) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(Window::MAX as u32);
        let open = self.streams.get_mut(id).filter(|stream| stream.receives == Receiving::Open);
        if open.is_some_and(|stream| stream.room.add(bytes)) {
            self.out.push(|out| frame::window_update(out, id, bytes));
        }
    }

    /// The peer has said that it does not work on a stream.
    pub(super) fn refused(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(id) {
            stream.end_both();
        }
    }

    /// Bytes were read together with those after which we reset their stream.
    pub(super) fn came_behind_reset(&mut self, id: StreamId, bytes: &[u8], now: Moment) {
        let after = self.streams.get(id).map(|stream| stream.exchange);
        self.late.add(id, UnaskedOn::Reset, after, bytes, now);
    }
}
