//! The reading half of a batch on one connection: what has come, credited to the stream on which it came.
//!
//! Exchanges end here in the order in which the frames that end them were read, and the moments of the history say so. What
//! an exchange does by itself, and when, is told in its [`course`](super::course).

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use http2::{ErrorCode, StreamId};
use tokio::time::Instant;
use transport::WriteHalf;
use vocabulary::history::{Completeness, Performed, Why};
use vocabulary::identity::{self, LaneId, Moment};
use vocabulary::plan::{Abort, AbortWhen, EventKind, Stimulus};

use super::super::Run;
use super::super::connection::Account;
use super::super::exchange::{Asking, Exchange};
use super::super::framing::{Asked, Framing, Reuse};
use super::super::reading::Reply;
use super::super::request::Streamed;
use super::super::waiting::Patience;
use super::arriving::Broken;
use super::reply::StreamReply;
use super::session::{Arrived, STREAM_WINDOW, Session};

/// A batch on its connection.
pub(super) struct Talk<'a> {
    pub(super) run: &'a Run,
    lane: LaneId,
    pub(super) session: &'a mut Session,
    account: &'a mut Account,
    /// The exchanges whose requests have been begun, in that order.
    begun: Vec<Begun<'a>>,
    /// Whether the connection had been used before the batch.
    used_before: bool,
    /// Why nothing more will come, once that is so.
    over: Option<Why>,
    /// Whether what is to be written can be.
    pub(super) writes: bool,
}

/// An exchange whose request has been begun.
struct Begun<'a> {
    exchange: Exchange<'a>,
    stream: StreamId,
    reply: StreamReply,
    first_at: Option<Moment>,
    /// Since when nothing has come; later than now as long as a slow reader does not read.
    quiet_since: Instant,
    standing: Standing,
    /// Whether nothing more of its request will be sent.
    is_sent: bool,
    /// Whether there is room for as many bytes of its reply as its client reads before it gives up.
    has_room: bool,
}

/// Room for DATA when a stream is opened, where that is less than usual: of a slow reader, and of a client that gives up
/// after so many bytes, which cannot know how many of them the head will take. With no room at all nginx would keep the
/// head back over TLS.
pub(super) fn small_room(stimulus: &Stimulus) -> Option<u32> {
    let gives_up = match stimulus.abort {
        Some(Abort { when: AbortWhen::AfterReplyBytes { .. }, .. }) => Some(1),
        Some(Abort { when: AbortWhen::AfterSent { .. } | AbortWhen::AfterEvent { .. }, .. }) | None => None,
    };
    stimulus.read.map(|slow| slow.bytes.clamp(1, STREAM_WINDOW)).or(gives_up)
}

/// What has become of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its reply is owed.
    Owed,
    /// Its client gives up: the reset lies in the outbox.
    GivingUp,
    /// It is over.
    Concluded,
}

/// What its own course follows of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct News {
    pub(super) standing: Standing,
    pub(super) quiet_since: Instant,
    /// Whether a slow reader has used up room that it has not given back.
    pub(super) reads_on: bool,
}

impl<'a> Talk<'a> {
    /// Begins a batch.
    pub(super) fn new(run: &'a Run, lane: LaneId, session: &'a mut Session, account: &'a mut Account) -> Talk<'a> {
        let used_before = account.requests > 0;
        Talk { run, lane, session, account, begun: Vec::new(), used_before, over: None, writes: true }
    }

    /// Whether no further request can be sent on the connection.
    pub(super) fn is_closing(&self) -> bool {
        self.over.is_some() || !self.writes || !self.session.is_usable()
    }

    /// Whether nothing more will come.
    pub(super) fn is_over(&self) -> bool {
        self.over.is_some()
    }

    /// Whether the peer may still read what is written.
    pub(super) fn is_written_to(&self) -> bool {
        self.writes && !matches!(self.over, Some(Why::Closed | Why::Reset))
    }

    /// Writes some of what lies in the outbox. Pending as long as there is nothing, or it cannot be written.
    pub(super) fn poll_write(&mut self, to: &mut WriteHalf<'_>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.writes {
            true => self.session.out().poll_write(to, context),
            false => Poll::Pending,
        }
    }

