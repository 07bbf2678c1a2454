//! Striped bodies: every 64 bytes name their owner, and the whole body can be predicted from its first stripe.
//!
//! ```text
//! begin   canary (48) "beg" length in bytes (13 digits)
//! stripe  canary (48) "str" index, from 1  (13 digits)      as many as fit; the one before the end may be cut
//! end     canary (48) "end" length in bytes (13 digits)      the last 64 bytes
//! ```
//! A body below 128 bytes is cut from its begin stripe and the first stripe. Digits are base 32, highest first. So any
//! run of two stripes holds a whole canary (of three, where the cut stripe lies between), and truncation shows whatever
//! a framing claims.

use serde::{Deserialize, Serialize};

use super::codec::{CANARY_BYTES, CanaryKey, Claim, DIGITS, Site, VALUES, read_digits, write_digits};
use super::scan::{Hit, Scanner};

/// The length of a stripe.
pub const STRIPE_BYTES: usize = 64;

const STRIPE: u64 = STRIPE_BYTES as u64;
const TAG_END: usize = CANARY_BYTES + 3;

/// A body whose bytes are all predicted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripedBody {
    begin: [u8; STRIPE_BYTES],
    /// With index 0.
    stripe: [u8; STRIPE_BYTES],
    end: [u8; STRIPE_BYTES],
    bytes: u64,
    claim: Claim,
}

impl StripedBody {
    /// The body of this length whose stripes make this claim; the claim's site is set by each stripe.
    pub fn new(key: &CanaryKey, claim: Claim, bytes: u64) -> StripedBody {
        let stripe = |site, tag: &[u8; 3], number| {
            let mut stripe = [0; STRIPE_BYTES];
            stripe[..CANARY_BYTES].copy_from_slice(key.mint(Claim { site, ..claim }).as_bytes());
            stripe[CANARY_BYTES..TAG_END].copy_from_slice(tag);
            write_digits(u128::from(number), &mut stripe[TAG_END..]);
            stripe
        };
        StripedBody {
            begin: stripe(Site::BodyBegin, b"beg", bytes),
            stripe: stripe(Site::Stripe, b"str", 0),
            end: stripe(Site::BodyEnd, b"end", bytes),
            bytes,
            claim: Claim { site: Site::BodyBegin, ..claim },
        }
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        self.bytes
    }

    /// Whether the body has no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whose it is.
    pub fn claim(&self) -> Claim {
        self.claim
    }

    /// Writes the body from `offset` on into `out`, as far as either goes; how many bytes that were.
    pub fn fill(&self, offset: u64, out: &mut [u8]) -> usize {
        let length = self.bytes.saturating_sub(offset).min(out.len() as u64) as usize;
        let mut written = 0;
        for piece in self.pieces(offset, length) {
            piece.with(self, |bytes| out[written..written + bytes.len()].copy_from_slice(bytes));
            written += piece.length;
        }
        length
    }

