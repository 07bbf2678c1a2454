//! Spells a planned request: a stimulus in, the bytes for the wire out.
//!
//! Pure. Where each canary goes is decided here; when each byte goes out is decided by whoever writes.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use transport::Address;
use vocabulary::canary::{CanaryKey, CanaryText, Claim, Role, Site, StripedBody};
use vocabulary::crossing::Http;
use vocabulary::directive::Field;
use vocabulary::identity::{Attempt, ConnectionId, ExchangeId, TenantId};
use vocabulary::plan::{
    self, Absolute, BodyPace, CANARY_PLACE, CASE_PLACE, Credential, Misframing, Request, RequestBody, Spelling,
    Stimulus, TENANT_PLACE, Version,
};

use crate::gateway::{Freezer, speaking};

use super::cookies::CookieJar;
use super::h2;

/// How many fields a rich request has beside those of every request.
const RICH_FIELDS: u32 = 30;

/// The gateway under test, as the clients address it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Where it listens.
    pub(crate) address: Address,
    /// `http`, or `https` over TLS.
    pub(crate) scheme: &'static str,
    /// What is spoken there, where no plan says so: with a probe, with a rinse.
    pub(crate) http: Http,
    /// The `Host` that requests name.
    pub(crate) authority: String,
    /// What every path begins with: empty, or like `/api`.
    pub(crate) base_path: String,
    /// Fields that go out with every request.
    pub(crate) extra_fields: Vec<Field>,
    /// Numbers the connections to it, across the cases of a run.
    pub(crate) connections: ConnectionNumbers,
    /// The cookies that logins have brought.
    pub(crate) cookies: CookieJar,
    /// Stops it for a moment, where that is possible.
    pub(crate) freezer: Freezer,
}

impl Target {
    /// As a script addresses it that somebody runs elsewhere: where it listens is said by whoever runs it.
    pub(crate) fn of_a_script(base_path: &str) -> Target {
        let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        Target {
            address: nowhere.into(),
            scheme: "http",
            http: Http::H1,
            authority: "localhost".to_owned(),
            base_path: base_path.to_owned(),
            extra_fields: Vec::new(),
            connections: ConnectionNumbers::default(),
            cookies: CookieJar::default(),
            freezer: Freezer::default(),
        }
    }

    /// The same for a case that speaks this: nobody has logged in yet.
    pub(crate) fn for_case(&self, http: Http) -> Target {
        Target { address: speaking(&self.address, http), http, cookies: CookieJar::default(), ..self.clone() }
    }
}

/// Numbers client connections from 1. Copies count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionNumbers(Arc<AtomicU32>);

impl ConnectionNumbers {
    /// The number of a new connection.
    pub(crate) fn next(&self) -> ConnectionId {
        ConnectionId(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// A request's parts within the buffer that it was spelled into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spelled {
    /// Where it begins.
    pub(crate) start: usize,
    /// Where its body begins.
    pub(crate) body: usize,
    /// Where its tail begins.
    pub(crate) tail: usize,
    /// Where the tail ends.
    pub(crate) end: usize,
}

/// Appends the request of a stimulus to `out`. `base` is added to the plan's exchange numbers.
pub(crate) fn spell(stimulus: &Stimulus, base: u32, key: &CanaryKey, target: &Target, out: &mut Vec<u8>) -> Spelled {
    let minter = Minter { key, tenant: stimulus.tenant, exchange: ExchangeId(stimulus.exchange.0 + base) };
    let start = out.len();
    let request = &stimulus.request;
    let body = body(request, base, &minter, target);
    let mut head = String::with_capacity(768);
    line(&mut head, &[&request.method, " ", &target_of(request, base, &minter, target), " ", version(request)]);
    field(&mut head, "Host", &[host_of(request, target)]);
    fields(&mut head, request, body.as_ref(), base, &minter, target);
    line(&mut head, &[]);
    out.extend_from_slice(head.as_bytes());
    let body_start = out.len();
    if let Some(body) = body {
        let is_chunked = matches!(body.framing, BodyFraming::Chunks { .. });
        body.write(out);
        if is_chunked {
            let mut end = String::from("0\r\n");
            end.push_str(&trailer(request, &minter).unwrap_or_default());
            line(&mut end, &[]);
            out.extend_from_slice(end.as_bytes());
        }
    }
    let tail_start = out.len();
    if let Some(tail) = request.tail {
        out.extend_from_slice(minter.of(tail, base).whole_request(target).as_bytes());
    }
    Spelled { start, body: body_start, tail: tail_start, end: out.len() }
}

/// A request as it goes out on a stream of its own (RFC 9113 §8.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Streamed {
    /// Its head, spelled like one of HTTP/1.1: the request line, then `host`, then each field in a line, then an empty one.
    pub(crate) head: String,
    /// Its body.
    pub(crate) body: Option<StreamedBody>,
}

/// A body as it goes out on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamedBody {
    /// Its bytes.
    pub(crate) content: Vec<u8>,
    /// Bytes of it in a frame, at most; at least 1.
    pub(crate) frame_bytes: usize,
    /// The fields behind it, each in a line.
    pub(crate) trailer: Option<String>,
}

