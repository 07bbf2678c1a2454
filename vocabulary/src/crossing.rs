//! Which version of HTTP is spoken on either side of the gateway.
//!
//! What the clients speak is planned; what the gateway speaks to its origin is its own affair, and known only from what has
//! arrived there. Whether a side is encrypted changes nothing about the messages, and is not said here.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A version of HTTP, as far as it decides how messages stand on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Http {
    /// HTTP/1.1 (and 1.0): one message behind the other (RFC 9112).
    #[default]
    H1,
    /// HTTP/2: streams of frames on one connection (RFC 9113).
    H2,
}

impl Http {
    /// Whether it is the one that needs not be mentioned.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(crate) fn is_h1(&self) -> bool {
        *self == Http::H1
    }
}

impl fmt::Display for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Http::H1 => "h1",
            Http::H2 => "h2",
        })
    }
}

/// What is spoken before the gateway and behind it. Written `h2→h1`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crossing {
    /// Between clients and gateway.
    pub down: Http,
    /// Between gateway and origin.
    pub up: Http,
}

impl fmt::Display for Crossing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}→{}", self.down, self.up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crossing_is_written_with_an_arrow() {
        assert_eq!(Crossing { down: Http::H2, up: Http::H1 }.to_string(), "h2→h1");
        assert_eq!(serde_json::to_string(&Http::H2).unwrap(), r#""h2""#);
    }
}
