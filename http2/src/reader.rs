//! Frames out of a stream of bytes, wherever it was cut.

use crate::frame::{Frame, HEAD_BYTES, Kind, StreamId};

/// Collects bytes and gives frames.
///
/// It keeps what has not been read yet: at most one frame of the size that was announced, beside what one [`push`] brings.
///
/// [`push`]: FrameReader::push
#[derive(Debug)]
pub struct FrameReader {
    buffer: Vec<u8>,
    read: usize,
    payload_bytes_max: u32,
}

/// A frame is longer than was announced: RFC 9113 §4.2. What follows cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {bytes} bytes, where at most {max} were announced")]
pub struct TooLong {
    /// The bytes of its payload.
    pub bytes: u32,
    /// How many there may be.
    pub max: u32,
}

impl FrameReader {
    /// Of a connection whose settings announce frames of at most so many bytes.
    pub fn new(payload_bytes_max: u32) -> FrameReader {
        FrameReader { buffer: Vec::new(), read: 0, payload_bytes_max }
    }

    /// Takes what has arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.read == self.buffer.len() {
            self.buffer.clear();
        } else {
            self.buffer.drain(..self.read);
        }
        self.read = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, if it is there in full. An error stays: the rest of the stream has no frames.
    #[expect(clippy::should_implement_trait, reason = "a frame borrows from the reader, which no iterator can say")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, TooLong> {
        let Some((head, rest)) = self.buffer[self.read..].split_first_chunk::<HEAD_BYTES>() else { return Ok(None) };
        let [length1, length2, length3, kind, flags, stream @ ..] = *head;
        let length = u32::from_be_bytes([0, length1, length2, length3]);
        if length > self.payload_bytes_max {
            return Err(TooLong { bytes: length, max: self.payload_bytes_max });
        }
        let Some(payload) = rest.get(..length as usize) else { return Ok(None) };
        self.read += HEAD_BYTES + payload.len();
        // RFC 9113 §4.1: the first bit is reserved, and overlooked.
        let stream = StreamId(u32::from_be_bytes(stream) & 0x7fff_ffff);
        Ok(Some(Frame { kind: Kind::from_number(kind), flags, stream, payload }))
    }

    /// What has arrived and is no whole frame: what a connection leaves behind that ends amid one.
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.read..]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::{self, PAYLOAD_BYTES_DEFAULT};

    type Owned = (Kind, u8, StreamId, Vec<u8>);

    fn all(reader: &mut FrameReader) -> Vec<Owned> {
        let mut frames = Vec::new();
        while let Some(frame) = reader.next().unwrap() {
            frames.push((frame.kind, frame.flags, frame.stream, frame.payload.to_vec()));
        }
        frames
    }

    #[test]
    fn a_frame_that_is_longer_than_announced_ends_the_reading() {
        let mut out = Vec::new();
        frame::data(&mut out, StreamId(1), &[0; 20], false, None);
        let mut reader = FrameReader::new(19);
        reader.push(&out[..HEAD_BYTES]);
        let too_long = TooLong { bytes: 20, max: 19 };
        assert_eq!(reader.next(), Err(too_long));
        reader.push(&out[HEAD_BYTES..]);
        assert_eq!(reader.next(), Err(too_long));
    }

    #[test]
    fn what_is_no_whole_frame_is_left() {
        let mut out = Vec::new();
        frame::ping(&mut out, *b"whole on", false);
        frame::ping(&mut out, *b"cut here", false);
        let mut reader = FrameReader::new(PAYLOAD_BYTES_DEFAULT);
        reader.push(&out[..out.len() - 4]);
        assert_eq!(all(&mut reader).len(), 1);
        assert_eq!(reader.rest(), &out[HEAD_BYTES + 8..out.len() - 4]);
    }

    proptest! {
        #[test]
        fn frames_do_not_depend_on_where_the_stream_was_cut(
            frames in proptest::collection::vec((any::<u8>(), any::<u8>(), any::<u32>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..12),
            cuts in proptest::collection::vec(1_usize..20, 1..40),
        ) {
            let mut stream = Vec::new();
            let mut expected = Vec::new();
            for (kind, flags, id, payload) in frames {
                let (kind, id) = (Kind::from_number(kind), StreamId(id & 0x7fff_ffff));
                Frame { kind, flags, stream: id, payload: &payload }.write(&mut stream);
                expected.push((kind, flags, id, payload));
            }
            let (mut reader, mut read, mut rest) = (FrameReader::new(PAYLOAD_BYTES_DEFAULT), Vec::new(), &stream[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (part, later) = rest.split_at(rest.len().min(*cut));
                reader.push(part);
                read.extend(all(&mut reader));
                rest = later;
            }
            prop_assert_eq!(read, expected);
            prop_assert!(reader.rest().is_empty());
        }
    }
}
