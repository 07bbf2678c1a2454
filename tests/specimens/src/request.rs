//! Which requests the gateway takes on, and what their fields mean for the connection.
//!
//! A refusal is a status and always closes the client's connection: what follows a request that we do not understand
//! has no boundary that we could trust (RFC 9112 §9.3).

use crate::body::Framing;
use crate::decisions::Decisions;
use crate::head::{Fields, RawRequest, RequestHead};

/// A request that the gateway takes on.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) head: RequestHead,
    /// Whether the client announced that it closes.
    pub(crate) closing: bool,
    /// How its body is framed; until close only where a mutant takes everything that follows for the body.
    pub(crate) framing: Framing,
    /// What the gateway says of how it came.
    pub(crate) via: &'static str,
}

impl Request {
    pub(crate) fn has_body(&self) -> bool {
        !matches!(self.framing, Framing::None | Framing::Length(0))
    }

    /// Whether its client may keep the body back until it is asked for it. RFC 9110 §10.1.1.
    pub(crate) fn expects(&self) -> bool {
        self.has_body() && self.head.fields.has("expect")
    }

    /// RFC 9110 §9.2.2. `TRACE` is refused before.
    pub(crate) fn is_idempotent(&self) -> bool {
        matches!(self.head.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE")
    }
}

/// Takes the request on, or says with which status it is refused.
pub(crate) fn admit(raw: RawRequest, decisions: &Decisions) -> Result<Request, u16> {
    let head = head(raw)?;
    let runs_on = (decisions.runs_on)(&head);
    // No tunnels: RFC 9110 §9.3.6 leaves a CONNECT's "body" open, so it must never become requests of its own.
    if head.method == "CONNECT" && !runs_on {
        return Err(405);
    }
    let framing = if runs_on { Framing::UntilClose } else { (decisions.request_framing)(&head)? };
    let closing = head.fields.lists("connection", "close");
    let via = if head.http_10 { "1.0 reference" } else { "1.1 reference" };
    Ok(Request { head, closing, framing, via })
}

/// Takes on a request that has come on a stream; `ends_with_head` says that the stream has ended with it.
pub(crate) fn admit_stream(raw: RawRequest, ends_with_head: bool, decisions: &Decisions) -> Result<Request, u16> {
    let head = head(raw)?;
    let fills_tunnel = head.method == "CONNECT" && decisions.fills_tunnels_early;
    if head.method == "CONNECT" && !fills_tunnel {
        return Err(405);
    }
    let framing = match (decisions.request_framing)(&head)? {
        _ if fills_tunnel => Framing::UntilClose,
        // RFC 9113 §8.1: a body needs no field that says so, its stream ends with it.
        Framing::None if !ends_with_head => Framing::Chunked,
        framing => framing,
    };
    Ok(Request { head, closing: false, framing, via: "2.0 reference" })
}

fn head(raw: RawRequest) -> Result<RequestHead, u16> {
    let RawRequest { method, target, http_10, fields } = raw;
    // TRACE: RFC 9110 §9.3.8, its reply would carry the request's secrets.
    if method == "TRACE" {
        return Err(405);
    }
    let named = named_host(&fields, http_10)?;
    let (target_host, target) = match method.as_str() {
        "CONNECT" => (None, target),
        _ => origin_form(&method, target)?,
    };
    // RFC 9112 §3.2.2: the authority of an absolute target replaces the Host field.
    let host = target_host.or(named).unwrap_or_default();
    Ok(RequestHead { method, target, host, http_10, fields })
}

/// How the body of a request is framed, or with which status it is refused. RFC 9112 §6.3, in its order.
pub(crate) fn framing(head: &RequestHead) -> Result<Framing, u16> {
    let RequestHead { http_10, fields, .. } = head;
    match (fields.is_chunked(), fields.content_length()) {
        // RFC 9112 §6.1: HTTP/1.0 knows no Transfer-Encoding, and beside Content-Length it smells of smuggling.
        (Ok(true), _) if *http_10 => Err(400),
        (Ok(true), _) if fields.has("content-length") => Err(400),
        (Ok(true), _) => Ok(Framing::Chunked),
        // RFC 9112 §6.1: a transfer coding that we do not understand.
        (Err(_), _) => Err(if fields.lists("transfer-encoding", "chunked") { 400 } else { 501 }),
        (Ok(false), Ok(Some(length))) => Ok(Framing::Length(length)),
        (Ok(false), Ok(None)) => Ok(Framing::None),
        (Ok(false), Err(_)) => Err(400),
    }
}

/// Whether a request is answered without the origin. RFC 9110 §9.3.7: `OPTIONS *` asks this server, whichever stands
/// behind; §7.6.2: an OPTIONS that may not travel on is answered where it is.
pub(crate) fn is_for_us(head: &RequestHead) -> bool {
    head.method == "OPTIONS" && (head.target == "*" || hops_left(head) == Some(0))
}

/// How far an OPTIONS may travel. RFC 9110 §7.6.2: for other methods than that and TRACE it means nothing.
pub(crate) fn hops_left(head: &RequestHead) -> Option<u64> {
    let value = head.fields.values("max-forwards").next().filter(|_| head.method == "OPTIONS")?;
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// The authority of the `Host` field. RFC 9112 §3.2: exactly one; HTTP/1.0 may come without.
fn named_host(fields: &Fields, http_10: bool) -> Result<Option<String>, u16> {
    let mut hosts = fields.values("host");
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => authority(host).map(Some),
        (None, _) if http_10 => Ok(None),
        (None, _) | (Some(_), Some(_)) => Err(400),
    }
}

/// The target in origin form or `*`, and the authority if the target named one.
fn origin_form(method: &str, target: String) -> Result<(Option<String>, String), u16> {
    if target.starts_with('/') || (target == "*" && method == "OPTIONS") {
        return Ok((None, target));
    }
    let rest = match target.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
        _ => return Err(400),
    };
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let path = match path.as_bytes().first() {
        // RFC 9112 §3.2.4: an empty path is `*` for OPTIONS.
        None if method == "OPTIONS" => "*".to_owned(),
        Some(b'/') => path.to_owned(),
        _ => format!("/{path}"),
    };
    Ok((Some(authority(host.as_bytes())?), path))
}

