//! What a frame means to a connection and its streams. RFC 9113 §6.
//!
//! Strict where reading could not go on or would cost without bound, lenient otherwise: what a gateway should not have sent
//! is evidence, and evidence is not thrown away by giving the connection up.

use http2::block::BlockError;
use http2::frame::Malformed;
use http2::hpack::{FieldList, HpackError, TABLE_BYTES_DEFAULT};
use http2::reader::TooLong;
use http2::window::WindowOverflow;
use http2::{Block, ErrorCode, Frame, Kind, Payload, Setting, SettingId, StreamId, Window, frame};
use vocabulary::identity::Moment;

use super::head::Head;
use super::late::UnaskedOn;
use super::session::{Arrived, Link, STREAM_WINDOW};
use super::streams::{Overrun, Receiving};

/// Frames that bring nothing forward, neither a reply of the peer's nor a request of ours: a peer that sends more of them in
/// a row wants to keep us busy (RFC 9113 §10.5).
const IDLE_FRAMES_MAX: u32 = 1000;

/// Why a connection cannot be read any further. RFC 9113 §5.4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum Broken {
    /// RFC 9113 §4.2.
    #[error(transparent)]
    Unframed(#[from] TooLong),
    /// RFC 9113 §6.
    #[error(transparent)]
    Frame(#[from] Malformed),
    /// RFC 9113 §4.3, §6.10.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// RFC 9113 §4.3.
    #[error(transparent)]
    Fields(#[from] HpackError),
    /// RFC 9113 §6.9.1.
    #[error(transparent)]
    Window(#[from] WindowOverflow),
    /// RFC 9113 §6.9.
    #[error(transparent)]
    Overrun(#[from] Overrun),
    /// RFC 9113 §6: some kinds of frames are about a stream, others about the connection.
    #[error("a {0:?} frame on {1}")]
    Misplaced(Kind, StreamId),
    /// RFC 9113 §6.6: pushing was forbidden.
    #[error("a request of the server's own on {0}")]
    Promise(StreamId),
    /// RFC 9113 §6.5.2: a value that a setting cannot have.
    #[error("the setting {0} of {1}")]
    Setting(SettingId, u32),
    /// More than [`IDLE_FRAMES_MAX`], or frames on too many streams that do not exist.
    #[error("a flood of frames that bring nothing forward")]
    Flood,
}

impl Broken {
    /// What the peer is told.
    pub(super) fn code(self) -> ErrorCode {
        match self {
            Broken::Unframed(_) => ErrorCode::FRAME_SIZE_ERROR,
            Broken::Frame(malformed) | Broken::Block(BlockError::Malformed(malformed)) => malformed.code(),
            Broken::Block(BlockError::TooLarge { .. }) | Broken::Flood => ErrorCode::ENHANCE_YOUR_CALM,
            Broken::Block(BlockError::Interrupted { .. } | BlockError::Stray(_))
            | Broken::Misplaced(..)
            | Broken::Promise(_) => ErrorCode::PROTOCOL_ERROR,
            Broken::Fields(_) => ErrorCode::COMPRESSION_ERROR,
            Broken::Window(_) | Broken::Overrun(_) | Broken::Setting(SettingId::INITIAL_WINDOW_SIZE, _) => {
                ErrorCode::FLOW_CONTROL_ERROR
            }
            Broken::Setting(..) => ErrorCode::PROTOCOL_ERROR,
        }
    }

    /// Whether the bytes are most likely no frames at all.
    pub(super) fn is_unframed(self) -> bool {
        matches!(self, Broken::Unframed(_))
    }
}

impl Link {
    /// Takes a frame in, and gives what it brings to a stream on which something is awaited.
    pub(super) fn take(&mut self, frame: Frame<'_>, now: Moment) -> Result<Option<Arrived>, Broken> {
        if let Some(block) = self.blocks.take(frame)? {
            return self.block(&block, now);
        }
        let payload = frame.parse()?;
        let of_connection = frame.stream == StreamId::CONNECTION;
        let fits = match payload {
            Payload::Settings(_)
            | Payload::SettingsAck
            | Payload::Ping(_)
            | Payload::PingAck(_)
            | Payload::GoAway { .. } => of_connection,
            Payload::WindowUpdate(_) | Payload::Unknown => true,
            Payload::Data { .. }
            | Payload::Headers { .. }
            | Payload::Priority
            | Payload::RstStream(_)
            | Payload::PushPromise { .. }
            | Payload::Continuation { .. } => !of_connection,
        };
        if !fits {
            return Err(Broken::Misplaced(frame.kind, frame.stream));
        }
        match payload {
            Payload::Data { bytes, end_stream } => return self.arrived_data(frame, bytes, end_stream, now),
            Payload::RstStream(code) => {
                self.brings_nothing()?;
                let stream = frame.stream;
                if let Some(reset) = self.streams.get_mut(stream).filter(|stream| stream.is_active()) {
                    reset.end_both();
                    return Ok(Some(Arrived::Reset { stream, code }));
                }
            }
            Payload::GoAway { last, .. } => {
                self.brings_nothing()?;
                // RFC 9113 §6.8: a later one may take back more, and never less.
                let last = self.peer.last.map_or(last, |before| before.min(last));
                self.peer.last = Some(last);
                return Ok(Some(Arrived::GoAway { last }));
            }
            Payload::Settings(settings) => {
                self.brings_nothing()?;
                for setting in Setting::read(settings) {
                    self.set(setting)?;
                }
                self.peer.is_known = true;
                self.out.push(frame::settings_ack);
            }
            Payload::Ping(opaque) => {
                self.brings_nothing()?;
                self.out.push(|out| frame::ping(out, opaque, true));
            }
            Payload::WindowUpdate(bytes) => {
                self.brings_nothing()?;
                if of_connection {
                    self.send.add(i64::from(bytes))?;
                } else if let Some(stream) = self.streams.get_mut(frame.stream) {
                    // RFC 9113 §6.9: on a stream that is over it means nothing.
                    stream.send.add(i64::from(bytes))?;
                }
            }
            Payload::SettingsAck | Payload::PingAck(_) | Payload::Priority | Payload::Unknown => {
                self.brings_nothing()?;
            }
            // They wait for the rest of their block, which has a bound.
            Payload::Headers { .. } | Payload::PushPromise { .. } | Payload::Continuation { .. } => {}
        }
        Ok(None)
    }

    fn brings_nothing(&mut self) -> Result<(), Broken> {
        self.idle_frames += 1;
        if self.idle_frames > IDLE_FRAMES_MAX { Err(Broken::Flood) } else { Ok(()) }
    }

    /// RFC 9113 §6.5.2.
    fn set(&mut self, setting: Setting) -> Result<(), Broken> {
        let Setting { id, value } = setting;
        match id {
            SettingId::HEADER_TABLE_SIZE => {
                let bytes = value.min(TABLE_BYTES_DEFAULT);
                if bytes as usize != self.encoder.table_bytes_max() {
                    self.encoder.resize(bytes);
                }
            }
            SettingId::MAX_CONCURRENT_STREAMS => self.peer.streams_max = value,
            SettingId::INITIAL_WINDOW_SIZE => {
                if i64::from(value) > Window::MAX {
                    return Err(Broken::Setting(id, value));
                }
                // RFC 9113 §6.9.2: the difference is made up on all streams, and may leave less than nothing.
                let difference = i64::from(value) - i64::from(self.peer.stream_window);
                self.peer.stream_window = value;
                for stream in self.streams.iter_mut().filter(|stream| stream.sends) {
                    stream.send.add(difference)?;
                }
            }
            // We write no frame that is longer than the least that everybody takes, and heads as they are planned.
            _ => {}
        }
        Ok(())
    }

    /// A block of fields has come. It passes through the decoder, whoever it is for.
    fn block(&mut self, block: &Block, now: Moment) -> Result<Option<Arrived>, Broken> {
        let mut fields = FieldList::default();
        self.decoder.decode(&block.bytes, &mut fields)?;
        let Block { stream, promised, end_stream, .. } = *block;
        let head = Head::read(&fields);
        if let Some(promised) = promised {
            self.late.add(promised, UnaskedOn::Invented, None, head.text(), now);
            return Err(Broken::Promise(promised));
        }
        if stream == StreamId::CONNECTION {
            return Err(Broken::Misplaced(Kind::Headers, stream));
        }
        if self.is_late(stream, head.text(), now)? {
            return Ok(None);
        }
        self.idle_frames = 0;
        self.ends(stream, end_stream);
        Ok(Some(Arrived::Head { stream, fields, end_stream }))
    }

    fn arrived_data(
        &mut self,
        frame: Frame<'_>,
        bytes: &[u8],
        end_stream: bool,
        now: Moment,
    ) -> Result<Option<Arrived>, Broken> {
        let (stream, length) = (frame.stream, frame.payload.len());
        self.count(length)?;
        let room = self.streams.get_mut(stream).map(|stream| stream.room.take(length));
        if self.is_late(stream, bytes, now)? {
            // No more can have been under way than there was room for.
            room.transpose()?;
            return Ok(None);
        }
        match bytes.is_empty() && !end_stream {
            true => self.brings_nothing()?,
            false => self.idle_frames = 0,
        }
        self.ends(stream, end_stream);
        if let Some(open) = self.streams.get_mut(stream)
            && open.receives == Receiving::Open
            && !open.by_hand
            && let Some(given) = open.room.give_back_half(STREAM_WINDOW)
        {
            self.out.push(|out| frame::window_update(out, stream, given));
        }
        let within_window = room != Some(Err(Overrun));
        Ok(Some(Arrived::Data { stream, bytes: bytes.to_vec(), end_stream, within_window }))
    }

    /// Keeps what came on a stream on which nothing is awaited.
    fn is_late(&mut self, stream: StreamId, bytes: &[u8], now: Moment) -> Result<bool, Broken> {
        let Some((on, after)) = self.streams.unasked(stream) else { return Ok(false) };
        self.brings_nothing()?;
        match self.late.add(stream, on, after, bytes, now) {
            true => Ok(true),
            false => Err(Broken::Flood),
        }
    }

    fn ends(&mut self, stream: StreamId, end_stream: bool) {
        if let Some(stream) = self.streams.get_mut(stream).filter(|_| end_stream) {
            stream.receives = Receiving::Ended;
        }
    }
}
