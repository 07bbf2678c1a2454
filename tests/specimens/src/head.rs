//! Heads of messages as owned data: parsed once, then read by the decisions and written out again.
//!
//! Nothing is passed on as raw text: a head is taken apart here and put together again in `wire`, so that an oddity
//! of one hop's syntax cannot become another hop's message boundary (RFC 9112 §11.2).

use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Status};

/// How large a head may be, in bytes. RFC 9112 §3 and RFC 9110 §5.4 leave it to the recipient.
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How many fields a head may have.
pub(crate) const FIELDS_MAX: usize = 100;

/// Field lines in the order in which they came, in one piece of memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    text: Vec<u8>,
    spans: Vec<Span>,
}

/// Where a field line stands in the text: its name, then at once its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    start: usize,
    value: usize,
    end: usize,
}

impl Fields {
    pub(crate) fn push(&mut self, name: &[u8], value: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(name);
        let middle = self.text.len();
        self.text.extend_from_slice(value);
        self.spans.push(Span { start, value: middle, end: self.text.len() });
    }

    /// Whether there is no line.
    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The field lines, name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.spans.iter().map(|span| (&self.text[span.start..span.value], &self.text[span.value..span.end]))
    }

    /// The values of the lines of this name, in order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.iter().filter(move |(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// Whether there is a line of this name.
    pub fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// The members of the comma-separated list that the lines of this name form. RFC 9110 §5.6.1. Not for fields with
    /// quoted strings.
    pub fn members<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.values(name).flat_map(|value| value.split(|&byte| byte == b',')).map(<[u8]>::trim_ascii)
    }

    /// Whether the list has this member, in whatever case.
    pub fn lists(&self, name: &str, member: &str) -> bool {
        self.members(name).any(|found| found.eq_ignore_ascii_case(member.as_bytes()))
    }

    /// How much memory the lines take.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len() + self.spans.len() * size_of::<Span>()
    }

    /// The length that `Content-Length` declares, if there is one. RFC 9112 §6.3(5): several equal values are one;
    /// anything else that is not one decimal number is an error.
    pub(crate) fn content_length(&self) -> Result<Option<u64>, Malformed> {
        let mut declared: Option<&[u8]> = None;
        for member in self.members("content-length") {
            if member.is_empty() || !member.iter().all(u8::is_ascii_digit) || declared.is_some_and(|one| one != member)
            {
                return Err(Malformed);
            }
            declared = Some(member);
        }
        // 19 digits always fit into 64 bits.
        let number = |digits: &[u8]| match digits.len() {
            1..=19 => Ok(digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))),
            _ => Err(Malformed),
        };
        declared.map(number).transpose()
    }

    /// The transfer coding, if there is one. RFC 9112 §6.1 and §7: we know `chunked`, once, and no other.
    pub(crate) fn is_chunked(&self) -> Result<bool, Malformed> {
        let mut codings = self.members("transfer-encoding");
        match (codings.next(), codings.next()) {
            (None, _) => Ok(false),
            (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(true),
            (Some(_), _) => Err(Malformed),
        }
    }

    fn from_parsed(headers: &[Header<'_>]) -> Fields {
        let bytes: usize = headers.iter().map(|header| header.name.len() + header.value.len()).sum();
        // One line more than there are: a missing Date is added to replies.
        let mut fields = Fields { text: Vec::with_capacity(bytes + 40), spans: Vec::with_capacity(headers.len() + 1) };
        for header in headers {
            fields.push(header.name.as_bytes(), header.value);
        }
        fields
    }
}

impl<'a> FromIterator<(&'a [u8], &'a [u8])> for Fields {
    fn from_iter<T: IntoIterator<Item = (&'a [u8], &'a [u8])>>(lines: T) -> Fields {
        let mut fields = Fields::default();
        lines.into_iter().for_each(|(name, value)| fields.push(name, value));
        fields
    }
}

/// A message that breaks its own syntax or framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// A request's first line and fields. The target is in origin form or `*`, the host is the one that counts.
#[derive(Debug, Clone)]
pub struct RequestHead {
    /// The method, case-sensitive.
    pub method: String,
    /// The path and query as the client wrote them, byte for byte, or `*`; of a CONNECT the authority.
    pub target: String,
    /// The authority: of the target if it named one, else of the `Host` field.
    pub host: String,
    /// Whether the client speaks HTTP/1.0.
    pub http_10: bool,
    /// The fields as received.
    pub fields: Fields,
}

/// A reply's first line and fields.
#[derive(Debug, Clone)]
pub struct ReplyHead {
    /// The status, 100 to 999.
    pub status: u16,
    /// The reason phrase, perhaps empty.
    pub reason: String,
    /// Whether the origin speaks HTTP/1.0.
    pub http_10: bool,
    /// The fields as received.
    pub fields: Fields,
}

