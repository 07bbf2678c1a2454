//! What must hold for the frame reader and for HPACK, whatever they are fed: the fuzz targets, the corpus tests and the
//! property tests share it.

use crate::block::{BLOCK_BYTES_MAX, BLOCK_FRAMES_MAX, Blocks};
use crate::frame::PAYLOAD_BYTES_DEFAULT;
use crate::hpack::decoder::{LIST_BYTES_MAX, LIST_FIELDS_MAX, Spelling};
use crate::hpack::{Decoder, Encoder, FieldList, Indexing, Style, TABLE_BYTES_DEFAULT};
use crate::reader::FrameReader;
use crate::{Frame, Kind, StreamId};

/// Inputs up to this length are cut at every place, longer ones at a few.
const CUT_EVERYWHERE_BYTES_MAX: usize = 256;

/// Reads an input as frames, whole and in pieces, and the blocks in them.
///
/// # Panics
/// If the reader panics, loses a byte, or reads something else when the bytes are cut differently.
pub fn fuzz_frames(data: &[u8]) {
    let at_once = frames(&[data]);
    let mut written = Vec::new();
    for (kind, flags, stream, payload) in &at_once.frames {
        Frame { kind: *kind, flags: *flags, stream: *stream, payload }.write(&mut written);
    }
    written.extend_from_slice(&at_once.rest);
    assert_eq!(written.len(), data.len(), "not a byte is lost");

    let step = match data.len() {
        0..=CUT_EVERYWHERE_BYTES_MAX => 1,
        longer => longer / 8,
    };
    for cut in (0..=data.len()).step_by(step) {
        assert_eq!(frames(&[&data[..cut], &data[cut..]]), at_once, "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = data.chunks(1).collect();
    assert_eq!(frames(&bytes), at_once, "byte by byte");

    let (mut blocks, mut decoder, mut list) =
        (Blocks::default(), Decoder::new(TABLE_BYTES_DEFAULT), FieldList::default());
    for (kind, flags, stream, payload) in &at_once.frames {
        match blocks.take(Frame { kind: *kind, flags: *flags, stream: *stream, payload }) {
            Ok(None) => {}
            Ok(Some(block)) => {
                assert!(block.bytes.len() <= BLOCK_BYTES_MAX && block.frames <= BLOCK_FRAMES_MAX);
                if decoder.decode(&block.bytes, &mut list).is_err() {
                    return;
                }
                check(&list);
            }
            Err(_) => return,
        }
    }
}

/// Decodes an input as blocks of one connection: a byte says how long the next one is. What could be decoded is encoded in
/// several styles, and has to come out again.
///
/// # Panics
/// If the decoder panics, keeps more than it may, or reads other fields than were written.
pub fn fuzz_hpack(data: &[u8]) {
    let Some((table, mut rest)) = data.split_first() else { return };
    let table_bytes = u32::from(*table) * 17;
    let (mut decoder, mut list) = (Decoder::new(table_bytes), FieldList::default());
    let (mut encoder, mut again) = (Encoder::new(table_bytes), Decoder::new(table_bytes));
    while let Some((length, behind)) = rest.split_first() {
        let (block, later) = behind.split_at(behind.len().min(usize::from(*length)));
        rest = later;
        if decoder.decode(block, &mut list).is_err() {
            return;
        }
        check(&list);
        let mut encoded = Vec::new();
        encoder.begin(&mut encoded);
        for field in list.iter() {
            let indexing = match field.spelling {
                Spelling::Indexed(_) | Spelling::Added => Indexing::Add,
                Spelling::Literal => Indexing::Without,
                Spelling::NeverIndexed => Indexing::Never,
            };
            encoder.encode(&mut encoded, field.name, field.value, Style { indexing, huffman: length & 1 == 0 });
        }
        let mut copy = FieldList::default();
        again.decode(&encoded, &mut copy).expect("what the encoder writes is a block");
        let pairs =
            |list: &FieldList| list.iter().map(|field| (field.name.to_vec(), field.value.to_vec())).collect::<Vec<_>>();
        assert_eq!(pairs(&copy), pairs(&list));
        if length & 3 == 3 {
            encoder.resize(table_bytes / 2);
        }
    }
}

fn check(list: &FieldList) {
    let bytes: usize = list.iter().map(|field| field.name.len() + field.value.len()).sum();
    assert!(bytes <= LIST_BYTES_MAX && list.iter().count() <= LIST_FIELDS_MAX);
}

/// Everything the reader made of some bytes.
#[derive(Debug, PartialEq, Eq)]
struct ReadBack {
    frames: Vec<(Kind, u8, StreamId, Vec<u8>)>,
    rest: Vec<u8>,
    readable: bool,
}

fn frames(pieces: &[&[u8]]) -> ReadBack {
    let mut reader = FrameReader::new(PAYLOAD_BYTES_DEFAULT);
    let mut read = ReadBack { frames: Vec::new(), rest: Vec::new(), readable: true };
    for piece in pieces {
        reader.push(piece);
        loop {
            match reader.next() {
                Ok(Some(frame)) => {
                    // Whether it says anything does not change what was read.
                    let _ = frame.parse();
                    read.frames.push((frame.kind, frame.flags, frame.stream, frame.payload.to_vec()));
                }
                Ok(None) => break,
                Err(_) => {
                    read.readable = false;
                    break;
                }
            }
        }
    }
    read.rest = reader.rest().to_vec();
    read
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::frame;

    fn corpus(target: &str, fuzz: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        let inputs: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(inputs.len() >= 20, "only {} inputs in {}", inputs.len(), folder.display());
        for input in inputs {
            println!("{}", input.display());
            fuzz(&std::fs::read(&input).unwrap());
        }
    }

    #[test]
    fn the_corpus_of_frames_holds_the_invariants() {
        corpus("http2_frames", fuzz_frames);
    }

    #[test]
    fn the_corpus_of_blocks_holds_the_invariants() {
        corpus("hpack_blocks", fuzz_hpack);
    }

    /// Frames that connections are made of, whole and broken, in any order.
    fn shred() -> impl Strategy<Value = Vec<u8>> {
        let block = proptest::collection::vec(any::<u8>(), 0..60);
        let piece = (any::<u8>(), 0_u8..6, block, proptest::option::of(any::<u8>())).prop_map(
            |(kind, stream, bytes, padding)| {
                let (mut out, stream) = (Vec::new(), StreamId(u32::from(stream)));
                match kind % 8 {
                    0 => frame::headers(&mut out, stream, &bytes, kind & 8 == 0, 7),
                    1 => frame::data(&mut out, stream, &bytes, kind & 8 == 0, padding),
                    2 => frame::go_away(&mut out, stream, crate::ErrorCode(u32::from(kind)), &bytes),
                    3 => out.extend_from_slice(&bytes),
                    _ => Frame { kind: Kind::from_number(kind % 12), flags: kind, stream, payload: &bytes }
                        .write(&mut out),
                }
                out
            },
        );
        proptest::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn shredded_connections_hold_the_invariants(input in shred()) {
            fuzz_frames(&input);
        }

        #[test]
        fn any_blocks_hold_the_invariants(input in proptest::collection::vec(any::<u8>(), 0..300)) {
            fuzz_hpack(&input);
        }
    }
}
