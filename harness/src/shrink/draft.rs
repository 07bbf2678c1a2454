//! A plan that is being made smaller: exchanges keep their first numbers until it is run.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::directive::{Hold, OriginAct};
use vocabulary::identity::{ExchangeId, GateId, TenantId};
use vocabulary::plan::{ConnectionUse, Event, EventKind, Freeze, Lane, Plan, RequestBody, Start, Stimulus};

/// A plan in the numbers of the one that revealed the finding, so that what is left out leaves the rest its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) plan: Plan,
    /// The order in which requests are made to arrive at the origin; empty where it is left to chance.
    pub(super) arrivals: Vec<ExchangeId>,
}

/// The old number of each exchange of a plan that was numbered anew. A ghost or a tail has that of its speller, with which
/// it stands or falls.
pub(crate) type Names = BTreeMap<ExchangeId, ExchangeId>;

impl Draft {
    pub(super) fn of(plan: &Plan) -> Draft {
        Draft { plan: plan.clone(), arrivals: Vec::new() }
    }

    pub(super) fn exchanges(&self) -> BTreeSet<ExchangeId> {
        self.plan.stimuli().map(|(_, stimulus)| stimulus.exchange).collect()
    }

    /// The exchanges as they are, ghosts and tails by their spellers.
    pub(super) fn names(&self) -> Names {
        let mut names = Names::new();
        for (_, stimulus) in self.plan.stimuli() {
            let all = std::iter::once(stimulus.exchange).chain(stimulus.request.spelled());
            names.extend(all.map(|exchange| (exchange, stimulus.exchange)));
        }
        names
    }

    /// The draft with these exchanges only.
    pub(super) fn keep(&self, keep: &BTreeSet<ExchangeId>) -> Draft {
        let mut plan = self.plan.clone();
        for lane in &mut plan.lanes {
            lane.stimuli.retain(|stimulus| keep.contains(&stimulus.exchange));
            lane.until = None;
        }
        plan.lanes.retain(|lane: &Lane| !lane.stimuli.is_empty());
        for gate in &mut plan.gates {
            gate.awaits.retain(|exchange| keep.contains(exchange));
            gate.release.retain(|exchange| keep.contains(exchange));
        }
        plan.gates.retain(|gate| gate.awaits.len() > 1);
        let gates: BTreeSet<GateId> = plan.gates.iter().map(|gate| gate.id).collect();
        for stimulus in plan.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli) {
            let own = stimulus.exchange;
            let stand_in = |event: Event| stand_in(&self.plan, keep, own, event);
            stimulus.start.after = stimulus.start.after.and_then(stand_in);
            stimulus.freeze =
                stimulus.freeze.and_then(|freeze| Some(Freeze { until: stand_in(freeze.until)?, ..freeze }));
            let acts = std::mem::take(&mut stimulus.directive.acts);
            stimulus.directive.acts = acts.into_iter().filter_map(|act| kept(act, &gates, stand_in)).collect();
        }
        for lane in &mut plan.lanes {
            keep_affinity(&self.plan, keep, &mut lane.stimuli);
        }
        // What it says of the whole is not true of the rest.
        plan.note.clear();
        let arrivals = self.arrivals.iter().copied().filter(|exchange| keep.contains(exchange)).collect();
        Draft { plan, arrivals }
    }

    /// The draft with each of these stimuli changed.
    pub(super) fn change(&self, which: impl Fn(ExchangeId) -> bool, change: impl Fn(&mut Stimulus)) -> Draft {
        let mut draft = self.clone();
        let stimuli = draft.plan.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli);
        stimuli.filter(|stimulus| which(stimulus.exchange)).for_each(change);
        draft
    }

    /// The draft without the holds at these gates.
    pub(super) fn without_gates(&self, gone: impl Fn(GateId) -> bool) -> Draft {
        let mut draft = self.clone();
        draft.plan.gates.retain(|gate| !gone(gate.id));
        for stimulus in draft.plan.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli) {
            let held = |act: &OriginAct| matches!(act, OriginAct::Hold(Hold::Gate(gate)) if gone(*gate));
            stimulus.directive.acts.retain(|act| !held(act));
        }
        draft
    }

    /// The plan as it is run: arrivals in their order, exchanges and tenants numbered from 1, so that its story reads
    /// from the beginning.
    pub(super) fn plan(&self) -> (Plan, Names) {
        let mut plan = self.plan.clone();
        wait_for_no_lost_freeze(&mut plan);
        self.pin(&mut plan);
        let exchanges = numbered(plan.stimuli().map(|(_, stimulus)| stimulus.exchange), ExchangeId);
        let tenants = numbered(plan.stimuli().map(|(_, stimulus)| stimulus.tenant), |number| TenantId(number as u16));
        let spelled = exchanges.len() as u32;
        let gates = numbered(plan.gates.iter().map(|gate| gate.id), |number| GateId(number as u16 - 1));
        for stimulus in plan.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli) {
            stimulus.exchange = exchanges[&stimulus.exchange];
            stimulus.tenant = tenants[&stimulus.tenant];
            let moved = |event: Event| Some(Event { exchange: *exchanges.get(&event.exchange)?, ..event });
            stimulus.start.after = stimulus.start.after.and_then(moved);
            stimulus.freeze = stimulus.freeze.and_then(|freeze| Some(Freeze { until: moved(freeze.until)?, ..freeze }));
            // Ghosts and tails are numbered behind everybody, each by who spells it.
            let spelled_by = spelled + 2 * stimulus.exchange.0;
            stimulus.request.tail = stimulus.request.tail.map(|_| ExchangeId(spelled_by));
            if let RequestBody::Ghost { exchange, .. } | RequestBody::Misframed { exchange, .. } =
                &mut stimulus.request.body
            {
                *exchange = ExchangeId(spelled_by - 1);
            }
            if let ConnectionUse::Affinity { with, .. } = &mut stimulus.connection {
                for exchange in with {
                    *exchange = exchanges[exchange];
                }
            }
            for act in &mut stimulus.directive.acts {
                match act {
                    OriginAct::Hold(Hold::Gate(gate)) => *gate = gates[gate],
                    OriginAct::Hold(Hold::Event(event)) => event.exchange = exchanges[&event.exchange],
                    _ => {}
                }
            }
        }
        for gate in &mut plan.gates {
            gate.id = gates[&gate.id];
            for exchange in gate.awaits.iter_mut().chain(&mut gate.release) {
                *exchange = exchanges[exchange];
            }
        }
        plan.tenants = tenants.len() as u16;
        let old: Names = exchanges.into_iter().map(|(old, new)| (new, old)).collect();
        let names = Draft::of(&plan).names().into_iter().map(|(new, speller)| (new, old[&speller])).collect();
        (plan, names)
    }

    /// Makes requests arrive in the order in which they did: each that waits for nothing else waits for the one before.
    fn pin(&self, plan: &mut Plan) {
        let before: BTreeMap<ExchangeId, ExchangeId> =
            self.arrivals.windows(2).map(|pair| (pair[1], pair[0])).collect();
        for lane in &mut plan.lanes {
            let mut previous = None;
            for stimulus in &mut lane.stimuli {
                let awaited = before.get(&stimulus.exchange).copied();
                if let Some(exchange) = awaited.filter(|awaited| previous != Some(*awaited))
                    && stimulus.start.after.is_none()
                {
                    let after = Some(Event { exchange, kind: EventKind::Seen });
                    stimulus.start = Start { after, ..stimulus.start };
                }
                previous = Some(stimulus.exchange);
            }
        }
    }
}

