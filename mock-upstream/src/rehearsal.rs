//! What the origin would do for a request of HTTP/1.1, as plain steps: for whoever performs it without the origin.

use std::time::Duration;

use vocabulary::canary::CanaryKey;
use vocabulary::crossing::Http;
use vocabulary::directive::{Close, Directive, Hold};
use vocabulary::identity::{Attempt, ExchangeId, TenantId};
use vocabulary::plan::{EventKind, Version};

use crate::behavior::{self, Context, Emission, Mark, Program, Wire, Write};
use crate::head::{RequestHead, read_head};

/// The date of rehearsed replies.
const DATE: &str = "Sun, 29 Nov 2026 00:00:00 GMT";

/// One thing that the origin does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It hands bytes to the kernel in one write; these events have happened then.
    Write(Vec<u8>, Vec<EventKind>),
    /// It waits until the request's body has been read.
    AwaitBody,
    /// It waits for a time, with nothing sent.
    Pause(Duration),
    /// It waits for something.
    Hold(Hold),
    /// It waits until the peer's kernel has acknowledged everything.
    AwaitAcknowledgement,
    /// It ends the connection.
    Close(Close),
    /// It reads whatever comes until the peer has gone.
    Swallow,
}

/// Which request the steps are for.
#[derive(Debug, Clone, Copy)]
pub struct Rehearsed<'a> {
    /// The request as its client spells it, at least its head. One whose head cannot be read is taken for one without body.
    pub request: &'a [u8],
    /// Whose it is.
    pub tenant: TenantId,
    /// Which exchange, in the numbers that its canaries shall have.
    pub exchange: ExchangeId,
    /// Which arrival at the origin, from 1.
    pub attempt: Attempt,
    /// Whether the gateway has made a conditional request of it (RFC 9110 §13.1), as caches do.
    pub conditional: bool,
}

/// The steps of a directive for a request, with canaries of this key. A version, and what a client says of its connection,
/// end at the gateway (RFC 9110 §7.6.1): what comes of the request is taken to be HTTP/1.1 on a connection that stays.
pub fn rehearse(directive: &Directive, key: &CanaryKey, rehearsed: Rehearsed<'_>) -> Vec<Step> {
    let Rehearsed { request, tenant, exchange, attempt, conditional } = rehearsed;
    let head = match read_head(request) {
        Ok(Some((head, _))) => head,
        Ok(None) | Err(_) => RequestHead::unread(Http::H1),
    };
    let conditional = head.conditional || conditional;
    let head = RequestHead { conditional, version: Version::Http11, persistent: true, ..head };
    let context = Context { key, tenant, exchange, attempt, date: DATE, first_delivery: 1 };
    let program: Program<Wire> = behavior::respond(directive, &head, context);
    program.emissions.into_iter().flat_map(steps).collect()
}

fn steps(emission: Emission<Wire>) -> Vec<Step> {
    match emission {
        Emission::Write(write) => vec![written(&write)],
        Emission::AfterNextRequest { write, .. } => vec![Step::Hold(Hold::Bait), written(&write)],
        Emission::AwaitBody => vec![Step::AwaitBody],
        Emission::Pause(lasts) | Emission::Silence { lasts, .. } => vec![Step::Pause(lasts)],
        Emission::Hold { hold: Hold::Body, .. } => vec![Step::AwaitBody],
        Emission::Hold { hold, .. } => vec![Step::Hold(hold)],
        Emission::AwaitAcknowledgement | Emission::Acknowledge(_) => vec![Step::AwaitAcknowledgement],
        Emission::Unperformed { .. } => Vec::new(),
        Emission::Close { close, .. } => vec![Step::Close(close)],
        Emission::Swallow => vec![Step::Swallow],
    }
}

fn written(write: &Write<Wire>) -> Step {
    let mut bytes = Vec::new();
    write.wire.render(0..write.wire.len(), &mut bytes);
    let happens = write.marks.iter().filter_map(|mark| match mark {
        Mark::Happens(kind) => Some(*kind),
        Mark::Begins(_) | Mark::Ends(_) | Mark::Performs(_) | Mark::PerformsEarly(_) => None,
    });
    Step::Write(bytes, happens.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocabulary::directive::{Final, Interim, InterimLength, OriginAct, Segment};

    fn rehearsed(request: &[u8]) -> Rehearsed<'_> {
        Rehearsed { request, tenant: TenantId(1), exchange: ExchangeId(1), attempt: Attempt(1), conditional: false }
    }

    #[test]
    fn an_interim_reply_bait_and_the_owed_reply_are_three_steps() {
        let interim = Interim { status: 100, length: InterimLength::Zero, fields: Vec::new(), segment: Segment::Own };
        let acts = vec![OriginAct::Interim(interim), OriginAct::Hold(Hold::Bait), OriginAct::Final(Final::ok(64))];
        let directive = Directive { acts, every_attempt: false };
        let key = CanaryKey::new([1; 16], 1);
        let steps = rehearse(&directive, &key, rehearsed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        let [Step::Write(interim, first), Step::Hold(Hold::Bait), Step::Write(reply, last)] = steps.as_slice() else {
            panic!("{steps:?}");
        };
        assert!(interim.starts_with(b"HTTP/1.1 100 Continue\r\n") && reply.starts_with(b"HTTP/1.1 200 OK\r\n"));
        assert_eq!(
            (first.as_slice(), last.as_slice()),
            (&[EventKind::InterimWritten][..], &[EventKind::FinalWritten][..])
        );
    }

    #[test]
    fn a_second_attempt_is_answered_well_and_a_body_is_read_first() {
        let acts = vec![OriginAct::Close(Close::Rst)];
        let directive = Directive { acts, every_attempt: false };
        let key = CanaryKey::new([1; 16], 1);
        let request = rehearsed(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
        assert_eq!(rehearse(&directive, &key, request), [Step::Close(Close::Rst)]);
        let steps = rehearse(&directive, &key, Rehearsed { attempt: Attempt(2), ..request });
        assert!(matches!(steps.as_slice(), [Step::AwaitBody, Step::Write(..)]), "{steps:?}");
    }
}
