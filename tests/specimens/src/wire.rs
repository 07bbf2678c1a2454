//! Heads as bytes: what the gateway writes, field by field, to the origin and to its clients.
//!
//! Framing fields are always our own; fields that concern one connection end here (RFC 9110 §7.6.1).

use crate::body::{Encoder, Framing};
use crate::date::Calendar;
use crate::head::{Fields, ReplyHead};
use crate::request::{Request, hops_left};

/// How a reply ends on its way to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// It has no body, and a length would not be about this message: 1xx and 204, RFC 9110 §8.6.
    WithHead,
    /// It has no body; a length tells what a GET would bring: HEAD and 304, RFC 9110 §8.6.
    WithHeadOf(Option<u64>),
    /// After so many bytes.
    AfterLength(u64),
    /// With the last chunk.
    WithLastChunk,
    /// With the connection, for HTTP/1.0 clients.
    WithConnection,
}

impl Ends {
    pub(crate) fn encoder(self) -> Encoder {
        if self == Ends::WithLastChunk { Encoder::Chunked } else { Encoder::Plain }
    }
}

/// What becomes of the client's connection after a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// It carries the next request.
    Keep,
    /// It is closed.
    Close,
}

/// Writes a request's head for the origin: to this authority, with a body framed like this. `condition` is the validator
/// of what is stored already (RFC 9111 §4.3.1).
pub(crate) fn write_request(
    out: &mut Vec<u8>,
    request: &Request,
    authority: &str,
    framing: Framing,
    condition: Option<&[u8]>,
) {
    let head = &request.head;
    out.reserve(head.fields.bytes() + head.target.len() + 256);
    line(out, &[head.method.as_bytes(), b" ", head.target.as_bytes(), b" HTTP/1.1"]);
    if !authority.is_empty() {
        field(out, b"Host", authority.as_bytes());
    }
    request_fields(request, &head.fields, framing, condition).iter().for_each(|(name, value)| field(out, name, value));
    match framing {
        Framing::Chunked => field(out, b"Transfer-Encoding", b"chunked"),
        Framing::None | Framing::Length(_) => {}
        // A mutant's: it does not read on, so it has to say what for.
        Framing::UntilClose => {
            for protocol in head.fields.values("upgrade") {
                field(out, b"Connection", b"upgrade");
                field(out, b"Upgrade", protocol);
            }
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// What of a request's fields goes to the origin, whatever is spoken to it: all but the authority and what chunks need.
pub(crate) fn request_fields(request: &Request, fields: &Fields, framing: Framing, condition: Option<&[u8]>) -> Fields {
    let hops_left = hops_left(&request.head);
    let mut sent = Fields::default();
    for (name, value) in end_to_end(fields).filter(|(name, _)| !name.eq_ignore_ascii_case(b"host")) {
        match hops_left {
            // RFC 9110 §7.6.2: one hop less. At 0 it does not come here.
            Some(hops) if name.eq_ignore_ascii_case(b"max-forwards") => {
                sent.push(name, hops.saturating_sub(1).to_string().as_bytes());
            }
            Some(_) | None => sent.push(name, value),
        }
    }
    if let Some(validator) = condition {
        sent.push(b"If-None-Match", validator);
    }
    if let Framing::Length(length) = framing {
        sent.push(b"Content-Length", length.to_string().as_bytes());
    }
    // RFC 9110 §7.6.3: a gateway must say that it was here. Our reply is the origin's, so there it may stay silent.
    sent.push(b"Via", request.via.as_bytes());
    sent
}

/// Writes a reply's head for a client; `age` in seconds if it comes from the store.
pub(crate) fn write_reply(
    out: &mut Vec<u8>,
    head: &ReplyHead,
    ends: Ends,
    after: After,
    age: Option<u64>,
    calendar: &Calendar,
) {
    out.reserve(head.fields.bytes() + 256);
    line(out, &[b"HTTP/1.1 ", head.status.to_string().as_bytes(), b" ", head.reason.as_bytes()]);
    reply_fields(head, ends, age, calendar).iter().for_each(|(name, value)| field(out, name, value));
    if ends == Ends::WithLastChunk {
        field(out, b"Transfer-Encoding", b"chunked");
    }
    if after == After::Close {
        field(out, b"Connection", b"close");
    }
    out.extend_from_slice(b"\r\n");
}

/// What of a reply's fields goes to a client, whatever it speaks.
pub(crate) fn reply_fields(head: &ReplyHead, ends: Ends, age: Option<u64>, calendar: &Calendar) -> Fields {
    let is_kept = |name: &[u8]| age.is_none() || !name.eq_ignore_ascii_case(b"age");
    let mut sent: Fields = end_to_end(&head.fields).filter(|(name, _)| is_kept(name)).collect();
    if head.status >= 200 && !head.fields.has("date") {
        sent.push(b"Date", calendar.today().as_bytes());
    }
    if let Some(seconds) = age {
        sent.push(b"Age", seconds.to_string().as_bytes());
    }
    match ends {
        Ends::AfterLength(length) | Ends::WithHeadOf(Some(length)) => {
            sent.push(b"Content-Length", length.to_string().as_bytes());
        }
        Ends::WithHead | Ends::WithHeadOf(None) | Ends::WithLastChunk | Ends::WithConnection => {}
    }
    sent
}

/// The head of a reply of the gateway's own. It says nothing of the request, so that it can never be taken for an echo.
pub(crate) fn own_reply(status: u16) -> ReplyHead {
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Refused",
    };
    let mut fields = Fields::default();
    if status == 200 || status == 405 {
        // RFC 9110 §15.5.6: a 405 must say what is allowed; §9.3.7: the answer to OPTIONS should.
        fields.push(b"Allow", b"GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
    }
    ReplyHead { status, reason: reason.to_owned(), http_10: false, fields }
}

/// The fields that travel on. RFC 9110 §7.6.1: not those that `Connection` lists, nor the known ones for one hop; and
/// not the framing, which is written anew.
pub(crate) fn end_to_end(fields: &Fields) -> impl Iterator<Item = (&[u8], &[u8])> {
    let lists_any = fields.has("connection");
    let is_listed =
        move |name: &[u8]| lists_any && fields.members("connection").any(|listed| listed.eq_ignore_ascii_case(name));
    fields.iter().filter(move |(name, _)| !is_for_one_hop(name) && !is_listed(name))
}

fn is_for_one_hop(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 8] = [
        b"connection",
        b"keep-alive",
        b"te",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
        b"content-length",
        // Trailers are passed on only if both hops use chunks, so nobody may rely on the announcement.
        b"trailer",
    ];
    let is_proxy = name.len() > 6 && name[..6].eq_ignore_ascii_case(b"proxy-");
    is_proxy || NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    line(out, &[name, b": ", value]);
}

fn line(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decisions::Decisions;
    use crate::head::{parse_reply, parse_request};
    use crate::request::admit;

    #[test]
    fn fields_for_one_hop_end_here_and_others_pass() {
        let raw = "GET /a?b HTTP/1.1\r\nX-Mine: 1\r\nHost: h\r\nConnection: X-Listed, close\r\nX-Listed: 2\r\nTE: trailers\r\n\
             Upgrade: websocket\r\nProxy-Authorization: p\r\nAuthorization: a\r\nx-mine: 3\r\n\r\n";
        let request = admit(parse_request(raw.as_bytes()).unwrap().unwrap().1, &Decisions::reference()).unwrap();
        let mut out = Vec::new();
        write_request(&mut out, &request, "h", request.framing, None);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "GET /a?b HTTP/1.1\r\nHost: h\r\nX-Mine: 1\r\nAuthorization: a\r\nx-mine: 3\r\nVia: 1.1 reference\r\n\r\n"
        );
    }

    #[test]
    fn a_reply_gets_our_framing_and_a_date() {
        let raw = b"HTTP/1.1 200 Fine\r\nContent-Length: 9\r\nDate: d\r\nAge: 5\r\nKeep-Alive: x\r\n\r\n";
        let (_, head) = parse_reply(raw).unwrap().unwrap();
        let written = |ends, after, age| {
            let mut out = Vec::new();
            write_reply(&mut out, &head, ends, after, age, &Calendar::real());
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            written(Ends::WithLastChunk, After::Keep, None),
            "HTTP/1.1 200 Fine\r\nDate: d\r\nAge: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        assert_eq!(
            written(Ends::AfterLength(9), After::Close, Some(7)),
            "HTTP/1.1 200 Fine\r\nDate: d\r\nAge: 7\r\nContent-Length: 9\r\nConnection: close\r\n\r\n"
        );
        let mut out = Vec::new();
        write_reply(&mut out, &own_reply(405), Ends::AfterLength(0), After::Close, None, &Calendar::real());
        let refusal = String::from_utf8(out).unwrap();
        assert!(refusal.contains("\r\nDate: ") && refusal.contains("\r\nAllow: GET"), "{refusal}");
    }
}
