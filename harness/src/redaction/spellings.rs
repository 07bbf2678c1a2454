//! How else a secret may be spelled in what a gateway writes: with some or all of its bytes escaped, and in base 64.

use std::ops::Range;

/// Standard and URL alphabet of base 64 (RFC 4648 §4, §5).
const ALPHABETS: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];
/// Bytes of a secret at the end of an excerpt that was cut off there that are taken for its beginning.
const CUT_BYTES_MIN: usize = 4;
/// The same of its digits in base 64.
const CUT_DIGITS_MIN: usize = 8;
/// What an excerpt that was cut off ends with.
const CUT: char = '…';
/// Bytes of the longest escape, but for one: as many may stand where a cut has gone through one.
const ESCAPE_CUT_BYTES_MAX: usize = 5;
/// What HTML calls the characters that it must not hold as they are.
const NAMED: [(&str, u8); 5] = [("&amp;", b'&'), ("&lt;", b'<'), ("&gt;", b'>'), ("&quot;", b'"'), ("&apos;", b'\'')];

/// Where a value stands in a text in either case, whichever of its bytes are escaped: in percent escapes, in JSON, in HTML,
/// as an excerpt has them. In order, and none within another.
pub(super) fn places(text: &str, value: &str) -> Vec<Range<usize>> {
    let end = text.strip_suffix(CUT).map_or(text.len(), str::len);
    let is_cut = end < text.len();
    let mut places: Vec<Range<usize>> = Vec::new();
    for (at, _) in text[..end].char_indices() {
        if places.last().is_some_and(|last| at < last.end) {
            continue;
        }
        match spelled(&text.as_bytes()[at..end], value.as_bytes()) {
            Spelled::Whole(length) => places.push(at..at + length),
            // An excerpt may end amid it.
            Spelled::AsFarAsItGoes(bytes) if is_cut && bytes >= CUT_BYTES_MIN => places.push(at..end),
            Spelled::AsFarAsItGoes(_) | Spelled::Not => {}
        }
    }
    places.retain(|place| text.is_char_boundary(place.end));
    places
}

/// How far a value is spelled at the beginning of a text.
enum Spelled {
    /// All of it, in so many bytes.
    Whole(usize),
    /// So many of its bytes, and then the text ends.
    AsFarAsItGoes(usize),
    Not,
}

fn spelled(text: &[u8], value: &[u8]) -> Spelled {
    let mut at = 0;
    for (index, byte) in value.iter().enumerate() {
        let rest = &text[at..];
        match step(rest, *byte) {
            Some(length) => at += length,
            None if rest.is_empty() => return Spelled::AsFarAsItGoes(index),
            None if rest.len() <= ESCAPE_CUT_BYTES_MAX && b"%\\&".contains(&rest[0]) => {
                return Spelled::AsFarAsItGoes(index);
            }
            None => return Spelled::Not,
        }
    }
    Spelled::Whole(at)
}

/// How many bytes at the beginning of a text spell this one, if they do.
fn step(text: &[u8], byte: u8) -> Option<usize> {
    // application/x-www-form-urlencoded has a sign for the space.
    let is_byte = |other: u8| other.eq_ignore_ascii_case(&byte) || (byte == b' ' && other == b'+');
    match escape(text) {
        Some((escaped, length)) if is_byte(escaped) => Some(length),
        _ => text.first().filter(|first| is_byte(**first)).map(|_| 1),
    }
}

/// The byte that the escape at the beginning of a text stands for, and its length.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    for prefix in [&b"%"[..], b"\\x", b"\\u00"] {
        if let Some(digits) = text.strip_prefix(prefix).and_then(|rest| rest.get(..2)) {
            return Some((number(digits, 16)?, prefix.len() + 2));
        }
    }
    for (prefix, radix) in [(&b"&#x"[..], 16), (b"&#X", 16), (b"&#", 10)] {
        if let Some(rest) = text.strip_prefix(prefix) {
            let digits = rest.iter().take(ESCAPE_CUT_BYTES_MAX).position(|byte| *byte == b';')?;
            return Some((number(&rest[..digits], radix)?, prefix.len() + digits + 1));
        }
    }
    if let Some((name, byte)) = NAMED.iter().find(|(name, _)| text.starts_with(name.as_bytes())) {
        return Some((*byte, name.len()));
    }
    match text {
        [b'\\', escaped @ (b'"' | b'\\' | b'/' | b'\''), ..] => Some((*escaped, 2)),
        _ => None,
    }
}

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

/// The digits by which a value is known in base 64, in either alphabet, wherever it begins in a group of three.
pub(super) fn in_base64(value: &str) -> Vec<String> {
    let all =
        ALPHABETS.iter().flat_map(|alphabet| (0..3).map(|before| amid_base64(value.as_bytes(), before, alphabet)));
    let mut all: Vec<String> = all.filter(|digits| digits.len() >= CUT_DIGITS_MIN).collect();
    all.sort();
    all.dedup();
    all
}

