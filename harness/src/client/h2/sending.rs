//! The sending half of an exchange: its request goes out on its stream, at its planned pace, as far as there is room for it.

use std::time::Duration;

use http2::StreamId;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use vocabulary::history::Performed;
use vocabulary::limits::WRITE_WAIT;
use vocabulary::plan::{BodyPace, EventKind, Stimulus};

use super::super::request::{Streamed, StreamedBody};
use super::super::sending::Extent;
use super::Conversation;
use super::talk::Talk;

/// Bytes of a body that go out before the others of the batch have their turn.
const TURN_BYTES: usize = 16 * 1024;

/// Whether a request ends with its head.
pub(super) fn goes_out_with_head(stimulus: &Stimulus, request: &Streamed) -> bool {
    match (&request.body, stimulus.request.pace) {
        (_, BodyPace::Withheld) => false,
        (None, _) => true,
        (Some(body), BodyPace::AtOnce) => body.content.is_empty() && body.trailer.is_none(),
        (Some(_), BodyPace::Slow { .. } | BodyPace::AfterContinue { .. } | BodyPace::AfterReply { .. }) => false,
    }
}

impl Conversation<'_> {
    /// Sends what follows the head, which lies in the outbox. What that means for a fault that the request is.
    pub(super) async fn send(&self, place: usize, stimulus: &Stimulus, request: &Streamed) -> Performed {
        let exchange = self.talk.borrow().exchange(place);
        let empty = StreamedBody { content: Vec::new(), frame_bytes: usize::MAX, trailer: None };
        let body = match &request.body {
            Some(body) => body,
            None => &empty,
        };
        let ends_with_head = goes_out_with_head(stimulus, request);
        if ends_with_head || stimulus.request.pace == BodyPace::AtOnce {
            let mut extent = Extent::Whole;
            if !ends_with_head {
                extent = self.send_part(place, body, 0..body.content.len()).await;
            }
            if extent == Extent::Whole {
                extent = Extent::by(self.written().await);
            }
            if extent == Extent::Whole {
                exchange.tell(EventKind::Sent);
            }
            return extent.performed();
        }
        if !self.written().await {
            return Extent::PeerClosed.performed();
        }
        exchange.tell(EventKind::Sent);
        self.send_paced(place, stimulus.request.pace, body).await.performed()
    }

    async fn send_paced(&self, place: usize, pace: BodyPace, body: &StreamedBody) -> Extent {
        let exchange = self.talk.borrow().exchange(place);
        let all = 0..body.content.len();
        match pace {
            BodyPace::Withheld => return Extent::HeadOnly,
            BodyPace::Slow { writes, gap_us } => {
                let bytes = body.content.len().div_ceil(writes.max(1) as usize).max(1);
                for from in (0..body.content.len().max(1)).step_by(bytes) {
                    sleep(Duration::from_micros(gap_us)).await;
                    let piece = from..body.content.len().min(from + bytes);
                    if piece.end == body.content.len() {
                        exchange.tell(EventKind::BodySent);
                    }
                    let extent = match self.send_part(place, body, piece).await {
                        Extent::Whole => Extent::by(self.written().await),
                        less => less,
                    };
                    if extent != Extent::Whole {
                        return extent;
                    }
                }
                return Extent::Whole;
            }
            BodyPace::AfterContinue { wait_us } => {
                // RFC 9110 §10.1.1: a client should not wait for ever; a final reply makes the body pointless.
                let leave = self.until(|talk| talk.leave(place));
                if let Ok(false) = timeout(Duration::from_micros(wait_us), leave).await {
                    return Extent::Refused;
                }
            }
            BodyPace::AfterReply { wait_us } => {
                let replied = self.until(|talk| (talk.leave(place) == Some(false)).then_some(()));
                // Whether it has come or not, the body goes out.
                let _ = timeout(Duration::from_micros(wait_us), replied).await;
            }
            BodyPace::AtOnce => {}
        }
        exchange.tell(EventKind::BodySent);
        match self.send_part(place, body, all).await {
            Extent::Whole => Extent::by(self.written().await),
            less => less,
        }
    }

    /// Sends a part of a body, in frames as large as planned and as there is room for; behind the last part, its end.
    async fn send_part(&self, place: usize, body: &StreamedBody, part: std::ops::Range<usize>) -> Extent {
        let stream = self.talk.borrow().stream(place);
        let is_last = part.end == body.content.len();
        let ends_with_data = is_last && body.trailer.is_none();
        let (mut left, mut turn) = (&body.content[part], 0);
        while !left.is_empty() {
            let Some(room) = self.room(stream).await else { return self.no_room(stream) };
            let (piece, rest) = left.split_at(left.len().min(room).min(body.frame_bytes.max(1)));
            left = rest;
            self.change(|talk| talk.session.link.data(stream, piece, ends_with_data && rest.is_empty()));
            turn += piece.len();
            if turn >= TURN_BYTES {
                turn = 0;
                yield_now().await;
            }
        }
        let mut talk = self.talk.borrow_mut();
        let link = &mut talk.session.link;
        match &body.trailer {
            Some(trailer) if is_last => link.trailer(stream, trailer),
            // RFC 9113 §6.9: a frame without bytes needs no room.
            None if is_last && link.sendable(stream).is_some() => link.data(stream, &[], true),
            Some(_) | None => {}
        }
        Extent::Whole
    }

    /// Waits until there is room for DATA on a stream: for how much. None if there will be none.
    async fn room(&self, stream: StreamId) -> Option<usize> {
        let now = |talk: &Talk<'_>| match talk.session.link.sendable(stream) {
            None => Some(None),
            Some(_) if talk.is_over() || !talk.writes => Some(None),
            Some(0) => None,
            Some(bytes) => Some(Some(bytes)),
        };
        if let Some(known) = now(&self.talk.borrow()) {
            return known;
        }
        // The gateway makes room, when its origin has read on. A lane that waits for that must not keep the origin's bait
        // from losing its patience.
        let _waiting = self.run.idle.wait();
        timeout(WRITE_WAIT, self.until(now)).await.unwrap_or(None)
    }

    /// Why there is no room: the peer has ended the stream, or the wait for it.
    fn no_room(&self, stream: StreamId) -> Extent {
        let talk = self.talk.borrow();
        match talk.session.link.sendable(stream) {
            Some(_) if !talk.is_over() && talk.writes => Extent::Refused,
            Some(_) | None => Extent::PeerClosed,
        }
    }
}
