//! A request that has arrived and the turn of its reply: whose it is, what will be reported of it, what is done for it.
//!
//! A connection of HTTP/1.1 has one turn after the other, one of HTTP/2 has a turn for each stream.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use vocabulary::canary::{Encoding, Unverified, read_body};
use vocabulary::excerpt::excerpt;
use vocabulary::history::{BodySeen, Found, Observation, Place, Seen};
use vocabulary::identity::{Attempt, ConnectionId, ExchangeId, Ordinal, StreamId};
use vocabulary::plan::EventKind;

use crate::behavior::{self, Context, Medium, Program};
use crate::body::Kept;
use crate::head::{Framing, RequestHead};
use crate::office::Office;

/// A request and the turn of its reply.
pub(crate) struct Turn<W> {
    pub(crate) connection: ConnectionId,
    pub(crate) ordinal: Ordinal,
    pub(crate) stream: Option<StreamId>,
    pub(crate) head: RequestHead,
    /// What will be reported of the request, until it is.
    seen: RefCell<Option<Seen>>,
    /// Whose it is, once that is known.
    pub(crate) answers: Cell<Option<(ExchangeId, Attempt)>>,
    /// What will be done, from when it is known until it is done.
    pub(crate) program: RefCell<Option<Program<W>>>,
    pub(crate) body: Cell<Body>,
    /// Whether the program leaves the body unread until its final reply is written.
    pub(crate) early: Cell<bool>,
    /// Whether the program turns the connection into a tunnel.
    pub(crate) switches: Cell<bool>,
    /// Whether a final reply was written, so that an unread body may be drained.
    pub(crate) final_written: Cell<bool>,
    /// Whether the request counts as unanswered.
    in_flight: Cell<bool>,
}

/// How far the body of a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    Coming,
    /// All of it stands unread in our buffer.
    Arrived,
    Read,
    /// It cannot be read; the status says why.
    Unreadable(u16),
}

/// Where a request has arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived {
    pub(crate) connection: ConnectionId,
    pub(crate) ordinal: Ordinal,
    pub(crate) stream: Option<StreamId>,
}

impl<W: Medium> Turn<W> {
    /// The turn of a request with this head, of which `raw` is the text.
    pub(crate) fn of(office: &Office, arrived: Arrived, head: RequestHead, raw: &[u8]) -> Turn<W> {
        let Arrived { connection, ordinal, stream } = arrived;
        let at = office.now();
        let mut canaries = Vec::new();
        let unverified = search(office, raw, Place::Head, &mut canaries);
        let seen = Seen {
            exchange: None,
            attempt: Attempt(1),
            connection,
            ordinal,
            stream,
            at,
            canaries,
            unverified,
            in_flight: office.enter(),
            authority: head.authority.clone(),
            head: excerpt(raw),
        };
        let body = if head.body == Framing::None { Body::Read } else { Body::Coming };
        Turn {
            connection,
            ordinal,
            stream,
            head,
            seen: RefCell::new(Some(seen)),
            answers: Cell::new(None),
            program: RefCell::new(None),
            body: Cell::new(body),
            early: Cell::new(false),
            switches: Cell::new(false),
            final_written: Cell::new(false),
            in_flight: Cell::new(true),
        }
    }

    /// Finds out whose the request is and what is done for it. Where no canary says so and there is still something to
    /// read, it stays unknown.
    pub(crate) fn recognise(&self, office: &Office, all_is_read: bool) -> bool {
        let mut seen = self.seen.borrow_mut();
        let Some(seen) = seen.as_mut() else { return true };
        let mut book = office.book();
        let Some(identity) = book.identify(&seen.canaries, &self.head.target) else {
            drop(book);
            if all_is_read {
                self.program.replace(Some(behavior::stranger(&self.head, &office.clock.date())));
            }
            return all_is_read;
        };
        let arrival = book.arrive(identity, seen.at);
        let date = office.clock.date();
        let context = Context {
            key: &office.key,
            tenant: identity.tenant,
            exchange: identity.exchange,
            attempt: arrival.attempt,
            date: &date,
            first_delivery: arrival.first_delivery,
        };
        let mut head = Cow::Borrowed(&self.head);
        if all_is_read && head.expects_continue {
            // Its body has come, so nobody waits for a 100 any more.
            head.to_mut().expects_continue = false;
        }
        let program = behavior::respond(&arrival.reply.directive, &head, context);
        self.early.set(program.early && !all_is_read);
        self.switches.set(program.switches);
        book.take_deliveries(identity.exchange, program.deliveries.len());
        let gates = book.has_gates();
        drop(book);
        seen.exchange = Some(identity.exchange);
        seen.attempt = arrival.attempt;
        self.answers.set(Some((identity.exchange, arrival.attempt)));
        self.program.replace(Some(program));
        office.happened(identity.exchange, EventKind::Seen, seen.at);
        if gates {
            office.look_at_gates();
        }
        true
    }

    /// Has the request answered as one that cannot be read. It is reported with its canaries, as nobody's: nothing is
    /// answered that could be anybody's.
    pub(crate) fn refuse(&self, office: &Office, status: u16) {
        self.program.replace(Some(behavior::refuse(status, &office.clock.date())));
        self.report_seen(office);
    }

    /// Searches what was kept of the body.
    pub(crate) fn search_body(&self, office: &Office, kept: &Kept) {
        let (mut canaries, mut unverified) = (Vec::new(), 0);
        let reading = read_body(&office.scanner, &office.key, None, &kept.body);
        if let Some(claim) = reading.owner {
            canaries.push(Found { claim, place: Place::Body, encoding: Encoding::Plain });
        }
        for hit in reading.hits {
            match hit.canary {
                Ok(claim) if reading.owner == Some(claim) => {}
                Ok(claim) => canaries.push(Found { claim, place: Place::Body, encoding: hit.encoding }),
                Err(Unverified::CutOff) => {}
                Err(_) => unverified += 1,
            }
        }
        unverified += search(office, &kept.trailer, Place::Trailer, &mut canaries);
        if let Some(seen) = self.seen.borrow_mut().as_mut() {
            seen.canaries.extend(canaries);
            seen.unverified += unverified;
        } else if !canaries.is_empty() || unverified > 0 {
            // An early reply has had the request reported. What a gateway sends behind it is read as this body (RFC
            // 9112 §9.3), whosever it is.
            let exchange = self.answers.get().map(|(exchange, _)| exchange);
            let Turn { connection, ordinal, .. } = *self;
            office.report(Observation::BodySeen(BodySeen { exchange, connection, ordinal, canaries, unverified }));
        }
    }

    /// Reports the request, once.
    pub(crate) fn report_seen(&self, office: &Office) {
        if let Some(seen) = self.seen.take() {
            office.report(Observation::Seen(seen));
        }
    }

    /// Counts the request as answered, once.
    pub(crate) fn leave(&self, office: &Office) {
        if self.in_flight.replace(false) {
            office.leave();
        }
    }
}

/// Searches a part of a request for canaries; how many did not verify.
fn search(office: &Office, bytes: &[u8], place: Place, found: &mut Vec<Found>) -> u32 {
    let mut unverified = 0;
    for hit in office.scanner.scan(&office.key, bytes) {
        match hit.canary {
            Ok(claim) => found.push(Found { claim, place, encoding: hit.encoding }),
            // A body shorter than a canary begins with a part of one.
            Err(Unverified::CutOff) => {}
            Err(_) => unverified += 1,
        }
    }
    unverified
}
