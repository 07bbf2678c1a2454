//! The streams of one connection, and to which of them frames are led that belong to another.

use std::collections::BTreeMap;

use super::frame::{
    CANCEL, CONTINUATION, DATA, END_HEADERS, Frame, HEADERS, INTERNAL_ERROR, PADDED, RST_STREAM, WINDOW_UPDATE,
};
use super::passed::Passage;
use crate::decisions::Bends;
use crate::exchange::Refusal;

/// From how many bytes on a block of fields is too large for those who skip it, compressed as it comes.
const LARGE_BLOCK_BYTES: usize = 32 * 1024;

/// What is known of one connection's streams.
#[derive(Debug)]
pub(crate) struct Book {
    bends: Bends,
    streams: BTreeMap<u32, State>,
    /// The highest that a request has had.
    newest: u32,
    /// Frames of replies for which nobody waits yet.
    parked: Vec<Frame>,
    /// The block of fields that is coming.
    block: Vec<Frame>,
    /// The DATA that came last: its stream and its bytes.
    last: Option<(u32, Vec<u8>)>,
    /// By which requests pass that are malformed, where they do.
    passage: Option<Passage>,
}

/// What is known of a stream.
#[derive(Debug, Default)]
struct State {
    refused: Option<Refusal>,
    request_ended: bool,
    /// Blocks of fields that have come for it, and how many of them were interim replies.
    blocks: u32,
    interims: u32,
    /// Whether DATA has come for it, its end, or a reset from either side.
    has_data: bool,
    ended: bool,
    reset: bool,
    /// The newest stream at the time when its reset was swallowed.
    given_up: Option<u32>,
    /// Whether nothing of it is passed on any more.
    skipped: bool,
    /// The stream that gets its reply, and the one whose reply it gets, where that is known.
    goes_to: Option<u32>,
    comes_from: Option<u32>,
}

impl State {
    /// Whether it waits for its final reply, or for somebody's.
    fn waits(&self) -> bool {
        let over = self.has_data || self.ended || self.reset || self.given_up.is_some();
        !over && self.blocks == self.interims && self.comes_from.is_none()
    }
}

/// What becomes of a frame: what goes on in its direction, and what goes back.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Passed {
    pub(super) on: Vec<Frame>,
    pub(super) back: Vec<Frame>,
}

impl Passed {
    fn on(frame: Frame) -> Passed {
        Passed { on: vec![frame], back: Vec::new() }
    }
}

impl Book {
    pub(super) fn new(bends: Bends) -> Book {
        let (streams, newest, parked, block, last) = Default::default();
        let passage = (bends == Bends::MalformedPassed).then(Passage::new);
        Book { bends, streams, newest, parked, block, last, passage }
    }

    /// A stream is about to be opened, by a request that was refused before or by one that was not.
    pub(crate) fn note_opened(&mut self, stream: u32, refused: Option<Refusal>) {
        self.state(stream).refused = refused;
    }

    /// An interim reply has come for a stream.
    pub(crate) fn note_interim(&mut self, stream: u32) {
        // Whose it was is known only by where it came from.
        let owner = self.source(stream);
        self.state(owner).interims += 1;
    }

    /// A frame of the client's.
    pub(super) fn of_client(&mut self, frame: Frame) -> Passed {
        let frame = match &mut self.passage {
            Some(passage) if frame.kind == HEADERS => passage.pass(frame),
            Some(_) | None => frame,
        };
        let stream = frame.stream;
        match frame.kind {
            HEADERS if stream > self.newest => {
                self.newest = stream;
                self.state(stream).request_ended = frame.ends_stream();
                Passed { on: vec![frame], back: self.hand_out_parked(stream) }
            }
            HEADERS | DATA => {
                self.state(stream).request_ended |= frame.ends_stream();
                Passed::on(frame)
            }
            RST_STREAM => self.reset_by_client(frame),
            WINDOW_UPDATE if stream > 0 => Passed::on(frame.on(self.source(stream))),
            _ => Passed::on(frame),
        }
    }

