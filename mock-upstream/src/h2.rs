//! One upstream connection of HTTP/2: a reader of frames, a program for each stream, a writer of frames, in one task.
//!
//! Streams do not wait for one another: each one's program runs by itself, and the frames of those that have something to
//! write alternate. What happens outside (a gate, an event, the end of patience) wakes the connection, and the connection
//! looks at all its streams. Nothing is decided here about what a reply looks like; that is `behavior`'s.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use http2::{ErrorCode, StreamId, frame};
use transport::WriteHalf;
use vocabulary::history::Closer;

use crate::connection::End;
use crate::office::{Link, Office};

mod inbound;
mod life;
mod outbox;
mod request;
mod settings;
mod stream;

use inbound::Inbound;
use outbox::{Outbox, Unwritable};
use settings::Announced;
use stream::Stream;

/// Serves one connection whose preface has been read, until either end wants to close it. `behind` was read with it.
pub(crate) async fn serve(office: &Office, link: &Arc<Link>, stream: &mut transport::Stream, behind: &[u8]) -> End {
    let (read, write) = stream.split();
    let line = Line {
        office,
        link,
        write: RefCell::new(write),
        outbox: RefCell::new(Outbox::new()),
        announced: RefCell::new(Announced::new()),
        streams: RefCell::default(),
        newcomers: RefCell::default(),
        heads: Cell::new(0),
        last: Cell::new(StreamId::CONNECTION),
        over: Cell::new(None),
        again: Cell::new(false),
    };
    line.announced.borrow_mut().open(line.outbox.borrow_mut().control());
    let mut inbound = Inbound::new(&line, read, behind);
    let mut living = Living::default();
    let mut changed = pin!(link.changed.notified());
    poll_fn(|context| {
        loop {
            while changed.as_mut().poll(context).is_ready() {
                changed.set(link.changed.notified());
            }
            inbound.poll(context);
            living.poll(&line, context);
            line.write(context);
            if let Some(end) = line.ends(living.is_empty(), context) {
                return Poll::Ready(end);
            }
            if !line.again.take() {
                return Poll::Pending;
            }
        }
    })
    .await
}

/// What reader, writer and streams of a connection share.
struct Line<'a> {
    office: &'a Office,
    link: &'a Arc<Link>,
    write: RefCell<WriteHalf<'a>>,
    outbox: RefCell<Outbox>,
    announced: RefCell<Announced>,
    /// The streams whose program is not over yet, and those whose request is still coming.
    streams: RefCell<BTreeMap<StreamId, Rc<Stream>>>,
    /// Those of them whose life has not begun.
    newcomers: RefCell<Vec<Rc<Stream>>>,
    /// How many requests have arrived.
    heads: Cell<u32>,
    /// The last stream that the gateway has opened.
    last: Cell<StreamId>,
    /// Set when no further frame is read.
    over: Cell<Option<Over>>,
    /// Whether something has happened that a part of the connection may wait for.
    again: Cell<bool>,
}

/// Why no further frame is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// The gateway has closed its end.
    Closed,
    /// The gateway has reset the connection.
    Reset,
    /// The gateway does not take our bytes.
    Stuck,
    /// It has broken a rule that ends the connection, or a planned GOAWAY has ended it.
    Ours,
}

impl Line<'_> {
    /// Whether the gateway has closed or reset the connection.
    fn gateway_has_gone(&self) -> bool {
        matches!(self.over.get(), Some(Over::Closed | Over::Reset))
    }

    /// Why nothing more is to be done for any stream.
    fn is_ending(&self) -> Option<End> {
        if self.link.close_by().is_some() {
            return Some(End::Drain);
        }
        match self.over.get()? {
            // The owed replies are attempted all the same.
            Over::Closed | Over::Reset => None,
            Over::Stuck => Some(End::Stuck),
            Over::Ours => Some(End::Fin),
        }
    }

    /// The gateway has gone.
    fn left(&self, over: Over) {
        self.office.report_end(self.link, Closer::Gateway);
        self.over.set(Some(over));
        self.again.set(true);
    }

    /// Ends the connection because of what the gateway has sent (RFC 9113 §5.4.1).
    fn fail(&self, code: ErrorCode, why: &str) {
        tracing::debug!("{} ends with {code}: {why}", self.link.id);
        self.outbox.borrow_mut().go_away(self.last.get(), code);
        self.over.set(Some(Over::Ours));
        self.again.set(true);
    }

    /// Ends a stream because of what the gateway has sent on it (RFC 9113 §5.4.2).
    fn fail_stream(&self, stream: &Stream, code: ErrorCode) {
        stream.fail();
        self.reset(stream, code);
    }

    /// Takes nothing more on a stream.
    fn reset(&self, stream: &Stream, code: ErrorCode) {
        stream.give_up();
        self.outbox.borrow_mut().reset(stream.id, code);
        self.again.set(true);
    }

    /// Gives the gateway room for more of a request, once half of it is used.
    fn make_room(&self, stream: &Stream) {
        let mut window = stream.takes.get();
        let owed = self.announced.borrow().owed(window).filter(|_| stream.listens() && !stream.withholds());
        if let Some(owed) = owed
            && window.add(i64::from(owed)).is_ok()
        {
            stream.takes.set(window);
            frame::window_update(self.outbox.borrow_mut().control(), stream.id, owed);
        }
    }

    /// Writes what there is to be written.
    fn write(&self, context: &mut Context<'_>) {
        let (mut outbox, mut half) = (self.outbox.borrow_mut(), self.write.borrow_mut());
        let over = match outbox.poll(&mut half, &self.announced, context) {
            Ok(moved) => return self.again.set(self.again.get() | moved),
            Err(Unwritable::Gone) => Over::Reset,
            Err(Unwritable::Stuck) => Over::Stuck,
        };
        match (self.over.get(), over) {
            // It had closed its end before, and now does not read either.
            (Some(Over::Closed | Over::Reset), _) => self.over.set(Some(Over::Reset)),
            (_, Over::Reset) => self.left(over),
            _ => self.over.set(Some(over)),
        }
        self.again.set(true);
    }

    /// Whether the connection has come to its end, and how.
    fn ends(&self, all_is_done: bool, context: &mut Context<'_>) -> Option<End> {
        if !all_is_done {
            return None;
        }
        let mut outbox = self.outbox.borrow_mut();
        if self.link.close_by().is_some() {
            outbox.go_away(self.last.get(), ErrorCode::NO_ERROR);
            drop(outbox);
            // Who does not take it now has no use for it.
            self.write(context);
            return Some(End::Drain);
        }
        if self.over.get().is_none() && outbox.leaves() {
            self.over.set(Some(Over::Ours));
        }
        match self.over.get()? {
            Over::Reset => Some(End::Gateway),
            Over::Stuck => Some(End::Stuck),
            Over::Closed => outbox.is_empty().then_some(End::Gateway),
            Over::Ours => outbox.is_empty().then_some(End::Fin),
        }
    }
}

/// The streams whose program runs, in the order of their arrival.
#[derive(Default)]
struct Living<'a>(Vec<Pin<Box<dyn Future<Output = ()> + 'a>>>);

impl<'a> Living<'a> {
    fn poll(&mut self, line: &'a Line<'a>, context: &mut Context<'_>) {
        let newcomers = line.newcomers.take();
        self.0.extend(
            newcomers
                .into_iter()
                .map(|stream| -> Pin<Box<dyn Future<Output = ()> + 'a>> { Box::pin(life::live(line, stream)) }),
        );
        self.0.retain_mut(|life| life.as_mut().poll(context).is_pending());
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
