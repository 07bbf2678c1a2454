//! Reading the head of a request, strictly: what could be read in two ways is refused.
//!
//! A lenient origin would take part in request smuggling and be at fault itself (RFC 9112 §11.2); this one answers 400
//! and closes, so that what it does accept is beyond doubt. The raw head stays with the caller.

use std::mem::MaybeUninit;

use vocabulary::crossing::Http;
use vocabulary::limits::{BODY_BYTES_MAX, HEAD_BYTES_MAX, REQUEST_FIELDS_MAX};
use vocabulary::plan::Version;

/// What the origin must know of a request's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestHead {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) http: Http,
    /// What its request line names, in HTTP/1.
    pub(crate) version: Version,
    /// Whether the connection stays open after the reply (RFC 9112 §9.3).
    pub(crate) persistent: bool,
    pub(crate) body: Framing,
    /// Whether the sender waits for a 100 before its body (RFC 9110 §10.1.1).
    pub(crate) expects_continue: bool,
    /// Whether it asks for something only if that has changed (RFC 9110 §13.1.2).
    pub(crate) conditional: bool,
    pub(crate) authority: Option<String>,
    pub(crate) upgrade: Option<String>,
}

/// The methods that change how a reply is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Head,
    Connect,
    Other,
}

impl Method {
    pub(crate) fn of(name: &[u8]) -> Method {
        match name {
            b"HEAD" => Method::Head,
            b"CONNECT" => Method::Connect,
            _ => Method::Other,
        }
    }
}

/// How a request's head frames its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    None,
    Sized(u64),
    Chunked,
}

/// Why a request cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("not the head of an HTTP/1 request: {0}")]
    Head(httparse::Error),
    #[error("not the fields of an HTTP/2 request: {0}")]
    Fields(&'static str),
    #[error("a head of more than {HEAD_BYTES_MAX} bytes or {REQUEST_FIELDS_MAX} fields")]
    TooLong,
    #[error("a Content-Length that is no number, or several that differ")]
    Length,
    #[error("both Content-Length and Transfer-Encoding")]
    LengthAndCoding,
    #[error("a Transfer-Encoding other than chunked, or one in HTTP/1.0")]
    Coding,
    #[error("a body of more than {BODY_BYTES_MAX} bytes")]
    BodyTooLong,
    #[error("a chunk or a trailer that cannot be read")]
    Chunk,
}

impl RequestHead {
    /// The head of a request of which nothing is known.
    pub(crate) fn unread(http: Http) -> RequestHead {
        RequestHead {
            method: Method::Other,
            target: String::new(),
            http,
            version: Version::Http11,
            persistent: http == Http::H2,
            body: Framing::None,
            expects_continue: false,
            conditional: false,
            authority: None,
            upgrade: None,
        }
    }
}

impl Malformed {
    /// The status that says so.
    pub(crate) fn status(self) -> u16 {
        match self {
            Malformed::TooLong => 431,
            Malformed::BodyTooLong => 413,
            Malformed::Head(_)
            | Malformed::Fields(_)
            | Malformed::Length
            | Malformed::LengthAndCoding
            | Malformed::Coding
            | Malformed::Chunk => 400,
        }
    }
}

/// Reads a head from the beginning of `bytes`: the head and its length, or none if more bytes are needed.
pub(crate) fn read_head(bytes: &[u8]) -> Result<Option<(RequestHead, usize)>, Malformed> {
    let mut fields = [const { MaybeUninit::uninit() }; REQUEST_FIELDS_MAX];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(bytes, &mut fields) {
        Ok(httparse::Status::Complete(length)) if length <= HEAD_BYTES_MAX => Ok(Some((interpret(&request)?, length))),
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => Err(Malformed::TooLong),
        Err(error) => Err(Malformed::Head(error)),
    }
}

