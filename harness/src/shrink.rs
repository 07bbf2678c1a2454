//! Smaller plans that show the same finding.
//!
//! Pure: [`Shrink::next`] proposes a plan, whoever runs it says with [`Shrink::tell`] whether it still fails. First come
//! guesses from the finding's story (owner and receiver alone), then what delta debugging leaves (Zeller and
//! Hildebrandt 2002): lanes, exchanges, faults, tenants, and last the values that only make a plan longer to read. It
//! goes round until a whole round leaves nothing out, so that no single exchange, fault or tenant of the result can be
//! missed. How often a plan is run is [`trial`]'s to say.

mod draft;
mod trial;
mod values;

use std::collections::BTreeSet;

use vocabulary::directive::FaultKind;
use vocabulary::finding::{Boundary, Finding, Reproduction, Size};
use vocabulary::identity::{ExchangeId, TenantId};
use vocabulary::plan::{Event, EventKind, Plan, Start, Stimulus};

use draft::{Draft, Names};
pub(crate) use trial::Trial;
use values::PLAINER;

use crate::ablate::{ablate, is_only_an_order};

/// How long after the owner's fault the receiver is sent: the gateway has taken notice by then.
const TRIGGERED_US: u64 = 1_000;
/// The rate that is assumed of a plan which failed once and, run again and again, not any more.
const RATE_MIN: f64 = 0.1;
/// A plan that fails less often than this is worth making steadier.
const STEADY: f64 = 0.9;

/// The plan with nobody waiting for anybody at the origin, for a gateway that lets one request through at a time.
pub(crate) fn without_gates(plan: &Plan) -> Plan {
    Draft::of(plan).without_gates(|_| true).plan().0
}

/// Whether the gates of a plan are all that misbehaves in it, and a smaller one has none: what brought the finding about is
/// then left to chance, and that is no smaller a proof. Other faults are another matter: a finding that comes without them
/// was not brought about by them.
pub(crate) fn leaves_order_to_chance(plan: &Plan, smaller: &Plan) -> bool {
    smaller.size().faults == 0 && plan.size().faults > 0 && is_only_an_order(plan)
}

/// A plan to be tried.
#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    pub(crate) plan: Plan,
    /// What is left out or smaller, in a few words.
    pub(crate) change: String,
    /// How often it is run.
    pub(crate) trial: Trial,
}

/// What is known of a run that failed: it steers what is left out next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Tenants without whom there is no such finding.
    pub(crate) tenants_min: u32,
    /// Receivers and owners, in the order in which they were received.
    pub(crate) edges: Vec<(ExchangeId, ExchangeId)>,
    /// Every exchange of the story.
    pub(crate) story: BTreeSet<ExchangeId>,
    /// The exchanges that arrived at the origin, in the order in which they did.
    pub(crate) arrivals: Vec<ExchangeId>,
}

impl Seen {
    pub(crate) fn of(finding: &Finding, arrivals: Vec<ExchangeId>) -> Seen {
        let edges: Vec<_> = finding.edges.iter().map(|edge| (edge.receiver, edge.delivery.exchange)).collect();
        let evidence = finding.evidence.exchanges.iter().map(|exchange| exchange.exchange);
        let story = edges.iter().flat_map(|(receiver, owner)| [*receiver, *owner]).chain(evidence).collect();
        let tenants_min = if finding.boundary == Boundary::CrossTenant { 2 } else { 1 };
        Seen { tenants_min, edges, story, arrivals }
    }

    /// Whether a plan of this size cannot show what was seen.
    fn rules_out(&self, size: Size) -> bool {
        let exchanges_min = if self.edges.iter().any(|(receiver, owner)| receiver != owner) { 2 } else { 1 };
        size.tenants < self.tenants_min || size.exchanges < exchanges_min
    }

    fn renamed(&self, names: &Names) -> Seen {
        let name = |exchange: &ExchangeId| names.get(exchange).copied();
        let mut arrivals: Vec<ExchangeId> = Vec::new();
        for exchange in self.arrivals.iter().filter_map(name) {
            // What a request spells beside itself has no place in the order of its own.
            if !arrivals.contains(&exchange) {
                arrivals.push(exchange);
            }
        }
        Seen {
            tenants_min: self.tenants_min,
            edges: self.edges.iter().filter_map(|(to, from)| Some((name(to)?, name(from)?))).collect(),
            story: self.story.iter().filter_map(name).collect(),
            arrivals,
        }
    }
}

/// What is left out next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Everything but the story's exchanges, guessed in several ways.
    Story,
    /// Chance from the order of arrivals.
    Order,
    Lanes,
    Exchanges,
    Faults,
    Tenants,
    Values,
    /// Nothing: the smallest plan is told in other ways that may fail more often.
    Steady,
}

