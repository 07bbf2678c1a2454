//! Heads between HTTP/2, as crate `h2` has them, and those of the gateway. RFC 9113 §8.2, §8.3.

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};

use crate::date::Calendar;
use crate::head::{Fields, RawRequest, ReplyHead};
use crate::wire::{Ends, reply_fields};

/// A client's request as if it had been written on lines; an error is the status to refuse it with.
pub(crate) fn raw_request(request: http::request::Parts) -> Result<RawRequest, u16> {
    let http::request::Parts { method, uri, headers, .. } = request;
    let authority = uri.authority().map(Authority::as_str);
    let target = match method {
        Method::CONNECT => authority.unwrap_or_default(),
        _ => uri.path_and_query().map_or("/", PathAndQuery::as_str),
    };
    // RFC 9113 §8.3.1: a Host field that says something else makes the request malformed.
    if authority.is_some_and(|authority| headers.get_all("host").iter().any(|host| host != authority)) {
        return Err(400);
    }
    let mut fields = Fields::default();
    if let Some(authority) = authority {
        fields.push(b"host", authority.as_bytes());
    }
    // RFC 9113 §8.2.3: a cookie that was cut for the sake of compression is put together again.
    let crumbs: Vec<&[u8]> = headers.get_all("cookie").iter().map(HeaderValue::as_bytes).collect();
    let cookie = crumbs.join(&b"; "[..]);
    if !crumbs.is_empty() {
        fields.push(b"cookie", &cookie);
    }
    let is_apart = |name: &HeaderName| name == "cookie" || (name == "host" && authority.is_some());
    for (name, value) in headers.iter().filter(|(name, _)| !is_apart(name)) {
        fields.push(name.as_str().as_bytes(), value.as_bytes());
    }
    Ok(RawRequest { method: method.as_str().to_owned(), target: target.to_owned(), http_10: false, fields })
}

/// A request's head for the origin; none if HTTP/2 cannot say it.
pub(crate) fn request(method: &str, authority: &str, target: &str, fields: &Fields) -> Option<Request<()>> {
    let mut parts = http::uri::Parts::default();
    let path = PathAndQuery::try_from(target).ok()?;
    // It reads over what stands behind a `#`.
    if path.as_str() != target {
        return None;
    }
    parts.path_and_query = Some(path);
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
    *request.headers_mut() = map(fields);
    match authority.is_empty() {
        // RFC 9113 §8.3.1: who names no authority in HTTP/1.0 names none here.
        true => *request.version_mut() = Version::HTTP_11,
        false => {
            parts.authority = Some(Authority::try_from(authority).ok()?);
            parts.scheme = Some(Scheme::HTTP);
            *request.version_mut() = Version::HTTP_2;
        }
    }
    *request.uri_mut() = Uri::from_parts(parts).ok()?;
    Some(request)
}

/// A reply's head, interim or final.
pub(crate) fn reply_head<B>(response: &Response<B>) -> ReplyHead {
    let reason = response.status().canonical_reason().unwrap_or_default().to_owned();
    ReplyHead { status: response.status().as_u16(), reason, http_10: false, fields: fields(response.headers()) }
}

/// A reply's head for a client; `age` in seconds if it comes from the store.
pub(crate) fn response(head: &ReplyHead, ends: Ends, age: Option<u64>, calendar: &Calendar) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.headers_mut() = map(&reply_fields(head, ends, age, calendar));
    response
}

/// Fields of HTTP/2.
pub(crate) fn fields(map: &HeaderMap) -> Fields {
    map.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())).collect()
}

/// Fields for HTTP/2: their names in lower case, lines of one name together. What was read as a field is always one here.
pub(crate) fn map(fields: &Fields) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields.iter() {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            let _ = map.try_append(name, value);
        }
    }
    map
}