/// Where such digits stand in a text, or begin before it was cut off.
pub(super) fn digit_places(text: &str, digits: &str) -> Vec<Range<usize>> {
    let mut places: Vec<Range<usize>> = text.match_indices(digits).map(|(at, _)| at..at + digits.len()).collect();
    let behind = places.last().map_or(0, |last| last.end);
    if let Some(rest) = text.strip_suffix(CUT).and_then(|cut| cut.get(behind..)) {
        let beginnings = (CUT_DIGITS_MIN..digits.len()).rev().map(|length| &digits[..length]);
        let length = beginnings.filter(|beginning| rest.ends_with(beginning)).map(str::len).next();
        places.extend(length.map(|length| behind + rest.len() - length..behind + rest.len()));
    }
    places
}

/// The digits of base 64 that follow from the value alone, where so many bytes stand before it in its first group.
fn amid_base64(value: &[u8], before: usize, alphabet: &[u8; 64]) -> String {
    let padded: Vec<u8> = std::iter::repeat_n(0, before).chain(value.iter().copied()).collect();
    let digits = digits(&padded, alphabet);
    // A digit belongs to the value alone if all its six bits do.
    let (first, last) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
    digits.get(first..last).unwrap_or_default().to_owned()
}

fn digits(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut digits = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - group.len()));
        for index in 0..=group.len() {
            let digit = (bits >> (18 - 6 * index)) & 0x3f;
            digits.push(char::from(alphabet[digit as usize]));
        }
    }
    digits
}

/// The text that base 64 stands for, if it stands for one.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for digit in text.trim_end_matches('=').bytes() {
        let value = ALPHABETS.iter().find_map(|alphabet| alphabet.iter().position(|other| *other == digit))?;
        bits = (bits << 6) | u32::try_from(value).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

/// In base 64, by itself.
#[cfg(test)]
pub(super) fn encoded(bytes: &[u8]) -> String {
    let digits = digits(bytes, ALPHABETS[0]);
    let missing = (4 - digits.len() % 4) % 4;
    digits + &"=".repeat(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_is_that_of_the_rfc() {
        for (plain, spelled) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(encoded(plain.as_bytes()), spelled);
            assert_eq!(decoded(spelled).as_deref(), Some(plain));
        }
        assert_eq!(decoded("no base 64!"), None);
    }

    #[test]
    fn what_follows_from_a_value_alone_stands_in_every_text_that_holds_it() {
        for before in 0..6_usize {
            let text: Vec<u8> = [&b"abcdef"[..before], b"s3cr3t value", b"ghi"].concat();
            let sought = amid_base64(b"s3cr3t value", before % 3, ALPHABETS[0]);
            assert!(encoded(&text).contains(&sought) && sought.len() >= 14, "{before}: {sought}");
        }
    }

    #[test]
    fn a_value_is_known_whichever_of_its_bytes_are_escaped() {
        let value = "a b/\"c\"&+";
        for spelled in [
            value,
            "A B/\"C\"&+",
            "a%20b%2F%22c%22%26%2B",
            "a%20b/%22c%22&+",
            "a+b%2f%22c%22%26%2b",
            "%61%20%62%2F%22%63%22%26%2B",
            "a b\\/\\\"c\\\"&+",
            "a b/\\u0022c\\u0022\\u0026+",
            "a b&#47;&quot;c&#x22;&amp;+",
            "a b/\\x22c\\x22&+",
        ] {
            let text = format!("é<{spelled}> and <{spelled}>");
            let found: Vec<&str> = places(&text, value).into_iter().map(|place| &text[place]).collect();
            assert_eq!(found, [spelled, spelled], "{text}");
        }
        for other in ["a b/c", "a%21b%2F%22c%22%26%2B", "", "%", "é…"] {
            assert!(places(other, value).is_empty(), "{other}");
        }
    }

    #[test]
    fn what_is_cut_off_is_known_as_far_as_it_goes() {
        let place = |text: &str| places(text, "s3cr3t/value").pop().map(|place| text[place].to_owned());
        assert_eq!(place("x: s3cr…").as_deref(), Some("s3cr"));
        assert_eq!(place("x: s3cr3t%2…").as_deref(), Some("s3cr3t%2"));
        assert_eq!(place("x: s3c…"), None);
        assert_eq!(place("x: s3cr"), None);
        let digits = in_base64("s3cr3t/value").remove(0);
        assert_eq!(digit_places(&format!("{}…", &digits[..9]), &digits).pop(), Some(0..9));
        assert!(digit_places(&format!("{}…", &digits[..5]), &digits).is_empty());
    }
}