/// A plan on its way to the smallest one that still fails.
#[derive(Debug)]
pub(crate) struct Shrink {
    best: Draft,
    /// How often the plan that revealed the finding fails.
    rate: f64,
    seen: Seen,
    pass: Pass,
    /// How many things are left out at once, and the first of them.
    chunk: usize,
    at: usize,
    /// Whether this round has left something out.
    progress: bool,
    /// Whether a plan that was taken passed now and then: what chance has dropped then gets a second trial, once.
    unsteady: bool,
    again: bool,
    tried: Vec<Plan>,
    proposed: Option<(Draft, Names)>,
    guesses: Vec<(Draft, String)>,
}

impl Shrink {
    /// Begins with a plan, how often it has failed in how many runs, and what was seen when it did.
    pub(crate) fn new(plan: &Plan, measured: (u32, u32), seen: Seen) -> Shrink {
        let (failed, runs) = measured;
        let rate = (f64::from(failed) / f64::from(runs.max(1))).max(RATE_MIN);
        let best = Draft::of(plan);
        let seen = seen.renamed(&best.names());
        let guesses = guesses(&best, &seen);
        let tried = vec![best.plan().0];
        Shrink {
            best,
            rate,
            seen,
            pass: Pass::Story,
            chunk: 1,
            at: 0,
            progress: false,
            unsteady: rate < STEADY,
            again: false,
            tried,
            proposed: None,
            guesses,
        }
    }

    /// The smallest plan so far.
    #[cfg(test)]
    fn plan(&self) -> Plan {
        self.best.plan().0
    }

    /// The next plan to try, or none if nothing is left.
    pub(crate) fn next(&mut self) -> Option<Proposal> {
        loop {
            let Some(proposal) = self.proposal() else {
                self.next_pass()?;
                continue;
            };
            if let Some((draft, change)) = proposal {
                let (plan, names) = draft.plan();
                let possible = plan.defect().is_none() && !self.seen.rules_out(plan.size());
                if possible && !self.tried.contains(&plan) {
                    self.tried.push(plan.clone());
                    self.proposed = Some((draft, names));
                    let trial = match self.pass {
                        Pass::Steady => Trial::for_steady(),
                        Pass::Values => Trial::of_the_plainer(self.rate),
                        _ if leaves_order_to_chance(&self.best.plan, &plan) => Trial::of_the_plainer(self.rate),
                        _ => Trial::against(self.rate),
                    };
                    return Some(Proposal { plan, change, trial });
                }
            }
            self.at += self.chunk;
        }
    }

    /// Whether the plan proposed last still fails often enough, how often, and what was seen when it did.
    pub(crate) fn tell(&mut self, failed: Option<(&Seen, Reproduction)>) {
        let Some((draft, names)) = self.proposed.take() else { return };
        let Some((seen, rate)) = failed else {
            self.at += self.chunk;
            return;
        };
        self.unsteady |= rate.failed < rate.runs;
        self.best = draft;
        self.seen = seen.renamed(&names);
        // A plainer value makes nothing else superfluous.
        self.progress |= !matches!(self.pass, Pass::Story | Pass::Values);
        // What comes next has moved to where this stood; the guesses are spent by the first that is right.
        if matches!(self.pass, Pass::Story | Pass::Steady) {
            self.guesses.clear();
        }
    }

    /// Nothing is left to leave out: whether the smallest plan, which fails at this rate, is now told in other ways.
    pub(crate) fn may_be_steadier(&mut self, rate: Reproduction) -> bool {
        if self.pass == Pass::Steady || f64::from(rate.failed) >= STEADY * f64::from(rate.runs) {
            return false;
        }
        self.pass = Pass::Steady;
        (self.chunk, self.at) = (1, 0);
        self.guesses = steadier(&self.best, &self.seen);
        true
    }

    /// Smaller chunks, then the next pass, then another round.
    fn next_pass(&mut self) -> Option<()> {
        if self.chunk > 1 {
            (self.chunk, self.at) = (self.chunk / 2, 0);
            return Some(());
        }
        self.pass = match self.pass {
            Pass::Story => Pass::Order,
            Pass::Order => Pass::Lanes,
            Pass::Lanes => Pass::Exchanges,
            Pass::Exchanges => Pass::Faults,
            Pass::Faults => Pass::Tenants,
            // What is plainer is not looked for twice.
            Pass::Tenants if self.again => return None,
            Pass::Tenants => Pass::Values,
            Pass::Values if self.progress || self.unsteady => {
                if self.unsteady {
                    self.again = true;
                    self.tried.truncate(1);
                }
                self.progress = false;
                Pass::Order
            }
            Pass::Values | Pass::Steady => return None,
        };
        self.at = 0;
        self.chunk = match self.pass {
            Pass::Lanes => (self.best.plan.lanes.len() / 2).max(1),
            Pass::Exchanges => (self.best.exchanges().len() / 2).max(1),
            Pass::Faults => (self.faulty().len() / 2).max(1),
            Pass::Story | Pass::Order | Pass::Tenants | Pass::Values | Pass::Steady => 1,
        };
        Some(())
    }

