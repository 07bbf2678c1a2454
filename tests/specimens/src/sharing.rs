//! What a shared cache may do with a reply: the right answers of RFC 9111, on the careful side.
//!
//! Left out on purpose, each a "may" of the RFC: heuristic freshness, `Expires`, weak validators, partial replies,
//! `must-understand`, and everything but a GET answered by a 200.

use std::time::Duration;

use crate::head::{Fields, ReplyHead, RequestHead};

/// RFC 9111 §2: the method and the target URI. RFC 9110 §4.2.3: scheme and host are compared without case, the rest
/// byte for byte; other equivalences may be missed, but never invented.
pub(crate) fn key(request: &RequestHead) -> Vec<u8> {
    let host = request.host.to_ascii_lowercase();
    // None of the parts can contain a space, so no two requests run together.
    [request.method.as_str(), "http", &host, &request.target].join(" ").into_bytes()
}

/// Whether this request may be looked up or stored at all. Conditions, ranges and wishes about freshness all have
/// rules of their own (RFC 9111 §4.3, RFC 9110 §14.2, RFC 9111 §5.2.1); such requests pass us by.
pub(crate) fn may_ask(request: &RequestHead) -> bool {
    const SPECIAL: [&str; 8] = [
        "range",
        "if-match",
        "if-none-match",
        "if-modified-since",
        "if-unmodified-since",
        "if-range",
        "cache-control",
        "pragma",
    ];
    request.method == "GET" && !SPECIAL.iter().any(|name| request.fields.has(name))
}

/// For how long the reply to `fill` may answer other requests; no time at all is for what the origin has to confirm each
/// time. RFC 9111 §3.
pub(crate) fn shareable(fill: &RequestHead, reply: &ReplyHead) -> Option<Duration> {
    let directives = directives(&reply.fields)?;
    let has = |name: &str| directives.iter().any(|(found, _)| found == name);
    if fill.method != "GET" || reply.status != 200 {
        return None;
    }
    // RFC 9111 §5.2.2.5, §5.2.2.7. The qualified form (`private="set-cookie"`) counts like the plain one.
    if has("no-store") || has("private") {
        return None;
    }
    // RFC 9111 §4.1: `*` matches nothing. §7.3: a cookie is somebody's, and we do not store it.
    if reply.fields.lists("vary", "*") || reply.fields.has("set-cookie") {
        return None;
    }
    // RFC 9111 §3.5: with credentials only if the origin says so.
    if fill.fields.has("authorization") && !(has("public") || has("s-maxage") || has("must-revalidate")) {
        return None;
    }
    // RFC 9111 §5.2.2.4, §4.2: neither what must not be used unconfirmed nor what is stale at once is ever fresh. The
    // qualified form (`no-cache="set-cookie"`) counts like the plain one.
    let confirmable =
        || strong_validator(&reply.fields).is_some() && (has("no-cache") || has("max-age") || has("s-maxage"));
    match lifetime(&reply.fields) {
        Some(lifetime) if !has("no-cache") => Some(lifetime),
        Some(_) | None => confirmable().then_some(Duration::ZERO),
    }
}

/// RFC 9111 §4.3.4: the validator of the stored reply must be that of the confirmation.
pub(crate) fn confirms(stored: &ReplyHead, confirmation: &ReplyHead) -> bool {
    let stored = strong_validator(&stored.fields);
    stored.is_some() && stored == strong_validator(&confirmation.fields)
}

/// The entity tag, if there is one and it is strong. RFC 9110 §8.8.3: a weak one begins with `W/`.
pub(crate) fn strong_validator(fields: &Fields) -> Option<&[u8]> {
    let mut tags = fields.values("etag").map(<[u8]>::trim_ascii);
    match (tags.next(), tags.next()) {
        (Some(tag), None) if tag.starts_with(b"\"") => Some(tag),
        _ => None,
    }
}

/// For how long the origin declares a reply fresh in a shared cache, if it does. RFC 9111 §4.2.1.
pub(crate) fn lifetime(fields: &Fields) -> Option<Duration> {
    let directives = directives(fields)?;
    let shared = directives.iter().any(|(found, _)| found == "s-maxage");
    let lifetime = seconds(&directives, if shared { "s-maxage" } else { "max-age" })?;
    (!lifetime.is_zero()).then_some(lifetime)
}

