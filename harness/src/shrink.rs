//! Smaller plans that may show the same finding: the exchanges of its story, without the rest.
//!
//! Pure. The story names owners and receivers; most often they alone are enough. Whoever runs the candidates decides
//! which of them fails again.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::directive::{FaultKind, Hold, OriginAct};
use vocabulary::finding::Finding;
use vocabulary::identity::{ExchangeId, GateId, TenantId};
use vocabulary::plan::{Event, EventKind, Lane, Plan, RequestBody, Start};

/// How long after the owner's fault the receiver is sent: the gateway has taken notice by then.
const TRIGGERED_US: u64 = 1_000;

/// Plans to try, smallest first, each smaller than `plan`.
pub(crate) fn candidates(plan: &Plan, finding: &Finding) -> Vec<Plan> {
    let named: BTreeSet<ExchangeId> = match finding.edges.first() {
        Some(edge) => BTreeSet::from([edge.receiver, edge.delivery.exchange]),
        None => finding.evidence.exchanges.iter().map(|exchange| exchange.exchange).collect(),
    };
    let story: BTreeSet<ExchangeId> = finding
        .edges
        .iter()
        .flat_map(|edge| [edge.receiver, edge.delivery.exchange])
        .chain(finding.evidence.exchanges.iter().map(|exchange| exchange.exchange))
        .collect();
    let keeps = [
        named.clone(),
        with_gates(plan, named.clone()),
        with_faults_before(plan, &named),
        with_events(plan, story.clone()),
        with_lanes_up_to(plan, &story),
    ];
    let mut plans: Vec<Plan> = Vec::new();
    let smaller = keeps.iter().map(|keep| only(plan, keep));
    for smaller in triggered(plan, finding).into_iter().chain(smaller) {
        let new = smaller.size().exchanges < plan.size().exchanges && !plans.contains(&smaller);
        if new && smaller.defect().is_none() {
            plans.push(smaller);
        }
    }
    plans
}

/// Owner and receiver alone, the receiver as soon as the owner's fault has happened: what the others brought about by
/// their number, this does by waiting.
fn triggered(plan: &Plan, finding: &Finding) -> Option<Plan> {
    let edge = finding.edges.first()?;
    let (owner, receiver) = (edge.delivery.exchange, edge.receiver);
    let faults = plan.faults();
    let kind = match faults.iter().find(|(exchange, _)| *exchange == owner)?.1 {
        FaultKind::Interim => EventKind::InterimWritten,
        FaultKind::ClientAbort => EventKind::Aborted,
        // Its reply must have been received for the surplus behind it to be provably early.
        FaultKind::Surplus => EventKind::Concluded,
        FaultKind::RequestFraming
        | FaultKind::EarlyFinal
        | FaultKind::Reorder
        | FaultKind::PrivateReply
        | FaultKind::Framing
        | FaultKind::Cut
        | FaultKind::Silence
        | FaultKind::Close
        | FaultKind::Tunnel => return None,
    };
    let mut plan = only(plan, &BTreeSet::from([owner, receiver]));
    let (owner, receiver) = if owner < receiver { (1, 2) } else { (2, 1) };
    let stimuli = plan.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli);
    for stimulus in stimuli.filter(|stimulus| stimulus.exchange == ExchangeId(receiver)) {
        stimulus.start = Start { after: Some(Event { exchange: ExchangeId(owner), kind }), delay_us: TRIGGERED_US };
    }
    Some(plan)
}

/// The plans that lack one exchange of this one, the last first; the owner and the receiver that name the finding stay.
pub(crate) fn one_less(plan: &Plan, finding: &Finding) -> Vec<Plan> {
    let all: BTreeSet<ExchangeId> = plan.stimuli().map(|(_, stimulus)| stimulus.exchange).collect();
    let owner = finding.edges.first().map(|edge| edge.delivery.exchange);
    let others = all.iter().rev().filter(|exchange| owner != Some(**exchange) && **exchange != finding.subject);
    let without = others.map(|gone| only(plan, &all.iter().copied().filter(|exchange| exchange != gone).collect()));
    without.filter(|smaller| smaller.defect().is_none()).collect()
}

/// Everybody who is held at the same gates: a gate releases an order only of those who are there.
fn with_gates(plan: &Plan, keep: BTreeSet<ExchangeId>) -> BTreeSet<ExchangeId> {
    let theirs = plan.gates.iter().filter(|gate| gate.awaits.iter().any(|awaited| keep.contains(awaited)));
    let held: Vec<ExchangeId> = theirs.flat_map(|gate| gate.awaits.iter().copied()).collect();
    keep.into_iter().chain(held).collect()
}

