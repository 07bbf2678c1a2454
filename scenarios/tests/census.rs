//! What a case costs and brings, on paper: plays plans against an imagined gateway that is correct and fast, in steps of a
//! quarter of a millisecond, with a new upstream connection for each request. A plan that waits for what can never
//! happen would not end.

use std::collections::BTreeMap;

use scenarios::{DrawContext, ProfileWord, catalogue};
use vocabulary::crossing::Http;
use vocabulary::directive::{Hold, OriginAct};
use vocabulary::identity::{CaseNumber, ExchangeId};
use vocabulary::plan::{AbortWhen, ConnectionUse, Event, EventKind, Plan};

const STEP_US: u64 = 250;
/// How long all must be quiet before bait is given up.
const PATIENCE_US: u64 = 20_000;

/// One exchange under way.
#[derive(Default)]
struct Running {
    act: usize,
    ready_at: Option<u64>,
    abort_at: Option<u64>,
}

struct Imagined<'a> {
    plan: &'a Plan,
    now: u64,
    last_activity: u64,
    happened: BTreeMap<Event, u64>,
    running: BTreeMap<ExchangeId, Running>,
    /// For each lane: the stimulus that goes out next, and when it does once it may.
    lanes: Vec<(usize, Option<u64>)>,
}

/// How long the plan takes, in microseconds, and how many replies its clients receive.
fn play(plan: &Plan) -> (u64, usize) {
    let lanes = vec![(0, None); plan.lanes.len()];
    let mut imagined =
        Imagined { plan, now: 0, last_activity: 0, happened: BTreeMap::new(), running: BTreeMap::new(), lanes };
    while !imagined.is_done() {
        imagined.step();
        assert!(imagined.now < 5_000_000, "{} {} does not end", plan.scenario.name, plan.case);
    }
    let aborted = imagined.happened.keys().filter(|event| event.kind == EventKind::Aborted).count();
    (imagined.now, plan.stimuli().count() - aborted)
}

