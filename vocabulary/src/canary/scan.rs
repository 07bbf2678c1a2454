//! Finding canaries in bytes: one search for the marker, and one more for its encodings.
//!
//! The cost does not grow with the number of canaries issued: a hit is decoded and says itself whose it is. What does
//! not verify is reported too, for counting; it is never anybody's.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem;
use serde::{Deserialize, Serialize};

use super::codec::{CANARY_BYTES, CanaryKey, Claim, MARKER, Unverified};

/// Hits that one scan reports at most; what lies behind them is not looked at. A canary that stands there many times in a
/// row, as in the stripes of a long body, counts once.
pub const HITS_MAX: usize = 4096;

/// How a canary was written where it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// As minted.
    Plain,
    /// With letters in another case.
    CaseFolded,
    /// In base 64, standard or URL alphabet, in any alignment.
    Base64,
    /// In hexadecimal digits.
    Hex,
    /// In percent escapes, all or some of it.
    Percent,
    /// In UTF-16, of either byte order.
    Utf16,
    /// In JSON's `\u0078` escapes, all or some of it.
    JsonEscaped,
    /// In HTML's numeric references, all or some of it.
    HtmlNumeric,
}

/// A canary-shaped text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// Where it begins in the scanned bytes.
    pub offset: usize,
    /// How it was written.
    pub encoding: Encoding,
    /// Whose it is, if it verifies. A marker whose payload is cut off or mangled does not.
    pub canary: Result<Claim, Unverified>,
}

/// Searches bytes for canaries. Built once; clones share it.
#[derive(Debug, Clone)]
pub struct Scanner {
    plain: Arc<memmem::Finder<'static>>,
    encoded: Arc<AhoCorasick>,
    kinds: Arc<[Pattern]>,
}

/// What a pattern of the second pass stands for.
#[derive(Debug, Clone, Copy)]
enum Pattern {
    CaseFolded,
    /// The number of bytes before the marker in its group of three.
    Base64(usize),
    Hex,
    Percent,
    Utf16,
    JsonEscaped,
    HtmlNumeric,
}

impl Default for Scanner {
    fn default() -> Scanner {
        Scanner::new()
    }
}

impl Scanner {
    /// Builds the two searches.
    pub fn new() -> Scanner {
        let (texts, kinds): (Vec<Vec<u8>>, Vec<Pattern>) = patterns().into_iter().unzip();
        let encoded = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(texts);
        Scanner {
            plain: Arc::new(memmem::Finder::new(MARKER)),
            encoded: Arc::new(encoded.expect("two dozen short patterns are far below the automaton's bounds")),
            kinds: kinds.into(),
        }
    }

    /// The canaries as minted: one pass.
    pub fn scan_plain(&self, key: &CanaryKey, bytes: &[u8]) -> Vec<Hit> {
        self.plain.find_iter(bytes).take(HITS_MAX).map(|offset| plain_hit(key, bytes, offset)).collect()
    }

    /// The canaries in any encoding: two passes.
    pub fn scan(&self, key: &CanaryKey, bytes: &[u8]) -> Vec<Hit> {
        let mut hits = in_a_row(self.plain.find_iter(bytes).map(|offset| plain_hit(key, bytes, offset)), HITS_MAX);
        let encoded = self.encoded.find_iter(bytes).filter_map(|found| {
            let kind = self.kinds[found.pattern().as_usize()];
            encoded_hit(key, bytes, found.start(), kind)
        });
        let room = HITS_MAX - hits.len();
        hits.extend(in_a_row(encoded, room));
        hits.sort_by_key(|hit| hit.offset);
        hits
    }
}

/// The first of each row of hits that tell the same, so many at most.
fn in_a_row(all: impl Iterator<Item = Hit>, hits_max: usize) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    for hit in all {
        if hits.last().is_some_and(|last| (last.encoding, last.canary) == (hit.encoding, hit.canary)) {
            continue;
        }
        if hits.len() == hits_max {
            break;
        }
        hits.push(hit);
    }
    hits
}

