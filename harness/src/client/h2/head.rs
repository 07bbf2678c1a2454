//! Heads as text and as fields of a block. RFC 9113 §8.2, §8.3.
//!
//! People and the oracle read them like heads of HTTP/1.1, one field a line; pseudo-header fields are the request line,
//! `host` and the status line there. What goes out is encoded from the very text that is reported.

use http2::hpack::{Encoder, FieldList, Style};

use super::super::request::without_symbols;

/// What a block of fields is, of those that a server sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Head {
    /// The head of a reply, interim or final.
    Reply {
        /// 100 to 999.
        status: u16,
        /// The status line, the fields, and an empty line.
        text: Vec<u8>,
    },
    /// Fields without a status: a trailer. Each in a line.
    Fields(Vec<u8>),
    /// RFC 9113 §8.1.1: malformed. What stood in it, each field in a line.
    Malformed(Vec<u8>),
}

impl Head {
    /// Reads a block. Names in upper case and fields about the connection are read over: they hide nothing.
    pub(super) fn read(fields: &FieldList) -> Head {
        let mut lines = Vec::new();
        let (mut status, mut malformed) = (None, fields.left_out() > 0);
        for (place, field) in fields.iter().enumerate() {
            // RFC 9113 §8.2.1: such a value would be two fields for somebody else.
            malformed |= field.name.is_empty() || [field.name, field.value].iter().any(|text| breaks_a_line(text));
            match (field.name, place) {
                (b":status", 0) => {
                    status = status_of(field.value);
                    malformed |= status.is_none();
                    if status.is_some() {
                        continue;
                    }
                }
                // RFC 9113 §8.3: before all others, each once, and of those for replies there is only one.
                ([b':', ..], _) => malformed = true,
                _ => {}
            }
            for piece in [field.name, b": ", field.value, b"\r\n"] {
                lines.extend_from_slice(piece);
            }
        }
        match status {
            _ if malformed => Head::Malformed(lines),
            Some(status) => {
                let line = format!("HTTP/2 {status}\r\n");
                Head::Reply { status, text: [line.as_bytes(), &lines, b"\r\n"].concat() }
            }
            None => Head::Fields(lines),
        }
    }

    /// All of it.
    pub(super) fn text(&self) -> &[u8] {
        match self {
            Head::Reply { text, .. } | Head::Fields(text) | Head::Malformed(text) => text,
        }
    }
}

/// RFC 9110 §15: three digits.
fn status_of(value: &[u8]) -> Option<u16> {
    let digits = value.len() == 3 && value.iter().all(u8::is_ascii_digit);
    let status = std::str::from_utf8(value).ok().filter(|_| digits)?.parse().ok()?;
    (status >= 100).then_some(status)
}

fn breaks_a_line(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'\r' | b'\n' | b'\0'))
}

/// Values above this are spelled as they are and leave no trace in the table, which they would only empty.
const INDEXED_BYTES_MAX: usize = 1024;

/// What a line begins with, behind that of the host, which names the protocol of a CONNECT (RFC 8441 §4).
pub(in crate::client) const PROTOCOL: &str = ":protocol: ";

/// Appends the block of a request's head.
pub(super) fn encode_request(scheme: &str, head: &str, encoder: &mut Encoder, block: &mut Vec<u8>) {
    let mut lines = head.lines().peekable();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let authority = lines.next().and_then(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let protocol = lines.next_if(|line| line.starts_with(PROTOCOL)).map(|line| &line[PROTOCOL.len()..]);
    encoder.begin(block);
    encode(":method", method, encoder, block);
    if let Some(protocol) = protocol {
        encode(":protocol", protocol, encoder, block);
    }
    // RFC 9113 §8.5: a CONNECT names the tunnel's end, and neither scheme nor path. RFC 8441 §4: both, if it names a
    // protocol.
    let names_a_resource = method != "CONNECT" || protocol.is_some();
    if names_a_resource {
        encode(":scheme", scheme, encoder, block);
    }
    encode(":authority", authority, encoder, block);
    if names_a_resource {
        encode(":path", target, encoder, block);
    }
    encode_lines(lines, encoder, block);
}

/// Appends the block of a trailer.
pub(super) fn encode_trailer(trailer: &str, encoder: &mut Encoder, block: &mut Vec<u8>) {
    encoder.begin(block);
    encode_lines(trailer.lines(), encoder, block);
}

fn encode_lines<'a>(lines: impl Iterator<Item = &'a str>, encoder: &mut Encoder, block: &mut Vec<u8>) {
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        encode(name, value, encoder, block);
    }
}