impl Imagined<'_> {
    fn is_done(&self) -> bool {
        let of_lanes = || self.lanes.iter().zip(&self.plan.lanes);
        of_lanes().all(|((at, _), lane)| *at == lane.stimuli.len()) && self.running.is_empty()
    }

    fn happens(&mut self, exchange: ExchangeId, kind: EventKind) {
        self.happened.entry(Event { exchange, kind }).or_insert(self.now);
        self.last_activity = self.now;
    }

    fn has(&self, exchange: ExchangeId, kind: EventKind) -> bool {
        self.happened.contains_key(&Event { exchange, kind })
    }

    /// A client that had its reply before it gave up never will.
    fn is_still_awaited(&self, event: Event) -> bool {
        let is_too_late = event.kind == EventKind::Aborted && self.has(event.exchange, EventKind::Concluded);
        !self.happened.contains_key(&event) && !is_too_late
    }

    fn step(&mut self) {
        for lane in 0..self.lanes.len() {
            self.client(lane);
        }
        let under_way: Vec<ExchangeId> = self.running.keys().copied().collect();
        for exchange in under_way {
            self.origin(exchange);
        }
        self.now += STEP_US;
    }

    fn client(&mut self, lane: usize) {
        let (at, due) = self.lanes[lane];
        let stimuli = &self.plan.lanes[lane].stimuli;
        let Some(stimulus) = stimuli.get(at) else { return };
        let exchange = stimulus.exchange;
        // A stream beside others waits for nobody's reply. A gateway of HTTP/1.1 works on one request of a connection.
        let is_stream = self.plan.down == Http::H2 && stimulus.connection == ConnectionUse::Pipelined;
        if !is_stream && !stimuli[..at].iter().rev().all(|before| self.has(before.exchange, EventKind::Concluded)) {
            return;
        }
        if stimulus.start.after.is_some_and(|event| self.is_still_awaited(event)) {
            return;
        }
        if let Some(freeze) = stimulus.freeze {
            self.happened.entry(Event { exchange, kind: EventKind::Frozen }).or_insert(self.now);
            if !self.happened.contains_key(&freeze.until) {
                return;
            }
        }
        let delay_us = stimulus.start.delay_us + stimulus.freeze.map_or(0, |freeze| freeze.delay_us);
        let due = *self.lanes[lane].1.get_or_insert(due.unwrap_or(self.now + delay_us));
        if due <= self.now {
            self.happens(exchange, EventKind::Sent);
            let sent_at = self.now;
            let abort_at = stimulus.abort.and_then(|abort| match abort.when {
                AbortWhen::AfterSent { us } | AbortWhen::AfterEvent { us, .. } => Some(sent_at + us),
                AbortWhen::AfterReplyBytes { .. } => None,
            });
            self.running.insert(exchange, Running { act: 0, ready_at: None, abort_at });
            self.lanes[lane] = (at + 1, None);
        }
    }

    /// Whether a client leaves in the middle of the reply that is written now.
    fn has_read_enough(&self, exchange: ExchangeId, act: usize) -> bool {
        let (_, stimulus) = self.plan.stimulus(exchange).expect("it was sent");
        let replies = matches!(stimulus.directive.acts.get(act), Some(OriginAct::Final(_)));
        replies && stimulus.abort.is_some_and(|abort| matches!(abort.when, AbortWhen::AfterReplyBytes { .. }))
    }

    /// A step of the origin's program, and of the client that awaits it.
    fn origin(&mut self, exchange: ExchangeId) {
        let now = self.now;
        let (act, abort_at) = (self.running[&exchange].act, self.running[&exchange].abort_at);
        if abort_at.is_some_and(|at| at <= now) || self.has_read_enough(exchange, act) {
            self.happens(exchange, EventKind::Seen);
            self.happens(exchange, EventKind::Aborted);
            self.happens(exchange, EventKind::Concluded);
            self.running.remove(&exchange);
            return;
        }
        self.happened.entry(Event { exchange, kind: EventKind::Seen }).or_insert(now);
        let (_, stimulus) = self.plan.stimulus(exchange).expect("it was sent");
        let Some(act) = stimulus.directive.acts.get(act) else {
            self.happens(exchange, EventKind::Concluded);
            self.running.remove(&exchange);
            return;
        };
        let ready_at = self.running[&exchange].ready_at;
        let done = match act {
            OriginAct::Hold(Hold::Bait) => now >= self.last_activity + PATIENCE_US,
            OriginAct::Hold(Hold::Gate(gate)) => {
                let gate = &self.plan.gates[usize::from(gate.0)];
                let arrived = gate
                    .awaits
                    .iter()
                    .filter_map(|exchange| self.happened.get(&Event { exchange: *exchange, kind: EventKind::Seen }));
                let arrived: Vec<u64> = arrived.copied().collect();
                let place = gate.release.iter().position(|released| *released == exchange).unwrap_or(0) as u64;
                arrived.len() == gate.awaits.len()
                    && now >= arrived.into_iter().max().unwrap_or(0) + place * gate.gap_us
            }
            OriginAct::Hold(Hold::Event(event)) => self.happened.contains_key(event),
            OriginAct::Hold(Hold::Body) => true,
            OriginAct::Wait { us } | OriginAct::Silence { us } => now >= ready_at.unwrap_or(now) + us,
            OriginAct::Final(reply) => {
                now >= ready_at.unwrap_or(now) + u64::from(reply.writes.count - 1) * reply.writes.gap_us
            }
            OriginAct::Interim(_)
            | OriginAct::Surplus(_)
            | OriginAct::Close(_)
            | OriginAct::Tunnel { .. }
            | OriginAct::Reset(_)
            | OriginAct::GoAway(_)
            | OriginAct::Settings(_) => true,
        };
        let kind = match act {
            OriginAct::Interim(_) => Some(EventKind::InterimWritten),
            OriginAct::Final(_) => Some(EventKind::FinalWritten),
            OriginAct::Surplus(_) => Some(EventKind::SurplusWritten),
            OriginAct::Hold(_)
            | OriginAct::Wait { .. }
            | OriginAct::Silence { .. }
            | OriginAct::Close(_)
            | OriginAct::Tunnel { .. }
            | OriginAct::Reset(_)
            | OriginAct::GoAway(_)
            | OriginAct::Settings(_) => None,
        };
        if done {
            if let Some(kind) = kind {
                self.happens(exchange, kind);
            }
            // The client has all that it is owed, whatever the origin does then.
            let next = stimulus.directive.acts.get(self.running[&exchange].act + 1);
            if let (Some(EventKind::FinalWritten), Some(OriginAct::Hold(Hold::Event(_)))) = (kind, next) {
                self.happens(exchange, EventKind::Concluded);
            }
            let running = self.running.get_mut(&exchange).expect("it is under way");
            (running.act, running.ready_at) = (running.act + 1, None);
        } else {
            self.running.get_mut(&exchange).expect("it is under way").ready_at.get_or_insert(now);
        }
    }
}

#[test]
fn every_case_ends_soon_and_brings_enough_replies() {
    for (scenario, down) in catalogue().all().iter().flat_map(|scenario| [(scenario, Http::H1), (scenario, Http::H2)]) {
        if scenario.head.down.is_some_and(|only| only != down) {
            continue;
        }
        let context = DrawContext { down, ..DrawContext::default() };
        let plans: Vec<Plan> = (0..140).map(|case| scenario.plan(1, CaseNumber(case), &context)).collect();
        let (mut times, mut replies): (Vec<u64>, Vec<usize>) = plans.iter().map(play).unzip();
        times.sort_unstable();
        replies.sort_unstable();
        let (time, slowest) = (times[70] / 1000, times[139] / 1000);
        let mean = |values: &[usize]| values.iter().sum::<usize>() / values.len();
        let faults: Vec<usize> = plans.iter().map(|plan| plan.size().faults as usize).collect();
        println!(
            "{:<28} {down} {:>3} replies a case ({} to {}), {:>3} faults, {time:>3} ms in the median, {slowest} at most",
            scenario.name(),
            mean(&replies),
            replies[0],
            replies[139],
            mean(&faults),
        );
        assert!(replies[0] >= 15 && mean(&replies) >= 30, "{} brings too little to {down}", scenario.name());
        // What waits for a timeout, or for seconds, says so by its profile.
        let most = if scenario.profile == ProfileWord::Quick { 110 } else { 2_500 };
        assert!(time <= most, "{} takes {time} ms in the median from {down}", scenario.name());
    }
}