    /// A frame of the server's.
    pub(super) fn of_server(&mut self, frame: Frame) -> Passed {
        if frame.stream == 0 || !matches!(frame.kind, DATA | HEADERS | CONTINUATION | RST_STREAM) {
            return Passed::on(frame);
        }
        match self.bends {
            Bends::DataShared => Passed::on(self.share(frame)),
            Bends::LargeBlockSkipped | Bends::LargeBlockTwice => self.measure(frame),
            Bends::MalformedPassed => Passed::on(frame),
            _ => self.lead(frame),
        }
    }

    fn reset_by_client(&mut self, frame: Frame) -> Passed {
        let (bends, newest) = (self.bends, self.newest);
        let state = self.state(frame.stream);
        if bends == Bends::LateFramesTaken && state.ended {
            // Crate `h2` minds the frames that it gets there.
            return Passed::default();
        }
        if bends == Bends::PlaceOfReset && state.waits() {
            state.given_up = Some(newest);
            return Passed::default();
        }
        state.reset = true;
        let source = self.source(frame.stream);
        Passed::on(frame.on(source))
    }

    /// Leads a frame of a reply to the stream that gets it.
    fn lead(&mut self, frame: Frame) -> Passed {
        let stream = frame.stream;
        if self.parked.iter().any(|parked| parked.stream == stream) {
            self.parked.push(frame);
            return Passed::default();
        }
        if frame.kind == HEADERS {
            match self.receiver(stream) {
                Receiver::Own => {}
                Receiver::Other(other) => self.swap(stream, other),
                Receiver::First(first) => self.assign(stream, first),
                Receiver::NotYet => {
                    self.parked.push(frame);
                    return Passed::default();
                }
            }
        }
        Passed::on(self.led(frame))
    }

    /// A frame of a reply on the stream that gets it.
    fn led(&mut self, frame: Frame) -> Frame {
        let state = self.state(frame.stream);
        state.blocks += u32::from(frame.kind == HEADERS);
        state.has_data |= frame.kind == DATA;
        state.ended |= frame.ends_stream();
        state.reset |= frame.kind == RST_STREAM;
        let stream = state.goes_to.unwrap_or(frame.stream);
        frame.on(stream)
    }

    /// Who gets the reply that begins, or goes on, with a block for this stream.
    fn receiver(&mut self, stream: u32) -> Receiver {
        let bends = self.bends;
        let state = self.state(stream);
        let (first, interims) = (state.blocks == 0, state.interims);
        if state.goes_to.is_some() || state.reset {
            return Receiver::Own;
        }
        let other = match bends {
            Bends::NeighboursSwapped if first => {
                let behind = self.waiting().find(|&other| other > stream);
                behind.or_else(|| self.waiting().filter(|&other| other < stream).last())
            }
            Bends::InOrderOfRequests if first => {
                return self.unanswered().next().map_or(Receiver::Own, Receiver::First);
            }
            Bends::PlaceOfReset => {
                let Some(newest) = state.given_up else { return Receiver::Own };
                let behind = self.waiting().find(|&other| other > newest);
                return behind.or_else(|| self.waiting().next()).map_or(Receiver::NotYet, Receiver::Other);
            }
            Bends::LateFramesTaken if state.ended => {
                return self.waiting().next().map_or(Receiver::NotYet, Receiver::Other);
            }
            Bends::PlaceOfRefused if first => self.waiting_beside(stream, Refusal::Stream),
            Bends::PlaceOfLeftBehind if first => self.waiting_beside(stream, Refusal::Connection),
            Bends::PlaceAfterInterim if !first && interims > 0 => self.waiting().find(|&other| other != stream),
            Bends::PlaceBeforeEnd if first && !state.request_ended => self.waiting().find(|&other| other != stream),
            _ => None,
        };
        other.map_or(Receiver::Own, Receiver::Other)
    }