    /// What stands at the present place of the present pass: none if the pass is over, nothing if it is no change.
    #[expect(clippy::option_option, reason = "the end of a pass, and a place with nothing to propose, are different")]
    fn proposal(&self) -> Option<Option<(Draft, String)>> {
        match self.pass {
            Pass::Story | Pass::Steady => self.guesses.get(self.at).map(|guess| Some(guess.clone())),
            Pass::Order => (self.at == 0).then(|| self.in_order()),
            Pass::Lanes => self.without_lanes(),
            Pass::Exchanges => {
                let all: Vec<ExchangeId> = self.best.exchanges().into_iter().collect();
                self.without(&all, "exchange")
            }
            Pass::Faults => self.without_faults(),
            Pass::Tenants => self.fewer_tenants(),
            Pass::Values => self.plainer(),
        }
    }

    /// Requests that meet at a gate arrive in the order in which they did when the plan failed.
    fn in_order(&self) -> Option<(Draft, String)> {
        let order = self.best.arrivals.is_empty() && !self.best.plan.gates.is_empty();
        let arrivals = self.seen.arrivals.clone();
        order.then(|| (Draft { arrivals, ..self.best.clone() }, "requests arrive in the order seen".to_owned()))
    }

    #[expect(clippy::option_option, reason = "as for proposal")]
    fn without_lanes(&self) -> Option<Option<(Draft, String)>> {
        let lanes = &self.best.plan.lanes;
        let gone = lanes.get(self.at..)?;
        if gone.is_empty() {
            return None;
        }
        let gone = &gone[..self.chunk.min(gone.len())];
        let gone: BTreeSet<ExchangeId> =
            gone.iter().flat_map(|lane| &lane.stimuli).map(|stimulus| stimulus.exchange).collect();
        let keep: BTreeSet<ExchangeId> = self.best.exchanges().difference(&gone).copied().collect();
        Some((!keep.is_empty()).then(|| (self.best.keep(&keep), format!("without {}", counted(self.chunk, "lane")))))
    }

    #[expect(clippy::option_option, reason = "as for proposal")]
    fn without(&self, all: &[ExchangeId], what: &str) -> Option<Option<(Draft, String)>> {
        let gone = all.get(self.at..).filter(|gone| !gone.is_empty())?;
        let gone = &gone[..self.chunk.min(gone.len())];
        let keep: BTreeSet<ExchangeId> = all.iter().filter(|exchange| !gone.contains(exchange)).copied().collect();
        Some((!keep.is_empty()).then(|| (self.best.keep(&keep), format!("without {}", counted(gone.len(), what)))))
    }

    /// The gates and the exchanges with a fault of their own.
    fn faulty(&self) -> Vec<Faulty> {
        let gates = self.best.plan.gates.iter().map(|gate| Faulty::Gate(gate.id));
        let own = self.best.plan.faults().into_iter().filter(|(_, kind)| *kind != FaultKind::Reorder);
        let mut exchanges: Vec<ExchangeId> = own.map(|(exchange, _)| exchange).collect();
        exchanges.dedup();
        let several = exchanges.iter().copied().filter(|exchange| self.interims(*exchange) > 1).map(Faulty::Interims);
        let several: Vec<Faulty> = several.collect();
        gates.chain(exchanges.into_iter().map(Faulty::Exchange)).chain(several).collect()
    }

    fn interims(&self, exchange: ExchangeId) -> usize {
        let stimulus = self.best.plan.stimulus(exchange);
        stimulus.map_or(0, |(_, one)| one.directive.acts.iter().filter(|act| act.interim().is_some()).count())
    }