/// The marker as each encoding writes it. Its digits and letters have no letter among their hexadecimal codes, so one
/// pattern serves both cases of hexadecimal, percent and JSON escapes.
fn patterns() -> Vec<(Vec<u8>, Pattern)> {
    let marker = MARKER.as_bytes();
    let join = |write: fn(u8) -> String| marker.iter().map(|byte| write(*byte)).collect::<String>().into_bytes();
    let mut patterns = vec![
        (join(|byte| format!("{byte:02x}")), Pattern::Hex),
        (join(|byte| format!("%{byte:02x}")), Pattern::Percent),
        (join(|byte| format!("\\u{byte:04x}")), Pattern::JsonEscaped),
        (join(|byte| format!("&#{byte};")), Pattern::HtmlNumeric),
        (join(|byte| format!("&#x{byte:02x};")), Pattern::HtmlNumeric),
        (join(|byte| format!("&#X{byte:02X};")), Pattern::HtmlNumeric),
    ];
    // Of either byte order: the text between the zero bytes is the same, whichever side they belong to.
    let mut utf16: Vec<u8> = marker.iter().flat_map(|byte| [*byte, 0]).collect();
    utf16.pop();
    patterns.push((utf16, Pattern::Utf16));
    for before in 0..3 {
        patterns.push((base64_core(before), Pattern::Base64(before)));
    }
    let letters: Vec<usize> = (0..marker.len()).filter(|at| marker[*at].is_ascii_alphabetic()).collect();
    for choice in 1..1_usize << letters.len() {
        let mut text = marker.to_vec();
        for (bit, at) in letters.iter().enumerate().filter(|(bit, _)| choice >> bit & 1 == 1) {
            debug_assert!(choice >> bit & 1 == 1);
            text[*at] = text[*at].to_ascii_uppercase();
        }
        patterns.push((text, Pattern::CaseFolded));
    }
    patterns
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The base-64 characters that the marker alone decides when `before` bytes precede it in its group.
fn base64_core(before: usize) -> Vec<u8> {
    let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(MARKER.bytes()).collect();
    let first = (8 * before).div_ceil(6);
    let end = 8 * bytes.len() / 6;
    let bit = |at: usize| usize::from(bytes[at / 8] >> (7 - at % 8) & 1);
    let value = |index: usize| (0..6).fold(0, |value, offset| value << 1 | bit(6 * index + offset));
    (first..end).map(|index| BASE64[value(index)]).collect()
}

fn plain_hit(key: &CanaryKey, bytes: &[u8], offset: usize) -> Hit {
    let text = bytes.get(offset..offset + CANARY_BYTES);
    let canary = text.map_or(Err(Unverified::CutOff), |text| key.verify(text));
    if matches!(canary, Err(Unverified::NotACanary | Unverified::CutOff)) {
        // The marker came through and some of the payload was escaped.
        for (encoding, unescape) in ESCAPES {
            if let Some(Ok(claim)) = unescape_all(&bytes[offset..], unescape).map(|text| key.verify(&text)) {
                return Hit { offset, encoding, canary: Ok(claim) };
            }
        }
    }
    Hit { offset, encoding: Encoding::Plain, canary }
}

fn encoded_hit(key: &CanaryKey, bytes: &[u8], start: usize, kind: Pattern) -> Option<Hit> {
    let (offset, encoding, text) = match kind {
        Pattern::CaseFolded => {
            let text = bytes.get(start..start + CANARY_BYTES).and_then(|text| text.try_into().ok());
            (start, Encoding::CaseFolded, text)
        }
        Pattern::Base64(before) => {
            // The group began with the bytes before the marker; if it is not there, this is no base 64 of a canary.
            let group = start.checked_sub((8 * before).div_ceil(6))?;
            (group, Encoding::Base64, base64_text(&bytes[group..], before))
        }
        Pattern::Hex => (start, Encoding::Hex, unescape_all(&bytes[start..], unescape_hex)),
        Pattern::Percent => (start, Encoding::Percent, unescape_all(&bytes[start..], unescape_percent)),
        Pattern::Utf16 => (start, Encoding::Utf16, utf16_text(&bytes[start..])),
        Pattern::JsonEscaped => (start, Encoding::JsonEscaped, unescape_all(&bytes[start..], unescape_json)),
        Pattern::HtmlNumeric => (start, Encoding::HtmlNumeric, unescape_all(&bytes[start..], unescape_html)),
    };
    let canary = text.map_or(Err(Unverified::NotACanary), |text| key.verify(&text));
    Some(Hit { offset, encoding, canary })
}

fn base64_text(bytes: &[u8], before: usize) -> Option<[u8; CANARY_BYTES]> {
    let mut text = [0; CANARY_BYTES];
    let (mut held, mut held_bits, mut skip, mut filled) = (0_u32, 0, before, 0);
    for byte in bytes {
        let value = match byte {
            b'-' => 62,
            b'_' => 63,
            _ => BASE64.iter().position(|character| character == byte)? as u32,
        };
        held = held << 6 | value;
        held_bits += 6;
        if held_bits >= 8 {
            held_bits -= 8;
            let decoded = (held >> held_bits) as u8;
            held &= (1 << held_bits) - 1;
            if skip > 0 {
                skip -= 1;
                continue;
            }
            text[filled] = decoded;
            filled += 1;
            if filled == CANARY_BYTES {
                return Some(text);
            }
        }
    }
    None
}

fn utf16_text(bytes: &[u8]) -> Option<[u8; CANARY_BYTES]> {
    let mut text = [0; CANARY_BYTES];
    for (index, character) in text.iter_mut().enumerate() {
        *character = *bytes.get(2 * index)?;
        let last = index + 1 == CANARY_BYTES;
        if !last && *bytes.get(2 * index + 1)? != 0 {
            return None;
        }
    }
    Some(text)
}

/// Reads one character in an escape's form: the character, and how many bytes it took.
type Unescape = fn(&[u8]) -> Option<(u8, usize)>;

const ESCAPES: [(Encoding, Unescape); 3] = [
    (Encoding::Percent, unescape_percent),
    (Encoding::JsonEscaped, unescape_json),
    (Encoding::HtmlNumeric, unescape_html),
];

fn unescape_all(bytes: &[u8], unescape: Unescape) -> Option<[u8; CANARY_BYTES]> {
    let mut text = [0; CANARY_BYTES];
    let mut at = 0;
    for character in &mut text {
        let (unescaped, taken) = unescape(bytes.get(at..)?)?;
        *character = unescaped;
        at += taken;
    }
    Some(text)
}

fn plain_character(bytes: &[u8]) -> Option<(u8, usize)> {
    bytes.first().filter(|byte| byte.is_ascii_alphanumeric()).map(|byte| (*byte, 1))
}

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    u8::try_from(u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()?).ok()
}

