//! The writing half of a batch: requests out, each at its planned pace.

use std::cell::Cell;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use transport::WriteHalf;
use vocabulary::history::Performed;
use vocabulary::identity::{ConnectionId, LaneId};
use vocabulary::limits::WRITE_WAIT;
use vocabulary::plan::{BodyPace, EventKind, Start, Stimulus};

use super::Run;
use super::exchange::{Asking, Exchange, framing_fault};
use super::request::{Spelled, spell};
use crate::gateway::Frozen;

/// How far the writer has got, and what the reader has seen that the writer waits for. Both run in one task.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Requests of the batch of which a byte has been sent.
    pub(super) begun: Cell<usize>,
    /// Requests of the batch of which nothing more will be sent.
    pub(super) over: Cell<usize>,
    /// Wakes who waits for `over`.
    pub(super) went_on: Notify,
    /// Whether a request was left unfinished: the connection cannot be used again.
    pub(super) unfinished: Cell<bool>,
    /// Whether nothing more shall be begun.
    pub(super) stopped: Cell<bool>,
    /// Stimuli whose framing fault has been accounted for.
    pub(super) framed: Cell<usize>,
    /// What the reader has seen for the request whose body waits.
    pub(super) leave: Cell<Leave>,
    /// Wakes who waits for `leave`.
    pub(super) answered: Notify,
}

/// Whether a body that waits for a 100 may go out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Leave {
    /// Nothing has come.
    #[default]
    Waiting,
    /// A 100 has come.
    Given,
    /// The final reply has come: the body is not wanted any more.
    Refused,
}

/// Writes the requests of a batch.
pub(super) struct Sender<'a> {
    pub(super) run: &'a Run,
    pub(super) lane: LaneId,
    pub(super) connection: ConnectionId,
    pub(super) stimuli: &'a [Stimulus],
    pub(super) askings: &'a [Asking<'a>],
    pub(super) progress: &'a Progress,
    /// The gateway stands still until the first request is written.
    pub(super) frozen: Cell<Option<Frozen>>,
    /// Bytes of the first request that have been sent already.
    pub(super) begun: Cell<usize>,
}

