//! Bytes from the wire as a text that a report can print: what both ends keep as evidence.
//!
//! A line end (CRLF) becomes a newline, every other byte that is not printable ASCII becomes `\xNN`, so that a bare LF
//! or a NUL, over which parsers disagree, stays visible. Canaries are letters and digits and come through untouched.

use std::fmt::Write;

use crate::limits::EXCERPT_BYTES_MAX;

/// The beginning of `bytes`, printable, at most [`EXCERPT_BYTES_MAX`] long; a `…` at its end says that more followed.
pub fn excerpt(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().min(EXCERPT_BYTES_MAX));
    let mut rest = bytes;
    loop {
        // Nearly every byte of a head is printable: it is copied in runs.
        let room = (EXCERPT_BYTES_MAX - 6).saturating_sub(text.len());
        let run = printable_run(&rest[..rest.len().min(room)]);
        let (printable, behind) = rest.split_at(run);
        text.push_str(std::str::from_utf8(printable).expect("printable ASCII is UTF-8"));
        let Some((first, after)) = behind.split_first() else { break };
        // Room for the longest thing that may still be written: an escape (4 bytes) and the ellipsis (3 bytes).
        if text.len() > EXCERPT_BYTES_MAX - 7 {
            text.push('…');
            break;
        }
        rest = after;
        match first {
            b'\r' if after.first() == Some(&b'\n') => {
                text.push('\n');
                rest = &after[1..];
            }
            other => write!(text, "\\x{other:02x}").expect("writing to a String cannot fail"),
        }
    }
    text
}

/// How many bytes from the first on are printable.
fn printable_run(bytes: &[u8]) -> usize {
    const BLOCK: usize = 16;
    let is_printable = |byte: &u8| matches!(byte, b' '..=b'~');
    // Whole blocks without a branch for each byte, which the compiler turns into vector instructions.
    let whole = |block: &&[u8]| block.iter().fold(true, |all, byte| all & is_printable(byte));
    let blocks = bytes.chunks_exact(BLOCK).take_while(whole).count() * BLOCK;
    blocks + bytes[blocks..].iter().take_while(|byte| is_printable(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_become_newlines_and_other_bytes_stay_visible() {
        assert_eq!(
            excerpt(b"GET / HTTP/1.1\r\nA: b\tc\n\0\r\n\xff\r\n"),
            "GET / HTTP/1.1\nA: b\\x09c\\x0a\\x00\n\\xff\n"
        );
    }

    #[test]
    fn an_excerpt_is_bounded_and_says_that_more_followed() {
        for bytes in [vec![b'a'; 5000], vec![0; 5000]] {
            let text = excerpt(&bytes);
            assert!(text.len() <= EXCERPT_BYTES_MAX && text.ends_with('…'), "{}", text.len());
        }
        assert!(!excerpt(&[b'a'; 2000]).ends_with('…'));
    }
}