    #[expect(clippy::option_option, reason = "as for proposal")]
    fn without_faults(&self) -> Option<Option<(Draft, String)>> {
        let all = self.faulty();
        let gone = all.get(self.at..).filter(|gone| !gone.is_empty())?;
        let gone = &gone[..self.chunk.min(gone.len())];
        let (well_behaved, _) = ablate(&self.best.plan);
        let draft = self.best.without_gates(|gate| gone.contains(&Faulty::Gate(gate)));
        let draft = draft.change(
            |exchange| gone.contains(&Faulty::Exchange(exchange)),
            |stimulus| {
                if let Some((_, well)) = well_behaved.stimulus(stimulus.exchange) {
                    (stimulus.abort, stimulus.request) = (None, well.request.clone());
                    stimulus.directive = well.directive.clone();
                }
            },
        );
        let draft = draft.change(|exchange| gone.contains(&Faulty::Interims(exchange)), values::one_interim);
        Some(Some((draft, format!("without {}", counted(gone.len(), "fault")))))
    }

    /// Two tenants become one.
    #[expect(clippy::option_option, reason = "as for proposal")]
    fn fewer_tenants(&self) -> Option<Option<(Draft, String)>> {
        let all: BTreeSet<TenantId> = self.best.plan.stimuli().map(|(_, stimulus)| stimulus.tenant).collect();
        let all: Vec<TenantId> = all.into_iter().collect();
        let pairs =
            all.iter().enumerate().flat_map(|(index, tenant)| all[..index].iter().map(move |into| (*tenant, *into)));
        let (tenant, into) = pairs.clone().nth(self.at)?;
        let draft = self.best.change(
            |_| true,
            |stimulus| {
                if stimulus.tenant == tenant {
                    stimulus.tenant = into;
                }
            },
        );
        Some((all.len() > 1).then(|| (draft, "one tenant less".to_owned())))
    }

    /// Every stimulus plainer in one way; where that does not fail any more, one after the other.
    #[expect(clippy::option_option, reason = "as for proposal")]
    fn plainer(&self) -> Option<Option<(Draft, String)>> {
        let all: Vec<ExchangeId> = self.best.exchanges().into_iter().collect();
        let ways = PLAINER.len();
        let (which, way) = match self.at.checked_sub(ways) {
            None => (None, self.at),
            Some(single) => (Some(*all.get(single / ways)?), single % ways),
        };
        let (name, change) = PLAINER[way];
        let draft = self.best.change(|exchange| which.is_none_or(|which| which == exchange), change);
        Some((draft != self.best).then(|| (draft, name.to_owned())))
    }
}

/// Something that misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Faulty {
    Gate(vocabulary::identity::GateId),
    Exchange(ExchangeId),
    /// The interim replies to it but for one.
    Interims(ExchangeId),
}

/// Guesses from the story, smallest first, each smaller than the draft.
fn guesses(draft: &Draft, seen: &Seen) -> Vec<(Draft, String)> {
    let plan = &draft.plan;
    let named: BTreeSet<ExchangeId> = match seen.edges.first() {
        Some((receiver, owner)) => BTreeSet::from([*receiver, *owner]),
        None => seen.story.clone(),
    };
    let keeps = [
        (named.clone(), "owner and receiver alone"),
        (with_gates(plan, named.clone()), "those who were held together"),
        (with_faults_before(plan, &named), "owner, receiver and the first fault"),
        (with_events(plan, seen.story.clone()), "the story and what it waits for"),
        (with_lanes_up_to(plan, &seen.story), "the lanes of the story"),
    ];
    let mut guesses: Vec<(Draft, String)> = Vec::new();
    let triggered = triggered(draft, seen).map(|draft| (draft, "owner and receiver, sent after the fault".to_owned()));
    let kept = keeps.into_iter().flat_map(|(keep, words)| {
        let kept = draft.keep(&keep);
        let arrivals = seen.arrivals.iter().copied().filter(|exchange| keep.contains(exchange)).collect();
        let in_order = (!kept.plan.gates.is_empty()).then(|| Draft { arrivals, ..kept.clone() });
        let in_order = in_order.map(|draft| (draft, format!("{words}, in the order seen")));
        in_order.into_iter().chain([(kept, words.to_owned())])
    });
    for (smaller, words) in triggered.into_iter().chain(kept) {
        let new = !guesses.iter().any(|(other, _)| *other == smaller);
        if new && smaller.exchanges().len() < draft.exchanges().len() && !smaller.exchanges().is_empty() {
            guesses.push((smaller, words));
        }
    }
    guesses
}

/// Owner and receiver alone, the receiver as soon as the owner's fault has happened: what the others brought about by
/// their number, this does by waiting.
fn triggered(draft: &Draft, seen: &Seen) -> Option<Draft> {
    let (receiver, owner) = *seen.edges.first()?;
    if receiver == owner {
        // A request and what it spells cannot wait for each other.
        return None;
    }
    let draft = draft.keep(&BTreeSet::from([owner, receiver]));
    after_fault(&draft, receiver, owner, TRIGGERED_US)
}

