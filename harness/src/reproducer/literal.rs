//! Bytes as Python spells them: a line of the source for each of theirs, and what repeats told once.

use std::fmt::Write;

use vocabulary::canary::STRIPE_BYTES;

/// As many equal bytes in a row are told by their number.
const RUN_MIN: usize = 96;

/// An expression for these bytes; what does not stand on its first line is indented by so many columns.
pub(super) fn bytes(data: &[u8], indent: usize) -> String {
    let pieces = pieces(data);
    let told = |(piece, times): &(&[u8], usize)| match times {
        1 => spelled(piece),
        times => format!("{} * {times}", spelled(piece)),
    };
    match pieces.as_slice() {
        [] => "b\"\"".to_owned(),
        [piece] => told(piece),
        pieces => {
            let mut expression = "(".to_owned();
            for (index, piece) in pieces.iter().enumerate() {
                // Literals beside each other are one; what is multiplied is added.
                let added = index > 0 && (piece.1 > 1 || pieces[index - 1].1 > 1);
                let sign = if added { "+ " } else { "" };
                write!(expression, "\n{:indent$}{sign}{}", "", told(piece), indent = indent + 4)
                    .expect("a String takes all");
            }
            write!(expression, "\n{:indent$})", "").expect("a String takes all");
            expression
        }
    }
}

/// The bytes in pieces, each with how often it stands there in a row.
fn pieces(data: &[u8]) -> Vec<(&[u8], usize)> {
    let mut pieces: Vec<(&[u8], usize)> = Vec::new();
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        for (piece, times) in runs(line) {
            match pieces.last_mut() {
                Some((last, count)) if *last == piece => *count += times,
                _ => pieces.push((piece, times)),
            }
        }
    }
    pieces
}

/// A line, with what repeats in it apart: long runs of one byte, and stripes that are alike.
fn runs(line: &[u8]) -> Vec<(&[u8], usize)> {
    let mut parts = Vec::new();
    let (mut rest, mut at) = (line, 0);
    while at < rest.len() {
        let repeats = [(1, RUN_MIN), (STRIPE_BYTES, 2)].into_iter().find_map(|(period, times_min)| {
            let piece = rest.get(at..at + period)?;
            let times = rest[at..].chunks_exact(period).take_while(|chunk| *chunk == piece).count();
            (times >= times_min).then_some((piece, times))
        });
        match repeats {
            Some((piece, times)) => {
                parts.extend((at > 0).then(|| (&rest[..at], 1)));
                parts.push((piece, times));
                (rest, at) = (&rest[at + piece.len() * times..], 0);
            }
            None => at += 1,
        }
    }
    parts.extend((!rest.is_empty()).then_some((rest, 1)));
    parts
}

fn spelled(piece: &[u8]) -> String {
    let mut literal = "b\"".to_owned();
    for byte in piece {
        match byte {
            b'\r' => literal.push_str("\\r"),
            b'\n' => literal.push_str("\\n"),
            b'"' => literal.push_str("\\\""),
            b'\\' => literal.push_str("\\\\"),
            b' '..=b'~' => literal.push(char::from(*byte)),
            byte => write!(literal, "\\x{byte:02x}").expect("a String takes all"),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_literal_and_what_repeats_is_told_once() {
        assert_eq!(bytes(b"", 4), "b\"\"");
        assert_eq!(bytes(b"a\"\\\x00\r\n", 4), "b\"a\\\"\\\\\\x00\\r\\n\"");
        assert_eq!(bytes(b"a\r\nb\r\n", 0), "(\n    b\"a\\r\\n\"\n    b\"b\\r\\n\"\n)");
        let body = [&b"head\r\n"[..], &b"line\n".repeat(3), b"end"].concat();
        assert_eq!(bytes(&body, 2), "(\n      b\"head\\r\\n\"\n      + b\"line\\n\" * 3\n      + b\"end\"\n  )");
        assert_eq!(bytes(&[b'p'; 200], 0), "b\"p\" * 200");
        let stripe = format!("stripe{:.<58}", "");
        let striped = format!("begin {}end", stripe.repeat(3));
        let expected = format!("(\n    b\"begin \"\n    + b\"{stripe}\" * 3\n    + b\"end\"\n)");
        assert_eq!(bytes(striped.as_bytes(), 0), expected);
    }
}