/// The request of a stimulus, for a stream. What HTTP/2 has no place for is left out ([`fits_a_stream`]).
pub(crate) fn spell_streamed(stimulus: &Stimulus, base: u32, key: &CanaryKey, target: &Target) -> Streamed {
    let minter = Minter { key, tenant: stimulus.tenant, exchange: ExchangeId(stimulus.exchange.0 + base) };
    let mut request = Request { absolute: None, ..stimulus.request.clone() };
    if !fits_a_stream(&request) {
        request.body = RequestBody::None;
    }
    let mut body = body(&request, base, &minter, target);
    // What this body says of itself is said here, too, though nobody may.
    let mut misframing = Vec::new();
    if let Some(Body { framing: BodyFraming::AsItStands { fields }, .. }) = &mut body {
        misframing = std::mem::take(fields);
        body = body.filter(|body| body.content.bytes() > 0);
    }
    let mut spelled = String::with_capacity(768);
    fields(&mut spelled, &request, body.as_ref(), base, &minter, target);
    let mut head = String::with_capacity(768);
    // RFC 8441 §4: in a stream, whoever wants another protocol asks for it by CONNECT.
    let upgrade = request.fields.iter().find(|field| field.name.eq_ignore_ascii_case("upgrade"));
    let method = if upgrade.is_some() { "CONNECT" } else { &request.method };
    let path = target_of(&request, base, &minter, target);
    let (method, path) = with_line_breaks(&request, method, path, base, &minter, target);
    line(&mut head, &[&method, " ", &path, " HTTP/2"]);
    field(&mut head, "host", &[host_of(&request, target)]);
    if let Some(upgrade) = upgrade {
        line(&mut head, &[h2::PROTOCOL, &upgrade.value]);
    }
    for (name, value) in spelled.lines().filter_map(|line| line.split_once(": ")) {
        // RFC 9113 §8.2.1: names are in lower case.
        let name = name.to_ascii_lowercase();
        if !is_of_the_connection(&name, value) {
            field(&mut head, &name, &[value]);
        }
    }
    for (name, value) in misframing {
        field(&mut head, &name.to_ascii_lowercase(), &[&in_symbols(&value)]);
    }
    line(&mut head, &[]);
    let body = body.map(|body| {
        let (frame_bytes, trailer) = match body.framing {
            BodyFraming::Chunks { bytes_each } => {
                (usize::try_from(bytes_each).unwrap_or(usize::MAX), trailer(&request, &minter))
            }
            BodyFraming::Length { .. } | BodyFraming::AsItStands { .. } => (usize::MAX, None),
        };
        StreamedBody { content: body.content.into_bytes(), frame_bytes, trailer }
    });
    Streamed { head, body }
}

/// Whether HTTP/2 has a place for what is wrong with a request: in a stream nothing stands behind the message, and its end
/// is where END_STREAM is (RFC 9113 §8.1).
pub(crate) fn fits_a_stream(request: &Request) -> bool {
    request.tail.is_none()
        && !matches!(request.body, RequestBody::Misframed { by, .. } if by.spoken() == Some(Http::H1))
}

/// A method and a path, with the ghost in one of them if that is how the request is misframed.
fn with_line_breaks(
    request: &Request,
    method: &str,
    path: String,
    base: u32,
    minter: &Minter<'_>,
    target: &Target,
) -> (String, String) {
    let RequestBody::Misframed { exchange, by } = request.body else { return (method.to_owned(), path) };
    let ghost = minter.of(exchange, base).whole_request(target);
    let line = ghost.lines().next().unwrap_or_default();
    let begun = line.strip_suffix(" HTTP/1.1").unwrap_or(line);
    let host = host_of(request, target);
    let in_one_word = |text: &str| in_symbols(text).replace(' ', SPACE);
    match by {
        // What the gateway writes behind it goes on with the ghost's line.
        Misframing::LineBreakInPath => {
            let broken = format!("{path} HTTP/1.1\r\nHost: {host}\r\n\r\n{begun}");
            (method.to_owned(), in_one_word(&broken))
        }
        Misframing::LineBreakInMethod => (in_one_word(&format!("{ghost}{method}")), path),
        _ => (method.to_owned(), path),
    }
}

/// RFC 9113 §8.2.2: fields that are about the connection have no meaning in HTTP/2.
fn is_of_the_connection(name: &str, value: &str) -> bool {
    match name {
        "connection" | "proxy-connection" | "keep-alive" | "transfer-encoding" | "upgrade" => true,
        "te" => !value.eq_ignore_ascii_case("trailers"),
        _ => false,
    }
}

/// Every field behind `Host`, each in a line.
fn fields(head: &mut String, request: &Request, body: Option<&Body>, base: u32, minter: &Minter<'_>, target: &Target) {
    field(head, "User-Agent", &["crosswire/", env!("CARGO_PKG_VERSION")]);
    field(head, "x-crosswire", &[minter.request(Site::Header).as_str()]);
    credential(head, request, minter, &target.cookies);
    for (name, value) in request.form.spelling().iter().flat_map(|form| &form.fields) {
        // Who has no credential does not show one in a field of another name either.
        if request.credential != Credential::None || !value.contains(TENANT_PLACE) {
            field(head, name, &[&minter.fill(value, Site::Header)]);
        }
    }
    if request.rich {
        rich_fields(head, minter);
    }
    for Field { name, value } in request.fields.iter().chain(&target.extra_fields) {
        field(head, name, &[&value.replace(CASE_PLACE, &base.to_string())]);
    }
    if request.padding > 0 {
        field(head, "x-padding", &[&"-".repeat(usize::try_from(request.padding).unwrap_or(usize::MAX))]);
    }
    if let Some(expect) = &request.expect {
        field(head, "Expect", &[expect]);
    }
    if let Some(body) = body {
        body.announce(head, request);
    }
}

/// The fields behind a body whose end does not depend on its length, each in a line.
fn trailer(request: &Request, minter: &Minter<'_>) -> Option<String> {
    let mut trailer = String::new();
    field(&mut trailer, "x-crosswire-end", &[minter.request(Site::Trailer).as_str()]);
    request.trailers.then_some(trailer)
}

/// Whether the gateway can tell where the request ends: otherwise its connection cannot be used again.
pub(crate) fn ends_cleanly(request: &Request) -> bool {
    let honest = match request.body {
        RequestBody::None | RequestBody::Chunked { .. } | RequestBody::Ghost { .. } => true,
        RequestBody::Sized { declared_off_by, .. } => declared_off_by == 0,
        RequestBody::Misframed { .. } => false,
    };
    let says_close = request.fields.iter().any(|field| {
        field.name.eq_ignore_ascii_case("connection")
            && field.value.split(',').any(|element| element.trim().eq_ignore_ascii_case("close"))
    });
    honest && !says_close && request.version == Version::Http11 && request.pace != BodyPace::Withheld
}

/// Mints the canaries of one exchange.
#[derive(Clone, Copy)]
struct Minter<'a> {
    key: &'a CanaryKey,
    tenant: TenantId,
    /// Its number on the wire.
    exchange: ExchangeId,
}

