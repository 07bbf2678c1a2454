//! What is to be written on a connection: frames of all streams that have something to say, alternating, one batch after
//! the other.
//!
//! A frame is made when it is put into a batch: then its turn has come, the windows are known, and blocks of fields are
//! compressed in the order in which they go out. A batch is one write if the kernel takes it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http2::hpack::{Encoder, Indexing, Name, Style, TABLE_BYTES_DEFAULT, encoder};
use http2::{ErrorCode, Setting, SettingId, StreamId, Window, frame};
use tokio::io::AsyncWrite;
use tokio::time::{Instant, Sleep, sleep};
use transport::WriteHalf;
use vocabulary::directive::{Frames, LastStream, Table};
use vocabulary::limits::WRITE_WAIT;

use super::settings::Announced;
use super::stream::Stream;
use crate::behavior::{Part, Parts, SEGMENT_BYTES_MAX, Wire, fields};

/// Bytes of a batch, beside its last frame.
const BATCH_BYTES: usize = 64 * 1024;
/// Bytes of a frame's payload at most, if the gateway takes so many.
const PAYLOAD_BYTES_MAX: u32 = 64 * 1024;
/// Bytes of answers that wait for a gateway that asks and does not read.
const CONTROL_BYTES_MAX: usize = 64 * 1024;
/// The highest stream that there can be: RFC 9113 §6.8.
const LAST_STREAM: StreamId = StreamId(i32::MAX as u32);

/// Everything that waits to be written, and what the gateway takes.
pub(super) struct Outbox {
    /// Frames that are about the connection, or answers; they go first.
    control: Vec<u8>,
    /// What streams have to say, in the order of their turns.
    waiting: VecDeque<Rc<Writing>>,
    batch: Vec<u8>,
    /// Bytes of the batch that the kernel has taken.
    taken: usize,
    /// Whose frames the batch has, in their order.
    spans: VecDeque<Span>,
    /// How often the kernel has taken something.
    writes: u64,
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
    /// Since when the kernel takes nothing.
    stuck: Option<Pin<Box<Sleep>>>,
}

/// What a stream has to say at once.
pub(super) struct Writing {
    stream: Rc<Stream>,
    parts: RefCell<VecDeque<Part>>,
    /// Bytes of the first part, a body, that stand in frames already.
    at: Cell<u64>,
    /// Whether the empty frame before the next one stands there.
    is_announced: Cell<bool>,
    /// In which write, and where in the batch, it begins.
    begins: Cell<Option<(u64, usize)>>,
    /// Set when the kernel has taken all of it: whether it was in one write.
    pub(super) done: Cell<Option<bool>>,
    /// When a frame of it was last put into a batch, or taken.
    pub(super) moved: Cell<Instant>,
    /// Whether it waits for a window.
    pub(super) is_blocked: Cell<bool>,
    is_withdrawn: Cell<bool>,
}

struct Span {
    writing: Rc<Writing>,
    start: usize,
    end: usize,
    is_last: bool,
}

/// What became of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Frame,
    All,
    /// A window is closed.
    Nothing,
}

/// Why nothing more can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unwritable {
    /// The gateway has reset the connection.
    Gone,
    /// It does not take our bytes.
    Stuck,
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

    /// What of it stands in no batch is not written any more.
    pub(super) fn withdraw(&self) {
        self.is_withdrawn.set(true);
    }
}

impl Outbox {
    pub(super) fn new() -> Outbox {
        Outbox {
            control: Vec::new(),
            waiting: VecDeque::new(),
            batch: Vec::new(),
            taken: 0,
            spans: VecDeque::new(),
            writes: 0,
            encoder: Encoder::new(TABLE_BYTES_DEFAULT),
            scratch: Vec::new(),
            window: Window::INITIAL,
            stream_window: Window::INITIAL,
            payload_bytes_max: frame::PAYLOAD_BYTES_DEFAULT as usize,
            last: None,
            stuck: None,
        }
    }

    /// Where frames go that are no stream's.
    pub(super) fn control(&mut self) -> &mut Vec<u8> {
        &mut self.control
    }

    /// Whether so many answers wait that no more questions are taken.
    pub(super) fn is_flooded(&self) -> bool {
        self.control.len() > CONTROL_BYTES_MAX
    }

    pub(super) fn push(&mut self, writing: &Rc<Writing>) {
        self.waiting.push_back(Rc::clone(writing));
    }

    /// Resets a stream.
    pub(super) fn reset(&mut self, stream: StreamId, code: ErrorCode) {
        frame::rst_stream(&mut self.control, stream, code);
    }

    /// Says that the connection ends.
    pub(super) fn go_away(&mut self, last: StreamId, code: ErrorCode) {
        let last = self.name_last(last);
        frame::go_away(&mut self.control, last, code, b"");
    }

    /// RFC 9113 §6.8: the last stream must not become a higher one.
    fn name_last(&mut self, last: StreamId) -> StreamId {
        *self.last.insert(self.last.map_or(last, |said| said.min(last)))
    }

    /// Whether a stream is behind the last one that is worked on.
    pub(super) fn has_left(&self, stream: StreamId) -> bool {
        self.last.is_some_and(|last| stream > last)
    }

    /// Whether the connection is to end when all streams have.
    pub(super) fn leaves(&self) -> bool {
        self.last.is_some_and(|last| last < LAST_STREAM)
    }

    pub(super) fn is_empty(&self) -> bool {
        let all_is_taken = self.control.is_empty() && self.taken == self.batch.len();
        all_is_taken && self.waiting.iter().all(|writing| writing.is_withdrawn.get())
    }

    /// The window of a stream that opens now.
    pub(super) fn stream_window(&self) -> Window {
        self.stream_window
    }