/// The reply as one reads it who does not know this directive of `Cache-Control`: for gateways that are wrong.
pub(crate) fn without_directive(reply: &ReplyHead, directive: &str) -> ReplyHead {
    let mut fields = without_field(&reply.fields, "cache-control");
    for (name, value) in directives(&reply.fields).unwrap_or_default() {
        let member = value.map_or_else(|| name.clone(), |value| format!("{name}=\"{value}\""));
        if name != directive {
            fields.push(b"Cache-Control", member.as_bytes());
        }
    }
    ReplyHead { fields, ..reply.clone() }
}

/// The fields without those of this name: for gateways that are wrong.
pub(crate) fn without_field(fields: &Fields, name: &str) -> Fields {
    let mut left = Fields::default();
    let others = fields.iter().filter(|(found, _)| !found.eq_ignore_ascii_case(name.as_bytes()));
    others.for_each(|(name, value)| left.push(name, value));
    left
}

/// RFC 9111 §4.1: every field that `Vary` names must have the same value in both requests.
pub(crate) fn selects(reply: &ReplyHead, fill: &RequestHead, wanted: &RequestHead) -> bool {
    let value = |request: &RequestHead, name: &str| {
        let values: Vec<&[u8]> = request.fields.values(name).map(<[u8]>::trim_ascii).collect();
        (!values.is_empty()).then(|| values.join(&b", "[..]))
    };
    reply.fields.members("vary").filter(|name| !name.is_empty()).all(|name| match std::str::from_utf8(name) {
        Ok("*") | Err(_) => false,
        // The host is compared as part of the key.
        Ok(name) if name.eq_ignore_ascii_case("host") => true,
        Ok(name) => value(fill, name) == value(wanted, name),
    })
}

/// The members of `Cache-Control`, names in lower case; `None` if they cannot be told apart. RFC 9111 §5.2.
fn directives(fields: &Fields) -> Option<Vec<(String, Option<String>)>> {
    let mut directives = Vec::new();
    for line in fields.values("cache-control") {
        let mut rest = std::str::from_utf8(line).ok()?;
        while !rest.is_empty() {
            let mut quoted = false;
            // A backslash within quotes is odd enough to give up on.
            let end = rest.find(|letter| {
                quoted ^= letter == '"';
                letter == ',' && !quoted
            });
            let (member, tail) = rest.split_at(end.unwrap_or(rest.len()));
            if member.contains('\\') || member.matches('"').count() % 2 != 0 {
                return None;
            }
            let (name, value) = match member.split_once('=') {
                Some((name, value)) => (name, Some(value.trim().trim_matches('"').to_owned())),
                None => (member, None),
            };
            directives.push((name.trim().to_ascii_lowercase(), value));
            rest = tail.strip_prefix(',').unwrap_or(tail);
        }
    }
    Some(directives)
}