    /// The whole body.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut body = vec![0; self.bytes as usize];
        self.fill(0, &mut body);
        body
    }

    /// Where `received` first differs from the body, read from its beginning; none if the shorter is a prefix of the
    /// longer.
    fn differs_at(&self, received: &[u8]) -> Option<u64> {
        let length = self.bytes.min(received.len() as u64) as usize;
        // The stripes between begin and end are the bulk: one buffer, whose number is counted up in place.
        let middle_end = length.min(self.bytes.saturating_sub(STRIPE) as usize) / STRIPE_BYTES * STRIPE_BYTES;
        let head = length.min(STRIPE_BYTES);
        if received[..head] != self.begin[..head] {
            return Some(first_difference(&received[..head], &self.begin) as u64);
        }
        let mut stripe = self.stripe;
        let mut at = STRIPE_BYTES;
        if middle_end > STRIPE_BYTES {
            for chunk in received[STRIPE_BYTES..middle_end].as_chunks::<STRIPE_BYTES>().0 {
                count_up(&mut stripe);
                if *chunk != stripe {
                    return Some((at + first_difference(chunk, &stripe)) as u64);
                }
                at += STRIPE_BYTES;
            }
        }
        let rest = length.saturating_sub(at);
        let mut tail = [0; 2 * STRIPE_BYTES];
        let tail = &mut tail[..rest];
        self.fill(at as u64, tail);
        let received = &received[length - rest..length];
        (received != &*tail).then(|| (at + first_difference(received, tail)) as u64)
    }

    /// The stripes that `length` bytes from `offset` touch.
    fn pieces(&self, offset: u64, length: usize) -> impl Iterator<Item = Piece> {
        let end = offset + length as u64;
        let end_stripe = if self.bytes >= 2 * STRIPE { self.bytes - STRIPE } else { self.bytes };
        let mut at = offset;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let (kind, start, stop) = match at {
                at if at >= end_stripe => (Kind::End, end_stripe, end_stripe + STRIPE),
                at if at < STRIPE => (Kind::Begin, 0, STRIPE),
                at => {
                    let index = at / STRIPE;
                    (Kind::Stripe(index), index * STRIPE, ((index + 1) * STRIPE).min(end_stripe))
                }
            };
            let length = stop.min(end) - at;
            let piece = Piece { kind, skip: (at - start) as usize, length: length as usize };
            at += length;
            Some(piece)
        })
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Begin,
    Stripe(u64),
    End,
}

/// A part of one stripe.
#[derive(Clone, Copy)]
struct Piece {
    kind: Kind,
    skip: usize,
    length: usize,
}

impl Piece {
    fn with(self, body: &StripedBody, mut take: impl FnMut(&[u8])) {
        let range = self.skip..self.skip + self.length;
        match self.kind {
            Kind::Begin => take(&body.begin[range]),
            Kind::End => take(&body.end[range]),
            Kind::Stripe(index) => {
                let mut stripe = body.stripe;
                write_digits(u128::from(index), &mut stripe[TAG_END..]);
                take(&stripe[range]);
            }
        }
    }
}

/// Adds one to the number of a stripe.
fn count_up(stripe: &mut [u8; STRIPE_BYTES]) {
    for digit in stripe[TAG_END..].iter_mut().rev() {
        let value = VALUES[usize::from(*digit)];
        if value < 31 {
            *digit = DIGITS[usize::from(value) + 1];
            return;
        }
        *digit = DIGITS[0];
    }
}

fn first_difference(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).position(|(one, other)| one != other).unwrap_or(one.len().min(other.len()))
}

/// What a received body says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyReading {
    /// Whose its begin stripe says it is.
    pub owner: Option<Claim>,
    /// The length that its begin stripe promises.
    pub declared_bytes: Option<u64>,
    /// The length that came.
    pub received_bytes: u64,
    /// How the two compare.
    pub state: BodyState,
    /// The canaries found by searching, when comparing was not enough; a run of one claim counts once.
    pub hits: Vec<Hit>,
}

/// How a received body compares with what its begin stripe promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BodyState {
    /// Byte for byte.
    Intact,
    /// So many bytes as promised, and then no more.
    CutAfter(u64),
    /// As promised, and then so many bytes more.
    LongerBy(u64),
    /// Another byte than promised.
    Differs {
        /// The first such byte.
        at: u64,
    },
    /// It does not begin with a stripe: empty, too short to tell, rewritten, or not ours.
    Unstriped,
}