fn interpret(request: &httparse::Request<'_, '_>) -> Result<RequestHead, Malformed> {
    let version = match request.version {
        Some(0) => Version::Http10,
        _ => Version::Http11,
    };
    let mut head = RequestHead {
        method: Method::of(request.method.unwrap_or_default().as_bytes()),
        target: request.path.unwrap_or_default().to_owned(),
        version,
        ..RequestHead::unread(Http::H1)
    };
    let (mut length, mut coded) = (None, false);
    let (mut closes, mut keeps_alive) = (false, version == Version::Http11);
    for field in request.headers.iter() {
        // Names of no interest are most of them; their length tells nearly all apart.
        match field.name.len() {
            4 if is(field, "host") => head.authority = Some(text(field)),
            6 if is(field, "expect") => head.expects_continue |= field.value.eq_ignore_ascii_case(b"100-continue"),
            7 if is(field, "upgrade") => head.upgrade = Some(text(field)),
            10 if is(field, "connection") => {
                let options = || field.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
                closes |= options().any(|option| option.eq_ignore_ascii_case(b"close"));
                keeps_alive |= options().any(|option| option.eq_ignore_ascii_case(b"keep-alive"));
            }
            13 if is(field, "if-none-match") => head.conditional = true,
            14 if is(field, "content-length") => length = Some(content_length(field.value, length)?),
            17 if is(field, "transfer-encoding") => {
                // RFC 9112 §6.1: chunked is the only coding that we can read, and it is not defined for HTTP/1.0.
                if coded || version == Version::Http10 || !field.value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                    return Err(Malformed::Coding);
                }
                coded = true;
            }
            _ => {}
        }
    }
    // RFC 9112 §9.3: `close` wins; HTTP/1.0 stays open only for `keep-alive`.
    head.persistent = keeps_alive && !closes;
    head.body = match (length, coded) {
        // RFC 9112 §6.3 item 3: such a message might be an attempt at smuggling and may be rejected.
        (Some(_), true) => return Err(Malformed::LengthAndCoding),
        (Some(bytes), false) if bytes > BODY_BYTES_MAX => return Err(Malformed::BodyTooLong),
        (None | Some(0), false) => Framing::None,
        (Some(bytes), false) => Framing::Sized(bytes),
        (None, true) => Framing::Chunked,
    };
    Ok(head)
}

/// RFC 9112 §6.3 item 5: a list of equal values may be taken for one of them, anything else is an error.
pub(crate) fn content_length(value: &[u8], mut before: Option<u64>) -> Result<u64, Malformed> {
    for number in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
        let digits = (!number.is_empty() && number.iter().all(u8::is_ascii_digit)).then_some(number);
        let bytes =
            digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok()).ok_or(Malformed::Length)?;
        if before.is_some_and(|before| before != bytes) {
            return Err(Malformed::Length);
        }
        before = Some(bytes);
    }
    before.ok_or(Malformed::Length)
}

fn is(field: &httparse::Header<'_>, name: &str) -> bool {
    field.name.eq_ignore_ascii_case(name)
}

fn text(field: &httparse::Header<'_>) -> String {
    String::from_utf8_lossy(field.value).into_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The head of a request that is known to be sound.
    pub(crate) fn head_of(text: &str) -> RequestHead {
        read_head(text.as_bytes()).unwrap().unwrap().0
    }

    fn read(fields: &str) -> Result<RequestHead, Malformed> {
        let text = format!("POST /a HTTP/1.1\r\n{fields}\r\n");
        read_head(text.as_bytes()).map(|read| read.unwrap().0)
    }

    #[test]
    fn a_head_says_how_long_the_request_is() {
        assert_eq!(read("Content-Length: 12\r\n").unwrap().body, Framing::Sized(12));
        assert_eq!(read("Content-Length: 12, 12\r\n").unwrap().body, Framing::Sized(12));
        assert_eq!(read("Content-Length: 0\r\n").unwrap().body, Framing::None);
        assert_eq!(read("transfer-encoding:  CHUNKED \r\n").unwrap().body, Framing::Chunked);
        assert_eq!(read("Expect: 100-continue\r\n").unwrap().body, Framing::None);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        assert_eq!(read("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), Err(Malformed::LengthAndCoding));
        for fields in ["Content-Length: 1\r\nContent-Length: 2\r\n", "Content-Length: +1\r\n", "Content-Length: \r\n"] {
            assert_eq!(read(fields), Err(Malformed::Length), "{fields}");
        }
        for fields in
            ["Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"]
        {
            assert_eq!(read(fields), Err(Malformed::Coding), "{fields}");
        }
        assert!(matches!(read("Content-Length : 1\r\n"), Err(Malformed::Head(_))));
        assert_eq!(read_head(b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), Err(Malformed::Coding));
    }

    #[test]
    fn the_version_and_the_connection_field_decide_on_persistence() {
        assert!(head_of("GET / HTTP/1.1\r\n\r\n").persistent);
        assert!(!head_of("GET / HTTP/1.1\r\nConnection: foo, Close\r\nConnection: keep-alive\r\n\r\n").persistent);
        assert!(!head_of("GET / HTTP/1.0\r\n\r\n").persistent);
        assert!(head_of("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").persistent);
    }

    #[test]
    fn a_head_is_bounded() {
        assert_eq!(read_head(b"GET / HTTP/1.1\r\nA: b\r\n"), Ok(None));
        let long = format!("GET / HTTP/1.1\r\nA: {}", "b".repeat(HEAD_BYTES_MAX));
        assert_eq!(read_head(long.as_bytes()), Err(Malformed::TooLong));
        assert_eq!(read(&"A: b\r\n".repeat(REQUEST_FIELDS_MAX + 1)), Err(Malformed::TooLong));
    }
}
