//! The writer of a connection: performs each request's program in turn, and waits where it says so.
//!
//! One write per [`Emission::Write`]. Every wait ends when the gateway has gone: the owed reply is then attempted, and
//! the report says that the gateway had closed first.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};
use transport::WriteHalf;
use vocabulary::directive::{Close, Hold};
use vocabulary::history::Performed;
use vocabulary::identity::Moment;
use vocabulary::limits::{BAIT_WAIT, CASE_WAIT, EVENT_WAIT, WRITE_WAIT};
use vocabulary::plan::Version;

use super::account::Account;
use super::{Body, End, Line, Over, Turn};
use crate::behavior::{self, Emission, Mark, Wire, Write};
use crate::gate::Passage;

/// Bytes that are rendered at once where a write's bytes are not at hand.
const RENDERED_BYTES: u64 = 64 * 1024;
/// How long the peer's kernel may take to acknowledge what was written.
const ACKNOWLEDGEMENT_WAIT: Duration = Duration::from_millis(200);
/// Between two looks at what is not acknowledged.
const ACKNOWLEDGEMENT_LOOK: Duration = Duration::from_millis(2);
/// A timer this late makes a proof by time worthless.
const LAG_MAX: Duration = Duration::from_millis(5);

/// The writing half.
pub(super) struct Outbound<'a> {
    line: &'a Line<'a>,
    stream: WriteHalf<'a>,
    rendered: Vec<u8>,
    /// How late the last timer was.
    lag: Duration,
    /// How often patience had been ended when the last thing was done that others could see. Whoever ends patience
    /// because of it means the bait that comes next, even if it is not held yet.
    patience: u64,
}

