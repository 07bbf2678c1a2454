//! The life of a stream: its program is performed while its request still comes, until both are over.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http2::ErrorCode;
use tokio::time::sleep;
use vocabulary::limits::{REQUEST_WAIT, WRITE_WAIT};

use super::outbox::Writing;
use super::stream::Stream;
use super::{Line, Over};
use crate::behavior::Parts;
use crate::connection::End;
use crate::office::{Link, Office};
use crate::perform::{self, Place};
use crate::turn::{Body, Turn};

/// The status that says that a request did not come in time.
const TOO_SLOW: u16 = 408;

/// Lives through one stream.
pub(super) async fn live<'a>(line: &'a Line<'a>, stream: Rc<Stream>) {
    let seat = Seat { line, stream: Rc::clone(&stream) };
    let end = {
        let mut request = pin!(seat.request_ends());
        let mut answer = pin!(perform::answer(&seat));
        let mut comes = true;
        let end = loop {
            tokio::select! {
                biased;
                () = &mut request, if comes => comes = false,
                end = &mut answer => break end,
            }
        };
        if comes && end.is_ok() {
            request.await;
        }
        end
    };
    if let Err(end) = end {
        perform::give_up(&seat, end);
    }
    if end == Err(End::Stuck) && !stream.ended.get() && line.over.get().is_none() {
        line.reset(&stream, ErrorCode::CANCEL);
    }
    stream.report(line.office, None);
    stream.turn.report_seen(line.office);
    stream.turn.leave(line.office);
    line.streams.borrow_mut().remove(&stream.id);
    line.again.set(true);
}

/// The place of one stream.
struct Seat<'a> {
    line: &'a Line<'a>,
    stream: Rc<Stream>,
}

impl Seat<'_> {
    /// Waits until all of the request has come, or will never come.
    async fn request_ends(&self) {
        let stream = &self.stream;
        while stream.listens() && !self.gateway_has_gone() {
            let before = stream.moved();
            let news = || !stream.listens() || stream.moved() != before || self.gateway_has_gone();
            match self.until(Some(REQUEST_WAIT), || news().then_some(())).await {
                Err(_) => return,
                Ok(None) if !stream.withholds() => return self.request_is_late(),
                Ok(_) => {}
            }
        }
    }

    fn request_is_late(&self) {
        match self.stream.ended.get() {
            // RFC 9113 §8.1: behind a whole reply the rest of the request need not come.
            true => self.line.reset(&self.stream, ErrorCode::NO_ERROR),
            false => self.stream.refuse(self.line.office, TOO_SLOW),
        }
    }

    /// Why nothing more is to be done for the stream.
    fn is_ending(&self) -> Option<End> {
        let is_left = self.stream.has_failed() || self.line.outbox.borrow().has_left(self.stream.id);
        self.line.is_ending().or(is_left.then_some(End::Fin))
    }
}

impl Place for Seat<'_> {
    type Medium = Parts;

    fn office(&self) -> &Office {
        self.line.office
    }

    fn link(&self) -> &Arc<Link> {
        self.line.link
    }

    fn turn(&self) -> &Turn<Parts> {
        &self.stream.turn
    }

    fn gateway_has_gone(&self) -> bool {
        self.stream.is_reset() || self.line.gateway_has_gone()
    }

    fn is_over(&self) -> bool {
        self.gateway_has_gone() || matches!(self.stream.turn.body.get(), Body::Unreadable(_))
    }

    fn next_has_come(&self) -> bool {
        self.line.heads.get() > self.stream.turn.ordinal.0
    }

    fn unacknowledged(&self) -> Option<u64> {
        self.line.write.borrow().unacknowledged()
    }

    fn final_is_written(&self) {
        self.line.make_room(&self.stream);
    }

    async fn until<T>(&self, bound: Option<Duration>, mut ready: impl FnMut() -> Option<T>) -> Result<Option<T>, End> {
        let mut timer = pin!(bound.map(sleep));
        // The connection looks again at all its streams whenever something has happened.
        poll_fn(|context| {
            if let Some(ready) = ready() {
                return Poll::Ready(Ok(Some(ready)));
            }
            if let Some(end) = self.is_ending() {
                return Poll::Ready(Err(end));
            }
            match timer.as_mut().as_pin_mut().map(|timer| timer.poll(context)) {
                Some(Poll::Ready(())) => Poll::Ready(Ok(None)),
                Some(Poll::Pending) | None => Poll::Pending,
            }
        })
        .await
    }

    async fn send(&self, parts: Parts) -> Result<bool, End> {
        let (line, stream, writing) = (self.line, &self.stream, Writing::new(&self.stream, parts));
        if let Some(end) = self.is_ending() {
            return Err(end);
        }
        line.outbox.borrow_mut().push(&writing);
        let outcome = || {
            let never = match line.over.get() {
                // Who has closed its end opens no more windows.
                Some(Over::Closed) => writing.is_blocked.get(),
                Some(Over::Reset) => true,
                Some(Over::Stuck | Over::Ours) | None => false,
            };
            let gone = (never || stream.is_reset()).then_some(Err(End::Gateway));
            writing.done.get().map(Ok).or(gone)
        };
        let sent = loop {
            let left = WRITE_WAIT.saturating_sub(writing.moved.get().elapsed());
            match self.until(Some(left), outcome).await {
                Err(end) => break Err(end),
                Ok(Some(sent)) => break sent,
                Ok(None) if writing.moved.get().elapsed() >= WRITE_WAIT => break Err(End::Stuck),
                Ok(None) => {}
            }
        };
        writing.withdraw();
        sent
    }
}