    /// The connection carries not even this one.
    pub(super) fn never_begun(&mut self, stimulus: &'a Stimulus) {
        let exchange = self.exchange_of(stimulus, None);
        exchange.gave_up(self.over.unwrap_or(Why::NoReply), &Reply::default(), None);
        exchange.tell(EventKind::Concluded);
        self.account.reuse = Reuse::Closing;
    }

    /// Begins a request: its head goes out right after. Gives its place among those that are begun.
    pub(super) fn begin(&mut self, stimulus: &'a Stimulus, request: &Streamed, end_stream: bool) -> usize {
        let wire = self.run.wire(stimulus.exchange);
        let stream = self.session.link.open(wire, &request.head, end_stream, small_room(stimulus));
        let exchange = self.exchange_of(stimulus, Some(identity::StreamId(stream.0)));
        self.account.requests += 1;
        self.account.last = Some(wire);
        exchange.sent(request.head.as_bytes());
        self.begun.push(Begun {
            exchange,
            stream,
            reply: StreamReply::new(exchange.asking.asked),
            first_at: None,
            quiet_since: Instant::now(),
            standing: Standing::Owed,
            is_sent: false,
            has_room: false,
        });
        let place = self.begun.len() - 1;
        self.count_bytes(place);
        place
    }

    fn exchange_of(&self, stimulus: &'a Stimulus, stream: Option<identity::StreamId>) -> Exchange<'a> {
        let asking = Asking {
            stimulus,
            exchange: self.run.wire(stimulus.exchange),
            ordinal: self.account.ordinal(0),
            patience: Patience::Owed,
            asked: Asked::by(&stimulus.request.method),
        };
        Exchange { run: self.run, lane: self.lane, connection: self.account.id, stream, asking }
    }

    pub(super) fn exchange(&self, place: usize) -> Exchange<'a> {
        self.begun[place].exchange
    }

    pub(super) fn stream(&self, place: usize) -> StreamId {
        self.begun[place].stream
    }

    pub(super) fn news(&self, place: usize) -> News {
        let Begun { standing, quiet_since, stream, .. } = self.begun[place];
        News { standing, quiet_since, reads_on: self.session.link.reads_on(stream) }
    }

    /// Nothing more of its request will be sent.
    pub(super) fn sent(&mut self, place: usize) {
        self.begun[place].is_sent = true;
        self.begun[place].quiet_since = self.begun[place].quiet_since.max(Instant::now());
    }

    pub(super) fn is_sent(&self, place: usize) -> bool {
        self.begun[place].is_sent
    }

    /// Whether a body that waits for a 100 may go out, or is not wanted any more; nothing as long as neither is known.
    pub(super) fn leave(&self, place: usize) -> Option<bool> {
        let Begun { reply, standing, .. } = &self.begun[place];
        match (reply.reply.status, reply.reply.interims.contains(&100)) {
            _ if *standing != Standing::Owed => Some(false),
            (0, false) => None,
            (0, true) => Some(true),
            (_, _) => Some(false),
        }
    }

    /// Takes in bytes from the wire.
    pub(super) fn absorb(&mut self, bytes: &[u8]) {
        let now = self.run.ledger.now();
        self.session.push(bytes);
        loop {
            match self.session.next(now) {
                Ok(Some(arrived)) => self.take(arrived, now),
                Ok(None) => break,
                Err(broken) => {
                    tracing::debug!(connection = self.account.id.0, %broken, "the gateway's bytes cannot be read");
                    self.unreadable(broken, now);
                    break;
                }
            }
        }
        if !self.session.is_usable() {
            self.account.reuse = Reuse::Closing;
        }
    }

