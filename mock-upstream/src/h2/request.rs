//! A request as its fields spell it: whether it is one (RFC 9113 §8.1.1, §8.3.1), and its text as evidence.
//!
//! Pure. The text is spelled like the head of an HTTP/1.1 request, one field a line, so that people and the oracle read
//! one language; canaries are searched in it.

use http2::hpack::{Field, FieldList};
use vocabulary::crossing::Http;
use vocabulary::limits::{BODY_BYTES_MAX, FIELDS_MAX};

use crate::head::{Framing, Malformed, Method, RequestHead, content_length};

/// The pseudo fields of a request: its line, and `host`.
const PSEUDO: [&[u8]; 4] = [b":method", b":scheme", b":authority", b":path"];
/// RFC 9113 §8.2.2: fields that are about one connection of HTTP/1.1.
const CONNECTION_SPECIFIC: [&[u8]; 5] =
    [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"];

/// A request that has arrived.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) text: Vec<u8>,
    pub(super) head: Result<RequestHead, Malformed>,
    /// The bytes of body that it declares.
    pub(super) declared: Option<u64>,
}

impl Request {
    /// Reads the fields of a block with which the request ends, or does not.
    pub(super) fn of(fields: &FieldList, ends: bool) -> Request {
        let mut declared = None;
        let head = read(fields, ends, &mut declared);
        Request { text: text(fields), head, declared }
    }
}

/// The trailer that these fields are, as a text, if they can be one (RFC 9113 §8.1).
pub(super) fn trailer(fields: &FieldList) -> Result<Vec<u8>, Malformed> {
    let mut text = Vec::new();
    for field in fields.iter() {
        if field.name.first() == Some(&b':') {
            return Err(Malformed::Fields("a pseudo field in a trailer"));
        }
        check(field)?;
        line(&mut text, field.name, field.value);
    }
    Ok(text)
}

fn read(fields: &FieldList, ends: bool, declared: &mut Option<u64>) -> Result<RequestHead, Malformed> {
    if fields.left_out() > 0 || fields.iter().count() > FIELDS_MAX {
        return Err(Malformed::TooLong);
    }
    let mut head = RequestHead::unread(Http::H2);
    let mut pseudo: [Option<&[u8]>; 4] = [None; 4];
    let mut regular = false;
    for field in fields.iter() {
        check(field)?;
        if field.name.first() == Some(&b':') {
            let known = PSEUDO.iter().position(|name| *name == field.name);
            let known = known.ok_or(Malformed::Fields("a pseudo field that no request has"))?;
            if regular || pseudo[known].replace(field.value).is_some() {
                return Err(Malformed::Fields("a pseudo field twice, or behind another field"));
            }
            continue;
        }
        regular = true;
        match field.name {
            b"host" => head.authority = Some(String::from_utf8_lossy(field.value).into_owned()),
            b"expect" => head.expects_continue |= field.value.eq_ignore_ascii_case(b"100-continue"),
            b"if-none-match" => head.conditional = true,
            b"content-length" => *declared = Some(content_length(field.value, *declared)?),
            b"te" if !field.value.eq_ignore_ascii_case(b"trailers") => {
                return Err(Malformed::Fields("a TE other than trailers"));
            }
            name if CONNECTION_SPECIFIC.contains(&name) => {
                return Err(Malformed::Fields("a field that is about one connection of HTTP/1.1"));
            }
            _ => {}
        }
    }
    let [method, scheme, authority, path] = pseudo;
    head.method = Method::of(method.filter(|name| !name.is_empty()).ok_or(Malformed::Fields("no method"))?);
    let target = match head.method {
        // RFC 9113 §8.5: it names a host, and nothing there.
        Method::Connect if scheme.is_some() || path.is_some() => return Err(Malformed::Fields("CONNECT to a path")),
        Method::Connect => authority,
        Method::Head | Method::Other if scheme.is_none() => return Err(Malformed::Fields("no scheme")),
        Method::Head | Method::Other => path,
    };
    let target = target.filter(|target| !target.is_empty()).ok_or(Malformed::Fields("no path"))?;
    head.target = String::from_utf8_lossy(target).into_owned();
    if let Some(authority) = authority {
        head.authority = Some(String::from_utf8_lossy(authority).into_owned());
    }
    head.body = match (ends, *declared) {
        // RFC 9113 §8.1.1: DATA must come to what content-length says.
        (true, Some(1..)) => return Err(Malformed::Fields("a content-length without DATA")),
        // What follows a CONNECT is no body.
        _ if ends || head.method == Method::Connect => Framing::None,
        (_, Some(bytes)) if bytes > BODY_BYTES_MAX => return Err(Malformed::BodyTooLong),
        (_, Some(bytes)) => Framing::Sized(bytes),
        (_, None) => Framing::Chunked,
    };
    Ok(head)
}

/// RFC 9113 §8.2.1: what could be taken for the end of a field, or of a head, by whoever writes it as HTTP/1.1.
fn check(field: Field<'_>) -> Result<(), Malformed> {
    let name = field.name.strip_prefix(b":").unwrap_or(field.name);
    if name.is_empty()
        || !name.iter().all(|byte| matches!(byte, b'!'..=b'~' if !byte.is_ascii_uppercase() && *byte != b':'))
    {
        return Err(Malformed::Fields("a name that is none, or not in lower case"));
    }
    match field.value.iter().any(|byte| matches!(byte, b'\0' | b'\r' | b'\n')) {
        true => Err(Malformed::Fields("a line end within a value")),
        false => Ok(()),
    }
}

