//! The reader of a connection: frames, and what each of them means for its stream or for the connection.
//!
//! What a gateway may not send ends the stream or the connection as RFC 9113 says (§5.4); what is only late on a stream
//! that has ended is read over (§5.1). Every block of fields is decoded, wanted or not, since all share one table.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http2::block::BlockError;
use http2::hpack::{Decoder, FieldList, TABLE_BYTES_DEFAULT};
use http2::{Block, Blocks, ErrorCode, Frame, FrameReader, Kind, Payload, StreamId, Window, frame};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Sleep, sleep};
use transport::ReadHalf;
use vocabulary::crossing::Http;
use vocabulary::identity::{self, Ordinal};
use vocabulary::limits::REQUEST_WAIT;

use super::request::{self, Request};
use super::stream::Stream;
use super::{Line, Over};
use crate::head::{Malformed, RequestHead};
use crate::turn::{Arrived, Turn};

/// Bytes that one read has room for.
const READ_BYTES: usize = 16 * 1024;
/// Frames in a row that ask for work and bring none: RFC 9113 §10.5.
const IDLE_FRAMES_MAX: u32 = 10_000;

/// The reading half.
pub(super) struct Inbound<'a> {
    half: ReadHalf<'a>,
    bytes: Box<[u8]>,
    frames: FrameReader,
    reader: Reader<'a>,
    /// Until when the rest of what has begun must come.
    deadline: Option<Pin<Box<Sleep>>>,
}

/// What becomes of frames.
struct Reader<'a> {
    line: &'a Line<'a>,
    blocks: Blocks,
    decoder: Decoder,
    fields: FieldList,
    /// Bytes that we take on the connection.
    window: Window,
    /// Whether the settings have come that a gateway sends first.
    is_settled: bool,
    /// Whether a block of fields has begun and not ended.
    is_amid_block: bool,
    idle_frames: u32,
}

/// Why the connection cannot go on.
struct Failure(ErrorCode, &'static str);

impl<'a> Inbound<'a> {
    /// Of a connection on which these bytes have come behind the preface.
    pub(super) fn new(line: &'a Line<'a>, half: ReadHalf<'a>, behind: &[u8]) -> Inbound<'a> {
        let reader = Reader {
            line,
            blocks: Blocks::default(),
            decoder: Decoder::new(TABLE_BYTES_DEFAULT),
            fields: FieldList::default(),
            window: Window::INITIAL,
            is_settled: false,
            is_amid_block: false,
            idle_frames: 0,
        };
        let frames = FrameReader::new(frame::PAYLOAD_BYTES_DEFAULT);
        let mut inbound = Inbound { half, bytes: vec![0; READ_BYTES].into(), frames, reader, deadline: None };
        inbound.frames.push(behind);
        inbound.take_frames();
        inbound
    }

    /// Reads what has come, once.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) {
        let line = self.reader.line;
        if line.over.get().is_some() {
            return;
        }
        let mut into = ReadBuf::new(&mut self.bytes);
        match Pin::new(&mut self.half).poll_read(context, &mut into) {
            Poll::Pending => self.wait(context),
            Poll::Ready(Err(_)) => line.left(Over::Reset),
            Poll::Ready(Ok(())) if into.filled().is_empty() => line.left(Over::Closed),
            Poll::Ready(Ok(())) => {
                self.frames.push(into.filled());
                self.deadline = None;
                self.take_frames();
                line.again.set(true);
            }
        }
    }

    fn take_frames(&mut self) {
        let failure = loop {
            match self.frames.next() {
                Ok(Some(frame)) => match self.reader.take(frame) {
                    Ok(()) => {}
                    Err(failure) => break failure,
                },
                Ok(None) => return,
                Err(_) => break Failure(ErrorCode::FRAME_SIZE_ERROR, "a frame longer than was announced"),
            }
        };
        self.reader.line.fail(failure.0, failure.1);
    }

    /// An idle connection may stay idle; what has begun must go on.
    fn wait(&mut self, context: &mut Context<'_>) {
        if self.reader.is_settled && !self.reader.is_amid_block && self.frames.rest().is_empty() {
            self.deadline = None;
            return;
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(REQUEST_WAIT)));
        if deadline.as_mut().poll(context).is_ready() {
            self.reader.line.fail(ErrorCode::ENHANCE_YOUR_CALM, "the rest of a frame or block does not come");
        }
    }
}

