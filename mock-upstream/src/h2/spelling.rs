//! Frames out of what streams have to say, as the gateway's settings and windows allow them.
//!
//! A frame is made when its turn has come to be written, since the table of fields is what all blocks before have made
//! of it. Nothing is held to the rules beyond that: a plan may have frames on a stream that has ended.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use http2::hpack::{Encoder, Indexing, Name, Style, TABLE_BYTES_DEFAULT, encoder};
use http2::{ErrorCode, Setting, SettingId, StreamId, Window, frame};
use tokio::time::Instant;
use vocabulary::directive::{Frames, LastStream, Table};

use super::settings::Announced;
use super::stream::Stream;
use crate::behavior::{Part, Parts, Wire, fields};

/// Bytes of a frame's payload at most, if the gateway takes so many.
const PAYLOAD_BYTES_MAX: u32 = 64 * 1024;
/// The highest stream that there can be: RFC 9113 §6.8.
pub(super) const LAST_STREAM: StreamId = StreamId(i32::MAX as u32);

/// What a connection spells its frames with.
pub(super) struct Speller {
    encoder: Encoder,
    /// The memory for what is rendered or compressed.
    scratch: Vec<u8>,
    /// Bytes of DATA that the gateway takes on the connection.
    window: Window,
    /// Of a stream that opens now.
    stream_window: Window,
    payload_bytes_max: usize,
    /// The last stream that a GOAWAY has named.
    last: Option<StreamId>,
}

/// What a stream has to say at once.
pub(super) struct Writing {
    stream: Rc<Stream>,
    parts: RefCell<VecDeque<Part>>,
    /// Bytes of the first part, a body, that stand in frames already.
    at: Cell<u64>,
    /// Whether the empty frame before the first one stands there.
    is_announced: Cell<bool>,
    /// In which write, and where in the batch, it begins.
    pub(super) begins: Cell<Option<(u64, usize)>>,
    /// Set when the kernel has taken all of it: whether it was in one write.
    pub(super) done: Cell<Option<bool>>,
    /// When a frame of it was last put into a batch, or taken.
    pub(super) moved: Cell<Instant>,
    /// Whether it waits for a window.
    pub(super) is_blocked: Cell<bool>,
    is_withdrawn: Cell<bool>,
}

/// What became of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Frame,
    All,
    /// A window is closed.
    Nothing,
}

/// A setting of the gateway's that is an error.
pub(super) struct BadSetting(pub(super) ErrorCode);

impl Writing {
    pub(super) fn new(stream: &Rc<Stream>, parts: Parts) -> Rc<Writing> {
        let parts = parts.into_parts();
        Rc::new(Writing {
            stream: Rc::clone(stream),
            done: Cell::new(parts.is_empty().then_some(true)),
            parts: RefCell::new(parts),
            at: Cell::new(0),
            is_announced: Cell::new(false),
            begins: Cell::new(None),
            moved: Cell::new(Instant::now()),
            is_blocked: Cell::new(false),
            is_withdrawn: Cell::new(false),
        })
    }

    pub(super) fn is_withdrawn(&self) -> bool {
        self.is_withdrawn.get()
    }

    /// What of it stands in no batch is not written any more.
    pub(super) fn withdraw(&self) {
        self.is_withdrawn.set(true);
    }
}

impl Speller {
    pub(super) fn new() -> Speller {
        Speller {
            encoder: Encoder::new(TABLE_BYTES_DEFAULT),
            scratch: Vec::new(),
            window: Window::INITIAL,
            stream_window: Window::INITIAL,
            payload_bytes_max: frame::PAYLOAD_BYTES_DEFAULT as usize,
            last: None,
        }
    }

    /// The window of a stream that opens now.
    pub(super) fn stream_window(&self) -> Window {
        self.stream_window
    }

    /// The last stream that a GOAWAY has named.
    pub(super) fn last(&self) -> Option<StreamId> {
        self.last
    }

    /// RFC 9113 §6.8: the last stream must not become a higher one.
    pub(super) fn name_last(&mut self, last: StreamId) -> StreamId {
        *self.last.insert(self.last.map_or(last, |said| said.min(last)))
    }

    /// The gateway takes more on the connection: whether it may (RFC 9113 §6.9.1).
    pub(super) fn widen(&mut self, bytes: u32) -> bool {
        self.window.add(i64::from(bytes)).is_ok()
    }

    /// The gateway has settings: by how many bytes the windows of all streams grow (RFC 9113 §6.9.2).
    pub(super) fn apply(&mut self, payload: &[u8]) -> Result<i64, BadSetting> {
        let before = self.stream_window.bytes();
        for Setting { id, value } in Setting::read(payload) {
            match id {
                SettingId::HEADER_TABLE_SIZE => {
                    let bytes = value.min(TABLE_BYTES_DEFAULT);
                    if bytes as usize != self.encoder.table_bytes_max() {
                        self.encoder.resize(bytes);
                    }
                }
                SettingId::INITIAL_WINDOW_SIZE if i64::from(value) > Window::MAX => {
                    return Err(BadSetting(ErrorCode::FLOW_CONTROL_ERROR));
                }
                SettingId::INITIAL_WINDOW_SIZE => self.stream_window = Window::of(value),
                SettingId::MAX_FRAME_SIZE => {
                    if !(frame::PAYLOAD_BYTES_DEFAULT..=frame::PAYLOAD_BYTES_MAX).contains(&value) {
                        return Err(BadSetting(ErrorCode::PROTOCOL_ERROR));
                    }
                    self.payload_bytes_max = value.min(PAYLOAD_BYTES_MAX) as usize;
                }
                SettingId::ENABLE_PUSH if value > 1 => return Err(BadSetting(ErrorCode::PROTOCOL_ERROR)),
                // RFC 9113 §6.5.2: how large a list of fields may be is advice, and plans do not take it.
                _ => {}
            }
        }
        Ok(self.stream_window.bytes() - before)
    }

