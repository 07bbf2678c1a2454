//! Tells one variant of a scenario: who takes part, in which round, after what, and what the origin does for each.
//!
//! A lane of the scenario becomes one lane of the plan for each of its workers (tenants × copies). Rounds repeat the
//! story in the same lanes: a lane that waits for another waits for its round's event, and a lane that waits for
//! nobody begins a round when the last lane has ended the one before.

use std::collections::BTreeSet;

use vocabulary::crossing::Http;
use vocabulary::directive::Directive;
use vocabulary::identity::{ExchangeId, GateId, TenantId};
use vocabulary::plan::{self, Audience, ConnectionUse, Event, EventKind, Freeze, Gate, Start, Stimulus};

use crate::fill::{Closer, join_segments};
use crate::language::{GateRelease, Lane, Order, Variant};
use crate::origin::{Act, EventOf, HoldFor};

/// Between two warm-ups nothing is asked: a gateway puts an upstream connection back only when it has passed the reply on.
const WARM_UP_GAP_US: u64 = 1_000;
/// New connections that a warm-up opens at once: workers that accept by turns take one each.
const CANDIDATES_AT_ONCE: u32 = 2;
/// The body of the reply to a warm-up.
const WARM_UP_BYTES: u64 = 64;

/// The plan that is being drawn.
pub(crate) struct Stage {
    pub(crate) closer: Closer,
    /// What the clients speak.
    down: Http,
    pub(crate) tenants: u16,
    pub(crate) gates: Vec<Gate>,
    pub(crate) lanes: Vec<plan::Lane>,
    /// What the plan says of how it came about.
    pub(crate) note: String,
}

/// The client workers of one lane of the scenario.
struct Cast {
    /// For each worker its tenants, which its requests take in turn, and the index of its lane in the plan.
    workers: Vec<(Vec<TenantId>, usize)>,
    tenants: Vec<TenantId>,
}

/// The exchanges of one worker in one round.
#[derive(Default)]
struct Part {
    /// A login for each of the worker's tenants, in the first round.
    logins: Vec<ExchangeId>,
    own: Vec<ExchangeId>,
    plain_after: Vec<ExchangeId>,
}

/// The exchanges of one round, by lane of the scenario and by worker, and its gates, by position in the worker's part.
struct Round {
    number: u64,
    parts: Vec<Vec<Part>>,
    gates: Vec<Option<GateId>>,
    /// Whether one gate holds them all.
    together: bool,
}

/// The exchanges of the warm-ups, by lane of the scenario and by worker.
type WarmUps = Vec<Vec<Vec<ExchangeId>>>;

/// Those of the worker of a lane that a worker of another lane is paired with.
fn of_worker(warm_ups: &WarmUps, lane: Option<usize>, worker: usize) -> Vec<ExchangeId> {
    let workers = &warm_ups[lane.expect("the check has found the lane")];
    workers[worker % workers.len()].clone()
}

impl Round {
    /// The gate of a worker's request in this position.
    fn gate(&self, position: usize) -> Option<GateId> {
        self.gates.get(if self.together { 0 } else { position }).copied().flatten()
    }

    /// The event of the worker of a lane that a worker of another lane is paired with.
    fn event(&self, lane: usize, worker: usize, kind: EventKind) -> Event {
        let workers = &self.parts[lane];
        let own = &workers[worker % workers.len()].own;
        // A lane is done when its last request is; everything else is awaited of its first.
        let exchange = if kind == EventKind::Concluded { own[own.len() - 1] } else { own[0] };
        Event { exchange, kind }
    }
}

impl Stage {
    pub(crate) fn new(closer: Closer, down: Http) -> Stage {
        Stage { closer, down, tenants: 0, gates: Vec::new(), lanes: Vec::new(), note: String::new() }
    }

    /// Tells the story of a variant, as often as its rounds say.
    pub(crate) fn tell(&mut self, variant: &Variant) {
        let casts = self.cast(variant);
        let warm_ups = self.number_warm_ups(variant, &casts);
        self.warm_up(variant, &casts, &warm_ups);
        let rounds = variant.rounds().draw(&mut self.closer.dice).0;
        let mut previous: Option<Round> = None;
        for number in 1..=rounds {
            let round = self.number(variant, &casts, number);
            for (index, cast) in casts.iter().enumerate() {
                for worker in 0..cast.workers.len() {
                    self.play(variant, (index, worker), cast, &round, previous.as_ref(), &warm_ups);
                }
            }
            previous = Some(round);
        }
        self.begin_after(&warm_ups);
    }

