//! HTTP/2: a batch is streams side by side on one connection, each with an exchange of its own. RFC 9113.
//!
//! What must be remembered of a connection is its [`session`]: it lives as long as the connection does, and is watched while
//! nothing is asked. A batch has a [`talk`], which reads, and a [`course`] for each exchange, which sends, waits and gives
//! up. All of it is one task, in which everybody has their turn in the same order each time.
//!
//! A reply is credited to the stream on which it came, whoever's it is. What comes on a stream on which nothing is awaited is
//! kept as evidence ([`late`]) and credited to nobody.

mod arriving;
mod course;
mod head;
mod late;
mod outbox;
mod reply;
mod sending;
#[cfg(test)]
mod servers;
mod session;
#[cfg(test)]
mod stage;
mod streams;
mod talk;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};

use tokio::io::AsyncReadExt;
use tokio::sync::Notify;
use tokio::time::timeout;
use transport::{ReadHalf, WriteHalf};
use vocabulary::identity::{ExchangeId, LaneId};
use vocabulary::limits::WRITE_WAIT;
use vocabulary::plan::{Lane, Start, Stimulus};

use super::Run;
use super::connection::Connection;
use super::waiting::{Busy, all};
use crate::gateway::Frozen;
pub(super) use head::PROTOCOL;
pub(super) use session::{STREAM_WINDOW, Session};
use talk::Talk;

/// Bytes of DATA that streams have room for when they are opened, on a lane's connections: as many as the least that one of
/// its exchanges has. A server may send so much before it knows anything of the stream (RFC 9113 §6.9.2).
pub(super) fn stream_room(lane: &Lane) -> u32 {
    lane.stimuli.iter().filter_map(talk::small_room).min().unwrap_or(STREAM_WINDOW)
}

/// Does a batch on a connection. Returns the stimuli that are still to be done, fewer than there were: the connection carries
/// no more. Whether it may be used again stands in its account. The first one's start has been awaited. A gateway that stands
/// still goes on when its request is written.
pub(super) async fn perform<'a>(
    run: &'a Run,
    lane: LaneId,
    connection: &mut Connection,
    stimuli: &[&'a Stimulus],
    frozen: Option<Frozen>,
    buffer: &mut [u8],
) -> Vec<&'a Stimulus> {
    let Connection { stream, account, session: Some(session) } = connection else {
        unreachable!("a lane that speaks HTTP/2 opens its connections with a session")
    };
    let talk = RefCell::new(Talk::new(run, lane, session, account));
    let conversation = Conversation { run, talk, changed: Notify::new(), is_several: stimuli.len() > 1 };
    let left = conversation.hold(stimuli, frozen, stream.split(), buffer).await;
    let mut talk = conversation.talk.into_inner();
    let is_left = |stimulus: &&&Stimulus| left.contains(&stimulus.exchange);
    let mut left: Vec<&Stimulus> = stimuli.iter().filter(is_left).copied().collect();
    if left.len() == stimuli.len() {
        talk.never_begun(left.remove(0));
    }
    if talk.is_written_to() {
        // Resets and acknowledgements. What cannot be written in time is not.
        let _ = timeout(WRITE_WAIT, poll_fn(|context| talk.session.out().poll_flush(stream, context))).await;
    }
    left
}

/// A batch, for all who have a part in it: they run in one task, and take turns.
struct Conversation<'a> {
    run: &'a Run,
    talk: RefCell<Talk<'a>>,
    /// Wakes everybody who waits for something to be so.
    changed: Notify,
    /// Whether there is more than one exchange.
    is_several: bool,
}