    /// Appends the next frame of a stream, or its next block of fields.
    pub(super) fn say(&mut self, out: &mut Vec<u8>, writing: &Writing, announced: &mut Announced) -> Said {
        let stream = &*writing.stream;
        let mut parts = writing.parts.borrow_mut();
        let Some(part) = parts.pop_front() else { return Said::All };
        match part {
            Part::Head { text, shape } => {
                let ends = takes_end(&mut parts);
                self.block(out, stream.id, &text, shape, ends);
                stream.ended.set(stream.ended.get() | ends);
            }
            Part::Trailers { text, shape } => {
                self.block(out, stream.id, &text, shape, true);
                stream.ended.set(true);
            }
            Part::Body { wire, shape } => {
                let Some(bytes) = self.data(out, writing, &wire, shape, &mut parts) else {
                    parts.push_front(Part::Body { wire, shape });
                    return Said::Nothing;
                };
                writing.at.set(writing.at.get() + bytes);
                match writing.at.get() < wire.len() {
                    true => parts.push_front(Part::Body { wire, shape }),
                    false => writing.at.set(0),
                }
            }
            Part::End { .. } => {
                frame::data(out, stream.id, b"", true, None);
                stream.ended.set(true);
            }
            Part::Reset(code) => {
                frame::rst_stream(out, stream.id, code);
                stream.give_up();
            }
            Part::GoAway(last) => {
                let last = match last {
                    LastStream::This => stream.id,
                    LastStream::Before => StreamId(stream.id.0.saturating_sub(2)),
                    LastStream::Any => LAST_STREAM,
                };
                let last = self.name_last(last);
                frame::go_away(out, last, ErrorCode::NO_ERROR, b"");
            }
            Part::Settings(change) => announced.change(out, change),
        }
        if parts.is_empty() { Said::All } else { Said::Frame }
    }

    /// Appends a DATA frame as plan and windows allow it: how many bytes of the body it has, if there can be one.
    fn data(
        &mut self,
        out: &mut Vec<u8>,
        writing: &Writing,
        wire: &Wire,
        shape: Frames,
        parts: &mut VecDeque<Part>,
    ) -> Option<u64> {
        let stream = &*writing.stream;
        if shape.empty && !writing.is_announced.replace(true) {
            frame::data(out, stream.id, b"", false, None);
            return Some(0);
        }
        let room = stream.sends.get().available().min(self.window.available()).min(self.payload_bytes_max);
        // Padding takes room in the windows (RFC 9113 §6.9.1); where there is none it is left out.
        let padding = u8::try_from(shape.padding.min(255)).unwrap_or(u8::MAX);
        let padding = (padding > 0 && room > 1 + usize::from(padding)).then_some(padding);
        let beside = padding.map_or(0, |padding| 1 + usize::from(padding));
        let planned = if shape.data == 0 { usize::MAX } else { shape.data as usize };
        let left = wire.len() - writing.at.get();
        let bytes = left.min((room - beside).min(planned) as u64);
        if bytes == 0 {
            return None;
        }
        let at = writing.at.get();
        let ends = bytes == left && takes_end(parts);
        self.scratch.clear();
        wire.render(at..at + bytes, &mut self.scratch);
        frame::data(out, stream.id, &self.scratch, ends, padding);
        let counted = bytes as usize + beside;
        self.window.take(counted);
        let mut window = stream.sends.get();
        window.take(counted);
        stream.sends.set(window);
        stream.ended.set(stream.ended.get() | ends);
        Some(bytes)
    }

    /// Appends a block of fields.
    fn block(&mut self, out: &mut Vec<u8>, stream: StreamId, text: &[u8], shape: Frames, ends: bool) {
        let block = &mut self.scratch;
        block.clear();
        self.encoder.begin(block);
        for (name, value) in fields(text) {
            match style(name, shape.table) {
                Some(style) => self.encoder.encode(block, name, value, style),
                None => encoder::literal(block, Name::New(name), value, Style::PLAIN),
            }
        }
        let most = if shape.block == 0 { usize::MAX } else { shape.block as usize };
        frame::headers(out, stream, block, ends, most.min(self.payload_bytes_max));
    }
}

/// Whether the stream ends with the frame that is being made.
fn takes_end(parts: &mut VecDeque<Part>) -> bool {
    let ends = matches!(parts.front(), Some(Part::End { apart: false }));
    if ends {
        parts.pop_front();
    }
    ends
}

/// How a field is compressed; none: as if there were no tables.
fn style(name: &[u8], table: Table) -> Option<Style> {
    // Of these each reply has another value, or one that would take the whole table.
    let is_of_no_further_use =
        matches!(name, b"content-length" | b"etag" | b"set-cookie" | b"date" | b"age" | b"location" | b"x-padding");
    match table {
        Table::Unused => None,
        Table::Shared if is_of_no_further_use => Some(Style { indexing: Indexing::Without, huffman: true }),
        Table::Shared | Table::Filled => Some(Style::USUAL),
    }
}