    /// Numbers the warm-ups.
    fn number_warm_ups(&mut self, variant: &Variant, casts: &[Cast]) -> WarmUps {
        let mut all = Vec::new();
        for (lane, cast) in variant.lanes.iter().zip(casts) {
            let mut of_lane = Vec::new();
            for _ in &cast.workers {
                let count = lane.warm_ups.draw_if_open(&mut self.closer.dice).0;
                of_lane.push((0..count).map(|_| self.closer.exchange()).collect());
            }
            all.push(of_lane);
        }
        all
    }

    /// Writes the warm-ups into the plan, one at a time: the first of every worker, then the second of every worker, each
    /// when the one before is over. So workers whose connections shall have affinity look for each other by turns.
    fn warm_up(&mut self, variant: &Variant, casts: &[Cast], warm_ups: &WarmUps) {
        let most = warm_ups.iter().flatten().map(Vec::len).max().unwrap_or(0);
        let mut previous: Option<(usize, ExchangeId)> = None;
        for turn in 0..most {
            for ((index, lane), cast) in variant.lanes.iter().enumerate().zip(casts) {
                let mut sought = lane.connection.iter().flat_map(|connection| &connection.0);
                let sought = sought.find(|word| word.lane().is_some());
                for (worker, (tenants, target)) in cast.workers.iter().enumerate() {
                    let Some(exchange) = warm_ups[index][worker].get(turn).copied() else { continue };
                    let after = previous.filter(|(lane, _)| lane != target).map(|(_, before)| concluded(before));
                    let delay_us = if previous.is_some() { WARM_UP_GAP_US } else { 0 };
                    let with = |name: &str| of_worker(warm_ups, variant.lane(name), worker);
                    let stimulus = Stimulus {
                        start: Start { after, delay_us },
                        connection: sought.map_or(ConnectionUse::Kept, |word| word.close(with, CANDIDATES_AT_ONCE)),
                        request: self.closer.warm_up(&lane.request),
                        directive: Directive::benign(WARM_UP_BYTES),
                        ..Stimulus::get(exchange, tenants[0])
                    };
                    self.lanes[*target].stimuli.push(stimulus);
                    previous = Some((*target, exchange));
                }
            }
        }
    }

    /// The story begins when the last warm-up is over: whoever waits for nobody waits for that.
    fn begin_after(&mut self, warm_ups: &WarmUps) {
        let all: BTreeSet<ExchangeId> = warm_ups.iter().flatten().flatten().copied().collect();
        // By turns: of those with the most, whoever comes last.
        let most = warm_ups.iter().flatten().map(Vec::len).max().unwrap_or(0);
        let Some(last) = warm_ups.iter().flatten().rfind(|own| own.len() == most).and_then(|own| own.last()).copied()
        else {
            return;
        };
        for lane in &mut self.lanes {
            let own = lane.stimuli.iter().filter(|stimulus| all.contains(&stimulus.exchange)).count();
            let is_last = own > 0 && lane.stimuli[own - 1].exchange == last;
            if let Some(first) = lane.stimuli.get_mut(own).filter(|first| first.start.after.is_none()) {
                first.start.after = (!is_last).then(|| concluded(last));
                first.start.delay_us += WARM_UP_GAP_US;
            }
        }
    }

    /// Decides who takes part. Workers alternate between tenants, so that neighbours are of different ones.
    fn cast(&mut self, variant: &Variant) -> Vec<Cast> {
        let mut casts: Vec<Cast> = Vec::new();
        for lane in &variant.lanes {
            let of = |name: &str| {
                let lane = variant.lane(name).and_then(|index| casts.get(index));
                lane.map_or(1, |cast| cast.workers.len() as u64)
            };
            let in_all = lane.workers.as_ref().map(|workers| workers.get_ref().draw(&mut self.closer.dice, of));
            let owner = lane.tenants_of.as_ref().and_then(|owner| variant.lane(owner.get_ref()));
            let tenants = match owner {
                Some(owner) => casts[owner].tenants.clone(),
                None => {
                    let tenants =
                        lane.tenants.as_ref().map_or(1, |tenants| tenants.get_ref().draw(&mut self.closer.dice).0);
                    // A tenant without a worker would take part in nothing.
                    self.new_tenants(tenants.min(in_all.unwrap_or(tenants)) as u16)
                }
            };
            let copies = lane.copies().draw(&mut self.closer.dice, of);
            let taken: Vec<Vec<TenantId>> = match in_all {
                _ if lane.in_turn => (0..in_all.unwrap_or(copies)).map(|_| tenants.clone()).collect(),
                Some(workers) => tenants.iter().cycle().take(workers as usize).map(|tenant| vec![*tenant]).collect(),
                None => (0..copies).flat_map(|_| &tenants).map(|tenant| vec![*tenant]).collect(),
            };
            let mut workers = Vec::new();
            for tenants in taken {
                workers.push((tenants, self.lanes.len()));
                let until = lane.until.as_ref().map(|until| *until.get_ref());
                self.lanes.push(plan::Lane { name: lane.name.get_ref().clone(), stimuli: Vec::new(), until });
            }
            casts.push(Cast { workers, tenants });
        }
        casts
    }

