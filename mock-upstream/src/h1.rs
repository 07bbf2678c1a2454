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

use tokio::sync::Notify;
use transport::Stream;

use crate::behavior::Wire;
use crate::connection::End;
use crate::office::{Link, Office};
use crate::turn;

mod inbound;
mod outbound;

/// The turn of a reply of HTTP/1.1.
type Turn = turn::Turn<Wire>;

/// What came of serving a connection as one of HTTP/1.
pub(crate) enum Served {
    /// It is over.
    Over(End),
    /// It was none: it began with the preface of HTTP/2, and these bytes came behind it.
    Preface(Vec<u8>),
}

/// Serves one connection until either end wants to close it.
pub(crate) async fn serve(office: &Office, link: &Arc<Link>, stream: &mut Stream) -> Served {
    let line = Line {
        office,
        link,
        turns: RefCell::default(),
        heads: Cell::new(0),
        strays: Cell::new(false),
        over: Cell::new(None),
        behind_preface: Cell::default(),
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
    match (line.over.get(), end) {
        (_, End::Drain) => Served::Over(end),
        (Some(Over::Preface), _) => Served::Preface(line.behind_preface.take()),
        _ => Served::Over(end),
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
    /// What was read behind the preface of HTTP/2.
    behind_preface: Cell<Vec<u8>>,
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
    /// What came was the preface of HTTP/2.
    Preface,
}

impl Line<'_> {
    /// Whether the gateway has closed or reset the connection.
    fn gateway_has_gone(&self) -> bool {
        matches!(self.over.get(), Some(Over::Closed | Over::Reset))
    }

    fn give_up_turns(&self) {
        for turn in self.turns.take() {
            turn.report_seen(self.office);
            turn.leave(self.office);
        }
    }
}