/// Reads a body: decodes its begin stripe, compares the rest with the prediction, searches only after a mismatch.
/// `expected` is the body that the caller hopes for; giving it saves the decoding, and lets bodies shorter than a canary
/// be called intact, though nobody's.
pub fn read_body(scanner: &Scanner, key: &CanaryKey, expected: Option<&StripedBody>, body: &[u8]) -> BodyReading {
    let received_bytes = body.len() as u64;
    if let Some(expected) = expected.filter(|expected| expected.len() == received_bytes && !expected.is_empty())
        && expected.differs_at(body).is_none()
    {
        return BodyReading {
            // Shorter than a canary, the bytes are as expected and could be anybody's.
            owner: (expected.len() >= CANARY_BYTES as u64).then(|| expected.claim()),
            declared_bytes: Some(expected.len()),
            received_bytes,
            state: BodyState::Intact,
            hits: Vec::new(),
        };
    }
    let Some((owner, declared)) = begin(key, body) else {
        let hits = collapse(scanner.scan(key, body));
        return BodyReading { owner: None, declared_bytes: None, received_bytes, state: BodyState::Unstriped, hits };
    };
    let promised = StripedBody::new(key, owner, declared);
    let (state, hits) = match promised.differs_at(body) {
        Some(at) => (BodyState::Differs { at }, scanner.scan(key, body)),
        None if received_bytes < declared => (BodyState::CutAfter(received_bytes), Vec::new()),
        None if received_bytes > declared => {
            let surplus = scanner.scan(key, &body[declared as usize..]);
            let shift = declared as usize;
            let hits = surplus.into_iter().map(|hit| Hit { offset: hit.offset + shift, ..hit }).collect();
            (BodyState::LongerBy(received_bytes - declared), hits)
        }
        None => (BodyState::Intact, Vec::new()),
    };
    let hits = collapse(hits);
    BodyReading { owner: Some(owner), declared_bytes: Some(declared), received_bytes, state, hits }
}

/// The claim and the length of a begin stripe. A body below 64 bytes has lost some of the length's digits; it is taken
/// for whole if it would be.
fn begin(key: &CanaryKey, body: &[u8]) -> Option<(Claim, u64)> {
    let owner = key.verify(body.get(..CANARY_BYTES)?).ok().filter(|claim| claim.site == Site::BodyBegin)?;
    let declared = match body.get(TAG_END..STRIPE_BYTES) {
        Some(digits) => u64::try_from(read_digits(digits)?).ok()?,
        None => body.len() as u64,
    };
    Some((owner, declared))
}

fn collapse(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.dedup_by(|later, earlier| (later.encoding, later.canary) == (earlier.encoding, earlier.canary));
    hits
}

#[cfg(test)]
mod tests {
    use super::super::codec::tests::{any_claim, claim, key};
    use super::*;
    use proptest::prelude::*;

    const LENGTHS: [u64; 20] =
        [0, 1, 47, 48, 63, 64, 65, 127, 128, 129, 191, 192, 193, 4095, 4096, 4097, 65535, 65536, 65537, 200_000];

    fn read(body: &[u8]) -> BodyReading {
        read_body(&Scanner::new(), &key(), None, body)
    }

    #[test]
    fn the_stripes_of_a_body_are_as_documented() {
        let body = String::from_utf8(StripedBody::new(&key(), claim(), 200).to_vec()).unwrap();
        assert_eq!(body.len(), 200);
        assert_eq!(&body[48..64], "begaaaaaaaaaaagi");
        assert_eq!(&body[112..128], "straaaaaaaaaaaab");
        assert_eq!(&body[184..], "endaaaaaaaaaaagi");
    }

    #[test]
    fn bodies_of_every_boundary_length_are_intact() {
        for bytes in LENGTHS {
            let body = StripedBody::new(&key(), claim(), bytes);
            let text = body.to_vec();
            assert_eq!(text.len() as u64, bytes);
            let hoped_for = read_body(&Scanner::new(), &key(), Some(&body), &text);
            assert_eq!(hoped_for.state, if bytes == 0 { BodyState::Unstriped } else { BodyState::Intact }, "{bytes}");
            assert_eq!(hoped_for.owner.is_some(), bytes >= CANARY_BYTES as u64, "{bytes}: one byte is anybody's");
            if bytes >= CANARY_BYTES as u64 {
                assert_eq!(
                    (read(&text).state, read(&text).declared_bytes),
                    (BodyState::Intact, Some(bytes)),
                    "{bytes}"
                );
            }
        }
    }