/// The faults of the lanes that are concerned, up to the exchanges that are: a shift may have begun before.
fn with_faults_before(plan: &Plan, keep: &BTreeSet<ExchangeId>) -> BTreeSet<ExchangeId> {
    let faulty: BTreeSet<ExchangeId> = plan.faults().into_iter().map(|(exchange, _)| exchange).collect();
    let first = faulty.iter().next().copied();
    keep.iter().copied().chain(first).collect()
}

/// Whatever the kept exchanges wait for, and what that waits for.
fn with_events(plan: &Plan, mut keep: BTreeSet<ExchangeId>) -> BTreeSet<ExchangeId> {
    loop {
        let awaited = plan.stimuli().filter(|(_, stimulus)| keep.contains(&stimulus.exchange));
        let more: Vec<ExchangeId> = awaited.filter_map(|(_, stimulus)| Some(stimulus.start.after?.exchange)).collect();
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

/// The plan with these exchanges only, numbered anew from 1, so that its story reads from the beginning.
fn only(plan: &Plan, keep: &BTreeSet<ExchangeId>) -> Plan {
    let stand_ins = stand_ins(plan, keep);
    let mut plan = plan.clone();
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
    let exchanges: BTreeMap<ExchangeId, ExchangeId> =
        numbered(plan.stimuli().map(|(_, stimulus)| stimulus.exchange), ExchangeId);
    let tenants = numbered(plan.stimuli().map(|(_, stimulus)| stimulus.tenant), |number| TenantId(number as u16));
    let spelled = exchanges.len() as u32;
    for lane in &mut plan.lanes {
        for stimulus in &mut lane.stimuli {
            let own = stimulus.exchange;
            stimulus.exchange = exchanges[&own];
            stimulus.tenant = tenants[&stimulus.tenant];
            stimulus.start.after = stimulus.start.after.and_then(|event| {
                // One that comes later may itself wait for this one: the next round would wait for its own end.
                let exchange = *stand_ins.get(&event.exchange).filter(|stand_in| **stand_in < own)?;
                moved(Event { exchange, ..event }, &exchanges)
            });
            // Ghosts and tails are numbered behind everybody, each by who spells it.
            let ghost = ExchangeId(spelled + stimulus.exchange.0);
            stimulus.request.tail = stimulus.request.tail.map(|_| ghost);
            if let RequestBody::Ghost { exchange, .. } = &mut stimulus.request.body {
                *exchange = ghost;
            }
            let acts = std::mem::take(&mut stimulus.directive.acts);
            stimulus.directive.acts = acts.into_iter().filter_map(|act| kept(act, &gates, &exchanges)).collect();
        }
    }
    for gate in &mut plan.gates {
        for exchange in gate.awaits.iter_mut().chain(&mut gate.release) {
            *exchange = exchanges[exchange];
        }
    }
    plan.tenants = tenants.len() as u16;
    plan
}

/// Whose events take the place of those of exchanges that are gone: workers of one lane of the scenario do the same, so
/// that waiting for another of them keeps the story's order. A kept exchange stands for itself.
fn stand_ins(plan: &Plan, keep: &BTreeSet<ExchangeId>) -> BTreeMap<ExchangeId, ExchangeId> {
    let mut by_lane: BTreeMap<&str, ExchangeId> = BTreeMap::new();
    for lane in &plan.lanes {
        let kept = lane.stimuli.iter().map(|stimulus| stimulus.exchange).find(|exchange| keep.contains(exchange));
        if let Some(kept) = kept {
            by_lane.entry(&lane.name).or_insert(kept);
        }
    }
    let all = plan.lanes.iter().flat_map(|lane| lane.stimuli.iter().map(move |stimulus| (lane, stimulus.exchange)));
    all.filter_map(|(lane, exchange)| match keep.contains(&exchange) {
        true => Some((exchange, exchange)),
        false => Some((exchange, *by_lane.get(lane.name.as_str())?)),
    })
    .collect()
}

/// New numbers from 1, in the order of the old ones.
fn numbered<Id: Ord + Copy>(ids: impl Iterator<Item = Id>, id: impl Fn(u32) -> Id) -> BTreeMap<Id, Id> {
    let ids: BTreeSet<Id> = ids.collect();
    ids.into_iter().zip(1..).map(|(old, new)| (old, id(new))).collect()
}

fn moved(event: Event, exchanges: &BTreeMap<ExchangeId, ExchangeId>) -> Option<Event> {
    exchanges.get(&event.exchange).map(|exchange| Event { exchange: *exchange, ..event })
}

/// An act whose gate or event is gone is no hold any more.
fn kept(act: OriginAct, gates: &BTreeSet<GateId>, exchanges: &BTreeMap<ExchangeId, ExchangeId>) -> Option<OriginAct> {
    match act {
        OriginAct::Hold(Hold::Gate(gate)) if !gates.contains(&gate) => None,
        OriginAct::Hold(Hold::Event(event)) => moved(event, exchanges).map(|event| OriginAct::Hold(Hold::Event(event))),
        act => Some(act),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenarios::{DrawContext, catalogue};
    use vocabulary::finding::Edge;
    use vocabulary::identity::{CaseNumber, DeliveryId};

    fn finding(receiver: u32, owner: u32) -> Finding {
        let judged = crate::oracle::judge(
            &crate::oracle::notation::history("c1:1,2 fault:1 1<- 2<1"),
            crate::oracle::Known { verbatim: true },
        );
        let delivery = DeliveryId { exchange: ExchangeId(owner), number: 1 };
        let edges = vec![Edge { receiver: ExchangeId(receiver), delivery }];
        Finding { edges, ..judged.unwrap().findings.remove(0) }
    }

    fn plans() -> impl Iterator<Item = Plan> {
        let context = DrawContext::default();
        let all = catalogue().all().iter();
        all.flat_map(move |scenario| (0..20).map(move |case| scenario.plan(3, CaseNumber(case), &context)))
    }

    #[test]
    fn every_candidate_is_smaller_and_can_run() {
        for plan in plans() {
            let ids: Vec<u32> = plan.stimuli().map(|(_, stimulus)| stimulus.exchange.0).collect();
            let finding = finding(ids[ids.len() - 1], ids[0]);
            for candidate in candidates(&plan, &finding) {
                assert_eq!(candidate.defect(), None);
                assert!(candidate.size().exchanges < plan.size().exchanges);
            }
        }
    }

    #[test]
    fn nobody_waits_for_an_exchange_that_comes_later() {
        for plan in plans() {
            let ids: Vec<u32> = plan.stimuli().map(|(_, stimulus)| stimulus.exchange.0).collect();
            let late = finding(ids[ids.len() - 1], ids[ids.len() / 2]);
            for candidate in candidates(&plan, &late).into_iter().chain(one_less(&plan, &late)) {
                for (_, stimulus) in candidate.stimuli() {
                    assert!(stimulus.start.after.is_none_or(|event| event.exchange < stimulus.exchange));
                }
            }
        }
    }

    #[test]
    fn the_first_candidate_has_owner_and_receiver_only() {
        for plan in plans() {
            let ids: Vec<u32> = plan.stimuli().map(|(_, stimulus)| stimulus.exchange.0).collect();
            if let Some(first) = candidates(&plan, &finding(ids[ids.len() - 1], ids[0])).first() {
                assert_eq!(first.size().exchanges, 2);
                let numbers: BTreeSet<u32> = first.stimuli().map(|(_, stimulus)| stimulus.exchange.0).collect();
                assert_eq!(numbers, BTreeSet::from([1, 2]));
            }
        }
    }

    #[test]
    fn one_less_is_one_less_and_keeps_who_names_the_finding() {
        for plan in plans() {
            let finding = Finding { subject: ExchangeId(2), ..finding(2, 1) };
            let exchanges = plan.size().exchanges;
            let smaller = one_less(&plan, &finding);
            assert_eq!(smaller.len() as u32, exchanges - 2, "{}", plan.scenario.name);
            assert!(smaller.iter().all(|smaller| smaller.size().exchanges == exchanges - 1));
        }
    }

    #[test]
    fn a_plan_of_two_has_no_smaller_one() {
        let plan = plans().next().unwrap();
        let two: BTreeSet<ExchangeId> = plan.stimuli().map(|(_, stimulus)| stimulus.exchange).take(2).collect();
        let two = only(&plan, &two);
        assert!(candidates(&two, &finding(2, 1)).is_empty() && one_less(&two, &finding(2, 1)).is_empty());
    }
}