/// The host and port, if nothing else stands there. RFC 9110 §4.2.1: it must not be empty; §4.2.4: no user names.
fn authority(text: &[u8]) -> Result<String, u16> {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=%:[]".contains(byte);
    match String::from_utf8(text.to_vec()) {
        Ok(host) if !host.is_empty() && text.iter().all(legal) => Ok(host),
        _ => Err(400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::parse_request;

    fn admitted(head: &str) -> Result<Request, u16> {
        admit(parse_request(head.as_bytes())?.expect("the head is complete").1, &Decisions::reference())
    }

    #[test]
    fn framing_that_two_parsers_could_read_differently_is_refused() {
        for (fields, status) in [
            ("Transfer-Encoding: chunked\r\nContent-Length: 3", 400),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
            ("Transfer-Encoding: gzip", 501),
            ("Transfer-Encoding: gzip, chunked", 400),
            ("Content-Length: 3\r\nContent-Length: 4", 400),
            ("Content-Length: +3", 400),
            ("Content-Length : 3", 400),
            ("Host: other", 400),
        ] {
            let head = format!("POST / HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n");
            assert_eq!(admitted(&head).unwrap_err(), status, "{fields}");
        }
        assert_eq!(admitted("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap_err(), 400);
        assert_eq!(admitted("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n").unwrap_err(), 405);
        assert_eq!(admitted("GET / HTTP/1.1\r\n\r\n").unwrap_err(), 400);
        assert_eq!(admitted("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n").unwrap_err(), 400);
        assert_eq!(admitted("GET x HTTP/1.1\r\nHost: h\r\n\r\n").unwrap_err(), 400);
    }

    #[test]
    fn targets_pass_byte_for_byte_and_absolute_ones_name_the_host() {
        let seen = |target: &str, method: &str| {
            let request = admitted(&format!("{method} {target} HTTP/1.1\r\nHost: field\r\n\r\n")).unwrap();
            (request.head.host, request.head.target)
        };
        let expect = |host: &str, target: &str| (host.to_owned(), target.to_owned());
        assert_eq!(seen("//a/../%2e?q=%00&&#x", "GET"), expect("field", "//a/../%2e?q=%00&&#x"));
        assert_eq!(seen("http://Target:81/a?b", "GET"), expect("Target:81", "/a?b"));
        assert_eq!(seen("http://target?b", "GET"), expect("target", "/?b"));
        assert_eq!(seen("http://target", "OPTIONS"), expect("target", "*"));
        assert_eq!(seen("*", "OPTIONS"), expect("field", "*"));
    }
}
