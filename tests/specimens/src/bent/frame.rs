//! A frame, as far as one has to know it to put it somewhere else. RFC 9113 §4.1.

const HEAD_BYTES: usize = 9;

/// Kinds of frames. RFC 9113 §6.
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

/// Flags. RFC 9113 §6.1, §6.2.
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
pub(super) const PADDED: u8 = 8;

/// Reasons. RFC 9113 §7.
pub(super) const INTERNAL_ERROR: u32 = 2;
pub(super) const CANCEL: u32 = 8;

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    /// Takes the first frame, if it has come in full.
    pub(super) fn take(bytes: &mut Vec<u8>) -> Option<Frame> {
        let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let [length1, length2, length3, kind, flags, stream @ ..] = *head;
        let length = u32::from_be_bytes([0, length1, length2, length3]) as usize;
        let payload = rest.get(..length)?.to_vec();
        bytes.drain(..HEAD_BYTES + length);
        Some(Frame { kind, flags, stream: u32::from_be_bytes(stream) & 0x7fff_ffff, payload })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.payload.len() as u32).to_be_bytes()[1..]);
        out.extend_from_slice(&[self.kind, self.flags]);
        out.extend_from_slice(&self.stream.to_be_bytes());
        out.extend_from_slice(&self.payload);
    }

    /// A reset.
    pub(super) fn reset(stream: u32, reason: u32) -> Frame {
        Frame { kind: RST_STREAM, flags: 0, stream, payload: reason.to_be_bytes().to_vec() }
    }

    /// The same on another stream.
    pub(super) fn on(self, stream: u32) -> Frame {
        Frame { stream, ..self }
    }

    /// Whether it has a flag, and may have it.
    pub(super) fn has(&self, flag: u8) -> bool {
        matches!(self.kind, DATA | HEADERS | CONTINUATION) && self.flags & flag != 0
    }

    /// Whether its stream ends with it.
    pub(super) fn ends_stream(&self) -> bool {
        self.kind != CONTINUATION && self.has(END_STREAM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_taken_when_it_has_come_in_full() {
        let frame = Frame { kind: DATA, flags: END_STREAM, stream: 5, payload: b"abc".to_vec() };
        let mut wire = Vec::new();
        frame.write(&mut wire);
        let mut bytes = wire[..wire.len() - 1].to_vec();
        assert_eq!(Frame::take(&mut bytes), None);
        bytes.extend_from_slice(&[b'c', 0]);
        assert_eq!((Frame::take(&mut bytes), bytes.len()), (Some(frame), 1));
    }
}