    pub(crate) fn new_tenants(&mut self, count: u16) -> Vec<TenantId> {
        let first = self.tenants + 1;
        self.tenants += count;
        (first..=self.tenants).map(TenantId).collect()
    }

    /// Numbers the exchanges of a round and sets up its gates.
    fn number(&mut self, variant: &Variant, casts: &[Cast], number: u64) -> Round {
        let mut parts = Vec::new();
        let mut held: Vec<Vec<ExchangeId>> = Vec::new();
        let release = variant.gate.clone().unwrap_or_default();
        for (lane, cast) in variant.lanes.iter().zip(casts) {
            // Workers that meet at a gate do equally much: a gate that waits for somebody who is done never opens.
            let in_step = holds_at_gate(lane).then(|| lane.requests.draw(&mut self.closer.dice).0);
            let mut of_lane = Vec::new();
            for (tenants, _) in &cast.workers {
                let logins = if number == 1 && lane.login.is_some() { tenants.len() } else { 0 };
                let logins = (0..logins).map(|_| self.closer.exchange()).collect();
                let requests = in_step.unwrap_or_else(|| lane.requests.draw(&mut self.closer.dice).0);
                let plain_after = lane.plain_after.draw(&mut self.closer.dice).0;
                let own: Vec<ExchangeId> = (0..requests).map(|_| self.closer.exchange()).collect();
                for (position, exchange) in own.iter().enumerate().filter(|_| in_step.is_some()) {
                    let gate = if release.together { 0 } else { position };
                    held.resize_with(held.len().max(gate + 1), Vec::new);
                    held[gate].push(*exchange);
                }
                let plain_after = (0..plain_after).map(|_| self.closer.exchange()).collect();
                of_lane.push(Part { logins, own, plain_after });
            }
            parts.push(of_lane);
        }
        let gates = held.into_iter().map(|awaits| (awaits.len() > 1).then(|| self.gate(awaits, &release))).collect();
        Round { number, parts, gates, together: release.together }
    }

    fn gate(&mut self, awaits: Vec<ExchangeId>, release: &GateRelease) -> GateId {
        let dice = &mut self.closer.dice;
        let mut order = awaits.clone();
        match release.order.draw(dice) {
            Order::Fifo => {}
            Order::Lifo => order.reverse(),
            Order::Random => dice.shuffle(&mut order),
        }
        let gap_us = self.closer.us(&release.gap);
        self.add_gate(awaits, order, gap_us)
    }

    pub(crate) fn add_gate(&mut self, awaits: Vec<ExchangeId>, release: Vec<ExchangeId>, gap_us: u64) -> GateId {
        let id = GateId(self.gates.len() as u16);
        self.gates.push(Gate { id, awaits, release, gap_us });
        id
    }