impl Reader<'_> {
    fn take(&mut self, frame: Frame<'_>) -> Result<(), Failure> {
        // RFC 9113 §3.4.
        if !self.is_settled && (frame.kind != Kind::Settings || frame.has(frame::ACK)) {
            return Err(Failure(ErrorCode::PROTOCOL_ERROR, "something before the first settings"));
        }
        let block = self.blocks.take(frame).map_err(|error| match error {
            BlockError::Malformed(malformed) => Failure(malformed.code(), "a frame that says nothing"),
            BlockError::TooLarge { .. } => Failure(ErrorCode::ENHANCE_YOUR_CALM, "a block without an end"),
            BlockError::Interrupted { .. } | BlockError::Stray(_) => {
                Failure(ErrorCode::PROTOCOL_ERROR, "a block in pieces that do not belong together")
            }
        })?;
        self.is_amid_block = block.is_none() && matches!(frame.kind, Kind::Headers | Kind::Continuation);
        if let Some(block) = block {
            return self.take_block(block);
        }
        let payload = frame.parse().map_err(|malformed| Failure(malformed.code(), "a frame that says nothing"))?;
        self.bound(&payload)?;
        let of_connection = matches!(frame.kind, Kind::Settings | Kind::Ping | Kind::GoAway);
        let of_stream = matches!(frame.kind, Kind::Data | Kind::Headers | Kind::Priority | Kind::RstStream);
        let is_connection = frame.stream == StreamId::CONNECTION;
        if (of_connection && !is_connection) || (of_stream && is_connection) {
            return Err(Failure(ErrorCode::PROTOCOL_ERROR, "a frame where its kind has no place"));
        }
        // RFC 9113 §5.1: of a stream that was never opened, nothing can be said.
        let is_of_idle = !is_connection && frame.stream > self.line.last.get();
        let says_something = matches!(frame.kind, Kind::Data | Kind::RstStream | Kind::WindowUpdate);
        if is_of_idle && says_something {
            return Err(Failure(ErrorCode::PROTOCOL_ERROR, "a frame of a stream that was not opened"));
        }
        match payload {
            Payload::Data { bytes, end_stream } => self.take_data(frame, bytes, end_stream),
            Payload::RstStream(_) => {
                if let Some(stream) = self.stream(frame.stream) {
                    stream.take_reset(self.line.office);
                }
                Ok(())
            }
            Payload::Settings(settings) => self.take_settings(settings),
            Payload::SettingsAck => self.take_acknowledgement(),
            Payload::Ping(opaque) => {
                frame::ping(self.line.outbox.borrow_mut().control(), opaque, true);
                Ok(())
            }
            Payload::WindowUpdate(bytes) => self.take_window(frame.stream, bytes),
            Payload::PushPromise { .. } => Err(Failure(ErrorCode::PROTOCOL_ERROR, "a promise of a client's")),
            // RFC 9113 §6.8: the gateway opens no more streams; those that are open go on.
            Payload::GoAway { .. }
            | Payload::PingAck(_)
            | Payload::Priority
            | Payload::Unknown
            // Their blocks are taken above, once they are whole.
            | Payload::Headers { .. }
            | Payload::Continuation { .. } => Ok(()),
        }
    }

    /// Bounds what costs the gateway little and us much.
    fn bound(&mut self, payload: &Payload<'_>) -> Result<(), Failure> {
        match payload {
            Payload::Data { bytes, end_stream } if *end_stream || !bytes.is_empty() => self.idle_frames = 0,
            Payload::Headers { .. } | Payload::Continuation { .. } | Payload::WindowUpdate(_) => {}
            _ => self.idle_frames += 1,
        }
        if self.idle_frames > IDLE_FRAMES_MAX || self.line.outbox.borrow().is_flooded() {
            return Err(Failure(ErrorCode::ENHANCE_YOUR_CALM, "frames that bring nothing"));
        }
        Ok(())
    }

    fn take_block(&mut self, block: Block) -> Result<(), Failure> {
        let decoded = self.decoder.decode(&block.bytes, &mut self.fields);
        decoded.map_err(|_| Failure(ErrorCode::COMPRESSION_ERROR, "a block that cannot be decoded"))?;
        self.idle_frames = 0;
        let id = block.stream;
        if block.promised.is_some() || id.0.is_multiple_of(2) {
            return Err(Failure(ErrorCode::PROTOCOL_ERROR, "fields of a stream that no client opens"));
        }
        if id > self.line.last.get() {
            self.open(id, block.end_stream);
            return Ok(());
        }
        match self.stream(id).filter(|stream| stream.listens()) {
            Some(stream) => {
                let trailer = request::trailer(&self.fields);
                // RFC 9113 §8.1: what follows the body is its end.
                let whole = trailer.and_then(|trailer| match block.end_stream {
                    true => Ok(trailer),
                    false => Err(Malformed::Fields("a second head")),
                });
                stream.take_trailer(self.line.office, whole);
                Ok(())
            }
            // RFC 9113 §5.1: a trailer may have been under way when we reset its stream; no request can be.
            None if self.fields.get(":method").is_some() => {
                Err(Failure(ErrorCode::STREAM_CLOSED, "a request on a stream that has ended"))
            }
            None => Ok(()),
        }
    }

    /// A request has arrived.
    fn open(&mut self, id: StreamId, ends: bool) {
        let line = self.line;
        let request = Request::of(&self.fields, ends);
        let ordinal = Ordinal(line.heads.get() + 1);
        line.heads.set(ordinal.0);
        line.last.set(id);
        let arrived = Arrived { connection: line.link.id, ordinal, stream: Some(identity::StreamId(id.0)) };
        let (head, refusal) = match request.head {
            Ok(head) => (head, None),
            Err(malformed) => {
                tracing::debug!("refused a request on {}: {malformed}", line.link.id);
                (RequestHead::unread(Http::H2), Some(malformed.status()))
            }
        };
        let turn = Turn::of(line.office, arrived, head, &request.text);
        let open = line.streams.borrow().values().filter(|stream| stream.is_open()).count();
        if refusal.is_none() && !line.announced.borrow().admits(open) {
            // RFC 9113 §5.1.2, §8.7: nothing was done for it, and it may be sent again.
            turn.report_seen(line.office);
            turn.leave(line.office);
            return line.outbox.borrow_mut().reset(id, ErrorCode::REFUSED_STREAM);
        }
        let stream = Rc::new(Stream::new(id, turn, request.declared, ends));
        stream.sends.set(line.outbox.borrow().stream_window());
        stream.takes.set(line.announced.borrow().window());
        match refusal {
            Some(status) => stream.turn.refuse(line.office, status),
            None => stream.recognise(line.office),
        }
        self.line.make_room(&stream);
        line.streams.borrow_mut().insert(id, Rc::clone(&stream));
        line.newcomers.borrow_mut().push(stream);
    }

    fn take_data(&mut self, frame: Frame<'_>, bytes: &[u8], ends: bool) -> Result<(), Failure> {
        // RFC 9113 §6.9.1: padding counts, and so does what is thrown away.
        let counted = frame.payload.len();
        self.window.take(counted);
        if self.window.bytes() < 0 {
            return Err(Failure(ErrorCode::FLOW_CONTROL_ERROR, "more than the connection's window"));
        }
        if self.window.bytes() <= Window::INITIAL.bytes() / 2 {
            let owed = Window::INITIAL.bytes() - self.window.bytes();
            self.window = Window::INITIAL;
            let owed = u32::try_from(owed).unwrap_or(0);
            frame::window_update(self.line.outbox.borrow_mut().control(), StreamId::CONNECTION, owed);
        }
        let Some(stream) = self.stream(frame.stream) else { return Ok(()) };
        if !stream.listens() {
            if stream.has_request() {
                self.line.fail_stream(&stream, ErrorCode::STREAM_CLOSED);
            }
            return Ok(());
        }
        let mut window = stream.takes.get();
        window.take(counted);
        stream.takes.set(window);
        if window.bytes() < 0 {
            self.line.fail_stream(&stream, ErrorCode::FLOW_CONTROL_ERROR);
            return Ok(());
        }
        stream.take_data(self.line.office, bytes, ends);
        self.line.make_room(&stream);
        Ok(())
    }

    fn take_settings(&mut self, settings: &[u8]) -> Result<(), Failure> {
        self.is_settled = true;
        let applied = self.line.outbox.borrow_mut().apply(settings);
        let difference = applied.map_err(|bad| Failure(bad.0, "a setting out of its range"))?;
        for stream in self.line.streams.borrow().values() {
            let mut window = stream.sends.get();
            window.add(difference).map_err(|_| Failure(ErrorCode::FLOW_CONTROL_ERROR, "a window beyond its bound"))?;
            stream.sends.set(window);
        }
        Ok(())
    }

    fn take_acknowledgement(&mut self) -> Result<(), Failure> {
        let difference = self.line.announced.borrow_mut().acknowledged(&mut self.decoder);
        for stream in self.line.streams.borrow().values() {
            let mut window = stream.takes.get();
            window.add(difference).map_err(|_| Failure(ErrorCode::FLOW_CONTROL_ERROR, "a window beyond its bound"))?;
            stream.takes.set(window);
            self.line.make_room(stream);
        }
        Ok(())
    }

    fn take_window(&mut self, id: StreamId, bytes: u32) -> Result<(), Failure> {
        if id == StreamId::CONNECTION {
            return match bytes > 0 && self.line.outbox.borrow_mut().widen(bytes) {
                true => Ok(()),
                // RFC 9113 §6.9, §6.9.1.
                false if bytes == 0 => Err(Failure(ErrorCode::PROTOCOL_ERROR, "a window that opens by nothing")),
                false => Err(Failure(ErrorCode::FLOW_CONTROL_ERROR, "a window beyond its bound")),
            };
        }
        let Some(stream) = self.stream(id) else { return Ok(()) };
        let mut window = stream.sends.get();
        if bytes == 0 {
            self.line.fail_stream(&stream, ErrorCode::PROTOCOL_ERROR);
        } else if window.add(i64::from(bytes)).is_err() {
            self.line.fail_stream(&stream, ErrorCode::FLOW_CONTROL_ERROR);
        } else {
            stream.sends.set(window);
        }
        Ok(())
    }

    fn stream(&self, id: StreamId) -> Option<Rc<Stream>> {
        self.line.streams.borrow().get(&id).map(Rc::clone)
    }
}
