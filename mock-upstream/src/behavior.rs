//! What the origin does for one request: a directive and a request's head go in, a program of emissions comes out.
//!
//! Pure: no socket, no clock. Every decision about bytes is taken here, so that the driver has nothing left to decide:
//! which canaries a reply carries, what stands in one write, what a request's version forbids, when a planned fault is
//! done. The driver performs emission after emission and reports each [`Mark`] as it comes to it. What it hands to the
//! kernel is bytes of HTTP/1.1 ([`Wire`]), or what frames of HTTP/2 are made of ([`Parts`]).

use std::time::Duration;

use vocabulary::canary::CanaryKey;
use vocabulary::directive::{Close, Directive, FaultKind, Hold, OriginAct};
use vocabulary::history::{DeliveryKind, Performed};
use vocabulary::identity::{Attempt, ExchangeId, TenantId};
use vocabulary::plan::EventKind;

use crate::head::{self, Method, RequestHead};

mod compose;
mod framing;
mod medium;
mod parts;
mod text;
mod wire;

pub(crate) use compose::SEGMENT_BYTES_MAX;
pub(crate) use medium::Medium;
pub(crate) use parts::{Part, Parts};
use text::Persistent;
pub(crate) use text::fields;
pub(crate) use wire::Wire;

/// Bytes of a benign reply to an exchange of which nothing is planned.
pub(crate) const BENIGN_BYTES: u64 = 256;

/// Everything that is done for one request, in order.
#[derive(Debug, Default)]
pub(crate) struct Program<W> {
    pub(crate) emissions: Vec<Emission<W>>,
    /// The replies that the program emits; marks name them by their place here.
    pub(crate) deliveries: Vec<Delivery>,
    /// The planned faults; marks name them by their place here.
    pub(crate) faults: Vec<FaultKind>,
    /// Whether the request's body stays unread until the final reply is written.
    pub(crate) early: bool,
    /// Whether the connection becomes a tunnel, so that nothing behind the request is a request.
    pub(crate) switches: bool,
}

/// A reply that the program emits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) number: u16,
    pub(crate) kind: DeliveryKind,
    pub(crate) status: u16,
    pub(crate) body_bytes: u64,
    pub(crate) cut: bool,
    /// The number of the delivery with whose end it shares one write.
    pub(crate) same_write_as: Option<u16>,
    /// Its status line and fields, printable.
    pub(crate) head: String,
}

/// One thing that the driver does.
#[derive(Debug)]
pub(crate) enum Emission<W> {
    /// Hand bytes to the kernel, in one write.
    Write(Write<W>),
    /// Wait until the request's body has been read.
    AwaitBody,
    /// Wait for a time.
    Pause(Duration),
    /// Send nothing for a time.
    Silence { lasts: Duration, fault: Option<usize> },
    /// Wait for something. The fault, where there is one, is performed when the hold ends as planned.
    Hold { hold: Hold, fault: Option<usize> },
    /// Write when the next request has arrived on the connection; if none comes, write nothing.
    AfterNextRequest { write: Write<W>, fault: Option<usize> },
    /// Wait until the peer's kernel has acknowledged everything: what comes next is a segment of its own.
    AwaitAcknowledgement,
    /// Wait until the peer's kernel has acknowledged everything, then report.
    Acknowledge(Vec<Mark>),
    /// A fault that this request does not allow.
    Unperformed { fault: usize, performed: Performed },
    /// End the connection.
    Close { close: Close, fault: Option<usize> },
    /// Swallow whatever arrives until the peer closes.
    Swallow,
}

/// Bytes and what has happened when the kernel has them.
#[derive(Debug, Default)]
pub(crate) struct Write<W> {
    pub(crate) wire: W,
    pub(crate) marks: Vec<Mark>,
}

/// What a write means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It holds the first byte of a delivery.
    Begins(usize),
    /// It holds the last planned byte of a delivery.
    Ends(usize),
    /// It performs a fault.
    Performs(usize),
    /// It performs a fault if some of the request's body has not arrived by then.
    PerformsEarly(usize),
    /// It is something that plans can wait for.
    Happens(EventKind),
}

/// Whom a reply is for, and what its canaries are minted with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) key: &'a CanaryKey,
    pub(crate) tenant: TenantId,
    pub(crate) exchange: ExchangeId,
    pub(crate) attempt: Attempt,
    /// The date of its replies, RFC 9110 §6.6.1: caches answer nothing from replies that have none.
    pub(crate) date: &'a str,
    /// The number of the first delivery that the program may emit.
    pub(crate) first_delivery: u16,
}

/// The program for a request whose exchange is known.
pub(crate) fn respond<W: Medium>(directive: &Directive, head: &RequestHead, context: Context<'_>) -> Program<W> {
    let benign;
    let mut acts = &directive.acts;
    let mut faults = directive.faults();
    if context.attempt.0 > 1 && !directive.every_attempt && !faults.is_empty() {
        benign = Directive::benign(body_bytes(directive));
        acts = &benign.acts;
        faults.clear();
    }
    compose::compose(acts, faults, head, context)
}

/// The reply to a request without any canary: the gateway's own.
pub(crate) fn stranger<W: Medium>(head: &RequestHead, date: &str) -> Program<W> {
    let mut text = text::Head::new(W::HTTP, 200);
    text.field("Date", date);
    text.field("Content-Type", "text/plain");
    text.field("Content-Length", "3");
    text.connection(head.version, if head.persistent { Persistent::Stays } else { Persistent::Closes });
    let body: &[u8] = if head.method == Method::Head { b"" } else { b"ok\n" };
    let mut emissions = Vec::new();
    if head.body != head::Framing::None {
        emissions.push(Emission::AwaitBody);
    }
    emissions.push(Emission::Write(Write::unmarked(W::plain(text.end(), body))));
    if !head.persistent {
        emissions.push(Emission::Close { close: Close::Fin, fault: None });
    }
    Program { emissions, ..Program::default() }
}

/// The reply to what is no request: an error and the end (RFC 9112 §2.2, §6.3; RFC 9113 §8.1.1).
pub(crate) fn refuse<W: Medium>(status: u16, date: &str) -> Program<W> {
    let mut text = text::Head::new(W::HTTP, status);
    text.field("Date", date);
    text.field("Content-Length", "0");
    text.field("Connection", "close");
    let write = Write::unmarked(W::plain(text.end(), b""));
    Program { emissions: vec![Emission::Write(write), W::give_up()], ..Program::default() }
}

/// A plain 100 for a sender that waits for one before its exchange can be known.
pub(crate) fn plain_continue<W: Medium>() -> W {
    W::head(text::Head::new(W::HTTP, 100).end())
}

/// How many bytes of body the directive's final reply has.
fn body_bytes(directive: &Directive) -> u64 {
    let mut finals = directive.acts.iter().filter_map(|act| match act {
        OriginAct::Final(reply) => Some(reply.bytes),
        _ => None,
    });
    finals.next().unwrap_or(BENIGN_BYTES)
}

#[cfg(test)]
mod tests;