    fn take(&mut self, arrived: Arrived, now: Moment) {
        match arrived {
            Arrived::Head { stream, fields, end_stream } => {
                let Some(place) = self.owed(stream) else { return };
                self.heard(place, now).head(&fields, end_stream);
                self.follow(place);
            }
            Arrived::Data { stream, bytes, end_stream, within_window } => {
                let Some(place) = self.owed(stream) else { return };
                self.data(place, &bytes, end_stream, now);
                if !within_window && self.begun[place].standing == Standing::Owed {
                    self.begun[place].reply.overrun();
                }
                self.follow(place);
            }
            Arrived::Reset { stream, code } => {
                // RFC 9113 §8.1: behind a whole reply, the rest of the request is not wanted.
                let Some(place) = self.owed(stream) else { return };
                self.give_up(place, if code == ErrorCode::REFUSED_STREAM { Why::Refused } else { Why::Reset });
            }
            Arrived::GoAway { last } => {
                // RFC 9113 §6.8: nothing behind it was, or will be, worked on.
                for place in 0..self.begun.len() {
                    let stream = self.begun[place].stream;
                    if stream > last && self.begun[place].standing == Standing::Owed {
                        self.session.link.refused(stream);
                        self.give_up(place, Why::Refused);
                    }
                }
            }
        }
    }

    /// The exchange on a stream, as long as its reply is owed.
    fn owed(&self, stream: StreamId) -> Option<usize> {
        self.begun.iter().position(|begun| begun.stream == stream && begun.standing == Standing::Owed)
    }

    fn heard(&mut self, place: usize, now: Moment) -> &mut StreamReply {
        let begun = &mut self.begun[place];
        begun.first_at.get_or_insert(now);
        let slow = begun.exchange.asking.stimulus.read;
        begun.quiet_since = Instant::now() + Duration::from_micros(slow.map_or(0, |slow| slow.gap_us));
        &mut begun.reply
    }

    /// DATA up to where the client gives up. What came behind that was under way when it did.
    fn data(&mut self, place: usize, bytes: &[u8], end_stream: bool, now: Moment) {
        let left = self.bytes_left(place).unwrap_or(u64::MAX);
        let within = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let (within, beyond) = bytes.split_at(within);
        self.heard(place, now).data(within, end_stream && beyond.is_empty());
        if !beyond.is_empty() {
            let stream = self.begun[place].stream;
            self.session.link.came_behind_reset(stream, beyond, now);
        }
    }

    /// How many bytes of its reply may come before the client gives it up, if it counts them.
    fn bytes_left(&self, place: usize) -> Option<u64> {
        match self.begun[place].exchange.asking.abort()? {
            Abort { when: AbortWhen::AfterReplyBytes { bytes }, .. } => {
                Some(bytes.saturating_sub(self.begun[place].reply.bytes))
            }
            Abort { .. } => None,
        }
    }

    /// Draws the consequences of what has come on a stream.
    fn follow(&mut self, place: usize) {
        let Begun { stream, reply, .. } = &self.begun[place];
        if reply.reply.defect.is_some() {
            self.session.link.reset(*stream, ErrorCode::PROTOCOL_ERROR);
            self.give_up(place, Why::Malformed);
        } else if reply.reply.end.is_some() {
            self.received(place);
        } else {
            self.count_bytes(place);
        }
    }

    fn count_bytes(&mut self, place: usize) {
        let Begun { stream, reply, has_room, exchange, .. } = &self.begun[place];
        match self.bytes_left(place) {
            Some(0) => self.abort(place),
            // What the head has left of the count is all the room that there is: the client gives up amid the body, and not
            // when all of it has come.
            Some(left) if reply.reply.status != 0 && !has_room && exchange.asking.stimulus.read.is_none() => {
                self.session.link.give_room(*stream, left);
                self.begun[place].has_room = true;
            }
            Some(_) | None => {}
        }
    }

    /// The client gives up, as planned.
    pub(super) fn abort(&mut self, place: usize) {
        self.session.link.reset(self.begun[place].stream, ErrorCode::CANCEL);
        self.begun[place].standing = Standing::GivingUp;
    }