    #[test]
    fn a_cut_and_a_tail_are_told_apart() {
        let text = StripedBody::new(&key(), claim(), 1000).to_vec();
        assert_eq!(read(&text[..999]).state, BodyState::CutAfter(999));
        assert_eq!(read(&text[..64]).state, BodyState::CutAfter(64));
        let foreign = Claim { exchange: crate::identity::ExchangeId(99), ..claim() };
        let tail = StripedBody::new(&key(), foreign, 200).to_vec();
        let reading = read(&[text.as_slice(), &tail].concat());
        assert_eq!(reading.state, BodyState::LongerBy(200));
        // Begin, one stripe, the marker of a cut one, end.
        let owners: Vec<_> = reading.hits.iter().map(|hit| hit.canary.ok().map(|claim| claim.exchange)).collect();
        let foreign = Some(foreign.exchange);
        assert_eq!(owners, [foreign, foreign, None, foreign]);
    }

    /// However long a body is, the owner's own stripes must not hide what stands behind them.
    #[test]
    fn a_piece_of_anothers_is_found_behind_any_number_of_own_stripes() {
        let foreign = Claim { exchange: crate::identity::ExchangeId(99), ..claim() };
        let piece = StripedBody::new(&key(), foreign, 64 * 1024).to_vec()[6_400..6_912].to_vec();
        for at in [100_000, 300_000, 900_000] {
            let mut body = StripedBody::new(&key(), claim(), 1_000_000).to_vec();
            body[at..at + piece.len()].copy_from_slice(&piece);
            let found = read(&body).hits.into_iter().filter_map(|hit| hit.canary.ok());
            assert!(found.into_iter().any(|claim| claim.exchange == foreign.exchange), "at {at}");
        }
    }

    #[test]
    fn what_is_not_striped_is_searched() {
        let text = format!("<html>{}</html>", key().mint(claim()));
        let reading = read(text.as_bytes());
        assert_eq!((reading.state, reading.hits[0].canary), (BodyState::Unstriped, Ok(claim())));
        assert_eq!(read(b"502 Bad Gateway").hits, []);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_changed_byte_is_found_where_it_is(claim in any_claim(), bytes in 64..3000u64, at in any::<prop::sample::Index>()) {
            let mut text = StripedBody::new(&key(), claim, bytes).to_vec();
            // Behind the begin stripe: a change in the canary itself makes the body nobody's.
            let at = STRIPE_BYTES + at.index(text.len().saturating_sub(STRIPE_BYTES).max(1));
            prop_assume!(at < text.len());
            text[at] = b'!';
            prop_assert_eq!(read(&text).state, BodyState::Differs { at: at as u64 });
        }

        #[test]
        fn any_two_stripes_name_their_owner(claim in any_claim(), bytes in 200..3000u64, from in any::<prop::sample::Index>()) {
            let text = StripedBody::new(&key(), claim, bytes).to_vec();
            let run = if bytes.is_multiple_of(STRIPE) { 2 * STRIPE_BYTES } else { 3 * STRIPE_BYTES };
            let from = from.index(text.len() - run);
            let fragment = &text[from..from + run];
            let hits = Scanner::new().scan_plain(&key(), fragment);
            prop_assert!(hits.iter().any(|hit| hit.canary.is_ok_and(|found| found.exchange == claim.exchange)));
        }

        #[test]
        fn a_piece_is_the_same_as_that_part_of_the_whole(bytes in 0..1000u64, from in 0..1000u64, length in 0..300usize) {
            let body = StripedBody::new(&key(), claim(), bytes);
            let mut piece = vec![0; length];
            let filled = body.fill(from, &mut piece);
            let whole = body.to_vec();
            let from = (from as usize).min(whole.len());
            prop_assert_eq!(&piece[..filled], &whole[from..(from + length).min(whole.len())]);
        }

        #[test]
        fn any_bytes_are_safe_to_read(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            prop_assert_eq!(read(&bytes).owner, None);
        }
    }
}