impl Sender<'_> {
    /// Sends all requests, as far as the connection carries them.
    pub(super) async fn send(&self, to: &mut WriteHalf<'_>, out: &mut Vec<u8>) {
        let mut next = 0;
        while next < self.stimuli.len() {
            if next > 0 {
                self.run.start(&self.stimuli[next].start).await;
            }
            if self.progress.stopped.get() {
                return;
            }
            let group = together(&self.stimuli[next..]);
            out.clear();
            let sending = async {
                match group {
                    [paced] if paced.request.pace != BodyPace::AtOnce => self.send_paced(paced, to, out).await,
                    at_once => self.send_at_once(at_once, to, out).await,
                }
            };
            let sent = match self.frozen.take() {
                Some(frozen) => frozen.during(sending).await,
                None => sending.await,
            };
            for stimulus in group {
                self.account_for_framing(stimulus, sent);
            }
            if sent != Extent::Whole {
                self.progress.unfinished.set(true);
                self.progress.over.set(self.progress.begun.get());
                self.progress.went_on.notify_one();
                return;
            }
            next += group.len();
        }
    }

    /// One write, however many requests.
    async fn send_at_once(&self, stimuli: &[Stimulus], to: &mut WriteHalf<'_>, out: &mut Vec<u8>) -> Extent {
        let first = self.progress.begun.get();
        for stimulus in stimuli {
            let spelled = spell(stimulus, self.run.base, &self.run.key, &self.run.target, out);
            self.begin(out, spelled.start..spelled.body);
            if stimulus.request.tail.is_some() {
                self.begin(out, spelled.tail..spelled.end);
            }
        }
        let written = write(to, &out[self.begun.take()..]).await;
        if written {
            self.progress.over.set(self.progress.begun.get());
            self.progress.went_on.notify_one();
            for asking in &self.askings[first..self.progress.begun.get()] {
                self.run.tell(asking.exchange, EventKind::Sent);
            }
        }
        Extent::by(written)
    }

    /// The head first, the rest as planned.
    async fn send_paced(&self, stimulus: &Stimulus, to: &mut WriteHalf<'_>, out: &mut Vec<u8>) -> Extent {
        let Spelled { start, body, tail, end } = spell(stimulus, self.run.base, &self.run.key, &self.run.target, out);
        let asking = &self.askings[self.progress.begun.get()];
        self.progress.leave.set(Leave::Waiting);
        self.begin(out, start..body);
        if !write(to, &out[start + self.begun.take()..body]).await {
            return Extent::PeerClosed;
        }
        self.run.tell(asking.exchange, EventKind::Sent);
        match stimulus.request.pace {
            BodyPace::AtOnce => {}
            BodyPace::Slow { writes, gap_us } => {
                let bytes = (end - body).div_ceil(writes.max(1) as usize).max(1);
                for from in (body..end).step_by(bytes) {
                    sleep(Duration::from_micros(gap_us)).await;
                    let piece = from..end.min(from + bytes);
                    if piece.contains(&(tail - 1)) {
                        self.run.tell(asking.exchange, EventKind::BodySent);
                    }
                    if piece.contains(&tail) {
                        self.begin(out, tail..end);
                    }
                    if !write(to, &out[piece]).await {
                        return Extent::PeerClosed;
                    }
                }
            }
            BodyPace::AfterContinue { wait_us } => {
                // RFC 9110 §10.1.1: a client should not wait for ever; a final reply makes the body pointless.
                let answered = async {
                    while self.progress.leave.get() == Leave::Waiting {
                        self.progress.answered.notified().await;
                    }
                };
                // Whether it came or not is in `leave`.
                let _ = timeout(Duration::from_micros(wait_us), answered).await;
                if self.progress.leave.get() == Leave::Refused {
                    return Extent::Refused;
                }
                if !self.send_rest(asking, to, out, body..end, tail).await {
                    return Extent::PeerClosed;
                }
            }
            BodyPace::AfterReply { wait_us } => {
                let answered = async {
                    while self.progress.leave.get() != Leave::Refused {
                        self.progress.answered.notified().await;
                    }
                };
                // Where the reply announces the close, the batch is over now and nothing more goes out.
                let _ = timeout(Duration::from_micros(wait_us), answered).await;
                if !self.send_rest(asking, to, out, body..end, tail).await {
                    return Extent::PeerClosed;
                }
            }
            BodyPace::Withheld => {
                return Extent::HeadOnly;
            }
        }
        if let Some(tail) = stimulus.request.tail {
            self.run.tell(self.run.wire(tail), EventKind::Sent);
        }
        self.progress.over.set(self.progress.begun.get());
        self.progress.went_on.notify_one();
        Extent::Whole
    }

    /// A body in one write, with the tail behind it.
    async fn send_rest(
        &self,
        asking: &Asking<'_>,
        to: &mut WriteHalf<'_>,
        out: &[u8],
        rest: std::ops::Range<usize>,
        tail: usize,
    ) -> bool {
        self.run.tell(asking.exchange, EventKind::BodySent);
        if tail < rest.end {
            self.begin(out, tail..rest.end);
        }
        write(to, &out[rest]).await
    }

    /// Reports the next request of the batch as begun: its first byte goes to the kernel right after.
    fn begin(&self, out: &[u8], head: std::ops::Range<usize>) {
        let begun = self.progress.begun.get();
        let asking = &self.askings[begun];
        self.progress.begun.set(begun + 1);
        let Sender { run, lane, connection, .. } = *self;
        Exchange { run, lane, connection, stream: None, asking: *asking }.sent(&out[head]);
    }

    fn account_for_framing(&self, stimulus: &Stimulus, sent: Extent) {
        self.progress.framed.set(self.progress.framed.get() + 1);
        framing_fault(self.run, stimulus, sent.performed());
    }
}

/// How much of what was planned has been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// The body is withheld, as planned.
    HeadOnly,
    /// The body was not wanted any more, or there was no room for it.
    Refused,
    /// Less than that, for the peer does not take it.
    PeerClosed,
}

impl Extent {
    pub(super) fn by(written: bool) -> Extent {
        match written {
            true => Extent::Whole,
            false => Extent::PeerClosed,
        }
    }

    /// What that means for a fault that the request is.
    pub(super) fn performed(self) -> Performed {
        match self {
            Extent::Whole | Extent::HeadOnly => Performed::Fully,
            Extent::Refused => Performed::Expired,
            Extent::PeerClosed => Performed::PeerClosedFirst,
        }
    }
}

