//! The reading half of a batch: replies in, each credited to the request that it is owed to.
//!
//! What is read becomes observations here: received, given up and why, the client's own aborts. When to read, and when
//! to stop, is decided by the [`batch`](super::batch).

use std::io;
use std::time::Duration;

use tokio::time::Instant;
use transport::ReadHalf;
use vocabulary::history::{Completeness, Performed, Why};
use vocabulary::identity::{ConnectionId, LaneId, Moment};
use vocabulary::limits::UNASKED_BYTES_MAX;
use vocabulary::plan::{Abort, AbortHow, AbortWhen, EventKind};

use super::Run;
use super::connection::{Account, readable_now};
use super::exchange::{Asking, Exchange};
use super::framing::{Framing, Reuse};
use super::reading::Reply;
use super::request::ends_cleanly;
use super::sending::{Leave, Progress};
use super::waiting::Patience;
use super::wire::ReplyParser;

/// How a batch ended on its connection.
pub(super) enum Ending {
    /// Nothing is owed any more.
    Settled,
    /// What is still owed will not come, or cannot be read.
    Broken(Why),
    /// The client gives up, as planned for a request of the batch.
    Abort { index: usize, how: AbortHow },
}

/// The reading half of a batch.
pub(super) struct Talk<'a> {
    pub(super) run: &'a Run,
    lane: LaneId,
    connection: ConnectionId,
    pub(super) askings: &'a [Asking<'a>],
    pub(super) progress: &'a Progress,
    parser: ReplyParser,
    reply: &'a mut Reply,
    /// The request whose reply is being read.
    pub(super) front: usize,
    /// Bytes of that reply, interim ones included.
    reply_bytes: u64,
    first_at: Option<Moment>,
    /// When a slow reader reads on.
    pub(super) next_read: Option<Instant>,
    /// The request at which the sending side was closed.
    half_closed: Option<usize>,
}

