//! What must hold for the reply parser, whatever it is fed: the fuzz target, the corpus test and the property tests
//! share it.
//!
//! An input is a letter for the request's method (`H` HEAD, `C` CONNECT, any other GET) and the bytes on the wire.

use vocabulary::history::Completeness;

use super::framing::{Asked, Framing, Reuse};
use super::wire::{Defect, ReplyParser, WireEvent};

/// Inputs up to this length are cut at every place, longer ones at a few.
const CUT_EVERYWHERE_BYTES_MAX: usize = 512;

/// Feeds an input to the parser in several ways.
///
/// # Panics
/// If the parser panics, credits bytes that did not come, or reads something else when the wire cuts the bytes
/// differently.
pub fn fuzz_reply_parser(data: &[u8]) {
    let Some((method, wire)) = data.split_first() else {
        return;
    };
    let asked = match method {
        b'H' => Asked::Head,
        b'C' => Asked::Connect,
        _ => Asked::Other,
    };
    let at_once = read(asked, &[wire]);
    assert!(at_once.taken <= wire.len(), "took {} of {} bytes", at_once.taken, wire.len());
    let credited: usize = at_once.events.iter().map(Seen::bytes).sum();
    assert!(credited <= at_once.taken, "credited {credited} of {} bytes", at_once.taken);
    let ends = at_once.events.iter().filter(|seen| matches!(seen, Seen::Done(_) | Seen::Malformed(_))).count();
    assert_eq!(ends, 1, "a reply ends once");

    let step = match wire.len() {
        0..=CUT_EVERYWHERE_BYTES_MAX => 1,
        longer => longer / 8,
    };
    for cut in (0..=wire.len()).step_by(step) {
        assert_eq!(read(asked, &[&wire[..cut], &wire[cut..]]), at_once, "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = wire.chunks(1).collect();
    assert_eq!(read(asked, &bytes), at_once, "byte by byte");
}

/// Everything the parser made of some bytes, up to the end of the connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReadBack {
    pub(super) events: Vec<Seen>,
    /// Bytes that belong to the reply.
    pub(super) taken: usize,
}

/// An event with its bytes; pieces of one body or stray are joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    Interim(u16, Vec<u8>),
    Final(u16, Framing, Reuse, Vec<u8>),
    Body(Vec<u8>),
    Trailer(Vec<u8>),
    Done(Completeness),
    Malformed(Defect),
    Stray(Vec<u8>),
}

impl Seen {
    fn bytes(&self) -> usize {
        match self {
            Seen::Interim(_, bytes)
            | Seen::Final(_, _, _, bytes)
            | Seen::Body(bytes)
            | Seen::Trailer(bytes)
            | Seen::Stray(bytes) => bytes.len(),
            Seen::Done(_) | Seen::Malformed(_) => 0,
        }
    }
}

/// Reads pieces of one wire, and then its end.
pub(super) fn read(asked: Asked, pieces: &[&[u8]]) -> ReadBack {
    let mut parser = ReplyParser::new(asked);
    let mut events = Vec::new();
    let mut taken = 0;
    for piece in pieces {
        let of_piece = parser.feed(piece, &mut |event| add(&mut events, event));
        taken += of_piece;
        if of_piece < piece.len() {
            break;
        }
    }
    parser.end_of_stream(&mut |event| add(&mut events, event));
    ReadBack { events, taken }
}

fn add(events: &mut Vec<Seen>, event: WireEvent<'_>) {
    match (event, events.last_mut()) {
        (WireEvent::Body(bytes), Some(Seen::Body(before))) | (WireEvent::Stray(bytes), Some(Seen::Stray(before))) => {
            before.extend_from_slice(bytes);
        }
        (event, _) => events.push(match event {
            WireEvent::Interim { status, head } => Seen::Interim(status, head.to_vec()),
            WireEvent::Final { status, head, framing, connection } => {
                Seen::Final(status, framing, connection, head.to_vec())
            }
            WireEvent::Body(bytes) => Seen::Body(bytes.to_vec()),
            WireEvent::Trailer(bytes) => Seen::Trailer(bytes.to_vec()),
            WireEvent::Done(end) => Seen::Done(end),
            WireEvent::Malformed(defect) => Seen::Malformed(defect),
            WireEvent::Stray(bytes) => Seen::Stray(bytes.to_vec()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;

    #[test]
    fn the_corpus_holds_the_invariants() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/reply_parser");
        let inputs: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(inputs.len() >= 20, "only {} inputs in {}", inputs.len(), folder.display());
        for input in inputs {
            println!("{}", input.display());
            fuzz_reply_parser(&std::fs::read(&input).unwrap());
        }
    }

    /// Pieces that replies are made of, whole and broken, in any order.
    fn shred() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(&b"HTTP/1.1 200 OK\r\n"[..]),
            Just(&b"HTTP/1.1 100 Continue\r\n\r\n"[..]),
            Just(&b"HTTP/1.1 204 N\r\n"[..]),
            Just(&b"HTTP/1.1 101 S\r\n"[..]),
            Just(&b"HTTP/1.0 200 OK\n"[..]),
            Just(&b"Content-Length: 5\r\n"[..]),
            Just(&b"content-length:5,5\r\n"[..]),
            Just(&b"Transfer-Encoding: chunked\r\n"[..]),
            Just(&b"A: b\r\n folded\r\n"[..]),
            Just(&b"\r\n"[..]),
            Just(&b"\n"[..]),
            Just(&b"\r"[..]),
            Just(&b"5\r\nhello\r\n"[..]),
            Just(&b"5;x=y\nhello\n"[..]),
            Just(&b"0\r\n"[..]),
            Just(&b"hello"[..]),
            Just(&b"ffffffffffffffffff\r\n"[..]),
            Just(&b"a: b\r\n"[..]),
            Just(&b"\xff\x00"[..]),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| [&b"G"[..], &pieces.concat()].concat())
    }

    proptest! {
        #[test]
        fn shredded_replies_hold_the_invariants(input in shred()) {
            fuzz_reply_parser(&input);
        }

        #[test]
        fn any_bytes_hold_the_invariants(input in proptest::collection::vec(any::<u8>(), 0..300)) {
            fuzz_reply_parser(&input);
        }
    }
}