/// The request as a text, whether it is one or not.
fn text(fields: &FieldList) -> Vec<u8> {
    let value = |name: &str| fields.get(name).unwrap_or_default();
    let target = if value(":method") == b"CONNECT" { value(":authority") } else { value(":path") };
    let mut text = Vec::with_capacity(512);
    for part in [value(":method"), b" ", target, b" HTTP/2\r\n"] {
        text.extend_from_slice(part);
    }
    if !value(":authority").is_empty() {
        line(&mut text, b"host", value(":authority"));
    }
    let mut spelled = [false; 4];
    for field in fields.iter() {
        // The first of each stands in the lines above.
        let pseudo = PSEUDO.iter().position(|name| *name == field.name);
        if pseudo.is_none_or(|pseudo| std::mem::replace(&mut spelled[pseudo], true)) {
            line(&mut text, field.name, field.value);
        }
    }
    text.extend_from_slice(b"\r\n");
    text
}

fn line(text: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, b"\r\n"] {
        text.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http2::hpack::{Decoder, Encoder, Style, TABLE_BYTES_DEFAULT};

    /// Fields in one line: `:method=GET x=1`.
    fn fields(spelled: &str) -> FieldList {
        let (mut block, mut list) = (Vec::new(), FieldList::default());
        let mut encoder = Encoder::new(TABLE_BYTES_DEFAULT);
        for field in spelled.split_whitespace() {
            let (name, value) = field.split_once('=').unwrap();
            let value = value.replace("CRLF", "\r\n");
            encoder.encode(&mut block, name.as_bytes(), value.as_bytes(), Style::USUAL);
        }
        Decoder::new(TABLE_BYTES_DEFAULT).decode(&block, &mut list).unwrap();
        list
    }

    const GET: &str = ":method=GET :scheme=http :authority=a.example :path=/x";

    fn body(spelled: &str, ends: bool) -> Result<Framing, Malformed> {
        Request::of(&fields(&format!("{GET} {spelled}")), ends).head.map(|head| head.body)
    }

    #[test]
    fn a_request_is_spelled_like_one_of_http_1() {
        let request = Request::of(&fields(&format!("{GET} accept=x cookie=a cookie=b")), true);
        let text = String::from_utf8(request.text).unwrap();
        assert_eq!(text, "GET /x HTTP/2\r\nhost: a.example\r\naccept: x\r\ncookie: a\r\ncookie: b\r\n\r\n");
        let head = request.head.unwrap();
        assert_eq!((head.target.as_str(), head.authority.as_deref()), ("/x", Some("a.example")));
        assert!(head.persistent);
    }

    #[test]
    fn what_is_wrong_about_a_request_can_still_be_read() {
        let request = Request::of(&fields(":method=GET :method=PUT :odd=1 :path=/x X=1"), true);
        let text = String::from_utf8(request.text).unwrap();
        assert_eq!(text, "GET /x HTTP/2\r\n:method: PUT\r\n:odd: 1\r\nX: 1\r\n\r\n");
        assert!(request.head.is_err());
    }

    #[test]
    fn the_end_of_its_stream_and_content_length_say_whether_it_has_a_body() {
        assert_eq!(body("", true), Ok(Framing::None));
        assert_eq!(body("content-length=0", true), Ok(Framing::None));
        assert_eq!(body("", false), Ok(Framing::Chunked));
        assert_eq!(body("content-length=5", false), Ok(Framing::Sized(5)));
        assert!(body("content-length=5", true).is_err());
        assert_eq!(body("content-length=99999999999", false), Err(Malformed::BodyTooLong));
    }

    #[test]
    fn connect_names_a_host_only() {
        let connect = |spelled| Request::of(&fields(spelled), false).head;
        let head = connect(":method=CONNECT :authority=a:443").unwrap();
        assert_eq!((head.target.as_str(), head.body), ("a:443", Framing::None));
        assert!(connect(":method=CONNECT :authority=a:443 :scheme=http :path=/").is_err());
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for spelled in [
            ":scheme=http :path=/",
            ":method=GET :path=/",
            ":method=GET :scheme=http",
            ":method=GET :scheme=http :path=",
            ":method=GET :scheme=http :path=/ :path=/",
            ":method=GET :scheme=http x=1 :path=/",
            ":method=GET :scheme=http :path=/ :status=200",
        ] {
            assert!(matches!(Request::of(&fields(spelled), true).head, Err(Malformed::Fields(_))), "{spelled}");
        }
        for spelled in
            ["X=1", "x:y=1", "=1", "x=aCRLFb", "connection=close", "transfer-encoding=chunked", "te=gzip", "upgrade=x"]
        {
            assert!(matches!(body(spelled, true), Err(Malformed::Fields(_))), "{spelled}");
        }
        assert_eq!(body("content-length=1 content-length=2", false), Err(Malformed::Length));
        assert!(body("te=trailers", true).is_ok());
        assert_eq!(body(&"x=1 ".repeat(FIELDS_MAX), true), Err(Malformed::TooLong));
    }

    #[test]
    fn a_trailer_has_no_pseudo_fields() {
        assert_eq!(trailer(&fields("x-end=1 y=2")), Ok(b"x-end: 1\r\ny: 2\r\n".to_vec()));
        assert!(trailer(&fields(":path=/")).is_err());
    }
}
