//! The path is decoded when it comes and written as it is then.
//!
//! `%20` becomes a space and `%0d%0a` a line break: what a client has escaped ends the request line for the origin.

use vocabulary::finding::{Boundary, Leg, Shape};

use crate::decisions::Decisions;
use crate::mutants::Mutant;

pub(super) const MUTANT: Mutant = Mutant {
    name: "path-unescaped",
    incident: "CVE-2023-25690, CVE-2019-9740",
    story: "A path that was percent-decoded is written to the origin without being encoded again: behind an empty line in it \
            another request begins.",
    shape: Shape::GhostRequest,
    boundary: Boundary::SameTenant,
    leg: Leg::Request,
    scenario: "path-with-line-breaks",
    clients: None,
    // RFC 9112 §3.2: a target has no white space; RFC 3986 §2.4: what was encoded is data.
    decisions: || Decisions { respells: Some(unescape), ..Decisions::reference() },
};

/// Decodes the path of a head; the query is left as it is.
fn unescape(head: &mut Vec<u8>) {
    let end = head.iter().position(|byte| matches!(byte, b'?' | b'\r')).unwrap_or(head.len());
    let mut path = Vec::with_capacity(end);
    let mut rest = &head[..end];
    while let [first, after @ ..] = rest {
        let escaped = after.first_chunk::<2>().filter(|_| *first == b'%');
        let byte = escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        path.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    head.splice(..end, path);
}