    /// The gateway takes more on the connection; whether that is too much.
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
                // RFC 9113 §6.5.2: the size of a list of fields is advice, and plans do not take it. The rest is unknown.
                _ => {}
            }
        }
        frame::settings_ack(&mut self.control);
        Ok(self.stream_window.bytes() - before)
    }

    /// Writes one batch, or what is left of it: whether anything has moved.
    pub(super) fn poll(
        &mut self,
        half: &mut WriteHalf<'_>,
        announced: &RefCell<Announced>,
        context: &mut Context<'_>,
    ) -> Result<bool, Unwritable> {
        if self.taken == self.batch.len() {
            self.batch.clear();
            self.taken = 0;
            self.gather(&mut announced.borrow_mut());
        }
        let rest = &self.batch[self.taken..];
        if rest.is_empty() {
            self.stuck = None;
            return Ok(false);
        }
        match Pin::new(half).poll_write(context, rest) {
            Poll::Ready(Ok(count @ 1..)) => {
                self.stuck = None;
                self.taken += count;
                self.writes += 1;
                self.settle();
                Ok(true)
            }
            Poll::Ready(Ok(0) | Err(_)) => Err(Unwritable::Gone),
            Poll::Pending => {
                let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(WRITE_WAIT)));
                match stuck.as_mut().poll(context) {
                    Poll::Ready(()) => Err(Unwritable::Stuck),
                    Poll::Pending => Ok(false),
                }
            }
        }
    }

    /// Fills a batch: one frame of each stream in turn.
    fn gather(&mut self, announced: &mut Announced) {
        std::mem::swap(&mut self.batch, &mut self.control);
        let mut blocked = 0;
        while blocked < self.waiting.len() && self.batch.len() < BATCH_BYTES {
            let Some(writing) = self.waiting.pop_front() else { break };
            if writing.is_withdrawn.get() {
                continue;
            }
            let start = self.batch.len();
            let said = self.say(&writing, announced);
            writing.is_blocked.set(said == Said::Nothing);
            if said == Said::Nothing {
                blocked += 1;
                self.waiting.push_back(writing);
                continue;
            }
            blocked = 0;
            let (end, is_last) = (self.batch.len(), said == Said::All);
            writing.moved.set(Instant::now());
            self.spans.push_back(Span { writing: Rc::clone(&writing), start, end, is_last });
            if !is_last {
                self.waiting.push_back(writing);
            }
        }
    }

    /// Tells those whose frames the kernel has taken.
    fn settle(&mut self) {
        while let Some(span) = self.spans.front() {
            let Span { writing, start, end, is_last } = span;
            if *start < self.taken && writing.begins.get().is_none() {
                writing.begins.set(Some((self.writes, *start)));
            }
            if *end > self.taken {
                return;
            }
            writing.moved.set(Instant::now());
            if *is_last {
                let in_one = writing.begins.get().is_some_and(|(write, begin)| {
                    // Between its frames may stand those of others.
                    write == self.writes && (end - begin) as u64 <= SEGMENT_BYTES_MAX
                });
                writing.done.set(Some(in_one));
            }
            self.spans.pop_front();
        }
    }

    /// Appends the next frame of a stream, or its next block of fields.
    fn say(&mut self, writing: &Writing, announced: &mut Announced) -> Said {
        let stream = &*writing.stream;
        let mut parts = writing.parts.borrow_mut();
        let Some(part) = parts.pop_front() else { return Said::All };
        match part {
            Part::Head { text, shape } => {
                let ends = takes_end(&mut parts);
                self.block(stream.id, &text, shape, ends);
                stream.ended.set(stream.ended.get() | ends);
            }
            Part::Trailers { text, shape } => {
                self.block(stream.id, &text, shape, true);
                stream.ended.set(true);
            }
            Part::Body { wire, shape } => {
                let Some(bytes) = self.data(writing, &wire, shape, &mut parts) else {
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
                frame::data(&mut self.batch, stream.id, b"", true, None);
                stream.ended.set(true);
            }
            Part::Reset(code) => {
                frame::rst_stream(&mut self.batch, stream.id, code);
                stream.give_up();
            }
            Part::GoAway(last) => {
                let last = match last {
                    LastStream::This => stream.id,
                    LastStream::Before => StreamId(stream.id.0.saturating_sub(2)),
                    LastStream::Any => LAST_STREAM,
                };
                let last = self.name_last(last);
                frame::go_away(&mut self.batch, last, ErrorCode::NO_ERROR, b"");
            }
            Part::Settings(change) => announced.change(&mut self.batch, change),
        }
        if parts.is_empty() { Said::All } else { Said::Frame }
    }

    /// Appends a DATA frame as the plan and the windows allow it: how many bytes of the body it has, if there can be one.
    fn data(&mut self, writing: &Writing, wire: &Wire, shape: Frames, parts: &mut VecDeque<Part>) -> Option<u64> {
        let stream = &*writing.stream;
        if shape.empty && !writing.is_announced.replace(true) {
            frame::data(&mut self.batch, stream.id, b"", false, None);
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
        frame::data(&mut self.batch, stream.id, &self.scratch, ends, padding);
        writing.is_announced.set(false);
        let counted = bytes as usize + beside;
        self.window.take(counted);
        let mut window = stream.sends.get();
        window.take(counted);
        stream.sends.set(window);
        stream.ended.set(stream.ended.get() | ends);
        Some(bytes)
    }

    /// Appends a block of fields.
    fn block(&mut self, stream: StreamId, text: &[u8], shape: Frames, ends: bool) {
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
        frame::headers(&mut self.batch, stream, block, ends, most.min(self.payload_bytes_max));
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
