//! Performs the program of a request: emission after emission, and waits where it says so.
//!
//! One write per [`Emission::Write`]. Every wait ends when the gateway has gone: the owed reply is then attempted, and
//! the report says that the gateway had closed first. What differs between a connection of HTTP/1.1 and a stream of
//! HTTP/2 is asked of the [`Place`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use vocabulary::directive::{Close, Hold};
use vocabulary::history::Performed;
use vocabulary::identity::Moment;
use vocabulary::limits::{BAIT_WAIT, CASE_WAIT, EVENT_WAIT};
use vocabulary::plan::Version;

use crate::account::Account;
use crate::behavior::{self, Emission, Mark, Medium, Program, Write};
use crate::connection::End;
use crate::gate::Passage;
use crate::office::{Link, Office};
use crate::turn::{Body, Turn};

/// How long the peer's kernel may take to acknowledge what was written.
const ACKNOWLEDGEMENT_WAIT: Duration = Duration::from_millis(200);
/// Between two looks at what is not acknowledged.
const ACKNOWLEDGEMENT_LOOK: Duration = Duration::from_millis(2);
/// A timer this late makes a proof by time worthless.
const LAG_MAX: Duration = Duration::from_millis(5);

/// Where a program is performed: a turn on a connection of HTTP/1.1, or a stream of HTTP/2.
pub(crate) trait Place {
    /// What is written here.
    type Medium: Medium;

    fn office(&self) -> &Office;
    fn link(&self) -> &Arc<Link>;
    fn turn(&self) -> &Turn<Self::Medium>;
    /// Whether the gateway has closed or reset the connection, or the stream.
    fn gateway_has_gone(&self) -> bool;
    /// Whether nothing more can be read of the request.
    fn is_over(&self) -> bool;
    /// Whether something has arrived on the connection behind the request.
    fn next_has_come(&self) -> bool;
    /// Bytes that the peer's kernel has not acknowledged, where that can be known.
    fn unacknowledged(&self) -> Option<u64>;
    /// Tells the reader that an early reply has been written.
    fn final_is_written(&self);
    /// Waits until something is ready or the bound passes. Ends early when there is nothing more to be done here.
    async fn until<T>(&self, bound: Option<Duration>, ready: impl FnMut() -> Option<T>) -> Result<Option<T>, End>;
    /// Hands everything to the kernel, and says whether it took it in one write.
    async fn send(&self, wire: Self::Medium) -> Result<bool, End>;
}

/// Answers the request whose turn it is here.
pub(crate) async fn answer<P: Place>(place: &P) -> Result<(), End> {
    let turn = place.turn();
    let performer = Performer { place, lag: Duration::ZERO, patience: place.office().patience() };
    if turn.program.borrow().is_none() && turn.head.expects_continue && turn.head.version == Version::Http11 {
        // Whose it is stands in its body, which its sender keeps back until it is asked for.
        place.send(behavior::plain_continue()).await?;
    }
    let program = place.until(None, || turn.program.take().map(Some).or_else(|| place.is_over().then_some(None)));
    match (program.await?.flatten(), turn.body.get()) {
        (Some(program), _) => performer.run(program).await,
        (None, Body::Unreadable(status)) => refuse(place, status).await,
        (None, Body::Coming | Body::Arrived | Body::Read) => Err(End::Gateway),
    }
}

/// Reports the faults of a request whose program will not be performed any more.
pub(crate) fn give_up<P: Place>(place: &P, end: End) {
    if let Some(mut program) = place.turn().program.take() {
        Account::of(&mut program, place).give_up(performed_at(end));
    }
}

async fn refuse<P: Place>(place: &P, status: u16) -> Result<(), End> {
    for emission in behavior::refuse(status, &place.office().clock.date()).emissions {
        if let Emission::Write(write) = emission {
            place.send(write.wire).await?;
        }
    }
    Err(End::Fin)
}

/// Performs one program.
struct Performer<'a, P> {
    place: &'a P,
    /// How late the last timer was.
    lag: Duration,
    /// How often patience had been ended when the last thing was done that others could see. Whoever ends patience
    /// because of it means the bait that comes next, even if it is not held yet.
    patience: u64,
}

/// What became of bait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bait {
    /// The next request has arrived.
    Taken,
    GatewayGone,
    PatienceEnded,
}

impl<'a, P: Place> Performer<'a, P> {
    async fn run(mut self, mut program: Program<P::Medium>) -> Result<(), End> {
        let emissions = std::mem::take(&mut program.emissions);
        let mut account = Account::of(&mut program, self.place);
        for emission in emissions {
            if let Err(end) = self.perform(emission, &mut account).await {
                account.give_up(performed_at(end));
                return Err(end);
            }
        }
        account.give_up(account.performed_by_now());
        Ok(())
    }

