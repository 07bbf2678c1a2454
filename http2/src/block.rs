//! Field blocks: HEADERS and the CONTINUATION behind it, put together. RFC 9113 §4.3, §6.10.

use crate::frame::{Frame, Malformed, Payload, StreamId};

/// A field block in full: the head of a request or reply, an interim reply, or trailers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its stream.
    pub stream: StreamId,
    /// The stream on which it promises a reply to the request that it is: PUSH_PROMISE.
    pub promised: Option<StreamId>,
    /// Its bytes, for the decoder of this connection: every block must pass through it, wanted or not.
    pub bytes: Vec<u8>,
    /// Whether the stream ends with it.
    pub end_stream: bool,
    /// The frames that it took.
    pub frames: usize,
}

/// Puts the blocks of one connection together.
#[derive(Debug, Default)]
pub struct Blocks {
    open: Option<Block>,
}

/// Why a connection's blocks cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// RFC 9113 §6.10: between the frames of a block there is nothing else.
    #[error("the block of {open} was not over when a frame of {stream} came")]
    Interrupted {
        /// The stream of the block.
        open: StreamId,
        /// The stream of what came.
        stream: StreamId,
    },
    /// RFC 9113 §6.10: a CONTINUATION continues something.
    #[error("a CONTINUATION of {0} behind no block")]
    Stray(StreamId),
    /// More than we take: RFC 9113 §10.5.1.
    #[error("a block of more than {bytes} bytes or {frames} frames")]
    TooLarge {
        /// Bytes that we take.
        bytes: usize,
        /// Frames that we take.
        frames: usize,
    },
    /// The frame itself says nothing.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// Bytes of a block at most, compressed as they are.
pub const BLOCK_BYTES_MAX: usize = 256 * 1024;
/// Frames of a block at most: empty ones cost no bytes.
pub const BLOCK_FRAMES_MAX: usize = 256;

impl Blocks {
    /// Takes the next frame of the connection, whatever it is: gives the block that ends with it. Any frame that is not of
    /// the block may come only between two.
    pub fn take(&mut self, frame: Frame<'_>) -> Result<Option<Block>, BlockError> {
        let payload = frame.parse()?;
        if let Some(open) = &self.open
            && !(matches!(payload, Payload::Continuation { .. }) && frame.stream == open.stream)
        {
            return Err(BlockError::Interrupted { open: open.stream, stream: frame.stream });
        }
        let begun =
            |promised, end_stream| Block { stream: frame.stream, promised, bytes: Vec::new(), end_stream, frames: 0 };
        let (mut block, fragment, is_over) = match payload {
            Payload::Headers { fragment, end_headers, end_stream } => (begun(None, end_stream), fragment, end_headers),
            Payload::Continuation { fragment, end_headers } => {
                let open = self.open.take().ok_or(BlockError::Stray(frame.stream))?;
                (open, fragment, end_headers)
            }
            Payload::PushPromise { promised, fragment, end_headers } => {
                (begun(Some(promised), false), fragment, end_headers)
            }
            Payload::Data { .. }
            | Payload::Priority
            | Payload::RstStream(_)
            | Payload::Settings(_)
            | Payload::SettingsAck
            | Payload::Ping(_)
            | Payload::PingAck(_)
            | Payload::GoAway { .. }
            | Payload::WindowUpdate(_)
            | Payload::Unknown => return Ok(None),
        };
        block.bytes.extend_from_slice(fragment);
        block.frames += 1;
        if block.bytes.len() > BLOCK_BYTES_MAX || block.frames > BLOCK_FRAMES_MAX {
            return Err(BlockError::TooLarge { bytes: BLOCK_BYTES_MAX, frames: BLOCK_FRAMES_MAX });
        }
        if is_over {
            return Ok(Some(block));
        }
        self.open = Some(block);
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{self, Kind, PAYLOAD_BYTES_DEFAULT};
    use crate::reader::FrameReader;

    fn blocks(stream: &[u8]) -> Result<Vec<Block>, BlockError> {
        let (mut reader, mut blocks, mut whole) =
            (FrameReader::new(PAYLOAD_BYTES_DEFAULT), Blocks::default(), Vec::new());
        reader.push(stream);
        while let Some(frame) = reader.next().unwrap() {
            whole.extend(blocks.take(frame)?);
        }
        Ok(whole)
    }

    fn piece(out: &mut Vec<u8>, kind: Kind, flags: u8, stream: u32) {
        Frame { kind, flags, stream: StreamId(stream), payload: b"x" }.write(out);
    }

    #[test]
    fn a_block_is_what_all_its_frames_have() {
        let mut out = Vec::new();
        frame::headers(&mut out, StreamId(1), b"abcde", true, 2);
        frame::data(&mut out, StreamId(3), b"between", false, None);
        frame::headers(&mut out, StreamId(3), b"fg", false, 100);
        let expected = [
            Block { stream: StreamId(1), promised: None, bytes: b"abcde".to_vec(), end_stream: true, frames: 3 },
            Block { stream: StreamId(3), promised: None, bytes: b"fg".to_vec(), end_stream: false, frames: 1 },
        ];
        assert_eq!(blocks(&out).unwrap(), expected);
    }

    #[test]
    fn nothing_may_come_between_the_frames_of_a_block_nor_a_continuation_behind_none() {
        for (kind, stream) in [(Kind::Data, 1), (Kind::Headers, 1), (Kind::Continuation, 3), (Kind::Unknown(99), 1)] {
            let mut out = Vec::new();
            piece(&mut out, Kind::Headers, 0, 1);
            piece(&mut out, kind, 0, stream);
            let expected = BlockError::Interrupted { open: StreamId(1), stream: StreamId(stream) };
            assert_eq!(blocks(&out), Err(expected));
        }
        let mut out = Vec::new();
        piece(&mut out, Kind::Continuation, frame::END_HEADERS, 5);
        assert_eq!(blocks(&out), Err(BlockError::Stray(StreamId(5))));
    }

    #[test]
    fn a_promise_is_continued_on_the_stream_that_it_was_made_on() {
        let mut out = Vec::new();
        let payload = b"\0\0\0\x02pro";
        Frame { kind: Kind::PushPromise, flags: 0, stream: StreamId(1), payload }.write(&mut out);
        Frame { kind: Kind::Continuation, flags: frame::END_HEADERS, stream: StreamId(1), payload: b"mise" }
            .write(&mut out);
        let promised = &blocks(&out).unwrap()[0];
        assert_eq!((promised.promised, promised.bytes.as_slice()), (Some(StreamId(2)), &b"promise"[..]));
    }

    #[test]
    fn a_block_without_an_end_is_given_up() {
        let mut out = Vec::new();
        piece(&mut out, Kind::Headers, 0, 1);
        for _ in 0..BLOCK_FRAMES_MAX {
            Frame { kind: Kind::Continuation, flags: 0, stream: StreamId(1), payload: b"" }.write(&mut out);
        }
        assert!(matches!(blocks(&out), Err(BlockError::TooLarge { .. })));
    }
}
