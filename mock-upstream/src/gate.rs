//! A gate as it fills and opens: which exchanges have arrived, when it opens, and in which order it releases them.
//!
//! A pure state machine; the time comes in as an argument. It counts exchanges, not attempts: a gateway's retry does
//! not fill a gate. One that opens because a bound passed, and not because all had come, has reordered nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use vocabulary::history::GateOpened;
use vocabulary::identity::{ExchangeId, Moment};
use vocabulary::limits::{GATE_QUIET, GATE_WAIT};
use vocabulary::plan;

/// A planned gate and how far it has come.
#[derive(Debug)]
pub(crate) struct Gate {
    plan: plan::Gate,
    /// In the order of arrival, each once.
    arrived: Vec<ExchangeId>,
    first_arrival: Option<Moment>,
    /// When something last arrived here, or the last awaited exchange was sent.
    last_news: Moment,
    /// The awaited exchanges that no client has sent yet.
    unsent: BTreeSet<ExchangeId>,
    opened: Option<Opened>,
}

#[derive(Debug)]
struct Opened {
    at: Moment,
    in_full: bool,
    /// In the order of release.
    released: Vec<ExchangeId>,
    /// How many of them have been let through.
    through: usize,
}

/// What a gate says to an exchange that stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// Not yet.
    Held,
    /// Go: the gate opened in full.
    Released,
    /// Go: a bound had passed, or the exchange came after the gate had opened.
    Expired,
}

impl Gate {
    pub(crate) fn new(plan: plan::Gate) -> Gate {
        let unsent = plan.awaits.iter().copied().collect();
        Gate { plan, arrived: Vec::new(), first_arrival: None, last_news: Moment(0), unsent, opened: None }
    }

    /// An exchange that is awaited here or will be held here has arrived at the origin.
    pub(crate) fn arrive(&mut self, exchange: ExchangeId, now: Moment) {
        if self.opened.is_some() || self.arrived.contains(&exchange) {
            return;
        }
        self.arrived.push(exchange);
        self.first_arrival.get_or_insert(now);
        self.last_news = now;
    }

    /// A client has sent an exchange.
    pub(crate) fn sent(&mut self, exchange: ExchangeId, now: Moment) {
        if self.unsent.remove(&exchange) {
            self.last_news = now;
        }
    }

    /// Opens the gate if it is time, and says so once.
    pub(crate) fn open(&mut self, now: Moment) -> Option<GateOpened> {
        if self.opened.is_some() || self.opens_at()? > now {
            return None;
        }
        let arrived = self.awaited_arrivals();
        let awaited = self.plan.awaits.len() as u32;
        let named = self.plan.release.iter().filter(|exchange| self.arrived.contains(exchange));
        let unnamed = self.arrived.iter().filter(|exchange| !self.plan.release.contains(exchange));
        let released: Vec<ExchangeId> = named.chain(unnamed).copied().collect();
        let opened = GateOpened { gate: self.plan.id, awaited, arrived, released: released.clone(), at: now };
        self.opened = Some(Opened { at: now, in_full: opened.in_full(), released, through: 0 });
        Some(opened)
    }

    /// Lets the next exchange through whose turn has come. One at a time, so that the caller can let each be answered
    /// before the next one goes.
    pub(crate) fn release(&mut self, now: Moment) -> Option<ExchangeId> {
        let gap = self.gap();
        let opened = self.opened.as_mut()?;
        let next = *opened.released.get(opened.through)?;
        if later(opened.at, gap * opened.through as u32) > now {
            return None;
        }
        opened.through += 1;
        Some(next)
    }

    /// What the gate says to an exchange that stands before it.
    pub(crate) fn passage(&self, exchange: ExchangeId) -> Passage {
        let Some(opened) = &self.opened else { return Passage::Held };
        match opened.released.iter().position(|released| *released == exchange) {
            Some(index) if index >= opened.through => Passage::Held,
            Some(_) if opened.in_full => Passage::Released,
            Some(_) | None => Passage::Expired,
        }
    }

    /// When [`Gate::open`] or [`Gate::release`] will next have something to do if nothing more happens.
    pub(crate) fn next_at(&self) -> Option<Moment> {
        match &self.opened {
            None => self.opens_at(),
            Some(opened) if opened.through < opened.released.len() => {
                Some(later(opened.at, self.gap() * opened.through as u32))
            }
            Some(_) => None,
        }
    }

    fn opens_at(&self) -> Option<Moment> {
        let first = self.first_arrival?;
        if self.awaited_arrivals() as usize == self.plan.awaits.len() {
            return Some(first);
        }
        let at_last = later(first, GATE_WAIT);
        // Whoever was sent and has not come by now waits behind one that is held here, or was answered by the gateway.
        let when_quiet = self.unsent.is_empty().then(|| later(self.last_news, GATE_QUIET));
        Some(when_quiet.map_or(at_last, |quiet| quiet.min(at_last)))
    }

    fn awaited_arrivals(&self) -> u32 {
        self.plan.awaits.iter().filter(|exchange| self.arrived.contains(exchange)).count() as u32
    }

    fn gap(&self) -> Duration {
        Duration::from_micros(self.plan.gap_us)
    }
}

