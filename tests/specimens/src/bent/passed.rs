//! Requests on streams that are malformed by their fields, spelled so that crate `h2` does not refuse them.
//!
//! It is right to refuse them (RFC 9113 §8.1.1, §8.2.1); real gateways have passed them on.

use http2::hpack::{Decoder, Encoder, FieldList, Style, TABLE_BYTES_DEFAULT};

use super::frame::{END_HEADERS, Frame};

/// The field in which a declared length is passed on.
pub(crate) const DECLARED_LENGTH: &str = "x-declared-length";
/// CR and LF as bytes that a field may have (RFC 9110 §5.5, obs-text).
const CARRIAGE_RETURN: u8 = 0x8d;
const LINE_FEED: u8 = 0x8a;
/// The flag of a block behind a priority. RFC 9113 §6.2.
const PRIORITY: u8 = 0x20;

/// Both ends of the table of one direction.
pub(super) struct Passage {
    decoder: Decoder,
    encoder: Encoder,
}

impl std::fmt::Debug for Passage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passage")
    }
}

impl Passage {
    pub(super) fn new() -> Passage {
        Passage { decoder: Decoder::new(TABLE_BYTES_DEFAULT), encoder: Encoder::new(TABLE_BYTES_DEFAULT) }
    }

    /// A block of fields in one frame, as clients here send them, with what is malformed in it spelled otherwise.
    pub(super) fn pass(&mut self, frame: Frame) -> Frame {
        if !frame.has(END_HEADERS) || frame.flags & PRIORITY != 0 {
            return frame;
        }
        let mut fields = FieldList::default();
        if self.decoder.decode(&frame.payload, &mut fields).is_err() {
            return frame;
        }
        let mut payload = Vec::new();
        self.encoder.begin(&mut payload);
        for field in fields.iter() {
            let name = if field.name == b"content-length" { DECLARED_LENGTH.as_bytes() } else { field.name };
            let value: Vec<u8> = field.value.iter().map(|&byte| spelled(byte)).collect();
            self.encoder.encode(&mut payload, name, &value, Style::PLAIN);
        }
        Frame { payload, ..frame }
    }
}

fn spelled(byte: u8) -> u8 {
    match byte {
        b'\r' => CARRIAGE_RETURN,
        b'\n' => LINE_FEED,
        other => other,
    }
}

/// What was spelled otherwise, as it came.
pub(crate) fn break_lines(head: &mut Vec<u8>) {
    for byte in head {
        match *byte {
            CARRIAGE_RETURN => *byte = b'\r',
            LINE_FEED => *byte = b'\n',
            _ => {}
        }
    }
}