/// The first stimulus and those that can go out in the same write.
fn together(stimuli: &[Stimulus]) -> &[Stimulus] {
    let at_once = |stimulus: &Stimulus| stimulus.request.pace == BodyPace::AtOnce;
    if !at_once(&stimuli[0]) {
        return &stimuli[..1];
    }
    let more = stimuli[1..].iter().take_while(|stimulus| at_once(stimulus) && stimulus.start == Start::default());
    let more = more.count();
    &stimuli[..=more]
}

async fn write(to: &mut WriteHalf<'_>, bytes: &[u8]) -> bool {
    matches!(timeout(WRITE_WAIT, to.write_all(bytes)).await, Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use super::super::stage::{body, deliveries, get, lane, play, reply};
    use super::*;
    use vocabulary::directive::FaultKind;
    use vocabulary::history::Why;
    use vocabulary::plan::{Abort, AbortHow, AbortWhen, RequestBody};

    fn post(exchange: u32, bytes: u64, pace: BodyPace) -> Stimulus {
        let mut stimulus = get(exchange);
        stimulus.request.method = "POST".to_owned();
        stimulus.request.body = RequestBody::Sized { bytes, declared_off_by: 0 };
        stimulus.request.pace = pace;
        stimulus
    }

    #[tokio::test]
    async fn a_slow_body_comes_in_pieces_after_the_request_counts_as_sent() {
        let slow = post(1, 300, BodyPace::Slow { writes: 3, gap_us: 20_000 });
        play(vec![lane([slow, get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            assert!(peer.held().is_empty(), "the head goes out alone");
            gateway.awaits(1, EventKind::Sent).await;
            peer.bytes(100).await;
            assert!(peer.held().is_empty());
            peer.bytes(200).await;
            peer.write(reply(1, 1)).await;
            peer.serve(2).await;
        })
        .await;
    }

    #[tokio::test]
    async fn an_early_reply_ends_the_exchange_and_the_body_still_goes_out_whole() {
        let slow = post(1, 300, BodyPace::Slow { writes: 3, gap_us: 20_000 });
        let played = play(vec![lane([slow, get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.serve(1).await;
            gateway.awaits(1, EventKind::Concluded).await;
            assert!(peer.held().len() < 300);
            peer.bytes(300).await;
            peer.serve(2).await;
        })
        .await;
        assert_eq!(deliveries(&played.received(1).canaries), ["d1"]);
        assert_eq!(played.received(2).connection.0, 1);
    }

    #[tokio::test]
    async fn an_early_reply_that_announces_the_close_stops_the_body() {
        let slow = post(1, 300, BodyPace::Slow { writes: 300, gap_us: 10_000 });
        let played = play(vec![lane([slow])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            peer.write("HTTP/1.1 413 C\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await;
            let _ = peer.end().await;
            assert!(peer.held().len() < 300);
        })
        .await;
        assert_eq!(played.received(1).status, 413);
    }

    #[tokio::test]
    async fn a_withheld_body_never_comes_and_its_connection_is_not_used_again() {
        let played = play(vec![lane([post(1, 300, BodyPace::Withheld), get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            assert!(peer.head().await.contains("\r\nContent-Length: 300\r\n"));
            gateway.all_lanes_wait().await;
            assert!(gateway.has_happened(1, EventKind::Sent));
            peer.write(reply(1, 1)).await;
            peer.end().await.unwrap();
            assert!(peer.held().is_empty());
            gateway.accept().await.serve(2).await;
        })
        .await;
        assert_eq!(played.faults(), [(FaultKind::RequestFraming, Performed::Fully)]);
        assert_eq!(played.received(2).connection.0, 2);
    }

    #[tokio::test]
    async fn a_body_that_waits_for_a_100_goes_out_when_it_comes() {
        let mut waits = post(1, 300, BodyPace::AfterContinue { wait_us: 10_000_000 });
        waits.request.expect = Some("100-continue".to_owned());
        let played = play(vec![lane([waits])], async |gateway| {
            let mut peer = gateway.accept().await;
            assert!(peer.head().await.contains("\r\nExpect: 100-continue\r\n"));
            gateway.awaits(1, EventKind::Sent).await;
            assert!(peer.held().is_empty() && gateway.idle.busy() == 1);
            peer.write("HTTP/1.1 103 E\r\n\r\nHTTP/1.1 100 C\r\n\r\n").await;
            peer.bytes(300).await;
            peer.write(reply(1, 1)).await;
        })
        .await;
        assert_eq!(played.received(1).interims, [103, 100]);
    }

    #[tokio::test]
    async fn a_body_that_waits_for_a_100_goes_out_without_one_after_its_wait() {
        let waits = post(1, 300, BodyPace::AfterContinue { wait_us: 5_000 });
        play(vec![lane([waits])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            peer.bytes(300).await;
            peer.write(reply(1, 1)).await;
        })
        .await;
    }

    #[tokio::test]
    async fn a_final_reply_makes_the_waiting_body_pointless() {
        let waits = post(1, 300, BodyPace::AfterContinue { wait_us: 10_000_000 });
        let played = play(vec![lane([waits, get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.serve(1).await;
            peer.end().await.unwrap();
            assert!(peer.held().is_empty());
            gateway.accept().await.serve(2).await;
        })
        .await;
        assert_eq!(played.received(2).connection.0, 2);
    }

    #[tokio::test]
    async fn a_body_behind_the_reply_goes_out_with_it_or_after_its_wait() {
        let behind = |wait_us| post(1, 300, BodyPace::AfterReply { wait_us });
        let played = play(vec![lane([behind(10_000_000), get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            gateway.awaits(1, EventKind::Sent).await;
            assert!(peer.held().is_empty());
            peer.write(reply(1, 1)).await;
            peer.bytes(300).await;
            assert!(gateway.has_happened(1, EventKind::BodySent));
            peer.serve(2).await;
        })
        .await;
        assert_eq!(played.received(2).connection.0, 1);
        play(vec![lane([behind(5_000)])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            peer.bytes(300).await;
            peer.write(reply(1, 1)).await;
        })
        .await;
    }

    #[tokio::test]
    async fn a_body_behind_a_reply_that_announces_the_close_stays_where_it_is() {
        let mut behind = post(1, 300, BodyPace::AfterReply { wait_us: 10_000_000 });
        behind.request.body =
            RequestBody::Ghost { exchange: vocabulary::identity::ExchangeId(9), chunked: false, filler: 0 };
        let played = play(vec![lane([behind])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            peer.write("HTTP/1.1 413 C\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await;
            peer.end().await.unwrap();
            assert!(peer.held().is_empty());
        })
        .await;
        assert_eq!(played.faults(), [(FaultKind::RequestFraming, Performed::PeerClosedFirst)]);
    }

    #[tokio::test]
    async fn an_abort_cuts_a_slow_body_short() {
        let mut slow = post(1, 300, BodyPace::Slow { writes: 300, gap_us: 10_000 });
        let when = AbortWhen::AfterEvent { event: EventKind::Seen, us: 0 };
        slow.abort = Some(Abort { how: AbortHow::Rst, when });
        let played = play(vec![lane([slow])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            gateway.happens(1, EventKind::Seen);
            peer.end().await.unwrap_err();
        })
        .await;
        assert_eq!(played.gave_up(1).why, Why::Aborted);
    }

    #[tokio::test]
    async fn a_length_that_says_too_much_is_a_fault_and_spoils_the_connection() {
        let mut lies = post(1, 300, BodyPace::AtOnce);
        lies.request.body = RequestBody::Sized { bytes: 300, declared_off_by: 10 };
        let played = play(vec![lane([lies, get(2)])], async |gateway| {
            let mut peer = gateway.accept().await;
            assert!(peer.head().await.contains("\r\nContent-Length: 310\r\n"));
            peer.bytes(300).await;
            peer.write(reply(1, 1)).await;
            peer.end().await.unwrap();
            gateway.accept().await.serve(2).await;
        })
        .await;
        assert_eq!(played.faults(), [(FaultKind::RequestFraming, Performed::Fully)]);
    }

    #[tokio::test]
    async fn a_large_body_goes_out_while_its_reply_comes_in() {
        // More than the sockets buffer: whoever writes first and reads later would stand still here.
        const BYTES: usize = 16 * 1024 * 1024;
        let mut large = post(1, BYTES as u64, BodyPace::AtOnce);
        large.directive = vocabulary::directive::Directive::benign(200);
        let played = play(vec![lane([large])], async |gateway| {
            let mut peer = gateway.accept().await;
            peer.head().await;
            let copies = body(1, 1).repeat(40_000);
            peer.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{copies}", copies.len())).await;
            peer.bytes(BYTES).await;
        })
        .await;
        assert_eq!(played.received(1).body_bytes, 200 * 40_000);
    }
}
