//! When two URIs are one: RFC 9110 §4.2.3, which asks for the comparison of RFC 3986 §6.

/// The form in which equivalent URIs are the same text. What is no `http` URI is left as it is.
pub(super) fn normal(uri: &str) -> String {
    let Some(rest) = uri.strip_prefix("http://") else { return uri.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let authority = authority.to_ascii_lowercase();
    // The port of the scheme, and none, are the same.
    let host = authority.strip_suffix(":80").or_else(|| authority.strip_suffix(':')).unwrap_or(&authority);
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    format!("http://{host}{}{}", without_dots(&decoded(path)), decoded(query))
}

/// Percent-encoded letters that need no encoding are the letters; the digits of the others have no case. RFC 3986 §6.2.2.
fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (before, coded) = rest.split_at(at);
        out.push_str(before);
        let digits = coded.get(1..3).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
            out.push('%');
            rest = &coded[1..];
            continue;
        };
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
        rest = &coded[3..];
    }
    out + rest
}

/// RFC 3986 §5.2.4; an empty path is `/`.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    for (index, segment) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        match *segment {
            "." | ".." => {
                if *segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str) -> bool {
        normal(&format!("http://{one}")) == normal(&format!("http://{other}"))
    }

    #[test]
    fn equivalent_uris_are_one() {
        assert!(same("a.test/x", "A.TEST:80/x") && same("a.test:/x", "a.test/x"));
        assert!(same("a.test", "a.test/"));
        assert!(same("a.test/%7Ex?%7e", "a.test/~x?~") && same("a.test/%2f", "a.test/%2F"));
        assert!(same("a.test/./b/../c", "a.test/c") && same("a.test/b/..", "a.test/"));
    }

    #[test]
    fn everything_else_is_another() {
        for (one, other) in [
            ("a.test/x", "b.test/x"),
            ("a.test:8080/x", "a.test:8081/x"),
            ("a.test/x", "a.test/X"),
            ("a.test/x", "a.test/x/"),
            ("a.test/a%2Fb", "a.test/a/b"),
            ("a.test//x", "a.test/x"),
            ("a.test/x?a=1&b=2", "a.test/x?b=2&a=1"),
            ("a.test/x?a", "a.test/xa"),
            ("a.test/%zz", "a.test/zz"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
        assert_eq!(normal("own of e1"), "own of e1");
    }
}