fn unescape_hex(bytes: &[u8]) -> Option<(u8, usize)> {
    Some((number(bytes.get(..2)?, 16)?, 2))
}

fn unescape_percent(bytes: &[u8]) -> Option<(u8, usize)> {
    match bytes.first()? {
        b'%' => Some((number(bytes.get(1..3)?, 16)?, 3)),
        _ => plain_character(bytes),
    }
}

fn unescape_json(bytes: &[u8]) -> Option<(u8, usize)> {
    match bytes.strip_prefix(b"\\u") {
        Some(digits) => Some((number(digits.get(..4)?, 16)?, 6)),
        None => plain_character(bytes),
    }
}

fn unescape_html(bytes: &[u8]) -> Option<(u8, usize)> {
    let Some(reference) = bytes.strip_prefix(b"&#") else { return plain_character(bytes) };
    let end = reference.iter().take(8).position(|byte| *byte == b';')?;
    let code = match reference.first()? {
        b'x' | b'X' => number(reference.get(1..end)?, 16)?,
        _ => number(&reference[..end], 10)?,
    };
    Some((code, 2 + end + 1))
}

#[cfg(test)]
mod tests {
    use super::super::codec::tests::{any_claim, claim, key};
    use super::*;
    use proptest::prelude::*;

    fn escape(text: &str, write: impl Fn(u8) -> String) -> Vec<u8> {
        text.bytes().map(write).collect::<String>().into_bytes()
    }

    fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> Vec<u8> {
        let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1));
        let value = |index: usize| (0..6).fold(0, |value, offset| value << 1 | bit(6 * index + offset));
        (0..(8 * bytes.len()).div_ceil(6)).map(|index| alphabet[value(index)]).collect()
    }

    /// A canary's text in every encoding that the scanner promises to see through.
    fn encodings(text: &str) -> Vec<(Encoding, Vec<u8>)> {
        let mixed = |index: usize, byte: u8| {
            if index.is_multiple_of(3) { format!("%{byte:02X}") } else { (byte as char).to_string() }
        };
        let url = BASE64.map(|character| match character {
            b'+' => b'-',
            b'/' => b'_',
            _ => character,
        });
        let mut all = vec![
            (Encoding::Plain, text.as_bytes().to_vec()),
            (Encoding::CaseFolded, text.to_ascii_uppercase().into_bytes()),
            (Encoding::CaseFolded, [&text[..1].to_ascii_uppercase(), &text[1..]].concat().into_bytes()),
            (Encoding::Hex, escape(text, |byte| format!("{byte:02x}"))),
            (Encoding::Hex, escape(text, |byte| format!("{byte:02X}"))),
            (Encoding::Percent, escape(text, |byte| format!("%{byte:02x}"))),
            (
                Encoding::Percent,
                text.bytes().enumerate().skip(6).fold(text.as_bytes()[..6].to_vec(), |mut out, (index, byte)| {
                    out.extend(mixed(index, byte).into_bytes());
                    out
                }),
            ),
            (Encoding::JsonEscaped, escape(text, |byte| format!("\\u{byte:04X}"))),
            (Encoding::HtmlNumeric, escape(text, |byte| format!("&#{byte};"))),
            (Encoding::HtmlNumeric, escape(text, |byte| format!("&#x{byte:x};"))),
            (Encoding::Utf16, text.bytes().flat_map(|byte| [byte, 0]).collect()),
            (Encoding::Utf16, text.bytes().flat_map(|byte| [0, byte]).collect()),
        ];
        for prefix in ["", "a", "ab"] {
            for alphabet in [BASE64, &url] {
                all.push((Encoding::Base64, base64(format!("{prefix}{text}xyz").as_bytes(), alphabet)));
                all.push((Encoding::Base64, base64(format!("{prefix}{text}").as_bytes(), alphabet)));
            }
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_canary_is_found_in_every_encoding(
            claim in any_claim(),
            before in proptest::collection::vec(any::<u8>(), 0..40),
            after in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let scanner = Scanner::new();
            for (encoding, text) in encodings(key().mint(claim).as_str()) {
                // A separator, because a letter before base 64 would be part of it.
                let bytes = [before.as_slice(), b"\"", &text, b"\"", &after].concat();
                let hits = scanner.scan(&key(), &bytes);
                let found = hits.iter().any(|hit| hit.canary == Ok(claim) && hit.encoding == encoding);
                prop_assert!(found, "{:?} in {:?}", encoding, String::from_utf8_lossy(&bytes));
            }
        }

        #[test]
        fn any_bytes_are_safe_and_claim_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(Scanner::new().scan(&key(), &bytes).iter().all(|hit| hit.canary.is_err()));
        }

        #[test]
        fn encodings_cut_anywhere_are_safe_and_claim_nothing_new(claim in any_claim(), cut in 0..400usize) {
            let scanner = Scanner::new();
            for (_, text) in encodings(key().mint(claim).as_str()) {
                let hits = scanner.scan(&key(), &text[..cut.min(text.len())]);
                prop_assert!(hits.iter().all(|hit| hit.canary.is_err() || hit.canary == Ok(claim)));
            }
        }
    }

    #[test]
    fn plain_text_without_a_canary_gives_no_hit() {
        assert_eq!(Scanner::new().scan(&key(), b"GET /xw90q HTTP/1.1 xw90 q8").len(), 0);
    }

    #[test]
    fn a_marker_without_a_payload_is_counted_and_nobodys() {
        let hits = Scanner::new().scan(&key(), b"xw90q8 and more text that is long enough to hold a payload");
        assert_eq!(hits, [Hit { offset: 0, encoding: Encoding::Plain, canary: Err(Unverified::NotACanary) }]);
    }

    #[test]
    fn a_canary_that_the_bytes_end_before_is_told_from_a_mangled_one() {
        let hits = Scanner::new().scan(&key(), &key().mint(claim()).as_bytes()[..30]);
        assert_eq!(hits.iter().map(|hit| hit.canary).collect::<Vec<_>>(), [Err(Unverified::CutOff)]);
    }

    #[test]
    fn hits_come_in_order_and_are_bounded() {
        let text = key().mint(claim()).to_string();
        let two = format!("{} {text}", text.to_ascii_uppercase());
        let hits = Scanner::new().scan(&key(), two.as_bytes());
        assert_eq!(hits.iter().map(|hit| hit.offset).collect::<Vec<_>>(), [0, CANARY_BYTES + 1]);
        let other = Claim { exchange: crate::identity::ExchangeId(99), ..claim() };
        let both = format!("{} {} ", key().mint(claim()), key().mint(other));
        assert_eq!(Scanner::new().scan(&key(), both.repeat(HITS_MAX).as_bytes()).len(), HITS_MAX);
        assert_eq!(Scanner::new().scan(&key(), MARKER.repeat(HITS_MAX + 10).as_bytes()).len(), 2, "one, and a cut one");
    }
}