/// RFC 9111 §4.2.1: a directive that is there twice, or is no number, counts as stale.
fn seconds(directives: &[(String, Option<String>)], name: &str) -> Option<Duration> {
    let mut found = directives.iter().filter(|(directive, _)| directive == name);
    let (Some((_, Some(value))), None) = (found.next(), found.next()) else { return None };
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    // RFC 9111 §1.2.2: what does not fit counts as 2^31.
    digits.then(|| Duration::from_secs(value.parse::<u64>().unwrap_or(u64::MAX).min(1 << 31)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(fields: &[(&str, &str)]) -> RequestHead {
        RequestHead {
            method: "GET".into(),
            target: "/".into(),
            host: "h".into(),
            http_10: false,
            fields: lines(fields),
        }
    }

    fn reply(fields: &[(&str, &str)]) -> ReplyHead {
        ReplyHead { status: 200, reason: String::new(), http_10: false, fields: lines(fields) }
    }

    fn lines(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        lines.iter().for_each(|(name, value)| fields.push(name.as_bytes(), value.as_bytes()));
        fields
    }

    #[test]
    fn only_what_the_origin_declares_fresh_for_all_is_shared() {
        let anonymous =
            |value: &str| shareable(&request(&[]), &reply(&[("Cache-Control", value)])).map(|d| d.as_secs());
        assert_eq!(anonymous("max-age=60"), Some(60));
        assert_eq!(anonymous("Max-Age=\"60\" , x=\"a,b\""), Some(60));
        assert_eq!(anonymous("max-age=0, s-maxage=5"), Some(5));
        assert_eq!(anonymous("max-age=99999999999999999999999"), Some(1 << 31));
        for value in [
            "",
            "public",
            "max-age=0",
            "max-age",
            "max-age=",
            "max-age=-1",
            "max-age=60, max-age=60",
            "max-age=60, private",
            "max-age=60, PRIVATE=\"set-cookie\"",
            "max-age=60, private=\"\"",
            "max-age=60, no-store",
            "max-age=60, no-cache",
            "max-age=60, no-cache=\"x\"",
            "max-age=60, x=\"open",
            "max-age=60, s-maxage=0",
        ] {
            assert_eq!(anonymous(value), None, "{value}");
        }
    }

    #[test]
    fn credentials_cookies_and_vary_star_keep_a_reply_from_others() {
        let with = |fill: &[(&str, &str)], extra: (&str, &str), control: &str| {
            shareable(&request(fill), &reply(&[("Cache-Control", control), extra])).is_some()
        };
        let credential = [("Authorization", "Bearer a")];
        assert!(!with(&credential, ("X", ""), "max-age=60"));
        assert!(with(&credential, ("X", ""), "max-age=60, public"));
        assert!(with(&credential, ("X", ""), "s-maxage=60"));
        assert!(!with(&[], ("Set-Cookie", "a=b"), "max-age=60, public"));
        assert!(!with(&[], ("Vary", "Accept, *"), "max-age=60, public"));
        assert!(with(&[], ("Vary", "Accept"), "max-age=60, public"));
    }

    #[test]
    fn what_must_be_confirmed_is_kept_only_with_a_strong_validator() {
        let kept = |control: &str, tag: &str| {
            shareable(&request(&[]), &reply(&[("Cache-Control", control), ("ETag", tag)])).map(|d| d.as_secs())
        };
        for control in ["no-cache", "max-age=60, no-cache", "no-cache=\"x\"", "max-age=0", "s-maxage=0, max-age=60"] {
            assert_eq!(kept(control, "\"a\""), Some(0), "{control}");
            assert_eq!(kept(control, "W/\"a\""), None, "{control}");
        }
        assert_eq!((kept("max-age=60", "\"a\""), kept("public", "\"a\"")), (Some(60), None));
        assert_eq!(kept("no-cache, no-store", "\"a\""), None);
    }

    #[test]
    fn only_the_same_strong_validator_confirms() {
        let with = |tag: &str| reply(&[("ETag", tag)]);
        assert!(confirms(&with("\"a\""), &with(" \"a\"")));
        for (stored, confirmation) in [("\"a\"", "\"b\""), ("W/\"a\"", "W/\"a\""), ("a", "a")] {
            assert!(!confirms(&with(stored), &with(confirmation)), "{stored} {confirmation}");
        }
        assert!(!confirms(&with("\"a\""), &reply(&[])) && !confirms(&reply(&[]), &reply(&[])));
    }

    #[test]
    fn a_stored_reply_is_selected_by_what_vary_names() {
        let varies = reply(&[("Vary", "Accept, X-Tenant")]);
        let fill = request(&[("accept", "a"), ("X-Tenant", "1"), ("X-Other", "1")]);
        assert!(selects(&varies, &fill, &request(&[("X-Tenant", "1"), ("Accept", "a")])));
        assert!(!selects(&varies, &fill, &request(&[("X-Tenant", "2"), ("Accept", "a")])));
        assert!(!selects(&varies, &fill, &request(&[("Accept", "a")])));
        assert!(!selects(&varies, &fill, &request(&[("Accept", "a"), ("X-Tenant", "1"), ("X-Tenant", "1")])));
    }

    #[test]
    fn keys_differ_in_host_target_and_method_and_agree_in_the_case_of_the_host() {
        let of = |method: &str, host: &str, target: &str| {
            let fields = lines(&[]);
            key(&RequestHead {
                method: method.into(),
                target: target.into(),
                host: host.into(),
                http_10: false,
                fields,
            })
        };
        assert_eq!(of("GET", "Host:80", "/a"), of("GET", "hOST:80", "/a"));
        for other in [of("HEAD", "h", "/a"), of("GET", "i", "/a"), of("GET", "h", "/A"), of("GET", "h", "/a?b")] {
            assert_ne!(of("GET", "h", "/a"), other);
        }
    }
}