    /// The streams that wait for a reply, oldest first.
    fn waiting(&self) -> impl Iterator<Item = u32> + '_ {
        self.streams.iter().filter(|(_, state)| state.waits()).map(|(stream, _)| *stream)
    }

    /// The streams that have got no reply and may still get one, oldest first, whether or not their own has come.
    fn unanswered(&self) -> impl Iterator<Item = u32> + '_ {
        self.streams.iter().filter(|(_, state)| state.comes_from.is_none() && !state.reset).map(|(stream, _)| *stream)
    }

    /// One that waits and was refused before, or any that waits if this one was.
    fn waiting_beside(&self, stream: u32, refusal: Refusal) -> Option<u32> {
        let was_refused = |stream: u32| self.streams.get(&stream).is_some_and(|state| state.refused == Some(refusal));
        self.waiting().find(|&other| other != stream && (was_refused(stream) || was_refused(other)))
    }

    /// From now on two streams get each other's replies.
    fn swap(&mut self, one: u32, other: u32) {
        self.assign(one, other);
        self.assign(other, one);
    }

    /// From now on a stream's reply goes to this one.
    fn assign(&mut self, from: u32, to: u32) {
        self.state(from).goes_to = Some(to);
        self.state(to).comes_from = Some(from);
    }

    /// Whose reply a stream gets.
    fn source(&self, stream: u32) -> u32 {
        self.streams.get(&stream).and_then(|state| state.comes_from).unwrap_or(stream)
    }

    /// Gives the first reply that is parked to a stream that has just been opened.
    fn hand_out_parked(&mut self, stream: u32) -> Vec<Frame> {
        let Some(first) = self.parked.first().map(|frame| frame.stream) else { return Vec::new() };
        self.swap(first, stream);
        let frames: Vec<Frame> = self.parked.extract_if(.., |frame| frame.stream == first).collect();
        frames.into_iter().map(|frame| self.led(frame)).collect()
    }

    /// Reads DATA into a buffer in which that of another stream stands: as much of it as was there is handed out.
    fn share(&mut self, mut frame: Frame) -> Frame {
        let stream = frame.stream;
        if frame.kind == DATA && !frame.has(PADDED) && !frame.payload.is_empty() {
            let own = frame.payload.clone();
            if let Some((_, bytes)) = self.last.take_if(|(last, _)| *last != stream) {
                let count = bytes.len().min(own.len());
                frame.payload[..count].copy_from_slice(&bytes[..count]);
            }
            self.last = Some((stream, own));
        }
        // A buffer whose reader is done is free.
        if frame.ends_stream() {
            self.last.take_if(|(last, _)| *last == stream);
        }
        frame
    }

    /// Takes a block of fields apart from others by its size.
    fn measure(&mut self, frame: Frame) -> Passed {
        let stream = frame.stream;
        if self.state(stream).skipped {
            return Passed::default();
        }
        if !matches!(frame.kind, HEADERS | CONTINUATION) {
            return Passed::on(frame);
        }
        let is_over = frame.has(END_HEADERS);
        self.block.push(frame);
        if !is_over {
            return Passed::default();
        }
        let block = std::mem::take(&mut self.block);
        let is_large = block.iter().map(|frame| frame.payload.len()).sum::<usize>() > LARGE_BLOCK_BYTES;
        match self.bends {
            Bends::LargeBlockTwice if is_large => {
                self.state(stream).skipped = true;
                Passed { on: [block.clone(), block].concat(), back: Vec::new() }
            }
            Bends::LargeBlockSkipped if is_large => {
                self.state(stream).skipped = true;
                let on = vec![Frame::reset(stream, INTERNAL_ERROR)];
                Passed { on, back: vec![Frame::reset(stream, CANCEL)] }
            }
            _ => Passed { on: block, back: Vec::new() },
        }
    }

    fn state(&mut self, stream: u32) -> &mut State {
        self.streams.entry(stream).or_default()
    }
}

/// Who gets a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Receiver {
    /// Whoever has asked for it.
    Own,
    /// Another, and that one's goes the other way.
    Other(u32),
    /// The first that waits.
    First(u32),
    /// Whoever asks next.
    NotYet,
}
