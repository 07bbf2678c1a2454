//! Which version of HTTP a client speaks, by what it says first. RFC 9113 §3.3, §3.4.

use tokio::time::{Instant, timeout_at};
use transport::Stream;

use crate::decisions::Decisions;
use crate::inbox::Inbox;

/// What a client of HTTP/2 says first. No request of HTTP/1.1 begins like that.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// HTTP/1.1, or nothing that we know.
    Lines,
    /// HTTP/2.
    Frames,
    /// It has said nothing, and is gone or idle for too long.
    Nothing,
}

/// Listens until that can be told. What has been said remains in the inbox.
pub(crate) async fn listen(stream: &mut Stream, inbox: &mut Inbox, decisions: &Decisions) -> Spoken {
    let idle_until = Instant::now() + decisions.client_idle;
    let mut until = idle_until;
    loop {
        if let Some(spoken) = told(inbox.bytes()) {
            return spoken;
        }
        match timeout_at(until, inbox.fill(stream)).await {
            // From its first byte on it has as long as a head has.
            Ok(Ok(1..)) => until = until.min(Instant::now() + decisions.client_wait),
            // What it has said is the beginning of a request that does not come.
            Ok(Ok(0) | Err(_)) | Err(_) if inbox.is_empty() => return Spoken::Nothing,
            Ok(Ok(0) | Err(_)) | Err(_) => return Spoken::Lines,
        }
    }
}

fn told(said: &[u8]) -> Option<Spoken> {
    let common = said.iter().zip(PREFACE).take_while(|(said, preface)| said == preface).count();
    match common {
        _ if common == PREFACE.len() => Some(Spoken::Frames),
        _ if common < said.len() => Some(Spoken::Lines),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_preface_is_http_2() {
        for length in 0..PREFACE.len() {
            assert_eq!(told(&PREFACE[..length]), None);
            assert_eq!(told(&[&PREFACE[..length], b"x"].concat()), Some(Spoken::Lines));
        }
        assert_eq!(told(PREFACE), Some(Spoken::Frames));
        assert_eq!(told(&[PREFACE, b"and more"].concat()), Some(Spoken::Frames));
        assert_eq!(told(b"POST / HTTP/1.1"), Some(Spoken::Lines));
    }
}
