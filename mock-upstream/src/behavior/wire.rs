//! Bytes that are about to be written: text that is at hand, and stripes that are made when their turn comes.
//!
//! A body of 64 MiB thus costs no more memory than one of 64 KiB. Nothing here knows what the bytes mean.

use std::ops::Range;

use vocabulary::canary::StripedBody;

/// Stripes up to this many bytes are made at once: a small reply is then one piece, written as it is.
const AT_HAND_BYTES_MAX: u64 = 16 * 1024;

/// Bytes in the order in which they are written.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    pieces: Vec<Piece>,
    bytes: u64,
}

#[derive(Debug)]
enum Piece {
    Text(Vec<u8>),
    Stripes(Box<StripedBody>, Range<u64>),
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Piece::Text(text) => text.len() as u64,
            Piece::Stripes(_, range) => range.end - range.start,
        }
    }
}

impl Wire {
    /// Text that is at hand.
    pub(crate) fn of(text: Vec<u8>) -> Wire {
        Wire { bytes: text.len() as u64, pieces: vec![Piece::Text(text)] }
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> u64 {
        self.bytes
    }

    /// Adds text.
    pub(crate) fn push(&mut self, text: &[u8]) {
        self.bytes += text.len() as u64;
        self.text().extend_from_slice(text);
    }

    /// Adds a part of a body.
    pub(crate) fn push_stripes(&mut self, body: &StripedBody, range: Range<u64>) {
        let bytes = range.end - range.start;
        self.bytes += bytes;
        if bytes > AT_HAND_BYTES_MAX {
            self.pieces.push(Piece::Stripes(Box::new(body.clone()), range));
            return;
        }
        let text = self.text();
        let start = text.len();
        text.resize(start + bytes as usize, 0);
        body.fill(range.start, &mut text[start..]);
    }

    /// Adds everything that `other` holds.
    pub(crate) fn append(&mut self, other: Wire) {
        for piece in other.pieces {
            match piece {
                Piece::Text(text) => self.push(&text),
                Piece::Stripes(body, range) => {
                    self.bytes += range.end - range.start;
                    self.pieces.push(Piece::Stripes(body, range));
                }
            }
        }
    }

    /// Takes the first `bytes` bytes away, or all if there are fewer.
    pub(crate) fn take(&mut self, bytes: u64) -> Wire {
        let mut taken = Wire::default();
        let mut rest = Vec::new();
        for piece in self.pieces.drain(..) {
            let wanted = bytes - taken.bytes;
            let length = piece.len();
            if length <= wanted {
                taken.bytes += length;
                taken.pieces.push(piece);
            } else if wanted == 0 {
                rest.push(piece);
            } else {
                taken.bytes += wanted;
                let (first, second) = piece.split(wanted);
                taken.pieces.push(first);
                rest.push(second);
            }
        }
        self.pieces = rest;
        self.bytes -= taken.bytes;
        taken
    }

    /// The whole text, if no stripes are left to be made.
    pub(crate) fn at_hand(&self) -> Option<&[u8]> {
        match self.pieces.as_slice() {
            [] => Some(&[]),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Writes the bytes of a range into `out`.
    pub(crate) fn render(&self, range: Range<u64>, out: &mut Vec<u8>) {
        let mut start = 0;
        for piece in &self.pieces {
            let end = start + piece.len();
            let (from, to) = (range.start.clamp(start, end) - start, range.end.clamp(start, end) - start);
            match piece {
                _ if from == to => {}
                Piece::Text(text) => out.extend_from_slice(&text[from as usize..to as usize]),
                Piece::Stripes(body, stripes) => {
                    let written = out.len();
                    out.resize(written + (to - from) as usize, 0);
                    body.fill(stripes.start + from, &mut out[written..]);
                }
            }
            start = end;
        }
    }

    fn text(&mut self) -> &mut Vec<u8> {
        if !matches!(self.pieces.last(), Some(Piece::Text(_))) {
            self.pieces.push(Piece::Text(Vec::new()));
        }
        match self.pieces.last_mut() {
            Some(Piece::Text(text)) => text,
            _ => unreachable!("a piece of text was just put there"),
        }
    }
}

impl Piece {
    fn split(self, at: u64) -> (Piece, Piece) {
        match self {
            Piece::Text(mut text) => {
                let rest = text.split_off(at as usize);
                (Piece::Text(text), Piece::Text(rest))
            }
            Piece::Stripes(body, range) => {
                let middle = range.start + at;
                (Piece::Stripes(body.clone(), range.start..middle), Piece::Stripes(body, middle..range.end))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocabulary::canary::{CanaryKey, Claim, Role, Site};
    use vocabulary::identity::{Attempt, ExchangeId, TenantId};

    fn body(bytes: u64) -> StripedBody {
        let claim = Claim {
            role: Role::Reply,
            tenant: TenantId(1),
            exchange: ExchangeId(1),
            attempt: Attempt(1),
            site: Site::BodyBegin,
            delivery: 1,
        };
        StripedBody::new(&CanaryKey::new([7; 16], 1), claim, bytes)
    }

    fn rendered(wire: &Wire) -> Vec<u8> {
        let mut out = Vec::new();
        wire.render(0..wire.len(), &mut out);
        out
    }

    #[test]
    fn a_small_reply_is_at_hand_and_a_large_one_is_made_later() {
        let mut wire = Wire::of(b"head".to_vec());
        wire.push_stripes(&body(100), 0..100);
        assert_eq!(wire.at_hand().unwrap().len(), 104);
        wire.push_stripes(&body(100_000), 0..100_000);
        assert!(wire.at_hand().is_none());
        assert_eq!(rendered(&wire).len() as u64, wire.len());
    }

    #[test]
    fn a_range_is_rendered_as_a_part_of_the_whole() {
        let mut wire = Wire::of(b"head".to_vec());
        wire.push_stripes(&body(100_000), 0..100_000);
        wire.push(b"tail");
        let whole = rendered(&wire);
        for (from, to) in [(0, 4), (2, 70), (4, 100_004), (99_999, 100_008), (100_004, 100_008), (7, 7)] {
            let mut part = Vec::new();
            wire.render(from..to, &mut part);
            assert_eq!(part, whole[from as usize..to as usize], "{from}..{to}");
        }
    }

    #[test]
    fn taking_from_the_front_loses_no_byte() {
        let whole = || {
            let mut wire = Wire::of(b"head".to_vec());
            wire.push_stripes(&body(100_000), 0..100_000);
            wire.push(b"tail");
            wire
        };
        for at in [0, 1, 4, 5, 50_000, 100_004, 100_006, 100_008, 200_000] {
            let mut rest = whole();
            let mut first = rest.take(at);
            assert_eq!(first.len(), at.min(100_008));
            first.append(rest);
            assert_eq!(rendered(&first), rendered(&whole()), "split at {at}");
        }
    }
}