impl Minter<'_> {
    fn of(self, exchange: ExchangeId, base: u32) -> Self {
        Minter { exchange: ExchangeId(exchange.0 + base), ..self }
    }

    fn claim(&self, site: Site) -> Claim {
        Claim {
            role: Role::Request,
            tenant: self.tenant,
            exchange: self.exchange,
            attempt: Attempt(0),
            site,
            delivery: 0,
        }
    }

    fn request(&self, site: Site) -> CanaryText {
        self.key.mint(self.claim(site))
    }

    /// The tenant's own, stable for the plan: a credential that changed with each request would hide every cache that
    /// forgets to look at it.
    fn tenant(&self, site: Site) -> CanaryText {
        self.key.mint(Claim { role: Role::Tenant, exchange: ExchangeId(0), ..self.claim(site) })
    }

    /// A template with its canaries filled in.
    fn fill(&self, template: &str, site: Site) -> String {
        let tenant = if site == Site::Header { Site::Authorization } else { site };
        let filled = template.replace(CANARY_PLACE, self.request(site).as_str());
        filled.replace(TENANT_PLACE, self.tenant(tenant).as_str())
    }

    /// A complete request of this exchange, for places where no gateway may look for one.
    fn whole_request(&self, target: &Target) -> String {
        let canary = self.request(Site::Tail);
        let Target { base_path, authority, .. } = target;
        format!(
            "GET {base_path}/cw/{canary}?cw={canary} HTTP/1.1\r\nHost: {authority}\r\nx-crosswire: {canary}\r\n\r\n"
        )
    }
}

/// RFC 9112 §3.2.3: a CONNECT names the tunnel's end in both places.
fn host_of<'a>(request: &'a Request, target: &'a Target) -> &'a str {
    match (&request.host, &request.target) {
        (Some(host), _) => host,
        (None, plan::Target::Authority(authority)) => authority,
        (None, plan::Target::Own | plan::Target::Shared(_) | plan::Target::Asterisk) => &target.authority,
    }
}

fn target_of(request: &Request, base: u32, minter: &Minter<'_>, target: &Target) -> String {
    let base_path = &target.base_path;
    let path = match &request.target {
        plan::Target::Own => {
            let query = minter.request(Site::Query);
            let path = match request.form.spelling() {
                Some(form) => form.path.to_owned(),
                None => format!("/cw/{}{}", minter.request(Site::Path), escaped_ghost(request, base, minter, target)),
            };
            let joined = if path.contains('?') { '&' } else { '?' };
            let more = if request.rich { format!("&tag={query}&tag=second&{query}=1&empty=") } else { String::new() };
            format!("{base_path}{path}{joined}cw={query}{more}")
        }
        // The case's base keeps what a store has learnt in one case from answering another.
        plan::Target::Shared(name) => format!("{base_path}/cw/shared/{}", shared_path(name, base)),
        plan::Target::Asterisk => return "*".to_owned(),
        plan::Target::Authority(authority) => return authority.clone(),
    };
    match &request.absolute {
        None => path,
        Some(Absolute::Host) => format!("{}://{}{path}", target.scheme, host_of(request, target)),
        Some(Absolute::Other(authority)) => format!("{}://{authority}{path}", target.scheme),
    }
}

/// The ghost of a request that hides it in its path, percent-encoded: what stands behind it goes on with the ghost's line.
fn escaped_ghost(request: &Request, base: u32, minter: &Minter<'_>, target: &Target) -> String {
    match request.body {
        RequestBody::Misframed { exchange, by: Misframing::LineBreakEscaped } => {
            let ghost = minter.of(exchange, base).request(Site::Tail);
            let (host, base_path) = (host_of(request, target), &target.base_path);
            let text = format!(" HTTP/1.1\r\nHost: {host}\r\n\r\nGET {base_path}/cw/{ghost}");
            text.replace(' ', "%20").replace('\r', "%0d").replace('\n', "%0a")
        }
        _ => String::new(),
    }
}

/// A path that exchanges of one case share, behind the case's base: its end, and its query, are as the plan spells them.
pub(crate) fn shared_path(name: &str, base: u32) -> String {
    format!("{base}/{}", name.trim_start_matches('/'))
}

fn version(request: &Request) -> &'static str {
    match request.version {
        Version::Http11 => "HTTP/1.1",
        Version::Http10 => "HTTP/1.0",
    }
}

/// RFC 6265 §5.4: a user agent sends one `Cookie` field at most.
fn credential(head: &mut String, request: &Request, minter: &Minter<'_>, jar: &CookieJar) {
    let credential = request.credential;
    if matches!(credential, Credential::Both | Credential::Authorization) {
        field(head, "Authorization", &["Bearer ", minter.tenant(Site::Authorization).as_str()]);
    }
    let mut cookies = Vec::new();
    if matches!(credential, Credential::Both | Credential::Cookie) {
        cookies.push(format!("session={}", minter.tenant(Site::Cookie)));
        cookies.extend(jar.of(minter.tenant).into_iter().map(|(name, value)| format!("{name}={value}")));
    }
    if request.rich {
        cookies.extend([format!("cw={}", minter.request(Site::Cookie)), "theme=dark".to_owned()]);
    }
    if !cookies.is_empty() {
        field(head, "Cookie", &[&cookies.join("; ")]);
    }
}

/// Fields of a rich request: some that gateways know and map to something of their own, the others unknown to everybody.
fn rich_fields(head: &mut String, minter: &Minter<'_>) {
    let canary = minter.request(Site::Header);
    field(head, "Accept", &["text/plain, application/json;q=0.9, */*;q=0.1"]);
    field(head, "Accept-Language", &["en, x-", canary.as_str(), ";q=0.5"]);
    field(head, "Referer", &["http://referer.test/", canary.as_str()]);
    field(head, "X-Request-Id", &[canary.as_str()]);
    field(head, "X-Session-Token", &[canary.as_str()]);
    for number in 6..=RICH_FIELDS {
        field(head, &format!("x-rich-{number}"), &[canary.as_str()]);
    }
}

/// The content of a body and how it is framed.
struct Body {
    content: Content,
    framing: BodyFraming,
}

enum Content {
    Stripes(StripedBody),
    Text(String),
}

