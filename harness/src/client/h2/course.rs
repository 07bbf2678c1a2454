//! The course of one exchange on a stream of its own: its request goes out, its client waits, or gives up.
//!
//! Courses of a batch run side by side in one task. None waits for the reply of another; they have in common how many
//! streams the gateway allows, and how much it takes.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{sleep_until, timeout};
use vocabulary::history::Performed;
use vocabulary::limits::{REPLY_WAIT, WRITE_WAIT};
use vocabulary::plan::{Event, EventKind, Stimulus};

use super::super::exchange::framing_fault;
use super::super::request::{Streamed, fits_a_stream, spell_streamed};
use super::super::waiting::{Busy, Patience};
use super::Conversation;
use super::sending::goes_out_with_head;
use super::talk::Standing;
use crate::gateway::Frozen;

/// How long the first requests on a connection wait for the gateway to say how many it takes at once (RFC 9113 §3.4).
const SETTINGS_WAIT: Duration = Duration::from_millis(200);

impl<'a> Conversation<'a> {
    /// Does an exchange, within this time of its lane's. Whether its request was begun; otherwise the connection carries no
    /// more. A gateway that stands still goes on when the request is written.
    pub(super) async fn course(&self, stimulus: &'a Stimulus, busy: Busy, frozen: Option<Frozen>) -> bool {
        if !self.may_begin(frozen.is_some()).await {
            return false;
        }
        let run = self.run;
        let request = spell_streamed(stimulus, run.base, &run.key, &run.target);
        let place = self.begin(stimulus, &request);
        if let Some(tail) = stimulus.request.tail {
            // It does not exist here: nothing stands behind a message in its stream. The origin shall not hold bait for it.
            (run.notify)(Event { exchange: run.wire(tail), kind: EventKind::Concluded });
        }
        let sending = async {
            match frozen {
                Some(frozen) => frozen.during(self.send(place, stimulus, &request)).await,
                None => self.send(place, stimulus, &request).await,
            }
        };
        self.converse(place, stimulus, sending).await;
        drop(busy);
        true
    }

    /// Waits until another stream may be opened; whether one may.
    async fn may_begin(&self, is_frozen: bool) -> bool {
        let _waiting = self.run.idle.wait();
        if self.is_several && !is_frozen {
            let known = self.until(|talk| (talk.session.link.peer.is_known || talk.is_closing()).then_some(()));
            // Who says nothing has no limit.
            let _ = timeout(SETTINGS_WAIT, known).await;
        }
        // RFC 9113 §5.1.2: others may have to end first.
        let room = self.until(|talk| match talk.is_closing() {
            true => Some(false),
            false => talk.session.link.may_open().then_some(true),
        });
        timeout(REPLY_WAIT, room).await.unwrap_or(false)
    }

    fn begin(&self, stimulus: &'a Stimulus, request: &Streamed) -> usize {
        let end_stream = goes_out_with_head(stimulus, request);
        self.change(|talk| talk.begin(stimulus, request, end_stream))
    }

    /// Until nothing is owed any more, and nothing is left to be sent.
    async fn converse(&self, place: usize, stimulus: &Stimulus, sending: impl Future<Output = Performed>) {
        let run = self.run;
        let exchange = self.talk.borrow().exchange(place);
        let wire = exchange.asking.exchange;
        let sent = self.until(|talk| talk.is_sent(place).then_some(()));
        let mut abort = pin!(async {
            match stimulus.abort {
                Some(abort) => run.abort_due(wire, abort.when, sent).await,
                None => std::future::pending().await,
            }
        });
        let mut sending = pin!(sending);
        let (mut performed, mut waiting) = (None, None);
        loop {
            let news = self.talk.borrow().news(place);
            let (is_owed, is_sent) = (news.standing == Standing::Owed, performed.is_some());
            match news.standing {
                Standing::Concluded if is_sent => break,
                Standing::Owed | Standing::Concluded => {}
                Standing::GivingUp => {
                    drop(waiting.take());
                    self.give_up(place).await;
                    break;
                }
            }
            if waiting.is_some() != (is_owed && is_sent) {
                waiting = waiting.is_none().then(|| run.idle.wait());
            }
            let reads_on = stimulus.read.filter(|_| is_owed && news.reads_on);
            tokio::select! {
                biased;
                done = sending.as_mut(), if !is_sent => {
                    performed = Some(done);
                    self.change(|talk| talk.sent(place));
                }
                () = abort.as_mut(), if is_owed => self.change(|talk| talk.abort(place)),
                () = self.until(|talk| (talk.news(place) != news).then_some(())) => {}
                () = sleep_until(news.quiet_since), if reads_on.is_some() => {
                    let most = reads_on.map_or(0, |slow| slow.bytes.max(1));
                    self.change(|talk| talk.read_on(place, most));
                }
                () = run.patience(wire, Patience::Owed, news.quiet_since), if is_owed && is_sent => {
                    self.change(|talk| talk.patience_ends(place));
                }
            }
        }
        let cut_short = performed.unwrap_or(Performed::Expired);
        let fits = fits_a_stream(&stimulus.request);
        framing_fault(run, stimulus, if fits { cut_short } else { Performed::VersionForbids });
        self.change(|talk| talk.leave_stream(place));
    }

    /// The reset is on its way: when it is written, the client has given up.
    async fn give_up(&self, place: usize) {
        let written = self.written().await;
        let performed = if written { Performed::Fully } else { Performed::PeerClosedFirst };
        self.change(|talk| talk.aborted(place, performed));
    }

    /// Waits until everything that lies in the outbox is written; whether it was.
    pub(super) async fn written(&self) -> bool {
        let end = self.talk.borrow().session.link.out.end();
        let written = self.until(|talk| match talk.session.link.out.written() >= end {
            true => Some(true),
            false => (talk.is_over() || !talk.writes).then_some(false),
        });
        match timeout(WRITE_WAIT, written).await {
            Ok(written) => written,
            Err(_) => {
                self.change(|talk| talk.writes = false);
                false
            }
        }
    }
}