/// All streams of the connection share the table: as much as possible goes through it.
fn encode(name: &str, value: &str, encoder: &mut Encoder, block: &mut Vec<u8>) {
    let (name, value) = (without_symbols(name), without_symbols(value));
    let style = if value.len() > INDEXED_BYTES_MAX { Style::PLAIN } else { Style::USUAL };
    encoder.encode(block, name.as_bytes(), value.as_bytes(), style);
}

#[cfg(test)]
mod tests {
    use super::*;
    use http2::hpack::{Decoder, TABLE_BYTES_DEFAULT};

    fn decoded(block: &[u8]) -> FieldList {
        let mut list = FieldList::default();
        Decoder::new(TABLE_BYTES_DEFAULT).decode(block, &mut list).unwrap();
        list
    }

    fn fields(fields: &[(&str, &str)]) -> FieldList {
        let (mut encoder, mut block) = (Encoder::new(TABLE_BYTES_DEFAULT), Vec::new());
        for (name, value) in fields {
            encoder.encode(&mut block, name.as_bytes(), value.as_bytes(), Style::PLAIN);
        }
        decoded(&block)
    }

    fn told(given: &[(&str, &str)]) -> String {
        let head = Head::read(&fields(given));
        let kind = match &head {
            Head::Reply { status, .. } => status.to_string(),
            Head::Fields(_) => "fields".to_owned(),
            Head::Malformed(_) => "malformed".to_owned(),
        };
        format!("{kind}|{}", String::from_utf8_lossy(head.text()).replace("\r\n", "~"))
    }

    #[test]
    fn the_head_of_a_reply_is_spelled_like_one_of_http_1() {
        assert_eq!(told(&[(":status", "200"), ("content-length", "5")]), "200|HTTP/2 200~content-length: 5~~");
        assert_eq!(told(&[(":status", "103")]), "103|HTTP/2 103~~");
        assert_eq!(told(&[("x-end", "1"), ("Y", "")]), "fields|x-end: 1~Y: ~");
    }

    #[test]
    fn a_block_that_is_neither_a_head_nor_a_trailer_still_shows_what_stood_in_it() {
        for given in [
            &[(":status", "20")][..],
            &[(":status", "0200")],
            &[(":status", "099")],
            &[(":status", "+20")],
            &[(":status", "200"), (":status", "200")],
            &[("a", "b"), (":status", "200")],
            &[(":status", "200"), (":path", "/x")],
            &[(":path", "/x")],
            &[(":status", "200"), ("a", "b\r\nset-cookie: c")],
            &[("", "b")],
        ] {
            assert!(told(given).starts_with("malformed|"), "{given:?}");
        }
        assert_eq!(told(&[(":path", "/x"), ("a", "b")]), "malformed|:path: /x~a: b~");
    }

    #[test]
    fn more_fields_than_a_list_keeps_are_malformed() {
        let many = vec![("a", "b"); http2::hpack::decoder::LIST_FIELDS_MAX + 1];
        assert!(told(&many).starts_with("malformed|"));
    }

    fn encoded(head: &str) -> Vec<String> {
        let mut block = Vec::new();
        encode_request("https", head, &mut Encoder::new(TABLE_BYTES_DEFAULT), &mut block);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        decoded(&block).iter().map(|field| format!("{}={}", text(field.name), text(field.value))).collect()
    }

    /// RFC 8441 §4.
    #[test]
    fn a_connect_that_names_a_protocol_names_a_resource_too() {
        let pseudo = [":method=CONNECT", ":protocol=websocket", ":scheme=https", ":authority=a.test", ":path=/chat"];
        let text = "CONNECT /chat HTTP/2\r\nhost: a.test\r\n:protocol: websocket\r\nx-a: 1\r\n\r\n";
        assert_eq!(encoded(text), [&pseudo[..], &["x-a=1"]].concat());
    }

    #[test]
    fn what_goes_out_is_what_the_text_says() {
        assert_eq!(
            encoded("GET /a?b=c HTTP/2\r\nhost: h.test\r\nx: y: z\r\nempty: \r\n\r\n"),
            [":method=GET", ":scheme=https", ":authority=h.test", ":path=/a?b=c", "x=y: z", "empty="]
        );
    }

    #[test]
    fn what_a_line_cannot_hold_goes_out_as_it_is() {
        let text = "A␠B␍␊ /p␠q HTTP/2\r\nhost: h\r\nx: 1␍␊␍␊GET\r\n\r\n";
        assert_eq!(encoded(text), [":method=A B\r\n", ":scheme=https", ":authority=h", ":path=/p q", "x=1\r\n\r\nGET"]);
    }

    #[test]
    fn a_connect_has_neither_scheme_nor_path() {
        assert_eq!(encoded("CONNECT a:443 HTTP/2\r\nhost: a:443\r\n\r\n"), [":method=CONNECT", ":authority=a:443"]);
    }
}