enum BodyFraming {
    Length {
        declared: u64,
    },
    Chunks {
        bytes_each: u64,
    },
    /// The content is all there is on the wire, under these fields.
    AsItStands {
        fields: Vec<(&'static str, String)>,
    },
}

fn body(request: &Request, base: u32, minter: &Minter<'_>, target: &Target) -> Option<Body> {
    let stripes = |bytes| Content::Stripes(StripedBody::new(minter.key, minter.claim(Site::Body), bytes));
    let content = |bytes| match application_text(request, minter) {
        Some(text) => Content::Text(padded(text, bytes)),
        None => stripes(bytes),
    };
    match request.body {
        RequestBody::None => {
            let text = request.form.spelling().filter(|form| !form.body.is_empty());
            let text = text.and_then(|_| application_text(request, minter))?;
            let declared = text.len() as u64;
            Some(Body { content: Content::Text(text), framing: BodyFraming::Length { declared } })
        }
        RequestBody::Sized { bytes, declared_off_by } => {
            let content = content(bytes);
            let declared = content.bytes().saturating_add_signed(declared_off_by);
            Some(Body { content, framing: BodyFraming::Length { declared } })
        }
        RequestBody::Chunked { bytes, chunk } => {
            Some(Body { content: content(bytes), framing: BodyFraming::Chunks { bytes_each: chunk.max(1) } })
        }
        RequestBody::Ghost { exchange, chunked, filler } => {
            let mut text = minter.of(exchange, base).whole_request(target);
            text.extend(std::iter::repeat_n('-', usize::try_from(filler).unwrap_or(usize::MAX)));
            let bytes = text.len() as u64;
            let framing = match chunked {
                true => BodyFraming::Chunks { bytes_each: bytes },
                false => BodyFraming::Length { declared: bytes },
            };
            Some(Body { content: Content::Text(text), framing })
        }
        RequestBody::Misframed { exchange, by } => {
            let (fields, text) = misframed(by, &minter.of(exchange, base).whole_request(target));
            Some(Body { content: Content::Text(text), framing: BodyFraming::AsItStands { fields } })
        }
    }
}

/// What the head says of a body whose end is in doubt, and the body.
fn misframed(by: Misframing, ghost: &str) -> (Vec<(&'static str, String)>, String) {
    const LENGTH: &str = "Content-Length";
    const CODING: &str = "Transfer-Encoding";
    const LEAD: &str = "lead=in&";
    let chunked = || (CODING, "chunked".to_owned());
    let led = format!("{LEAD}{ghost}");
    let (short, long) = ((LENGTH, LEAD.len().to_string()), (LENGTH, led.len().to_string()));
    let whole = (LENGTH, ghost.len().to_string());
    // In chunks, beside a length that ends before the ghost.
    let beside_length = |codings: Vec<(&'static str, String)>| {
        let size = format!("{:x}\r\n", ghost.len());
        let fields = std::iter::once((LENGTH, size.len().to_string())).chain(codings);
        (fields.collect(), format!("{size}{ghost}\r\n0\r\n\r\n"))
    };
    match by {
        Misframing::LengthBesideChunks => beside_length(vec![chunked()]),
        Misframing::ShortLengthFirst => (vec![short, long], led),
        Misframing::ShortLengthLast => (vec![long, short], led),
        Misframing::LengthWithSign => (vec![(LENGTH, format!("+{}", ghost.len()))], ghost.to_owned()),
        Misframing::UnknownCoding => (vec![(CODING, "xchunked".to_owned())], ghost.to_owned()),
        Misframing::ChunkedNotLast => (vec![(CODING, "chunked, identity".to_owned())], ghost.to_owned()),
        Misframing::LineFeedInExtension => {
            // If the LF ends its line, the first chunk is dashes and the second holds the ghost. If it does not, the dashes
            // belong to the line, the first chunk is the second one's line, and a last chunk stands before the ghost.
            let second = format!("0\r\n\r\n{ghost}");
            let line = format!("{:x};x", second.len());
            let first = "-".repeat(line.len());
            (vec![chunked()], format!("{:x};x\n{first}\r\n{line}\r\n{second}\r\n0\r\n\r\n", line.len()))
        }
        Misframing::ChunkSizeTooLarge => (vec![chunked()], format!("1{:016x}\r\n\r\n{ghost}", 0)),
        Misframing::ChunkedBehindAnother => beside_length(vec![(CODING, "identity, chunked".to_owned())]),
        Misframing::FoldedCoding => beside_length(vec![(CODING, "\r\n chunked".to_owned())]),
        Misframing::CodingTwice => beside_length(vec![chunked(), chunked()]),
        Misframing::SpaceBeforeColon | Misframing::CodingBehindTab => {
            let ended = format!("0\r\n\r\n{ghost}");
            let coding = match by {
                Misframing::SpaceBeforeColon => ("Transfer-Encoding ", "chunked".to_owned()),
                _ => (CODING, "\u{b}chunked".to_owned()),
            };
            (vec![coding, (LENGTH, ended.len().to_string())], ended)
        }
        Misframing::LengthBehindNameless => (vec![("", "x".to_owned()), whole], ghost.to_owned()),
        Misframing::LengthBehindLongName => (vec![(LONG_NAME, String::new()), whole], ghost.to_owned()),
        Misframing::LengthBehindManyFields => {
            let many = std::iter::repeat_n(("m", "1".to_owned()), FIELDS_MANY);
            (many.chain([whole]).collect(), ghost.to_owned())
        }
        Misframing::LengthNamedByConnection => (vec![("Connection", LENGTH.to_owned()), whole], ghost.to_owned()),
        Misframing::ShortLengthInStream => (vec![short], led),
        Misframing::CodingInStream => (vec![chunked()], format!("0\r\n\r\n{ghost}")),
        Misframing::LineBreakInField => {
            // What the gateway writes behind the field is read as fields of the ghost.
            let begun = ghost.strip_suffix("\r\n\r\n").unwrap_or(ghost);
            (vec![("x-more", format!("1\r\n\r\n{begun}"))], String::new())
        }
        Misframing::CodingAfterChunked => (vec![chunked(), (CODING, "gzip".to_owned())], format!("0\r\n\r\n{ghost}")),
        // Neither in a field nor in the body.
        Misframing::LineBreakInPath | Misframing::LineBreakInMethod | Misframing::LineBreakEscaped => {
            (Vec::new(), String::new())
        }
    }
}

/// A name of 270 bytes: one of which the length is kept in eight bits is `Content-Length`, and its value begins with the 0
/// (CVE-2021-40346).
const LONG_NAME: &str = concat!(
    "Content-Length0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
);

/// More fields than Node.js shows those who ask for them (CVE-2026-58044).
const FIELDS_MANY: usize = 2_010;

/// The symbols that stand for line breaks, and in a request line for a space, in a head that is spelled in lines.
const CARRIAGE_RETURN: &str = "\u{240d}";
const LINE_FEED: &str = "\u{240a}";
const SPACE: &str = "\u{2420}";

/// Spells a text with line breaks so that a line holds it.
fn in_symbols(text: &str) -> String {
    text.replace('\r', CARRIAGE_RETURN).replace('\n', LINE_FEED)
}

/// A text that may have been spelled with symbols, as it goes out.
pub(super) fn without_symbols(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(CARRIAGE_RETURN, "\r").replace(LINE_FEED, "\n").replace(SPACE, " "))
}

/// The text that an application would expect, or that a rich request has in its place.
fn application_text(request: &Request, minter: &Minter<'_>) -> Option<String> {
    let form = request.form.spelling();
    let template = match form.as_ref().map(|Spelling { body, .. }| *body).filter(|body| !body.is_empty()) {
        Some(template) => template,
        None if request.rich => r#"{"text":"{canary}"}"#,
        None => return None,
    };
    let mut text = minter.fill(template, Site::Body);
    if request.rich && text.ends_with('}') {
        // A member whose name and value name their owner, and the same one level deeper: what is unknown to everybody is
        // what a gateway copies from one request into another without noticing.
        text.pop();
        let canary = minter.request(Site::Body);
        let joined = if text.ends_with('{') { "" } else { "," };
        text.push_str(&format!(
            r#"{joined}"x{canary}":"{canary}","nested":{{"x{canary}":{{"x{canary}":"{canary}"}}}}}}"#
        ));
    }
    Some(text)
}

/// White space behind a text means nothing to whoever reads JSON (RFC 8259 §2).
fn padded(mut text: String, bytes: u64) -> String {
    let missing = usize::try_from(bytes).unwrap_or(usize::MAX).saturating_sub(text.len());
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

impl Content {
    fn bytes(&self) -> u64 {
        match self {
            Content::Stripes(stripes) => stripes.len(),
            Content::Text(text) => text.len() as u64,
        }
    }

    fn into_bytes(self) -> Vec<u8> {
        match self {
            Content::Stripes(stripes) => stripes.to_vec(),
            Content::Text(text) => text.into_bytes(),
        }
    }
}

impl Body {
    fn announce(&self, head: &mut String, request: &Request) {
        if !request.fields.iter().any(|field| field.name.eq_ignore_ascii_case("content-type")) {
            let json = matches!(&self.content, Content::Text(text) if text.starts_with('{'));
            field(head, "Content-Type", &[if json { "application/json" } else { "text/plain" }]);
        }
        match &self.framing {
            BodyFraming::Length { declared } => field(head, "Content-Length", &[&declared.to_string()]),
            BodyFraming::Chunks { .. } => {
                field(head, "Transfer-Encoding", &["chunked"]);
                if request.trailers {
                    field(head, "Trailer", &["x-crosswire-end"]);
                }
            }
            BodyFraming::AsItStands { fields } => {
                fields.iter().for_each(|(name, value)| field(head, name, &[value]));
            }
        }
    }

    /// Without the last chunk.
    fn write(self, out: &mut Vec<u8>) {
        let content = self.content.into_bytes();
        match self.framing {
            BodyFraming::Length { .. } | BodyFraming::AsItStands { .. } => out.extend_from_slice(&content),
            BodyFraming::Chunks { bytes_each } => {
                for chunk in content.chunks(usize::try_from(bytes_each).unwrap_or(usize::MAX)) {
                    out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    out.extend_from_slice(chunk);
                    out.extend_from_slice(b"\r\n");
                }
            }
        }
    }
}

fn field(head: &mut String, name: &str, value: &[&str]) {
    write!(head, "{name}: ").expect("writing to a String cannot fail");
    line(head, value);
}

fn line(head: &mut String, parts: &[&str]) {
    head.extend(parts.iter().copied());
    head.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::super::stage::{BASE, after, get, key, lane, play, reply, target};
    use super::*;
    use vocabulary::canary::Scanner;
    use vocabulary::plan::{EventKind, Form, OwnForm, Target as Aim};

    #[test]
    fn a_misframed_body_hides_its_ghost_from_whoever_follows_the_rfc() {
        const GHOST: &str = "GET / HTTP/1.1\r\n\r\n";
        let spelled = |by| {
            let (fields, text) = misframed(by, GHOST);
            let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
            (fields, text.replace(GHOST, "GHOST").replace("\r\n", "|"))
        };
        let coding = "Transfer-Encoding: chunked\n";
        for (by, fields, text) in [
            (Misframing::LengthBesideChunks, &format!("Content-Length: 4\n{coding}")[..], "12|GHOST|0||"),
            (Misframing::ShortLengthFirst, "Content-Length: 8\nContent-Length: 26\n", "lead=in&GHOST"),
            (Misframing::ShortLengthLast, "Content-Length: 26\nContent-Length: 8\n", "lead=in&GHOST"),
            (Misframing::LengthWithSign, "Content-Length: +18\n", "GHOST"),
            (Misframing::UnknownCoding, "Transfer-Encoding: xchunked\n", "GHOST"),
            (Misframing::ChunkedNotLast, "Transfer-Encoding: chunked, identity\n", "GHOST"),
            (Misframing::LineFeedInExtension, coding, "4;x\n----|17;x|0||GHOST|0||"),
            (Misframing::ChunkSizeTooLarge, coding, "10000000000000000||GHOST"),
            (
                Misframing::ChunkedBehindAnother,
                "Content-Length: 4\nTransfer-Encoding: identity, chunked\n",
                "12|GHOST|0||",
            ),
            (Misframing::CodingTwice, &format!("Content-Length: 4\n{coding}{coding}"), "12|GHOST|0||"),
            (Misframing::FoldedCoding, "Content-Length: 4\nTransfer-Encoding: \r\n chunked\n", "12|GHOST|0||"),
            (Misframing::SpaceBeforeColon, "Transfer-Encoding : chunked\nContent-Length: 23\n", "0||GHOST"),
            (Misframing::CodingBehindTab, "Transfer-Encoding: \u{b}chunked\nContent-Length: 23\n", "0||GHOST"),
            (Misframing::LengthBehindNameless, ": x\nContent-Length: 18\n", "GHOST"),
            (Misframing::LengthBehindLongName, &format!("{LONG_NAME}: \nContent-Length: 18\n"), "GHOST"),
            (
                Misframing::LengthBehindManyFields,
                &format!("{}Content-Length: 18\n", "m: 1\n".repeat(FIELDS_MANY)),
                "GHOST",
            ),
            (Misframing::LengthNamedByConnection, "Connection: Content-Length\nContent-Length: 18\n", "GHOST"),
            (Misframing::ShortLengthInStream, "Content-Length: 8\n", "lead=in&GHOST"),
            (Misframing::CodingInStream, coding, "0||GHOST"),
            (Misframing::LineBreakInField, "x-more: 1\r\n\r\nGET / HTTP/1.1\n", ""),
            (Misframing::CodingAfterChunked, &format!("{coding}Transfer-Encoding: gzip\n"), "0||GHOST"),
            (Misframing::LineBreakInPath, "", ""),
            (Misframing::LineBreakEscaped, "", ""),
            (Misframing::LineBreakInMethod, "", ""),
        ] {
            assert_eq!(spelled(by), (fields.to_owned(), text.to_owned()), "{by:?}");
        }
        assert_eq!(LONG_NAME.len(), 270);
        let mut stimulus = get(1);
        stimulus.request.body = RequestBody::Misframed { exchange: ExchangeId(2), by: Misframing::ShortLengthFirst };
        let text = self::spelled(&stimulus);
        assert!(
            text.contains("\nContent-Length: 8\nContent-Length: ") && text.contains("\n\nlead=in&GET /api/cw/<Tail"),
            "{text}"
        );
        assert!(!ends_cleanly(&stimulus.request));
    }

    #[test]
    fn a_stream_says_of_itself_what_it_must_not() {
        let streamed = |by| {
            let mut stimulus = get(1);
            stimulus.request.body = RequestBody::Misframed { exchange: ExchangeId(2), by };
            assert!(fits_a_stream(&stimulus.request));
            let target = target(([127, 0, 0, 1], 80).into());
            let Streamed { head, body } = spell_streamed(&stimulus, BASE, &key(), &target);
            (head, body.map(|body| String::from_utf8(body.content).unwrap()))
        };
        let begins = |text: &str, with: &str| assert!(text.starts_with(with), "{text}");
        let (head, body) = streamed(Misframing::ShortLengthInStream);
        assert!(head.contains("\r\ncontent-length: 8\r\n"), "{head}");
        begins(&body.unwrap(), "lead=in&GET /api/cw/");
        let (head, body) = streamed(Misframing::CodingInStream);
        assert!(head.contains("\r\ntransfer-encoding: chunked\r\n") && !head.contains("content-length"), "{head}");
        begins(&body.unwrap(), "0\r\n\r\nGET /api/cw/");
        let (head, body) = streamed(Misframing::LineBreakInField);
        assert!(head.contains("\r\nx-more: 1␍␊␍␊GET /api/cw/") && head.contains(" HTTP/1.1␍␊Host: "), "{head}");
        assert_eq!(body, None);
        let (head, _) = streamed(Misframing::LineBreakInMethod);
        begins(&head, "GET␠/api/cw/");
        assert!(head.contains("␍␊␍␊GET /api/cw/"), "{head}");
        let (head, _) = streamed(Misframing::LineBreakInPath);
        begins(&head, "GET /api/cw/");
        assert!(head.contains("␠HTTP/1.1␍␊Host:␠") && head.contains("␍␊␍␊GET␠/api/cw/"), "{head}");
        let (head, _) = streamed(Misframing::LineBreakEscaped);
        assert!(head.contains("%20HTTP/1.1%0d%0aHost:%20") && head.contains("%0d%0a%0d%0aGET%20/api/cw/"), "{head}");
        let mut told = get(1);
        let by = Misframing::LengthNamedByConnection;
        told.request.body = RequestBody::Misframed { exchange: ExchangeId(2), by };
        assert!(!fits_a_stream(&told.request));
    }

    /// The request as text, each canary as `<role site tenant exchange>`, each line end as a newline.
    fn spelled(stimulus: &Stimulus) -> String {
        let mut out = Vec::new();
        spell(stimulus, BASE, &key(), &target(([127, 0, 0, 1], 80).into()), &mut out);
        let mut text = String::new();
        let mut rest = 0;
        for hit in Scanner::new().scan_plain(&key(), &out) {
            let claim = hit.canary.unwrap();
            text.push_str(std::str::from_utf8(&out[rest..hit.offset]).unwrap());
            let word = format!("<{:?} {:?} {} {}>", claim.role, claim.site, claim.tenant, claim.exchange);
            text.push_str(&word.replace("Request ", ""));
            rest = hit.offset + 48;
        }
        text.push_str(std::str::from_utf8(&out[rest..]).unwrap());
        text.replace(env!("CARGO_PKG_VERSION"), "VERSION").replace("\r\n", "\n")
    }

    fn with(change: impl FnOnce(&mut Request)) -> Stimulus {
        let mut stimulus = get(1);
        change(&mut stimulus.request);
        stimulus
    }

    #[test]
    fn a_plain_get_carries_its_canaries_and_its_tenants() {
        assert_eq!(
            spelled(&get(1)),
            "GET /api/cw/<Path t1 e101>?cw=<Query t1 e101> HTTP/1.1\n\
             Host: gateway.test\n\
             User-Agent: crosswire/VERSION\n\
             x-crosswire: <Header t1 e101>\n\
             Authorization: Bearer <Tenant Authorization t1 e0>\n\
             Cookie: session=<Tenant Cookie t1 e0>\n\n"
        );
    }

    #[test]
    fn a_shared_target_holds_no_canary_and_differs_from_case_to_case() {
        let shared = with(|request| {
            request.target = Aim::Shared("logo".to_owned());
            request.credential = Credential::None;
        });
        let expected = "GET /api/cw/shared/100/logo HTTP/1.1\nHost: gateway.test\nUser-Agent: crosswire/VERSION\n\
                        x-crosswire: <Header t1 e101>\n\n";
        assert_eq!(spelled(&shared), expected);
    }

    #[test]
    fn other_targets_hosts_versions_and_fields_are_spelled_as_planned() {
        let options = with(|request| {
            (request.method, request.target) = ("OPTIONS".to_owned(), Aim::Asterisk);
            (request.version, request.host) = (Version::Http10, Some("other.test".to_owned()));
            request.credential = Credential::Cookie;
            request.fields.push(Field { name: "Connection".to_owned(), value: "keep-alive".to_owned() });
        });
        assert_eq!(
            spelled(&options),
            "OPTIONS * HTTP/1.0\nHost: other.test\nUser-Agent: crosswire/VERSION\nx-crosswire: <Header t1 e101>\n\
             Cookie: session=<Tenant Cookie t1 e0>\nConnection: keep-alive\n\n"
        );
        let connect = with(|request| {
            (request.method, request.target) = ("CONNECT".to_owned(), Aim::Authority("db.test:5432".to_owned()));
            request.credential = Credential::None;
        });
        assert!(spelled(&connect).starts_with("CONNECT db.test:5432 HTTP/1.1\nHost: db.test:5432\n"));
    }

    #[test]
    fn a_sized_body_is_striped_and_declares_what_is_planned() {
        let body = |bytes, declared_off_by| {
            with(|request| {
                request.credential = Credential::None;
                request.body = RequestBody::Sized { bytes, declared_off_by };
            })
        };
        let text = spelled(&body(130, 0));
        let (head, content) = text.split_once("\n\n").unwrap();
        assert!(head.ends_with("Content-Type: text/plain\nContent-Length: 130"), "{head}");
        assert!(content.starts_with("<BodyBegin t1 e101>beg"), "{content}");
        assert!(content.contains("<BodyEnd t1 e101>end"), "{content}");
        assert!(spelled(&body(64, 5)).contains("Content-Length: 69\n"));
        assert!(spelled(&body(64, -70)).contains("Content-Length: 0\n"));
    }

    #[test]
    fn a_chunked_body_ends_with_its_trailer() {
        let chunked = with(|request| {
            (request.credential, request.trailers) = (Credential::None, true);
            request.body = RequestBody::Chunked { bytes: 64, chunk: 48 };
        });
        let text = spelled(&chunked);
        let (head, content) = text.split_once("\n\n").unwrap();
        assert!(head.ends_with("Transfer-Encoding: chunked\nTrailer: x-crosswire-end"), "{head}");
        let lines: Vec<&str> = content.lines().collect();
        assert_eq!((lines[..3].join(" "), lines[4]), ("30 <BodyBegin t1 e101> 10".to_owned(), "0"));
        assert_eq!(lines[5..], ["x-crosswire-end: <Trailer t1 e101>", ""]);
    }

    #[test]
    fn a_ghost_is_spelled_inside_the_body_and_nowhere_else() {
        let ghost = |chunked| {
            with(|request| {
                request.credential = Credential::None;
                request.body = RequestBody::Ghost { exchange: ExchangeId(9), chunked, filler: 0 };
            })
        };
        let inner = "GET /api/cw/<Tail t1 e109>?cw=<Tail t1 e109> HTTP/1.1\nHost: gateway.test\n\
                     x-crosswire: <Tail t1 e109>\n\n";
        let text = spelled(&ghost(false));
        let (head, content) = text.split_once("\n\n").unwrap();
        assert_eq!(content, inner);
        assert!(!head.contains("e109"));
        assert!(spelled(&ghost(true)).ends_with(&format!("{inner}\n0\n\n")));
    }

    #[test]
    fn a_ghost_may_be_followed_by_so_much_that_the_request_is_refused_for_its_size() {
        let large = with(|request| {
            request.body = RequestBody::Ghost { exchange: ExchangeId(9), chunked: false, filler: 5000 };
        });
        let text = spelled(&large);
        assert!(text.ends_with(&"-".repeat(5000)) && text.contains("<Tail t1 e109>\n\n-----"), "{text}");
    }

    #[test]
    fn a_target_in_absolute_form_names_an_authority() {
        let absolute = |absolute, target, host: Option<&str>| {
            let stimulus = with(|request| {
                (request.absolute, request.target) = (Some(absolute), target);
                request.host = host.map(str::to_owned);
            });
            spelled(&stimulus).lines().take(2).collect::<Vec<_>>().join(" ")
        };
        let logo = || Aim::Shared("logo".to_owned());
        assert_eq!(
            absolute(Absolute::Host, logo(), Some("B.test:81")),
            "GET http://B.test:81/api/cw/shared/100/logo HTTP/1.1 Host: B.test:81"
        );
        assert_eq!(
            absolute(Absolute::Other("a.test".to_owned()), logo(), None),
            "GET http://a.test/api/cw/shared/100/logo HTTP/1.1 Host: gateway.test"
        );
        assert_eq!(absolute(Absolute::Host, Aim::Asterisk, None), "GET * HTTP/1.1 Host: gateway.test");
        let over_tls = Target { scheme: "https", ..target(([127, 0, 0, 1], 80).into()) };
        let stimulus = with(|request| (request.absolute, request.target) = (Some(Absolute::Host), logo()));
        let mut out = Vec::new();
        spell(&stimulus, BASE, &key(), &over_tls, &mut out);
        assert!(out.starts_with(b"GET https://gateway.test/api/cw/shared/100/logo "));
    }

    #[test]
    fn a_form_brings_its_path_its_fields_and_a_body_around_the_canary() {
        let chat = spelled(&with(|request| (request.method, request.form) = ("POST".to_owned(), Form::Chat)));
        assert!(chat.starts_with("POST /api/v1/chat/completions?cw=<Query t1 e101> HTTP/1.1\n"), "{chat}");
        let (head, body) = chat.split_once("\n\n").unwrap();
        assert!(head.contains("Content-Type: application/json\nContent-Length: 126"), "{head}");
        assert_eq!(
            body,
            r#"{"model":"crosswire","messages":[{"role":"user","content":"<Body t1 e101>"}],"stream":false}"#
        );
        let keyed = with(|request| request.form = Form::Messages);
        assert!(spelled(&keyed).contains("x-api-key: <Tenant Authorization t1 e0>\n"));
        let mut bare = keyed;
        bare.request.credential = Credential::None;
        assert!(!spelled(&bare).contains("Tenant"));
    }

    #[test]
    fn a_form_of_ones_own_is_spelled_as_written_and_framed_as_planned() {
        let field = Field { name: "x-trace".to_owned(), value: "a-{canary}".to_owned() };
        let own =
            OwnForm { path: "/ask?v=2".to_owned(), fields: vec![field], body: "q={canary}".to_owned(), reply: None };
        let stimulus = with(|request| {
            request.form = Form::Own(own);
            request.body = RequestBody::Chunked { bytes: 60, chunk: 50 };
        });
        let text = spelled(&stimulus);
        assert!(text.starts_with("GET /api/ask?v=2&cw=<Query t1 e101> HTTP/1.1\n"), "{text}");
        assert!(
            text.contains("x-trace: a-<Header t1 e101>\n") && text.contains("Content-Type: text/plain\n"),
            "{text}"
        );
        assert!(text.ends_with("\n\n32\nq=<Body t1 e101>\na\n          \n0\n\n"), "{text:?}");
    }

    #[test]
    fn a_rich_request_has_its_canary_in_names_and_values_everywhere_and_a_bare_one_does_not() {
        let rich = spelled(&with(|request| {
            request.rich = true;
            request.trailers = true;
            request.body = RequestBody::Chunked { bytes: 0, chunk: 10_000 };
        }));
        let (head, body) = rich.split_once("\n\n").unwrap();
        assert!(
            head.contains("?cw=<Query t1 e101>&tag=<Query t1 e101>&tag=second&<Query t1 e101>=1&empty= HTTP"),
            "{head}"
        );
        assert!(head.contains("; cw=<Cookie t1 e101>; theme=dark\n") && head.contains("x-rich-30: <Header t1 e101>"));
        assert_eq!(head.matches("Cookie:").count(), 1);
        assert!(
            body.contains(r#""x<Body t1 e101>":"<Body t1 e101>","nested":{"x<Body t1 e101>":{"x<Body t1 e101>":"#),
            "{body}"
        );
        assert!(body.ends_with("\n0\nx-crosswire-end: <Trailer t1 e101>\n\n"), "{body}");
        assert!(!spelled(&get(1)).contains("x-rich"));
    }

    #[test]
    fn the_body_of_a_rich_request_is_json() {
        let mut stimulus = with(|request| (request.rich, request.form) = (true, Form::Mcp));
        for body in [RequestBody::None, RequestBody::Sized { bytes: 2000, declared_off_by: 0 }] {
            stimulus.request.body = body;
            let mut out = Vec::new();
            let spelled = spell(&stimulus, BASE, &key(), &target(([127, 0, 0, 1], 80).into()), &mut out);
            let json: serde_json::Value = serde_json::from_slice(&out[spelled.body..spelled.tail]).unwrap();
            assert_eq!(json["method"], "tools/call");
            assert_eq!(json.as_object().unwrap().len(), 6);
        }
    }

    #[test]
    fn what_a_login_has_set_goes_out_with_the_later_requests_of_its_tenant_only() {
        let target = target(([127, 0, 0, 1], 80).into());
        target.cookies.keep(TenantId(1), [("sid".to_owned(), "abc".to_owned())]);
        let head = |stimulus: &Stimulus, target: &Target| {
            let mut out = Vec::new();
            spell(stimulus, BASE, &key(), target, &mut out);
            String::from_utf8(out).unwrap()
        };
        let (own, other) = (get(1), Stimulus { tenant: TenantId(2), ..get(2) });
        assert!(head(&own, &target).contains("; sid=abc\r\n"));
        assert!(!head(&other, &target).contains("sid="));
        assert!(!head(&with(|request| request.credential = Credential::None), &target).contains("sid="));
        assert!(!head(&own, &target.for_case(Http::H1)).contains("sid="));
    }

    #[tokio::test]
    async fn a_login_fills_the_jar_of_its_tenant_for_all_lanes_of_the_case() {
        let mut login = get(1);
        (login.request.method, login.request.keep_cookies) = ("POST".to_owned(), true);
        let next = Stimulus { start: after(1, EventKind::Concluded), ..get(2) };
        let other = Stimulus { start: after(2, EventKind::Concluded), tenant: TenantId(2), ..get(3) };
        let mut heads = Vec::new();
        play(vec![lane([login]), lane([next, other])], async |gateway| {
            let mut first = gateway.accept().await;
            heads.push(first.head().await);
            let set = reply(1, 1).replacen("\r\n", "\r\nSet-Cookie: sid=abc; Path=/\r\n", 1);
            first.write(set).await;
            let mut second = gateway.accept().await;
            heads.push(second.serve(2).await);
            heads.push(second.serve(3).await);
        })
        .await;
        let carries: Vec<bool> = heads.iter().map(|head| head.contains("; sid=abc\r\n")).collect();
        assert_eq!(carries, [false, true, false]);
    }

    #[test]
    fn a_tail_follows_the_message() {
        let tail = with(|request| request.tail = Some(ExchangeId(9)));
        let text = spelled(&tail);
        assert!(text.starts_with(&spelled(&get(1))));
        assert!(text.ends_with("x-crosswire: <Tail t1 e109>\n\n"));
    }

    #[test]
    fn requests_that_spoil_their_connection_are_told_from_those_that_do_not() {
        assert!(ends_cleanly(&get(1).request));
        assert!(ends_cleanly(&with(|request| request.body = RequestBody::Chunked { bytes: 4, chunk: 4 }).request));
        let close = Field { name: "connection".to_owned(), value: "upgrade, Close".to_owned() };
        for spoilt in [
            with(|request| request.fields.push(close)),
            with(|request| request.version = Version::Http10),
            with(|request| request.pace = BodyPace::Withheld),
            with(|request| request.body = RequestBody::Sized { bytes: 4, declared_off_by: -1 }),
        ] {
            assert!(!ends_cleanly(&spoilt.request), "{:?}", spoilt.request);
        }
    }
}
