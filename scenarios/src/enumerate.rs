//! Plays small schedules: events order the sends, gates the releases.
//!
//! The cases of a variant take the schedules one after the other, so that consecutive cases cover all of them.

use vocabulary::directive::{Hold, OriginAct};
use vocabulary::identity::{ExchangeId, GateId, TenantId};
use vocabulary::plan::{self, Event, EventKind, Start, Stimulus};

use crate::language::{Lane, Schedule};
use crate::schedule::{Step, schedules, steps};
use crate::stage::Stage;

impl Schedule {
    /// The orders that it stands for.
    pub(crate) fn all(&self) -> Vec<Vec<u8>> {
        if let Some(orders) = &self.orders {
            return orders.iter().map(|order| order.0.clone()).collect();
        }
        let wanted = |n: u64| {
            let alternatives = self.exchanges.iter().flat_map(|exchanges| exchanges.alternatives());
            alternatives.into_iter().any(|(low, high)| (low.0..=high.0).contains(&n))
        };
        (2..=4).filter(|n| wanted(*n)).flat_map(|n| schedules(n as u8)).collect()
    }
}

impl Stage {
    /// Plays the next few of all small schedules. Each step waits for the observed effect of the one before.
    pub(crate) fn enumerate(&mut self, schedule: &Schedule, lane: &Lane, rounds: u64, turn: u64) {
        let all = schedule.all();

        let tenants = lane.tenants.as_ref().map_or(1, |tenants| tenants.get_ref().draw(&mut self.closer.dice).0);
        let tenants = self.new_tenants(tenants as u16);
        let name = lane.name.get_ref();
        let workers = all.iter().map(|order| order.len() / 2).max().unwrap_or(0);
        self.lanes.resize_with(workers, || plan::Lane { name: name.clone(), stimuli: Vec::new(), until: None });

        let mut previous: Option<Event> = None;
        for number in 1..=rounds {
            let order = &all[((turn * rounds + number - 1) % all.len() as u64) as usize];
            // So that a reader can paste into a scenario of his own what a case has played.
            let separator = if self.note.is_empty() { "" } else { " " };
            self.note.push_str(separator);
            self.note.extend(order.iter().map(|digit| char::from(b'0' + digit)));
            let gap_us = self.closer.us(&schedule.gap);
            previous = self.play_schedule(order, lane, &tenants, (number, gap_us), previous);
        }
        self.lanes.retain(|lane| !lane.stimuli.is_empty());
    }

    /// One schedule. Each step waits for the observed effect of the one before, and then for the gap.
    fn play_schedule(
        &mut self,
        order: &[u8],
        lane: &Lane,
        tenants: &[TenantId],
        (number, gap_us): (u64, u64),
        mut previous: Option<Event>,
    ) -> Option<Event> {
        let exchanges: Vec<ExchangeId> = (0..order.len() / 2).map(|_| self.closer.exchange()).collect();
        let named = |digits: &[u8]| digits.iter().map(|digit| exchanges[usize::from(*digit)]).collect::<Vec<_>>();
        // Exchanges are alike in a schedule, so chance decides which lane plays which.
        let mut workers: Vec<usize> = (0..self.lanes.len()).collect();
        self.closer.dice.shuffle(&mut workers);

        for step in steps(order) {
            previous = match step {
                Step::Send(digit) => {
                    let (exchange, worker) = (exchanges[usize::from(digit)], workers[usize::from(digit)]);
                    let delay_us = if previous.is_some() { gap_us } else { 0 };
                    let start = Start { after: previous, delay_us };
                    let request = self.closer.request(&lane.request, number);
                    let connection = self.connection(lane, |_| unreachable!("the check has found no other lane"));
                    let plain = self.plain(exchange, tenants[worker % tenants.len()], start, request);
                    self.lanes[worker].stimuli.push(Stimulus { connection, audience: lane.audience, ..plain });
                    Some(Event { exchange, kind: EventKind::Seen })
                }
                Step::Release { in_flight, order } => {
                    let released = named(&order);
                    // A reply that is alone in flight needs no gate: there is nothing to reorder.
                    if in_flight.len() > 1 {
                        let gate = self.add_gate(named(&in_flight), released.clone(), gap_us);
                        self.hold(&released, gate);
                    }
                    released.last().map(|exchange| Event { exchange: *exchange, kind: EventKind::Concluded })
                }
            };
        }
        previous
    }

    /// Holds the replies to these exchanges at a gate.
    fn hold(&mut self, exchanges: &[ExchangeId], gate: GateId) {
        let stimuli = self.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli);
        for stimulus in stimuli.filter(|stimulus| exchanges.contains(&stimulus.exchange)) {
            stimulus.directive.acts.retain(|act| !matches!(act, OriginAct::Wait { .. }));
            let hold = OriginAct::Hold(Hold::Gate(gate));
            stimulus.directive.acts.insert(0, hold);
        }
    }
}