/// Reads a reply's head off the beginning of `bytes`: with its length, or nothing if it is not complete yet.
pub(crate) fn parse_reply(bytes: &[u8]) -> Result<Option<(usize, ReplyHead)>, Malformed> {
    let mut lines = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut parsed = httparse::Response::new(&mut []);
    match ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, bytes, &mut lines) {
        Ok(Status::Complete(length)) if length <= HEAD_BYTES_MAX => {
            let (Some(status @ 100..), Some(version)) = (parsed.code, parsed.version) else { return Err(Malformed) };
            let reason = parsed.reason.unwrap_or_default().to_owned();
            let fields = Fields::from_parsed(parsed.headers);
            Ok(Some((length, ReplyHead { status, reason, http_10: version == 0, fields })))
        }
        Ok(Status::Partial) if bytes.len() <= HEAD_BYTES_MAX => Ok(None),
        Ok(_) | Err(_) => Err(Malformed),
    }
}

/// A request's head as its client wrote it; `request` decides what is made of it.
#[derive(Debug)]
pub(crate) struct RawRequest {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) http_10: bool,
    pub(crate) fields: Fields,
}

/// Reads a request's head off the beginning of `bytes`; an error is the status to refuse it with.
pub(crate) fn parse_request(bytes: &[u8]) -> Result<Option<(usize, RawRequest)>, u16> {
    let mut lines = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut []);
    match ParserConfig::default().parse_request_with_uninit_headers(&mut parsed, bytes, &mut lines) {
        Ok(Status::Complete(length)) if length <= HEAD_BYTES_MAX => {
            let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
                return Err(400);
            };
            let fields = Fields::from_parsed(parsed.headers);
            let request =
                RawRequest { method: method.to_owned(), target: target.to_owned(), http_10: version == 0, fields };
            Ok(Some((length, request)))
        }
        Ok(Status::Partial) if bytes.len() <= HEAD_BYTES_MAX => Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => Err(431),
        Err(httparse::Error::Version) => Err(505),
        Err(_) => Err(400),
    }
}

/// Reads trailer fields and the empty line behind them off the beginning of `bytes`.
pub(crate) fn parse_trailers(bytes: &[u8]) -> Result<Option<(usize, Fields)>, Malformed> {
    let mut lines = [httparse::EMPTY_HEADER; 32];
    match httparse::parse_headers(bytes, &mut lines) {
        Ok(Status::Complete((length, headers))) => Ok(Some((length, Fields::from_parsed(headers)))),
        Ok(Status::Partial) => Ok(None),
        Err(_) => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        lines.iter().for_each(|(name, value)| fields.push(name.as_bytes(), value.as_bytes()));
        fields
    }

    #[test]
    fn equal_lengths_are_one_and_others_are_an_error() {
        let length = |values: &[&str]| {
            fields(&values.iter().map(|value| ("Content-Length", *value)).collect::<Vec<_>>()).content_length()
        };
        assert_eq!(length(&[]), Ok(None));
        assert_eq!(length(&["5"]), Ok(Some(5)));
        assert_eq!(length(&["5", "5"]), Ok(Some(5)));
        assert_eq!(length(&["5, 5"]), Ok(Some(5)));
        for wrong in ["", "+5", "-1", "5 5", "5,", "0x5", "99999999999999999999", "5;"] {
            assert_eq!(length(&[wrong]), Err(Malformed), "{wrong:?}");
        }
        assert_eq!(length(&["5", "6"]), Err(Malformed));
    }

    #[test]
    fn chunked_is_the_only_transfer_coding() {
        assert_eq!(fields(&[]).is_chunked(), Ok(false));
        assert_eq!(fields(&[("transfer-encoding", "Chunked")]).is_chunked(), Ok(true));
        for wrong in ["", "gzip", "gzip, chunked", "chunked, chunked", "chunked;q=1", "xchunked"] {
            assert_eq!(fields(&[("Transfer-Encoding", wrong)]).is_chunked(), Err(Malformed), "{wrong:?}");
        }
    }

    #[test]
    fn a_head_is_read_when_complete_and_refused_when_too_large() {
        let (length, reply) = parse_reply(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nrest").unwrap().unwrap();
        assert_eq!((length, reply.status, reply.reason.as_str()), (27 - 2, 200, "OK"));
        assert_eq!(parse_reply(b"HTTP/1.1 200 OK\r\nA: b\r\n").unwrap().map(|(length, _)| length), None);
        assert!(parse_reply(b"garbage\r\n\r\n").is_err());
        assert!(parse_reply(b"HTTP/1.1 099 X\r\n\r\n").is_err());
        let mut endless = b"HTTP/1.1 200 OK\r\nA: ".to_vec();
        endless.resize(HEAD_BYTES_MAX + 1, b'a');
        assert!(parse_reply(&endless).is_err());
        assert_eq!(parse_request(b"GET / HTTP/2.0\r\n\r\n").unwrap_err(), 505);
        let crowd = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(FIELDS_MAX + 1));
        assert_eq!(parse_request(crowd.as_bytes()).unwrap_err(), 431);
    }
}