    /// Writes one worker's part of one round into the plan.
    fn play(
        &mut self,
        variant: &Variant,
        (index, worker): (usize, usize),
        cast: &Cast,
        round: &Round,
        previous: Option<&Round>,
        warm_ups: &WarmUps,
    ) {
        let lane = &variant.lanes[index];
        let (tenants, target) = &cast.workers[worker];
        let target = *target;
        let part = &round.parts[index][worker];
        if let Some(login) = &lane.login {
            for (exchange, tenant) in part.logins.iter().zip(tenants) {
                let login = self.closer.login(login.get_ref());
                self.lanes[target].stimuli.push(Stimulus { exchange: *exchange, tenant: *tenant, ..login });
            }
        }
        // Neighbours begin with different tenants, and each goes on where its round before has ended.
        let first = worker + round.number as usize - 1;
        let tenant_at = |position: usize| tenants[(first + position) % tenants.len()];
        let event = |of: &EventOf| {
            let lane = variant.lane(&of.lane).expect("the check has found the lane");
            round.event(lane, worker, of.kind)
        };
        for (position, exchange) in part.own.iter().enumerate() {
            let start = match position {
                0 => self.start(variant, lane, (index, worker), previous, event),
                _ => Start { after: None, delay_us: self.closer.us(&lane.think) },
            };
            let gate = round.gate(position);
            // Later requests follow close behind: one standstill a round is enough.
            let freeze = lane.freeze.as_ref().filter(|_| position == 0).map(|freeze| {
                let until = event(freeze.until.get_ref());
                Freeze { until, delay_us: self.closer.us(&freeze.within), begun: freeze.begun }
            });
            let directive = match lane.origin.as_slice() {
                [] => self.closer.plain(),
                acts => {
                    let mut acts: Vec<_> =
                        acts.iter().flat_map(|act| self.closer.act(act.get_ref(), gate, event)).collect();
                    join_segments(&mut acts);
                    Directive { acts, every_attempt: lane.every_attempt }
                }
            };
            let with = |name: &str| match variant.lane(name) {
                // Whoever met the fault; or of those who come later, whoever they have warmed up.
                Some(other) if other < index => vec![round.event(other, worker, EventKind::Seen).exchange],
                other => of_worker(warm_ups, other, worker),
            };
            let connection = match (self.down, self.connection(lane, with)) {
                // What goes out behind a request that is given up goes down with it.
                (Http::H1, ConnectionUse::Pipelined) if self.has_just_given_up(target) => ConnectionUse::Kept,
                // Streams beside each other are those of one round: it begins when all of the one before are done.
                (Http::H2, ConnectionUse::Pipelined) if position == 0 && lane.connection.is_none() => {
                    ConnectionUse::Kept
                }
                (_, connection) => connection,
            };
            // RFC 9113 §5.4.2: whoever resets a stream lets the others be.
            let alone = self.down == Http::H2 || connection != ConnectionUse::Pipelined;
            let stimulus = Stimulus {
                exchange: *exchange,
                tenant: tenant_at(position),
                start,
                connection,
                freeze,
                request: self.closer.request(&lane.request, round.number),
                abort: match &lane.abort {
                    Some(give_up) => Some(self.closer.abort(give_up)),
                    // The first request is the one that other lanes wait for.
                    None if lane.origin.is_empty() && position > 0 && alone => {
                        self.closer.swarm.abort(&mut self.closer.knobs)
                    }
                    None => None,
                },
                read: lane.read.as_ref().map(|slowly| self.closer.read(slowly)),
                audience: lane.audience,
                directive,
            };
            self.lanes[target].stimuli.push(stimulus);
        }
        for (position, exchange) in (part.own.len()..).zip(&part.plain_after) {
            let tenant = tenant_at(position);
            let start = Start { after: None, delay_us: self.closer.us(&lane.think) };
            let request = self.closer.request(&lane.request, round.number);
            let stimulus = Stimulus { audience: lane.audience, ..self.plain(*exchange, tenant, start, request) };
            self.lanes[target].stimuli.push(stimulus);
        }
    }

    fn has_just_given_up(&self, lane: usize) -> bool {
        self.lanes[lane].stimuli.last().is_some_and(|stimulus| stimulus.abort.is_some())
    }

    /// When a worker begins a round: with its lane's event, or when the last lane has ended the round before.
    fn start(
        &mut self,
        variant: &Variant,
        lane: &Lane,
        (index, worker): (usize, usize),
        previous: Option<&Round>,
        event: impl Fn(&EventOf) -> Event,
    ) -> Start {
        let last = variant.lanes.len() - 1;
        let awaited = lane.start.as_ref().and_then(|start| start.after.as_ref());
        let after = match (awaited, previous) {
            (Some(of), _) => Some(event(of.get_ref())),
            (None, Some(previous)) if index != last => Some(previous.event(last, worker, EventKind::Concluded)),
            (None, _) => None,
        };
        let delay_us = lane.start.as_ref().map_or(0, |start| self.closer.us(&start.within));
        Start { after, delay_us }
    }

    /// As the lane says, or else the swarm. `with` knows the exchanges of another lane.
    pub(crate) fn connection(&mut self, lane: &Lane, with: impl Fn(&str) -> Vec<ExchangeId>) -> ConnectionUse {
        match &lane.connection {
            Some(connection) => connection.draw(&mut self.closer.dice).close(with, 1),
            None => self.closer.swarm.connection(&mut self.closer.knobs),
        }
    }

    /// A request that is kept on its connection and answered plainly.
    pub(crate) fn plain(
        &mut self,
        exchange: ExchangeId,
        tenant: TenantId,
        start: Start,
        request: plan::Request,
    ) -> Stimulus {
        Stimulus {
            exchange,
            tenant,
            start,
            connection: ConnectionUse::Kept,
            freeze: None,
            request,
            abort: None,
            read: None,
            audience: Audience::Exchange,
            directive: self.closer.plain(),
        }
    }
}

fn concluded(exchange: ExchangeId) -> Event {
    Event { exchange, kind: EventKind::Concluded }
}

fn holds_at_gate(lane: &Lane) -> bool {
    lane.origin.iter().any(|act| matches!(act.get_ref(), Act::Hold(HoldFor::Gate)))
}
