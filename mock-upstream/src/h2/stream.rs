//! A stream: its windows, how far either end has come on it, and the body of its request.

use std::cell::{Cell, RefCell};

use http2::{StreamId, Window};
use tokio::time::Instant;
use vocabulary::limits::BODY_BYTES_MAX;

use crate::behavior::Parts;
use crate::body::{KEPT_BYTES_MAX, Kept};
use crate::head::{Framing, Malformed};
use crate::office::Office;
use crate::turn::{Body, Turn};

/// A stream that the gateway has opened, as long as its request comes or its program runs.
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) turn: Turn<Parts>,
    /// The bytes that the gateway takes.
    pub(super) sends: Cell<Window>,
    /// The bytes that we take.
    pub(super) takes: Cell<Window>,
    /// Whether we have ended it, by END_STREAM or by a reset.
    pub(super) ended: Cell<bool>,
    gateway: Cell<Gateway>,
    /// Whether the gateway has broken a rule on it, so that nothing more is done for it.
    failed: Cell<bool>,
    /// When something of its request came.
    moved: Cell<Instant>,
    request: RefCell<Coming>,
}

/// How far the gateway has come on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gateway {
    /// It still sends.
    Sends,
    /// It has sent all of its request.
    HasEnded,
    /// It has reset the stream.
    HasReset,
    /// We do not listen any more.
    IsIgnored,
}

/// The part of a request that comes behind its head.
#[derive(Debug, Default)]
struct Coming {
    kept: Kept,
    bytes: u64,
    declared: Option<u64>,
    /// Whether it was searched and reported.
    is_reported: bool,
    /// Whether it is known whose the request is.
    is_known: bool,
}

impl Stream {
    /// A stream whose request's head has come, and perhaps all of it.
    pub(super) fn new(id: StreamId, turn: Turn<Parts>, declared: Option<u64>, ends: bool) -> Stream {
        Stream {
            id,
            turn,
            sends: Cell::new(Window::INITIAL),
            takes: Cell::new(Window::INITIAL),
            ended: Cell::new(false),
            gateway: Cell::new(if ends { Gateway::HasEnded } else { Gateway::Sends }),
            failed: Cell::new(false),
            moved: Cell::new(Instant::now()),
            request: RefCell::new(Coming { declared, ..Coming::default() }),
        }
    }

    /// Finds out whose the request is, as far as that is known from its head.
    pub(super) fn recognise(&self, office: &Office) {
        let all_is_read = self.turn.head.body == Framing::None;
        self.request.borrow_mut().is_known = self.turn.recognise(office, all_is_read);
        if all_is_read {
            self.turn.report_seen(office);
            self.request.borrow_mut().is_reported = true;
        }
    }

    /// Whether more of the request may come.
    pub(super) fn listens(&self) -> bool {
        self.gateway.get() == Gateway::Sends
    }

    /// Whether all of the request has come.
    pub(super) fn has_request(&self) -> bool {
        self.gateway.get() == Gateway::HasEnded
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.get()
    }

    pub(super) fn is_reset(&self) -> bool {
        self.gateway.get() == Gateway::HasReset
    }

    /// Whether it counts as open: RFC 9113 §5.1.2.
    pub(super) fn is_open(&self) -> bool {
        self.listens() || (!self.ended.get() && self.gateway.get() == Gateway::HasEnded)
    }

    /// Whether the body is left alone until an early reply is written, so that no room is made for more of it.
    pub(super) fn withholds(&self) -> bool {
        self.turn.early.get() && !self.turn.final_written.get()
    }

    pub(super) fn moved(&self) -> Instant {
        self.moved.get()
    }

    /// A part of the body has come, or its end.
    pub(super) fn take_data(&self, office: &Office, bytes: &[u8], ends: bool) {
        self.moved.set(Instant::now());
        let mut request = self.request.borrow_mut();
        let room = KEPT_BYTES_MAX - request.kept.body.len();
        request.kept.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
        request.bytes += bytes.len() as u64;
        let (received, declared) = (request.bytes, request.declared);
        drop(request);
        // RFC 9113 §8.1.1: DATA must come to what content-length says.
        if declared.is_some_and(|declared| received > declared || (ends && received < declared)) {
            self.refuse(office, Malformed::Length.status());
        } else if received > BODY_BYTES_MAX {
            self.refuse(office, Malformed::BodyTooLong.status());
        }
        if ends {
            self.end(office);
        }
    }

    /// The trailer has come, and the end with it.
    pub(super) fn take_trailer(&self, office: &Office, trailer: Result<Vec<u8>, Malformed>) {
        let short = {
            let request = self.request.borrow();
            request.declared.is_some_and(|declared| request.bytes < declared)
        };
        match trailer {
            Ok(_) if short => self.refuse(office, Malformed::Length.status()),
            Ok(trailer) => self.request.borrow_mut().kept.trailer = trailer,
            Err(malformed) => self.refuse(office, malformed.status()),
        }
        self.end(office);
    }

    /// The request cannot be read, as the status says.
    pub(super) fn refuse(&self, office: &Office, status: u16) {
        self.report(office, Some(Body::Unreadable(status)));
    }

    /// The gateway has reset the stream (RFC 9113 §6.4): nothing more may be sent on it.
    pub(super) fn take_reset(&self, office: &Office) {
        if self.gateway.get() != Gateway::IsIgnored {
            self.gateway.set(Gateway::HasReset);
            self.report(office, None);
        }
    }

    /// We have reset the stream: what still comes on it was under way (RFC 9113 §5.1).
    pub(super) fn give_up(&self) {
        self.ended.set(true);
        if self.listens() {
            self.gateway.set(Gateway::IsIgnored);
        }
    }

    /// The gateway has broken a rule on it.
    pub(super) fn fail(&self) {
        self.failed.set(true);
    }

    /// Searches the body, as far as it has come, and reports the request if that was not done before.
    pub(super) fn report(&self, office: &Office, body: Option<Body>) {
        let (kept, is_known) = {
            let mut request = self.request.borrow_mut();
            if std::mem::replace(&mut request.is_reported, true) {
                return;
            }
            (std::mem::take(&mut request.kept), request.is_known)
        };
        self.turn.search_body(office, &kept);
        if !is_known && body == Some(Body::Read) {
            self.turn.recognise(office, true);
        }
        self.turn.report_seen(office);
        if let Some(body) = body {
            self.turn.body.set(body);
        }
    }

    fn end(&self, office: &Office) {
        self.gateway.set(Gateway::HasEnded);
        self.report(office, Some(Body::Read));
    }
}