fn later(moment: Moment, wait: Duration) -> Moment {
    Moment(moment.0.saturating_add(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocabulary::identity::GateId;

    /// A gate in one line: whom it awaits, in which order it releases, and the gap in milliseconds: `1 2 > 2 1 / 5`.
    fn gate(text: &str) -> Gate {
        let (text, gap) = text.split_once('/').unwrap_or((text, "0"));
        let (awaits, release) = text.split_once('>').unwrap();
        let ids = |text: &str| text.split_whitespace().map(|id| ExchangeId(id.parse().unwrap())).collect();
        let gap_us = gap.trim().parse::<u64>().unwrap() * 1000;
        Gate::new(plan::Gate { id: GateId(1), awaits: ids(awaits), release: ids(release), gap_us })
    }

    /// A gate under a script: `+3` arrives, `s3` is sent, `@150` sets the clock in milliseconds, `?3` asks for passage.
    /// The outcome lists what the gate did: `open 2/3`, `3` for a release, `held`, `released`, `expired`.
    fn run(plan: &str, script: &str) -> String {
        let (mut gate, mut now, mut did) = (gate(plan), Moment(0), Vec::new());
        for word in script.split_whitespace() {
            let (verb, number) = word.split_at(1);
            let number: u32 = number.parse().unwrap();
            match verb {
                "@" => now = Moment(u64::from(number) * 1000),
                "+" => gate.arrive(ExchangeId(number), now),
                "s" => gate.sent(ExchangeId(number), now),
                "?" => did.push(format!("{:?}", gate.passage(ExchangeId(number))).to_lowercase()),
                other => panic!("{other}"),
            }
            did.extend(gate.open(now).map(|opened| format!("open {}/{}", opened.arrived, opened.awaited)));
            did.extend(std::iter::from_fn(|| gate.release(now)).map(|exchange| exchange.0.to_string()));
        }
        did.join(" ")
    }

    #[test]
    fn a_gate_opens_and_releases_as_planned() {
        let table = [
            ("in the planned order when all have come", "1 2 3 > 3 1 2", "+1 +2 +3", "open 3/3 3 1 2"),
            ("whatever the order of arrival", "1 2 3 > 3 1 2", "+3 +1 +2", "open 3/3 3 1 2"),
            ("not before", "1 2 > 2 1", "+1 @90 ?1 @1999 ?1", "held held"),
            ("a retry does not fill it", "1 2 > 2 1", "+1 +1 +1 ?1", "held"),
            ("at its bound after the first arrival", "1 2 > 2 1", "@10 +1 @2009 ?1 @2010", "held open 1/2 1"),
            ("early when all were sent and it is quiet", "1 2 > 2 1", "+1 s1 s2 @99 ?1 @100", "held open 1/2 1"),
            ("quiet since an arrival", "1 2 3 > 3", "s1 s2 s3 +1 @90 +2 @189 ?1 @190", "held open 2/3 1 2"),
            ("quiet since the last was sent", "1 2 > 2 1", "+1 s1 @90 s2 @189 ?1 @190", "held open 1/2 1"),
            ("never before anything has come", "1 2 > 2 1", "s1 s2 @5000 ?1", "held"),
            ("who comes late passes at once", "1 2 > 2 1", "+1 s1 s2 @100 +2 ?2", "open 1/2 1 expired"),
            ("who passed was released", "1 2 > 2 1", "+1 +2 ?1 ?2", "open 2/2 2 1 released released"),
            ("who passed an expired gate was not", "1 2 > 2 1", "+1 @2000 ?1", "open 1/2 1 expired"),
            ("with the planned gap", "1 2 > 2 1 / 5", "+1 +2 ?1 @4 ?1 @5 ?1", "open 2/2 2 held held 1 released"),
            ("the unnamed follow in order of arrival", "1 > 1", "+9 +8 +1", "open 1/1 1 9 8"),
            ("the named who have not come are left out", "1 > 2 1", "+1 ?2", "open 1/1 1 expired"),
            ("a gate that awaits nobody opens at the first", ">", "+4 ?4", "open 0/0 4 released"),
        ];
        for (what, plan, script, expected) in table {
            assert_eq!(run(plan, script), expected, "{what}");
        }
    }

    #[test]
    fn a_gate_says_when_to_look_again() {
        let mut gate = gate("1 2 > 2 1 / 7");
        assert_eq!(gate.next_at(), None);
        gate.arrive(ExchangeId(1), Moment(1000));
        assert_eq!(gate.next_at(), Some(Moment(2_001_000)));
        gate.sent(ExchangeId(1), Moment(2000));
        gate.sent(ExchangeId(2), Moment(3000));
        assert_eq!(gate.next_at(), Some(Moment(103_000)));
        gate.arrive(ExchangeId(2), Moment(4000));
        assert!(gate.open(Moment(4000)).is_some_and(|opened| opened.in_full()));
        assert_eq!(gate.release(Moment(4000)), Some(ExchangeId(2)));
        assert_eq!(gate.next_at(), Some(Moment(11_000)));
        assert_eq!(gate.release(Moment(11_000)), Some(ExchangeId(1)));
        assert_eq!(gate.next_at(), None);
    }
}