/// The receiver is sent so long after the owner's fault.
fn after_fault(draft: &Draft, receiver: ExchangeId, owner: ExchangeId, delay_us: u64) -> Option<Draft> {
    let kind = match draft.plan.faults().iter().find(|(exchange, _)| *exchange == owner)?.1 {
        FaultKind::Interim => EventKind::InterimWritten,
        FaultKind::ClientAbort => EventKind::Aborted,
        // Its reply must have been received for the surplus behind it to be provably early.
        FaultKind::Surplus => EventKind::Concluded,
        // By then the gateway may hold the connection to be idle, while what the request was taken for is still owed.
        FaultKind::RequestFraming => EventKind::FinalWritten,
        FaultKind::EarlyFinal
        | FaultKind::Reorder
        | FaultKind::PrivateReply
        | FaultKind::Framing
        | FaultKind::Cut
        | FaultKind::Silence
        | FaultKind::Close
        | FaultKind::Tunnel
        | FaultKind::Reset
        | FaultKind::GoAway
        | FaultKind::Settings
        | FaultKind::LargeHead => return None,
    };
    let start = Start { after: Some(Event { exchange: owner, kind }), delay_us };
    Some(draft.change(|exchange| exchange == receiver, |stimulus| stimulus.start = start))
}

/// The same plan with other waits: between fault and receiver, and between those who are held together.
fn steadier(draft: &Draft, seen: &Seen) -> Vec<(Draft, String)> {
    let mut ways = Vec::new();
    if let Some((receiver, owner)) = seen.edges.first() {
        for delay_us in [1_000, 5_000, 20_000] {
            let told = (receiver != owner).then(|| after_fault(draft, *receiver, *owner, delay_us)).flatten();
            ways.extend(told.map(|draft| (draft, format!("the receiver {} ms after the fault", delay_us / 1_000))));
        }
    }
    if !draft.plan.gates.is_empty() {
        let arrivals = Draft { arrivals: seen.arrivals.clone(), ..draft.clone() };
        let mut apart = arrivals.clone();
        apart.plan.gates.iter_mut().for_each(|gate| gate.gap_us = 1_000);
        ways.push((arrivals, "requests arrive in the order seen".to_owned()));
        ways.push((apart, "replies are released 1 ms apart".to_owned()));
    }
    ways
}

/// Everybody who is held at the same gates: a gate releases an order only of those who are there.
fn with_gates(plan: &Plan, keep: BTreeSet<ExchangeId>) -> BTreeSet<ExchangeId> {
    let theirs = plan.gates.iter().filter(|gate| gate.awaits.iter().any(|awaited| keep.contains(awaited)));
    let held: Vec<ExchangeId> = theirs.flat_map(|gate| gate.awaits.iter().copied()).collect();
    keep.into_iter().chain(held).collect()
}

/// The first fault as well: a shift may have begun before.
fn with_faults_before(plan: &Plan, keep: &BTreeSet<ExchangeId>) -> BTreeSet<ExchangeId> {
    let faulty: BTreeSet<ExchangeId> = plan.faults().into_iter().map(|(exchange, _)| exchange).collect();
    let first = faulty.iter().next().copied();
    keep.iter().copied().chain(first).collect()
}

/// Whatever the kept exchanges wait for, and what that waits for.
fn with_events(plan: &Plan, mut keep: BTreeSet<ExchangeId>) -> BTreeSet<ExchangeId> {
    loop {
        let awaited = plan.stimuli().filter(|(_, stimulus)| keep.contains(&stimulus.exchange));
        let events = |stimulus: &Stimulus| [stimulus.start.after, stimulus.freeze.map(|freeze| freeze.until)];
        let more: Vec<ExchangeId> =
            awaited.flat_map(|(_, stimulus)| events(stimulus)).flatten().map(|event| event.exchange).collect();
        let before = keep.len();
        keep.extend(more);
        if keep.len() == before {
            return keep;
        }
    }
}

/// Every lane, up to the last exchange of the story in it; lanes without one are left out.
fn with_lanes_up_to(plan: &Plan, story: &BTreeSet<ExchangeId>) -> BTreeSet<ExchangeId> {
    let mut keep = BTreeSet::new();
    for lane in &plan.lanes {
        let last = lane.stimuli.iter().rposition(|stimulus| story.contains(&stimulus.exchange));
        let concerned = last.map_or(0, |last| last + 1);
        keep.extend(lane.stimuli.iter().take(concerned).map(|stimulus| stimulus.exchange));
    }
    with_events(plan, keep)
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
