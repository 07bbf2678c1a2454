//! The text of a reply's head and trailer, and the canaries in them.

use vocabulary::canary::{CanaryText, Claim, Role, Site, StripedBody};
use vocabulary::crossing::Http;
use vocabulary::directive::{Final, Interim, InterimLength};
use vocabulary::limits::BODY_BYTES_MAX;
use vocabulary::plan::Version;

use super::Context;
use super::framing::{Form, bodiless};
use crate::head::RequestHead;

/// What a field's value may contain to be given a freshly minted canary.
const PLACEHOLDER: &str = "{canary}";
/// The field of a trailer that carries a reply's canary.
const TRAILER: &str = "x-crosswire-end";
/// Fields that are about one connection of HTTP/1.1.
const CONNECTION_SPECIFIC: [&str; 5] = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

impl Context<'_> {
    /// The head of an interim reply before the delivery of this number.
    pub(super) fn interim_head(&self, http: Http, interim: &Interim, number: u16) -> Vec<u8> {
        let mut text = Head::new(http, interim.status);
        text.field("x-crosswire", self.canary(Site::Interim, number).as_str());
        match interim.length {
            InterimLength::Absent => {}
            InterimLength::Zero => text.field("Content-Length", "0"),
            InterimLength::Bytes(bytes) => text.field("Content-Length", &bytes.to_string()),
            InterimLength::Chunked => text.field("Transfer-Encoding", "chunked"),
        }
        for field in &interim.fields {
            text.field(&field.name, &self.filled(&field.value, Site::Interim, number));
        }
        text.end()
    }

    /// The head of a final reply.
    pub(super) fn reply_head(
        &self,
        reply: &Final,
        form: &Form,
        request: &RequestHead,
        persistent: Persistent,
        number: u16,
    ) -> Vec<u8> {
        let has = |name: &str| reply.fields.iter().any(|field| field.name.eq_ignore_ascii_case(name));
        let mut text = Head::new(request.http, form.status);
        if !has("content-type") {
            text.field("Content-Type", "text/plain");
        }
        text.field("x-crosswire", self.canary(Site::ReplyHeader, number).as_str());
        if !has("etag") {
            text.etag(self.canary(Site::Etag, number).as_str());
        }
        if form.status >= 200 && !has("date") {
            text.field("Date", self.date);
        }
        form.push_framing_fields(&mut text, reply.bytes.min(BODY_BYTES_MAX));
        if form.carries_trailer(reply) {
            text.field("Trailer", TRAILER);
        }
        for field in &reply.fields {
            text.field(&field.name, &self.filled(&field.value, site_of(&field.name), number));
        }
        if reply.padding > 0 {
            text.field("x-padding", &"p".repeat(usize::try_from(reply.padding.min(BODY_BYTES_MAX)).unwrap_or(0)));
        }
        if form.status == 101 && !has("upgrade") {
            text.field("Upgrade", request.upgrade.as_deref().unwrap_or("crosswire"));
        }
        match (has("connection"), form.status) {
            (true, _) => {}
            (false, 101) => text.field("Connection", "Upgrade"),
            (false, _) => text.connection(request.version, persistent),
        }
        text.end()
    }

    /// The head of a reply that nobody asked for.
    pub(super) fn surplus_head(&self, http: Http, status: u16, bytes: u64, number: u16) -> Vec<u8> {
        let mut text = Head::new(http, status);
        text.field("Content-Type", "text/plain");
        text.field("x-crosswire", self.canary(Site::ReplyHeader, number).as_str());
        text.etag(self.canary(Site::Etag, number).as_str());
        text.field("Date", self.date);
        if !bodiless(status) {
            text.field("Content-Length", &bytes.to_string());
        }
        text.end()
    }

    /// The trailer of a reply, empty if none is planned.
    pub(super) fn trailer(&self, reply: &Final, number: u16) -> Vec<u8> {
        match reply.trailers {
            true => format!("{TRAILER}: {}\r\n", self.canary(Site::ReplyTrailer, number)).into_bytes(),
            false => Vec::new(),
        }
    }

    /// The body of a delivery.
    pub(super) fn striped(&self, number: u16, bytes: u64) -> StripedBody {
        StripedBody::new(self.key, self.claim(Site::BodyBegin, number), bytes)
    }

    /// A field's value with its placeholder filled.
    fn filled(&self, value: &str, site: Site, number: u16) -> String {
        match value.contains(PLACEHOLDER) {
            true => value.replace(PLACEHOLDER, self.canary(site, number).as_str()),
            false => value.to_owned(),
        }
    }

    fn canary(&self, site: Site, number: u16) -> CanaryText {
        self.key.mint(self.claim(site, number))
    }

    fn claim(&self, site: Site, delivery: u16) -> Claim {
        let Context { tenant, exchange, attempt, .. } = *self;
        Claim { role: Role::Reply, tenant, exchange, attempt, site, delivery }
    }
}

