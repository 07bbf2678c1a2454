//! What is to be written on a connection: frames of all streams that have something to say, alternating, one batch
//! after the other.
//!
//! A batch is one write if the kernel takes it; whoever has something to say learns whether it went out in one.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http2::{ErrorCode, StreamId, Window, frame};
use tokio::io::AsyncWrite;
use tokio::time::{Instant, Sleep, sleep};
use transport::WriteHalf;
use vocabulary::limits::WRITE_WAIT;

use super::settings::Announced;
use super::spelling::{BadSetting, LAST_STREAM, Said, Speller, Writing};
use crate::behavior::SEGMENT_BYTES_MAX;

/// Bytes of a batch, beside its last frame.
const BATCH_BYTES: usize = 64 * 1024;
/// Bytes of answers that wait for a gateway that asks and does not read.
const CONTROL_BYTES_MAX: usize = 64 * 1024;

/// Everything that waits to be written.
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
    speller: Speller,
    /// Since when the kernel takes nothing.
    stuck: Option<Pin<Box<Sleep>>>,
}

struct Span {
    writing: Rc<Writing>,
    start: usize,
    end: usize,
    is_last: bool,
}

/// Why nothing more can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unwritable {
    /// The gateway has reset the connection.
    Gone,
    /// It does not take our bytes.
    Stuck,
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
            speller: Speller::new(),
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
        let last = self.speller.name_last(last);
        frame::go_away(&mut self.control, last, code, b"");
    }

    /// Whether a stream is behind the last one that is worked on.
    pub(super) fn has_left(&self, stream: StreamId) -> bool {
        self.speller.last().is_some_and(|last| stream > last)
    }

    /// Whether the connection is to end when all streams have.
    pub(super) fn leaves(&self) -> bool {
        self.speller.last().is_some_and(|last| last < LAST_STREAM)
    }

    pub(super) fn is_empty(&self) -> bool {
        let all_is_taken = self.control.is_empty() && self.taken == self.batch.len();
        all_is_taken && self.waiting.iter().all(|writing| writing.is_withdrawn())
    }

    /// The window of a stream that opens now.
    pub(super) fn stream_window(&self) -> Window {
        self.speller.stream_window()
    }

    /// The gateway takes more on the connection: whether it may.
    pub(super) fn widen(&mut self, bytes: u32) -> bool {
        self.speller.widen(bytes)
    }

    /// The gateway has settings: by how many bytes the windows of all streams grow.
    pub(super) fn apply(&mut self, payload: &[u8]) -> Result<i64, BadSetting> {
        let difference = self.speller.apply(payload)?;
        frame::settings_ack(&mut self.control);
        Ok(difference)
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
            if writing.is_withdrawn() {
                continue;
            }
            let start = self.batch.len();
            let said = self.speller.say(&mut self.batch, &writing, announced);
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
}
