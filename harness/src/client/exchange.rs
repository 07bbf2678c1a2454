//! One exchange towards the ledger: what a client reports of it, in whatever version of HTTP it is spoken.

use vocabulary::directive::FaultKind;
use vocabulary::excerpt::excerpt;
use vocabulary::history::{Fault, GaveUp, Observation, Performed, Received, Sent, Why};
use vocabulary::identity::{ConnectionId, ExchangeId, LaneId, Moment, Ordinal, StreamId};
use vocabulary::plan::{Abort, EventKind, Stimulus};

use super::Run;
use super::framing::Asked;
use super::reading::{ReadFor, Reply, expected_body};
use super::waiting::Patience;

/// A request whose reply is read: a planned one, or the tail of one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking<'a> {
    /// The stimulus that holds it.
    pub(super) stimulus: &'a Stimulus,
    /// Its number on the wire.
    pub(super) exchange: ExchangeId,
    /// Its position on the connection.
    pub(super) ordinal: Ordinal,
    /// Whether a reply is owed.
    pub(super) patience: Patience,
    /// What the framing of its reply depends on.
    pub(super) asked: Asked,
}

impl Asking<'_> {
    /// The planned abort; a tail has none.
    pub(super) fn abort(&self) -> Option<Abort> {
        match self.patience {
            Patience::Owed => self.stimulus.abort,
            Patience::Optional => None,
        }
    }
}

/// An exchange, and where it takes place.
#[derive(Clone, Copy)]
pub(super) struct Exchange<'a> {
    pub(super) run: &'a Run,
    pub(super) lane: LaneId,
    pub(super) connection: ConnectionId,
    /// In HTTP/2.
    pub(super) stream: Option<StreamId>,
    pub(super) asking: Asking<'a>,
}

impl Exchange<'_> {
    /// The request is begun: its first byte goes to the kernel right after.
    pub(super) fn sent(&self, head: &[u8]) {
        self.run.ledger.record(Observation::Sent(Sent {
            exchange: self.asking.exchange,
            lane: self.lane,
            tenant: self.asking.stimulus.tenant,
            connection: self.connection,
            ordinal: self.asking.ordinal,
            stream: self.stream,
            at: self.run.ledger.now(),
            head: excerpt(head),
        }));
    }

    /// Its reply is there.
    pub(super) fn received(&self, reply: &Reply, first_at: Option<Moment>) {
        self.run.ledger.record(Observation::Received(self.reading(reply, first_at)));
    }

    /// It is over, without a whole reply.
    pub(super) fn gave_up(&self, why: Why, reply: &Reply, first_at: Option<Moment>) {
        self.run.ledger.record(Observation::GaveUp(GaveUp {
            exchange: self.asking.exchange,
            lane: self.lane,
            connection: Some(self.connection),
            why,
            at: self.run.ledger.now(),
            partial: (!reply.is_empty()).then(|| Box::new(self.reading(reply, first_at))),
        }));
    }

    /// What became of the planned abort.
    pub(super) fn client_abort(&self, performed: Performed) {
        let (exchange, at) = (self.asking.exchange, self.run.ledger.now());
        let fault = Fault { exchange, kind: FaultKind::ClientAbort, performed, connection: None, at };
        self.run.ledger.record(Observation::Fault(fault));
    }

    /// The exchange was given up before its planned abort was due.
    pub(super) fn abort_forestalled(&self, why: Why) {
        self.client_abort(match why {
            Why::Closed | Why::Reset | Why::Refused => Performed::PeerClosedFirst,
            Why::Aborted | Why::NoReply | Why::Malformed | Why::Unreachable => Performed::Expired,
        });
    }

    /// Something has happened to it.
    pub(super) fn tell(&self, kind: EventKind) {
        self.run.tell(self.asking.exchange, kind);
    }

    /// What has been read of its reply. A login's cookies are kept.
    fn reading(&self, reply: &Reply, first_at: Option<Moment>) -> Received {
        let Run { key, scanner, ledger, target, .. } = self.run;
        let Asking { stimulus, exchange, ordinal, patience, .. } = self.asking;
        let at = ledger.now();
        let first_at = first_at.unwrap_or(at);
        let (lane, connection, stream) = (self.lane, self.connection, self.stream);
        let read_for = ReadFor { exchange, lane, connection, ordinal, stream, first_at, at };
        let expected = match patience {
            Patience::Owed => expected_body(stimulus, exchange, key),
            Patience::Optional => None,
        };
        if stimulus.request.keep_cookies {
            target.cookies.keep(stimulus.tenant, reply.cookies());
        }
        reply.received(read_for, key, scanner, expected.as_ref())
    }
}

/// Reports what became of a stimulus's broken framing, if that was planned.
pub(super) fn framing_fault(run: &Run, stimulus: &Stimulus, performed: Performed) {
    if let Some(kind @ FaultKind::RequestFraming) = stimulus.request.fault() {
        let exchange = run.wire(stimulus.exchange);
        let fault = Fault { exchange, kind, performed, connection: None, at: run.ledger.now() };
        run.ledger.record(Observation::Fault(fault));
    }
}
