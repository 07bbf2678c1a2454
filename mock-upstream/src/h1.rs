//! One upstream connection of HTTP/1: a reader that reads ahead and a writer that answers in order, in one task.
//!
//! The reader never waits for the writer, except where an early final reply demands it: while replies are held, further
//! requests are read, and the peer's close is noticed at once. Nothing is decided here about what a reply looks like;
//! that is `behavior`'s.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use transport::Stream;
use vocabulary::history::{Closer, Observation, Seen};
use vocabulary::identity::{Attempt, ExchangeId, Ordinal};
use vocabulary::limits::DRAIN_WAIT;

use crate::behavior::Program;
use crate::head::RequestHead;
use crate::office::{Link, Office, Outcome};

mod account;
mod inbound;
mod outbound;

/// Serves one connection until either end closes it.
pub(crate) async fn serve(office: Arc<Office>, link: Arc<Link>, mut stream: Stream) {
    let mut registered = Registered { office: &office, link: &link, outcome: Outcome::Reset };
    // A write is a segment: nothing may be held back to be joined with what follows.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("cannot set TCP_NODELAY on {}: {error}", link.id);
    }
    let line = Line {
        office: &office,
        link: &link,
        turns: RefCell::default(),
        heads: Cell::new(0),
        strays: Cell::new(false),
        over: Cell::new(None),
        progress: Notify::new(),
    };
    let end = {
        let (read, write) = stream.split();
        let mut reader = pin!(inbound::Inbound::new(&line, read).run());
        let mut writer = pin!(outbound::Outbound::new(&line, write).run());
        let mut reading = true;
        loop {
            tokio::select! {
                biased;
                () = &mut reader, if reading => reading = false,
                end = &mut writer => break end,
            }
        }
    };
    line.give_up_turns();
    registered.outcome = close(&line, stream, end).await;
}

/// How the writer left the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The gateway has closed or reset it.
    Gateway,
    /// It is to be closed in order.
    Fin,
    /// It is to be reset.
    Rst,
    /// All connections are to be closed.
    Drain,
    /// The gateway does not take our bytes.
    Stuck,
}

async fn close(line: &Line<'_>, mut stream: Stream, end: End) -> Outcome {
    match end {
        End::Gateway => {
            line.office.report_end(line.link, Closer::Gateway);
            Outcome::ClosedInOrder
        }
        End::Fin | End::Drain => {
            line.office.report_end(line.link, Closer::Origin);
            // Closing with unread bytes would send a RST, which may take the reply away from its reader.
            let by_itself = Instant::now() + DRAIN_WAIT;
            if stream.shutdown().await.is_err() {
                return Outcome::ClosedInOrder;
            }
            let mut discarded = [0; 4096];
            loop {
                let told = line.link.close_by();
                let deadline = told.unwrap_or(by_itself);
                tokio::select! {
                    biased;
                    read = timeout_at(deadline, stream.read(&mut discarded)) => match read {
                        Ok(Ok(0) | Err(_)) => return Outcome::ClosedInOrder,
                        Ok(Ok(_)) => {}
                        Err(_) if told.is_none() => return Outcome::ClosedInOrder,
                        Err(_) => break,
                    },
                    // Woken for whatever reason, it looks whether it was told to close.
                    () = line.link.changed.notified() => {}
                }
            }
            reset(line, &stream)
        }
        End::Rst | End::Stuck => {
            line.office.report_end(line.link, Closer::Origin);
            reset(line, &stream)
        }
    }
}

fn reset(line: &Line<'_>, stream: &Stream) -> Outcome {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!("cannot reset {}: {error}", line.link.id);
    }
    Outcome::Reset
}

/// Takes the link out of the register, also when the connection's task panics.
struct Registered<'a> {
    office: &'a Office,
    link: &'a Link,
    outcome: Outcome,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.office.close_link(self.link, self.outcome);
    }
}

/// What reader and writer of a connection share.
struct Line<'a> {
    office: &'a Office,
    link: &'a Arc<Link>,
    /// The requests that are not answered yet, in the order of arrival.
    turns: RefCell<VecDeque<Rc<Turn>>>,
    /// How many heads have been read.
    heads: Cell<u32>,
    /// Whether bytes have arrived behind a request that turns the connection into a tunnel.
    strays: Cell<bool>,
    /// Set when no further request can be read.
    over: Cell<Option<Over>>,
    /// Wakes the reader: a turn is over, or an early final reply is written.
    progress: Notify,
}

/// Why no further request can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// The gateway has closed its end.
    Closed,
    /// The gateway has reset the connection.
    Reset,
    /// What came was no request, or did not come in time.
    Unreadable,
}

/// A request and the turn of its reply.
struct Turn {
    ordinal: Ordinal,
    head: RequestHead,
    /// What will be reported of the request, until it is.
    seen: RefCell<Option<Seen>>,
    /// Whose it is, once that is known.
    answers: Cell<Option<(ExchangeId, Attempt)>>,
    /// What will be done, from when it is known until it is done.
    program: RefCell<Option<Program>>,
    body: Cell<Body>,
    /// Whether the program leaves the body unread until its final reply is written.
    early: Cell<bool>,
    /// Whether the program turns the connection into a tunnel.
    switches: Cell<bool>,
    /// Whether a final reply was written, so that an unread body may be drained.
    final_written: Cell<bool>,
    /// Whether the request counts as unanswered.
    in_flight: Cell<bool>,
}

/// How far the body of a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Coming,
    /// All of it stands unread in our buffer.
    Arrived,
    Read,
    /// It cannot be read; the status says why.
    Unreadable(u16),
}

impl Line<'_> {
    /// Whether the gateway has closed or reset the connection.
    fn gateway_has_gone(&self) -> bool {
        matches!(self.over.get(), Some(Over::Closed | Over::Reset))
    }

    /// Reports a request, once.
    fn report_seen(&self, turn: &Turn) {
        if let Some(seen) = turn.seen.take() {
            self.office.report(Observation::Seen(seen));
        }
    }

    /// Counts a request as answered, once.
    fn leave(&self, turn: &Turn) {
        if turn.in_flight.replace(false) {
            self.office.leave();
        }
    }

    fn give_up_turns(&self) {
        for turn in self.turns.take() {
            self.report_seen(&turn);
            self.leave(&turn);
        }
    }
}