impl<'a> Outbound<'a> {
    pub(super) fn new(line: &'a Line<'a>, stream: WriteHalf<'a>) -> Outbound<'a> {
        Outbound { line, stream, rendered: Vec::new(), lag: Duration::ZERO, patience: line.office.patience() }
    }

    /// Answers requests in turn until the connection is to end.
    pub(super) async fn run(mut self) -> End {
        let end = loop {
            let turn = match self.next_turn().await {
                Ok(turn) => turn,
                Err(end) => break end,
            };
            if let Err(end) = self.answer(&turn).await {
                break end;
            }
            self.line.report_seen(&turn);
            self.line.leave(&turn);
            self.line.turns.borrow_mut().pop_front();
            self.line.progress.notify_one();
        };
        // The faults of the requests that were read ahead are not performed any more.
        for turn in self.line.turns.borrow().iter() {
            if let Some(mut program) = turn.program.take() {
                Account::of(&mut program, self.line, turn).give_up(performed_at(end));
            }
        }
        end
    }

    async fn next_turn(&mut self) -> Result<Rc<Turn>, End> {
        let line = self.line;
        let next = self.until(None, || {
            let front = line.turns.borrow().front().cloned();
            front.map(Ok).or_else(|| {
                line.over.get().map(|over| match over {
                    Over::Closed | Over::Reset => Err(End::Gateway),
                    Over::Unreadable => Err(End::Fin),
                })
            })
        });
        next.await?.unwrap_or(Err(End::Fin))
    }

    async fn answer(&mut self, turn: &Turn) -> Result<(), End> {
        self.patience = self.line.office.patience();
        if turn.program.borrow().is_none() && turn.head.expects_continue && turn.head.version == Version::Http11 {
            // Whose it is stands in its body, which its sender keeps back until it is asked for.
            self.send(&behavior::plain_continue()).await?;
        }
        let line = self.line;
        let program = self.until(None, || turn.program.take().map(Some).or_else(|| line.over.get().map(|_| None)));
        let Some(mut program) = program.await?.flatten() else {
            return match turn.body.get() {
                Body::Unreadable(status) => self.refuse(status).await,
                Body::Coming | Body::Arrived | Body::Read => Err(End::Gateway),
            };
        };
        let emissions = std::mem::take(&mut program.emissions);
        let mut account = Account::of(&mut program, self.line, turn);
        for emission in emissions {
            if let Err(end) = self.perform(emission, turn, &mut account).await {
                account.give_up(performed_at(end));
                return Err(end);
            }
        }
        account.give_up(account.performed_by_now());
        Ok(())
    }

    async fn perform(&mut self, emission: Emission, turn: &Turn, account: &mut Account<'_>) -> Result<(), End> {
        match emission {
            Emission::Write(write) => self.write(write, account).await,
            Emission::AwaitBody => self.await_body(turn).await,
            Emission::Pause(lasts) => self.pause(lasts).await,
            Emission::Silence { lasts, fault } => {
                self.pause(lasts).await?;
                fault.into_iter().for_each(|fault| account.fault(fault, account.performed_by_now()));
                Ok(())
            }
            Emission::Hold { hold, fault } => {
                let performed = self.hold(hold, turn).await?;
                fault.into_iter().for_each(|fault| account.fault(fault, performed));
                Ok(())
            }
            Emission::AfterNextRequest { write, fault } => match self.bait(turn).await? {
                Bait::Taken => {
                    self.write(write, account).await?;
                    fault.into_iter().for_each(|fault| account.fault(fault, account.performed_by_now()));
                    Ok(())
                }
                Bait::GatewayGone => {
                    fault.into_iter().for_each(|fault| account.fault(fault, Performed::PeerClosedFirst));
                    Ok(())
                }
                Bait::PatienceEnded => {
                    fault.into_iter().for_each(|fault| account.fault(fault, Performed::Expired));
                    Ok(())
                }
            },
            Emission::AwaitAcknowledgement => {
                // Without an answer the next segment goes out all the same: it is a matter of pace, not of proof.
                let line = self.line;
                self.acknowledged(|| line.gateway_has_gone()).await?;
                Ok(())
            }
            Emission::Acknowledge(marks) => {
                let line = self.line;
                let at = self.acknowledged(|| line.gateway_has_gone() || line.heads.get() > turn.ordinal.0).await?;
                account.settle(&marks, at);
                Ok(())
            }
            Emission::Unperformed { fault, performed } => {
                account.fault(fault, performed);
                Ok(())
            }
            Emission::Close { close, fault } => {
                if fault.is_some() {
                    self.look().await;
                }
                fault.into_iter().for_each(|fault| account.fault(fault, account.performed_by_now()));
                Err(match (self.line.gateway_has_gone(), close) {
                    (true, _) => End::Gateway,
                    (false, Close::Fin) => End::Fin,
                    (false, Close::Rst) => End::Rst,
                })
            }
            Emission::Swallow => {
                self.line.leave(turn);
                self.pause(CASE_WAIT).await?;
                Err(if self.line.gateway_has_gone() { End::Gateway } else { End::Fin })
            }
        }
    }

    async fn write(&mut self, write: Write, account: &mut Account<'_>) -> Result<(), End> {
        if write.marks.iter().any(|mark| matches!(mark, Mark::Performs(_) | Mark::PerformsEarly(_))) {
            self.look().await;
        }
        self.patience = self.line.office.patience();
        account.begin(&write.marks, self.line.office.now());
        let writes = self.send(&write.wire).await?;
        account.took(&write.marks, writes <= 1, self.line.office.now());
        Ok(())
    }

    /// Lets the reader see whether the gateway has closed by now: a fault counts only where it has not.
    async fn look(&self) {
        tokio::task::yield_now().await;
    }

    /// Hands all bytes to the kernel; in how many writes it took them.
    async fn send(&mut self, wire: &Wire) -> Result<u32, End> {
        if let Some(text) = wire.at_hand() {
            return send(self.line, &self.stream, text).await;
        }
        let mut writes = 0;
        let mut at = 0;
        while at < wire.len() {
            let until = wire.len().min(at + RENDERED_BYTES);
            self.rendered.clear();
            wire.render(at..until, &mut self.rendered);
            writes += send(self.line, &self.stream, &self.rendered).await?;
            at = until;
        }
        Ok(writes)
    }

    async fn refuse(&mut self, status: u16) -> Result<(), End> {
        for emission in behavior::refuse(status).emissions {
            if let Emission::Write(write) = emission {
                self.send(&write.wire).await?;
            }
        }
        Err(End::Fin)
    }

    async fn await_body(&mut self, turn: &Turn) -> Result<(), End> {
        let line = self.line;
        let read = self.until(None, || match turn.body.get() {
            Body::Read => Some(None),
            Body::Unreadable(status) => Some(Some(status)),
            Body::Coming | Body::Arrived => line.gateway_has_gone().then_some(None),
        });
        match read.await?.flatten() {
            // RFC 9112 §9.6: where the end of the request cannot be found the connection has no future.
            Some(status) => self.refuse(status).await,
            None => Ok(()),
        }
    }

    async fn pause(&mut self, lasts: Duration) -> Result<(), End> {
        let (line, began) = (self.line, Instant::now());
        self.until(Some(lasts), || line.gateway_has_gone().then_some(())).await?;
        self.lag = began.elapsed().saturating_sub(lasts);
        Ok(())
    }

    /// Waits, and says how a fault that the hold is came off.
    async fn hold(&mut self, hold: Hold, turn: &Turn) -> Result<Performed, End> {
        let line = self.line;
        match hold {
            Hold::Body => self.await_body(turn).await.map(|()| Performed::Fully),
            Hold::Bait => Ok(match self.bait(turn).await? {
                Bait::GatewayGone => Performed::PeerClosedFirst,
                Bait::Taken | Bait::PatienceEnded => Performed::Fully,
            }),
            Hold::Gate(gate) => {
                let Some((exchange, _)) = turn.answers.get() else { return Ok(Performed::Expired) };
                line.office.gatehouse().stand(exchange, line.link);
                let passage = self.until(Some(CASE_WAIT), || match line.office.book().passage(gate, exchange) {
                    Passage::Released => Some(Performed::Fully),
                    Passage::Expired => Some(Performed::Expired),
                    Passage::Held => line.gateway_has_gone().then_some(Performed::PeerClosedFirst),
                });
                let passage = passage.await;
                line.office.gatehouse().leave(exchange, line.link);
                let gone = line.gateway_has_gone().then_some(Performed::PeerClosedFirst);
                Ok(gone.unwrap_or(passage?.unwrap_or(Performed::Expired)))
            }
            Hold::Event(event) => {
                let happened = || line.gateway_has_gone() || line.office.book().has_happened(event);
                let happened = self.until(Some(EVENT_WAIT), || happened().then_some(())).await?;
                Ok(happened.map_or(Performed::Expired, |()| Performed::Fully))
            }
        }
    }

    async fn bait(&mut self, turn: &Turn) -> Result<Bait, End> {
        let (line, patience) = (self.line, self.patience);
        let taken = self.until(Some(BAIT_WAIT), || {
            if line.gateway_has_gone() {
                Some(Bait::GatewayGone)
            } else if line.heads.get() > turn.ordinal.0 || line.strays.get() {
                Some(Bait::Taken)
            } else {
                (line.office.patience() != patience).then_some(Bait::PatienceEnded)
            }
        });
        Ok(taken.await?.unwrap_or(Bait::PatienceEnded))
    }

    /// When the peer's kernel had acknowledged everything, if that can be known and was before there was news.
    async fn acknowledged(&mut self, news: impl Fn() -> bool) -> Result<Option<Moment>, End> {
        let line = self.line;
        let began = Instant::now();
        let mut on_time = self.lag < LAG_MAX;
        while began.elapsed() < ACKNOWLEDGEMENT_WAIT {
            match self.stream.unacknowledged() {
                None => return Ok(None),
                Some(0) => return Ok(on_time.then(|| line.office.now())),
                Some(_) => {}
            }
            let look = Instant::now();
            if self.until(Some(ACKNOWLEDGEMENT_LOOK), || news().then_some(())).await?.is_some() {
                return Ok(None);
            }
            on_time &= look.elapsed() < ACKNOWLEDGEMENT_LOOK + LAG_MAX;
        }
        Ok(None)
    }

    /// Waits until something is ready or the bound passes. Ends early when all connections are to be closed.
    async fn until<T>(&self, bound: Option<Duration>, mut ready: impl FnMut() -> Option<T>) -> Result<Option<T>, End> {
        let deadline = bound.map(|bound| Instant::now() + bound);
        loop {
            if self.line.link.close_by().is_some() {
                return Err(End::Drain);
            }
            if let Some(ready) = ready() {
                return Ok(Some(ready));
            }
            let changed = self.line.link.changed.notified();
            match deadline {
                None => changed.await,
                Some(deadline) => {
                    if timeout_at(deadline, changed).await.is_err() {
                        return Ok(ready());
                    }
                }
            }
        }
    }
}

/// What became of bait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bait {
    /// The next request has arrived.
    Taken,
    GatewayGone,
    PatienceEnded,
}

async fn send(line: &Line<'_>, stream: &WriteHalf<'_>, mut bytes: &[u8]) -> Result<u32, End> {
    let mut writes = 0;
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(written) => {
                writes += 1;
                bytes = &bytes[written..];
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let writable = timeout(WRITE_WAIT, stream.writable());
                tokio::select! {
                    biased;
                    ready = writable => match ready {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) => return Err(End::Gateway),
                        Err(_) => return Err(End::Stuck),
                    },
                    () = closing(line) => return Err(End::Drain),
                }
            }
            Err(_) => return Err(End::Gateway),
        }
    }
    Ok(writes)
}

/// Resolves when all connections are to be closed.
async fn closing(line: &Line<'_>) {
    while line.link.close_by().is_none() {
        line.link.changed.notified().await;
    }
}

/// How what was left undone is reported: kept from it by the gateway, or ended by us.
fn performed_at(end: End) -> Performed {
    match end {
        End::Gateway => Performed::PeerClosedFirst,
        End::Fin | End::Rst | End::Drain | End::Stuck => Performed::Expired,
    }
}