impl<'a> Talk<'a> {
    /// Begins with the first reply of a batch.
    pub(super) fn new(
        run: &'a Run,
        lane: LaneId,
        connection: ConnectionId,
        askings: &'a [Asking<'a>],
        progress: &'a Progress,
        reply: &'a mut Reply,
    ) -> Talk<'a> {
        reply.clear();
        Talk {
            run,
            lane,
            connection,
            askings,
            progress,
            parser: ReplyParser::new(askings[0].asked),
            reply,
            front: 0,
            reply_bytes: 0,
            first_at: None,
            next_read: None,
            half_closed: None,
        }
    }

    /// Whether a request has been begun whose reply has not come.
    pub(super) fn is_owed(&self) -> bool {
        self.front < self.progress.begun.get()
    }

    /// The first request from the front on that is planned to be aborted.
    pub(super) fn next_abort(&self) -> Option<usize> {
        let planned = |index: &usize| self.askings[*index].abort().is_some() && self.half_closed != Some(*index);
        (self.front..self.askings.len()).find(planned)
    }

    /// How many bytes of the present reply may be read before the client gives it up.
    pub(super) fn reply_bytes_left(&self) -> u64 {
        match self.askings.get(self.front).and_then(Asking::abort) {
            Some(Abort { when: AbortWhen::AfterReplyBytes { bytes }, .. }) if self.half_closed != Some(self.front) => {
                bytes.saturating_sub(self.reply_bytes)
            }
            _ => u64::MAX,
        }
    }

    /// The part of the buffer that the next read may fill.
    pub(super) fn read_window<'b>(&self, buffer: &'b mut [u8], most: u64) -> &'b mut [u8] {
        let slow = self.askings.get(self.front).and_then(|asking| asking.stimulus.read);
        let at_once = slow.map_or(usize::MAX, |slow| slow.bytes.max(1) as usize);
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(at_once).min(buffer.len());
        &mut buffer[..most.max(1)]
    }

    /// Counts from now, or from when a slow reader reads on.
    pub(super) fn patience(&self) -> impl Future<Output = ()> + use<'a> {
        let run = self.run;
        let quiet_since = self.next_read.unwrap_or_else(Instant::now);
        let asking = self.askings.get(self.front).copied();
        async move {
            match asking {
                Some(asking) => run.patience(asking.exchange, asking.patience, quiet_since).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Takes in bytes from the wire.
    pub(super) fn absorb(&mut self, account: &mut Account, mut bytes: &[u8]) -> Option<Ending> {
        let now = self.run.ledger.now();
        while !bytes.is_empty() {
            if !self.is_owed() {
                account.add_unasked(bytes, now);
                return None;
            }
            self.first_at.get_or_insert(now);
            let most = match self.askings[self.front].abort() {
                // It goes on reading: no byte may be lost.
                Some(Abort { how: AbortHow::HalfClose, .. }) => bytes.len(),
                _ => usize::try_from(self.reply_bytes_left()).unwrap_or(usize::MAX).min(bytes.len()),
            };
            let taken = self.parser.feed(&bytes[..most], &mut |event| self.reply.take(event));
            self.reply_bytes += taken as u64;
            bytes = &bytes[taken..];
            self.give_leave();
            if self.reply.defect.is_some() {
                return Some(Ending::Broken(Why::Malformed));
            }
            if self.reply.end.is_some() {
                self.received(account);
            } else if most == taken {
                // All is taken, or all that may be read before the abort.
                break;
            }
        }
        let slow = self.askings.get(self.front).and_then(|asking| asking.stimulus.read);
        self.next_read = slow.map(|slow| Instant::now() + Duration::from_micros(slow.gap_us));
        None
    }

    /// Tells a body that waits for a 100 whether it may go out.
    fn give_leave(&self) {
        let leave = match (self.reply.status, self.reply.interims.contains(&100)) {
            (0, false) => return,
            (0, true) => Leave::Given,
            (_, _) => Leave::Refused,
        };
        if self.front + 1 == self.progress.begun.get() && self.progress.leave.get() != leave {
            self.progress.leave.set(leave);
            self.progress.answered.notify_one();
        }
    }

    /// The connection has ended, in order or by an error.
    pub(super) fn stream_ended(&mut self, account: &mut Account, error: Option<io::Error>) -> Option<Ending> {
        account.reuse = Reuse::Closing;
        if !self.is_owed() {
            return None;
        }
        if error.is_none() {
            self.parser.end_of_stream(&mut |event| self.reply.take(event));
            if self.reply.end == Some(Completeness::CloseDelimited) {
                self.received(account);
                return None;
            }
        }
        // RFC 9112 §9.3.1: a kept connection may be closed at any time; a reset is then how the request learns of it.
        let raced = account.requests > 0 && self.front == 0 && self.reply.is_empty();
        Some(Ending::Broken(if error.is_none() || raced { Why::Closed } else { Why::Reset }))
    }

    /// Nothing has come for as long as it makes sense to wait.
    pub(super) fn patience_ends(&mut self, account: &mut Account) -> Option<Ending> {
        if self.reply.framing != Some(Framing::Tunnel) {
            return Some(Ending::Broken(Why::NoReply));
        }
        // A tunnel has no end that could be awaited: when it falls silent, the client has had its reply.
        self.reply.end = Some(Completeness::CloseDelimited);
        self.received(account);
        None
    }

    /// The sending side has been closed for a request; its reply is still read.
    pub(super) fn half_closed(&mut self, index: usize) {
        self.half_closed = Some(index);
        self.progress.stopped.set(true);
        self.progress.over.set(self.progress.begun.get());
        self.exchange(index).client_abort(Performed::Fully);
        self.exchange(index).tell(EventKind::Aborted);
    }

    /// Bytes that cannot be read may still show whose they were.
    pub(super) async fn gather_strays(&mut self, from: &mut ReadHalf<'_>, buffer: &mut [u8]) {
        while self.reply.stray.len() < UNASKED_BYTES_MAX
            && let Some(Ok(bytes @ 1..)) = readable_now(from, buffer).await
        {
            self.parser.feed(&buffer[..bytes], &mut |event| self.reply.take(event));
        }
    }

    /// The front's reply is there.
    fn received(&mut self, account: &mut Account) {
        let exchange = self.exchange(self.front);
        exchange.received(self.reply, self.first_at);
        if exchange.asking.abort().is_some() && self.half_closed != Some(self.front) {
            exchange.client_abort(Performed::Expired);
        }
        let says_close = self.reply.connection == Some(Reuse::Closing);
        let Asking { stimulus, patience, .. } = exchange.asking;
        if says_close || (patience == Patience::Owed && !ends_cleanly(&stimulus.request)) {
            account.reuse = Reuse::Closing;
        }
        self.conclude();
        if says_close {
            // RFC 9112 §9.6: nothing further is answered on this connection; what comes all the same is not credited.
            self.progress.stopped.set(true);
            self.give_all_up(Why::Closed, None);
        }
    }

    /// Ends every exchange whose reply is still owed. `aborted` is the one for which that was planned.
    pub(super) fn give_all_up(&mut self, why: Why, aborted: Option<usize>) {
        while self.is_owed() {
            // Half a head is shown as well.
            self.parser.end_of_stream(&mut |event| self.reply.take(event));
            self.reply.end = Some(Completeness::CutOff);
            let exchange = self.exchange(self.front);
            exchange.gave_up(why, self.reply, self.first_at);
            if aborted == Some(self.front) {
                exchange.client_abort(Performed::Fully);
                exchange.tell(EventKind::Aborted);
            } else if exchange.asking.abort().is_some() && self.half_closed != Some(self.front) {
                exchange.abort_forestalled(why);
            }
            self.conclude();
        }
    }

    fn exchange(&self, index: usize) -> Exchange<'a> {
        let Talk { run, lane, connection, askings, .. } = *self;
        Exchange { run, lane, connection, stream: None, asking: askings[index] }
    }

    /// Goes on to the next request.
    fn conclude(&mut self) {
        self.exchange(self.front).tell(EventKind::Concluded);
        self.front += 1;
        if let Some(next) = self.askings.get(self.front) {
            self.parser = ReplyParser::new(next.asked);
        }
        self.reply.clear();
        self.reply_bytes = 0;
        self.first_at = None;
    }
}