/// Nobody waits for a freeze that is left out: it would never come.
fn wait_for_no_lost_freeze(plan: &mut Plan) {
    let frozen: BTreeSet<ExchangeId> = plan
        .stimuli()
        .filter(|(_, stimulus)| stimulus.freeze.is_some())
        .map(|(_, stimulus)| stimulus.exchange)
        .collect();
    let is_lost = |event: &Event| event.kind == EventKind::Frozen && !frozen.contains(&event.exchange);
    for stimulus in plan.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli) {
        stimulus.start.after = stimulus.start.after.filter(|event| !is_lost(event));
        stimulus.directive.acts.retain(|act| !matches!(act, OriginAct::Hold(Hold::Event(event)) if is_lost(event)));
    }
}

/// Whose event takes the place of one that is gone, for a stimulus that waits for it: workers of one lane of the scenario
/// do the same, so that waiting for another of them keeps the story's order. A kept exchange stands for itself, and
/// only an earlier one for another: two that wait for each other would wait until both give up.
fn stand_in(plan: &Plan, keep: &BTreeSet<ExchangeId>, own: ExchangeId, event: Event) -> Option<Event> {
    if keep.contains(&event.exchange) {
        return Some(event);
    }
    let (lane, _) = plan.stimulus(event.exchange)?;
    let name = &plan.lanes[usize::from(lane.0)].name;
    let alike = plan.lanes.iter().filter(|lane| lane.name == *name).flat_map(|lane| &lane.stimuli);
    let earlier = alike.map(|stimulus| stimulus.exchange).filter(|exchange| *exchange < own && keep.contains(exchange));
    Some(Event { exchange: earlier.max()?, ..event })
}

/// A connection is sought by those of the named exchanges that are left, or else by whoever is left of their lanes; where
/// nobody is, or where the lane has none open from before, any does.
fn keep_affinity(plan: &Plan, keep: &BTreeSet<ExchangeId>, stimuli: &mut [Stimulus]) {
    for (index, stimulus) in stimuli.iter_mut().enumerate() {
        let ConnectionUse::Affinity { with, .. } = &mut stimulus.connection else { continue };
        let theirs = plan.lanes.iter().map(|lane| lane.stimuli.iter().map(|one| one.exchange));
        let theirs = theirs.filter(|lane| lane.clone().any(|exchange| with.contains(&exchange)));
        let left: Vec<ExchangeId> = theirs.flatten().filter(|exchange| keep.contains(exchange)).collect();
        with.retain(|exchange| keep.contains(exchange));
        if with.is_empty() {
            with.extend(left.first());
        }
        if with.is_empty() || index == 0 {
            stimulus.connection = ConnectionUse::Fresh;
        }
    }
}

/// New numbers from 1, in the order of the old ones.
fn numbered<Id: Ord + Copy>(ids: impl Iterator<Item = Id>, id: impl Fn(u32) -> Id) -> BTreeMap<Id, Id> {
    let ids: BTreeSet<Id> = ids.collect();
    ids.into_iter().zip(1..).map(|(old, new)| (old, id(new))).collect()
}

/// An act whose gate or event is gone is no hold any more.
fn kept(act: OriginAct, gates: &BTreeSet<GateId>, stand_in: impl Fn(Event) -> Option<Event>) -> Option<OriginAct> {
    match act {
        OriginAct::Hold(Hold::Gate(gate)) if !gates.contains(&gate) => None,
        OriginAct::Hold(Hold::Event(event)) => stand_in(event).map(|event| OriginAct::Hold(Hold::Event(event))),
        act => Some(act),
    }
}