    /// The reset of a planned abort has been written, or cannot be.
    pub(super) fn aborted(&mut self, place: usize, performed: Performed) {
        let Begun { exchange, reply, first_at, .. } = &self.begun[place];
        exchange.gave_up(Why::Aborted, &reply.reply, *first_at);
        exchange.client_abort(performed);
        exchange.tell(EventKind::Aborted);
        self.conclude(place);
    }

    /// A slow reader reads on.
    pub(super) fn read_on(&mut self, place: usize, most: u32) {
        self.session.link.read_on(self.begun[place].stream, most);
    }

    /// Nothing has come for as long as it makes sense to wait.
    pub(super) fn patience_ends(&mut self, place: usize) {
        let Begun { stream, reply, .. } = &mut self.begun[place];
        self.session.link.reset(*stream, ErrorCode::CANCEL);
        match reply.reply.framing {
            // A tunnel has no end that could be awaited: when it falls silent, the client has had its reply.
            Some(Framing::Tunnel) => {
                reply.reply.end = Some(Completeness::CloseDelimited);
                self.received(place);
            }
            _ => self.give_up(place, Why::NoReply),
        }
    }

    /// Its course is over: nothing that could still be sent on its stream is wanted.
    pub(super) fn leave_stream(&mut self, place: usize) {
        if self.over.is_none() {
            self.session.link.reset(self.begun[place].stream, ErrorCode::CANCEL);
        }
    }

    /// The connection has ended, in order or by an error.
    pub(super) fn ended(&mut self, error: Option<io::Error>) {
        // What had come of a frame counts as it would have, had the peer cut it there.
        let cut = self.session.cut_data().map(|(stream, bytes)| (stream, bytes.to_vec()));
        let now = self.run.ledger.now();
        if let Some((stream, bytes)) = cut
            && let Some(place) = self.owed(stream)
        {
            self.data(place, &bytes, false, now);
            self.follow(place);
        }
        self.end(if error.is_none() { Why::Closed } else { Why::Reset });
    }

    /// Nothing that comes can be read any more.
    fn unreadable(&mut self, broken: Broken, now: Moment) {
        self.session.link.go_away(broken.code());
        if broken.is_unframed() {
            let rest = self.session.rest().to_vec();
            let owed: Vec<usize> =
                (0..self.begun.len()).filter(|place| self.begun[*place].standing == Standing::Owed).collect();
            match owed[..] {
                // Whose it is can be told only where one reply is awaited.
                [place] => self.heard(place, now).unreadable(&rest),
                _ => {
                    self.account.last = self.account.last.filter(|_| owed.is_empty());
                    self.account.add_unasked(&rest, now);
                }
            }
        }
        self.end(Why::Malformed);
    }

    /// Ends every exchange whose reply is still owed.
    fn end(&mut self, why: Why) {
        self.over = Some(why);
        self.account.reuse = Reuse::Closing;
        for place in 0..self.begun.len() {
            if self.begun[place].standing == Standing::Owed {
                // A kept connection may be closed at any time; a reset is then how the request learns of it.
                let raced = self.used_before && self.begun[place].reply.reply.is_empty();
                self.give_up(place, if raced && why == Why::Reset { Why::Closed } else { why });
            }
        }
    }

    fn received(&mut self, place: usize) {
        let Begun { exchange, reply, first_at, .. } = &self.begun[place];
        exchange.received(&reply.reply, *first_at);
        if exchange.asking.abort().is_some() {
            exchange.client_abort(Performed::Expired);
        }
        self.conclude(place);
    }

    fn give_up(&mut self, place: usize, why: Why) {
        let Begun { exchange, reply, first_at, .. } = &self.begun[place];
        exchange.gave_up(why, &reply.reply, *first_at);
        if exchange.asking.abort().is_some() {
            exchange.abort_forestalled(why);
        }
        self.conclude(place);
    }

    fn conclude(&mut self, place: usize) {
        self.begun[place].exchange.tell(EventKind::Concluded);
        self.begun[place].standing = Standing::Concluded;
    }
}
