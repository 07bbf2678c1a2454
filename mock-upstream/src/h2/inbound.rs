//! The reader of a connection: frames out of what comes, and the gateway's end.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http2::{ErrorCode, FrameReader, frame};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Sleep, sleep};
use transport::ReadHalf;
use vocabulary::limits::REQUEST_WAIT;

use super::meaning::{Failure, Meaning};
use super::{Line, Over};

/// Bytes that one read has room for.
const READ_BYTES: usize = 16 * 1024;

/// The reading half.
pub(super) struct Inbound<'a> {
    line: &'a Line<'a>,
    half: ReadHalf<'a>,
    bytes: Box<[u8]>,
    frames: FrameReader,
    meaning: Meaning<'a>,
    /// Until when the rest of what has begun must come.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<'a> Inbound<'a> {
    /// Of a connection on which these bytes have come behind the preface.
    pub(super) fn new(line: &'a Line<'a>, half: ReadHalf<'a>, behind: &[u8]) -> Inbound<'a> {
        let frames = FrameReader::new(frame::PAYLOAD_BYTES_DEFAULT);
        let mut inbound = Inbound {
            line,
            half,
            bytes: vec![0; READ_BYTES].into(),
            frames,
            meaning: Meaning::new(line),
            deadline: None,
        };
        inbound.frames.push(behind);
        inbound.take_frames();
        inbound
    }

    /// Reads what has come, once.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) {
        let line = self.line;
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
                Ok(Some(frame)) => match self.meaning.take(frame) {
                    Ok(()) => {}
                    Err(failure) => break failure,
                },
                Ok(None) => return,
                Err(_) => break Failure(ErrorCode::FRAME_SIZE_ERROR, "a frame longer than was announced"),
            }
        };
        self.line.fail(failure.0, failure.1);
    }

    /// An idle connection may stay idle; what has begun must go on.
    fn wait(&mut self, context: &mut Context<'_>) {
        if self.meaning.is_whole() && self.frames.rest().is_empty() {
            self.deadline = None;
            return;
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(REQUEST_WAIT)));
        if deadline.as_mut().poll(context).is_ready() {
            self.line.fail(ErrorCode::ENHANCE_YOUR_CALM, "the rest of a frame or block does not come");
        }
    }
}