impl<'a> Conversation<'a> {
    /// Reads, writes, and does every exchange in its course. Returns those that were not begun.
    async fn hold(
        &self,
        stimuli: &[&'a Stimulus],
        frozen: Option<Frozen>,
        (mut from, mut to): (ReadHalf<'_>, WriteHalf<'_>),
        buffer: &mut [u8],
    ) -> Vec<ExchangeId> {
        let mut frozen = frozen;
        let groups = together(stimuli).into_iter().map(|group| {
            let start = group[0].start;
            let start = (start != stimuli[0].start).then_some(start);
            let group = self.group(start, group, self.run.idle.begin(), frozen.take());
            Box::pin(group) as Pin<Box<dyn Future<Output = Vec<ExchangeId>>>>
        });
        let mut courses = pin!(all(groups.collect()));
        // Each exchange is as busy as a lane would be that had no other.
        let _waiting = self.run.idle.wait();
        let mut pump = pin!(self.pump(&mut from, &mut to, buffer));
        let mut pumping = true;
        loop {
            tokio::select! {
                biased;
                left = courses.as_mut() => return left.concat(),
                () = pump.as_mut(), if pumping => pumping = false,
            }
        }
    }

    /// Does exchanges that start together, in their order. Returns those that were not begun.
    async fn group(
        &self,
        start: Option<Start>,
        group: Vec<&'a Stimulus>,
        busy: Busy,
        mut frozen: Option<Frozen>,
    ) -> Vec<ExchangeId> {
        let exchanges = group.iter().map(|stimulus| stimulus.exchange);
        if let Some(start) = start {
            tokio::select! {
                biased;
                () = self.run.start(&start) => {}
                () = self.until(|talk| talk.is_closing().then_some(())) => return exchanges.collect(),
            }
        }
        let courses = group.iter().map(|stimulus| {
            let course = self.course(stimulus, self.run.idle.begin(), frozen.take());
            Box::pin(course) as Pin<Box<dyn Future<Output = bool>>>
        });
        let courses = courses.collect();
        drop(busy);
        let begun = all(courses).await;
        exchanges.zip(begun).filter(|(_, begun)| !begun).map(|(exchange, _)| exchange).collect()
    }

    /// Writes what lies in the outbox, and takes in what comes, until nothing more will.
    async fn pump(&self, from: &mut ReadHalf<'_>, to: &mut WriteHalf<'_>, buffer: &mut [u8]) {
        while !self.talk.borrow().is_over() {
            tokio::select! {
                biased;
                written = poll_fn(|context| self.talk.borrow_mut().poll_write(to, context)) => {
                    // Why it cannot be written is learnt by reading on.
                    self.change(|talk| talk.writes &= written.is_ok());
                }
                read = from.read(buffer) => self.change(|talk| match read {
                    Ok(0) => talk.ended(None),
                    Err(error) => talk.ended(Some(error)),
                    Ok(bytes) => talk.absorb(&buffer[..bytes]),
                }),
            }
        }
    }

    /// Changes something, and wakes everybody who waits for something to be so.
    fn change<T>(&self, change: impl FnOnce(&mut Talk<'a>) -> T) -> T {
        let changed = change(&mut self.talk.borrow_mut());
        self.changed.notify_waiters();
        changed
    }

    /// Waits until something is so. The caller bounds the wait.
    async fn until<T>(&self, known: impl Fn(&Talk<'a>) -> Option<T>) -> T {
        loop {
            let mut changed = pin!(self.changed.notified());
            // Registered before the condition is read, so that a change in between is not missed.
            changed.as_mut().enable();
            if let Some(known) = known(&self.talk.borrow()) {
                return known;
            }
            changed.await;
        }
    }
}

/// Stimuli that start together, and so in the order of the plan: groups in the order of their first ones.
fn together<'a>(stimuli: &[&'a Stimulus]) -> Vec<Vec<&'a Stimulus>> {
    let mut groups: Vec<Vec<&Stimulus>> = Vec::new();
    for stimulus in stimuli {
        match groups.iter_mut().find(|group| group[0].start == stimulus.start) {
            Some(group) => group.push(stimulus),
            None => groups.push(vec![stimulus]),
        }
    }
    groups
}
