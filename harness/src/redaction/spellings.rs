//! How else a secret may be spelled in what a gateway writes: in percent escapes, in JSON, in HTML, in base 64.

/// Standard and URL alphabet of base 64 (RFC 4648 §4, §5).
const ALPHABETS: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];

/// Every way of spelling a value that is looked for, the longest first.
pub(super) fn spellings(value: &str) -> Vec<String> {
    let mut all = vec![
        value.to_owned(),
        value.to_ascii_lowercase(),
        value.to_ascii_uppercase(),
        percent(value, |byte| format!("%{byte:02X}")),
        percent(value, |byte| format!("%{byte:02x}")),
        // application/x-www-form-urlencoded has a sign for the space.
        percent(value, |byte| if byte == b' ' { "+".to_owned() } else { format!("%{byte:02X}") }),
        value.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        value.replace('\\', "\\\\").replace('"', "\\\""),
        value.replace('\\', "\\\\").replace('"', "\\\"").replace('/', "\\/"),
        value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
    ];
    for alphabet in ALPHABETS {
        all.extend((0..3).map(|before| amid_base64(value.as_bytes(), before, alphabet)));
    }
    all.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    all.dedup();
    all
}

/// With every byte escaped that RFC 3986 §2.3 does not leave unreserved.
fn percent(value: &str, escaped: impl Fn(u8) -> String) -> String {
    let spelled = value.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => escaped(other),
    });
    spelled.collect()
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
    fn every_spelling_is_there_once_and_the_longest_is_first() {
        let spellings = spellings("a b/\"c\"");
        for spelled in ["a b/\"c\"", "a%20b%2F%22c%22", "a+b%2F%22c%22", "a b\\/\\\"c\\\"", "a b/&quot;c&quot;"] {
            assert_eq!(spellings.iter().filter(|other| *other == spelled).count(), 1, "{spelled}: {spellings:?}");
        }
        assert!(spellings.windows(2).all(|pair| pair[0].len() >= pair[1].len()));
    }
}