fn site_of(name: &str) -> Site {
    match name {
        name if name.eq_ignore_ascii_case("set-cookie") => Site::SetCookie,
        name if name.eq_ignore_ascii_case("etag") => Site::Etag,
        _ => Site::ReplyHeader,
    }
}

/// What becomes of a connection behind a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Persistent {
    Stays,
    Closes,
}

/// A head that is being written. That of an HTTP/2 reply is spelled like one of HTTP/1.1: it is evidence, and the block
/// of fields is made of it when it is written.
pub(super) struct Head {
    text: Vec<u8>,
    http: Http,
}

impl Head {
    pub(super) fn new(http: Http, status: u16) -> Head {
        let mut text = Vec::with_capacity(512);
        text.extend_from_slice(if http == Http::H1 { b"HTTP/1.1 " } else { b"HTTP/2 " });
        text.extend_from_slice(status.to_string().as_bytes());
        if http == Http::H1 {
            text.push(b' ');
            text.extend_from_slice(reason(status).as_bytes());
        }
        text.extend_from_slice(b"\r\n");
        Head { text, http }
    }

    pub(super) fn field(&mut self, name: &str, value: &str) {
        // RFC 9113 §8.2.2: such fields have no place in HTTP/2.
        if self.http == Http::H2 && CONNECTION_SPECIFIC.iter().any(|other| name.eq_ignore_ascii_case(other)) {
            return;
        }
        let start = self.text.len();
        self.text.extend_from_slice(name.as_bytes());
        if self.http == Http::H2 {
            // RFC 9113 §8.2: names are in lower case.
            self.text[start..].make_ascii_lowercase();
        }
        for part in [": ", value, "\r\n"] {
            self.text.extend_from_slice(part.as_bytes());
        }
    }

    pub(super) fn etag(&mut self, canary: &str) {
        self.field("ETag", "");
        self.text.truncate(self.text.len() - 2);
        for part in ["\"", canary, "\"\r\n"] {
            self.text.extend_from_slice(part.as_bytes());
        }
    }

    /// Says what becomes of the connection, where the version does not say it already (RFC 9112 §9.3).
    pub(super) fn connection(&mut self, version: Version, persistent: Persistent) {
        match (version, persistent) {
            (_, Persistent::Closes) => self.field("Connection", "close"),
            (Version::Http10, Persistent::Stays) => self.field("Connection", "keep-alive"),
            (Version::Http11, Persistent::Stays) => {}
        }
    }

    pub(super) fn end(mut self) -> Vec<u8> {
        self.text.extend_from_slice(b"\r\n");
        self.text
    }
}

/// The fields of a head or trailer that was spelled here, the status among them as a pseudo field (RFC 9113 §8.3.2).
pub(crate) fn fields(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(status) = line.strip_prefix(b"HTTP/2 ") {
            return Some((b":status".as_slice(), status));
        }
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((&line[..colon], line[colon + 1..].strip_prefix(b" ").unwrap_or_default()))
    })
}

fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        409 => "Conflict",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        425 => "Too Early",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unassigned",
    }
}