    async fn perform(&mut self, emission: Emission<P::Medium>, account: &mut Account<'a, P>) -> Result<(), End> {
        match emission {
            Emission::Write(write) => self.write(write, account).await,
            Emission::AwaitBody => self.await_body().await,
            Emission::Pause(lasts) => self.pause(lasts).await,
            Emission::Silence { lasts, fault } => {
                self.pause(lasts).await?;
                fault.into_iter().for_each(|fault| account.fault(fault, account.performed_by_now()));
                Ok(())
            }
            Emission::Hold { hold, fault } => {
                let performed = self.hold(hold).await?;
                fault.into_iter().for_each(|fault| account.fault(fault, performed));
                Ok(())
            }
            Emission::AfterNextRequest { write, fault } => match self.bait().await? {
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
                let place = self.place;
                self.acknowledged(|| place.gateway_has_gone()).await?;
                Ok(())
            }
            Emission::Acknowledge(marks) => {
                let place = self.place;
                let at = self.acknowledged(|| place.gateway_has_gone() || place.next_has_come()).await?;
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
                Err(match (self.place.gateway_has_gone(), close) {
                    (true, _) => End::Gateway,
                    (false, Close::Fin) => End::Fin,
                    (false, Close::Rst) => End::Rst,
                })
            }
            Emission::Swallow => {
                self.place.turn().leave(self.place.office());
                self.pause(CASE_WAIT).await?;
                Err(if self.place.gateway_has_gone() { End::Gateway } else { End::Fin })
            }
        }
    }

    async fn write(&mut self, write: Write<P::Medium>, account: &mut Account<'a, P>) -> Result<(), End> {
        if write.marks.iter().any(|mark| matches!(mark, Mark::Performs(_) | Mark::PerformsEarly(_))) {
            self.look().await;
        }
        let office = self.place.office();
        self.patience = office.patience();
        account.begin(&write.marks, office.now());
        let in_one = self.place.send(write.wire).await?;
        account.took(&write.marks, in_one, office.now());
        Ok(())
    }

    /// Lets the reader see whether the gateway has closed by now: a fault counts only where it has not.
    async fn look(&self) {
        tokio::task::yield_now().await;
    }

    async fn await_body(&mut self) -> Result<(), End> {
        let place = self.place;
        let read = place.until(None, || match place.turn().body.get() {
            Body::Read => Some(None),
            Body::Unreadable(status) => Some(Some(status)),
            Body::Coming | Body::Arrived => place.gateway_has_gone().then_some(None),
        });
        match read.await?.flatten() {
            Some(status) => refuse(place, status).await,
            None => Ok(()),
        }
    }

    async fn pause(&mut self, lasts: Duration) -> Result<(), End> {
        let (place, began) = (self.place, Instant::now());
        place.until(Some(lasts), || place.gateway_has_gone().then_some(())).await?;
        self.lag = began.elapsed().saturating_sub(lasts);
        Ok(())
    }

    /// Waits, and says how a fault that the hold is came off.
    async fn hold(&mut self, hold: Hold) -> Result<Performed, End> {
        let place = self.place;
        let office = place.office();
        match hold {
            Hold::Body => self.await_body().await.map(|()| Performed::Fully),
            Hold::Bait => Ok(match self.bait().await? {
                Bait::GatewayGone => Performed::PeerClosedFirst,
                Bait::Taken | Bait::PatienceEnded => Performed::Fully,
            }),
            Hold::Gate(gate) => {
                let Some((exchange, _)) = place.turn().answers.get() else { return Ok(Performed::Expired) };
                office.gatehouse().stand(exchange, place.link());
                let passage = place.until(Some(CASE_WAIT), || match office.book().passage(gate, exchange) {
                    Passage::Released => Some(Performed::Fully),
                    Passage::Expired => Some(Performed::Expired),
                    Passage::Held => place.gateway_has_gone().then_some(Performed::PeerClosedFirst),
                });
                let passage = passage.await;
                office.gatehouse().leave(exchange, place.link());
                let gone = place.gateway_has_gone().then_some(Performed::PeerClosedFirst);
                Ok(gone.unwrap_or(passage?.unwrap_or(Performed::Expired)))
            }
            Hold::Event(event) => {
                let happened = || place.gateway_has_gone() || office.book().has_happened(event);
                let happened = place.until(Some(EVENT_WAIT), || happened().then_some(())).await?;
                Ok(happened.map_or(Performed::Expired, |()| Performed::Fully))
            }
        }
    }

    async fn bait(&mut self) -> Result<Bait, End> {
        let (place, patience) = (self.place, self.patience);
        let taken = place.until(Some(BAIT_WAIT), || {
            if place.gateway_has_gone() {
                Some(Bait::GatewayGone)
            } else if place.next_has_come() {
                Some(Bait::Taken)
            } else {
                (place.office().patience() != patience).then_some(Bait::PatienceEnded)
            }
        });
        Ok(taken.await?.unwrap_or(Bait::PatienceEnded))
    }

    /// When the peer's kernel had acknowledged everything, if that can be known and was before there was news.
    async fn acknowledged(&mut self, news: impl Fn() -> bool) -> Result<Option<Moment>, End> {
        let place = self.place;
        let began = Instant::now();
        let mut on_time = self.lag < LAG_MAX;
        while began.elapsed() < ACKNOWLEDGEMENT_WAIT {
            match place.unacknowledged() {
                None => return Ok(None),
                Some(0) => return Ok(on_time.then(|| place.office().now())),
                Some(_) => {}
            }
            let look = Instant::now();
            if place.until(Some(ACKNOWLEDGEMENT_LOOK), || news().then_some(())).await?.is_some() {
                return Ok(None);
            }
            on_time &= look.elapsed() < ACKNOWLEDGEMENT_LOOK + LAG_MAX;
        }
        Ok(None)
    }
}

/// How what was left undone is reported: kept from it by the gateway, or ended by us.
fn performed_at(end: End) -> Performed {
    match end {
        End::Gateway => Performed::PeerClosedFirst,
        End::Fin | End::Rst | End::Drain | End::Stuck => Performed::Expired,
    }
}
