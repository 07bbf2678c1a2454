//! Shrinking against gateways that are functions of the plan.

use std::collections::BTreeSet;

use scenarios::{DrawContext, catalogue};
use vocabulary::directive::{FaultKind, Hold, OriginAct};
use vocabulary::finding::Reproduction;
use vocabulary::identity::TenantId;
use vocabulary::identity::{CaseNumber, ExchangeId, GateId};
use vocabulary::plan::{ConnectionUse, Gate, Lane, Plan, Stimulus};

use super::{Seen, Shrink};

/// Shrinks against a gateway that is a function of the plan; the plan that is left, and how many were tried.
fn shrunk(plan: &Plan, seen: Seen, fails: impl Fn(&Plan) -> Option<Seen>) -> (Plan, usize) {
    let mut shrink = Shrink::new(plan, (8, 8), seen);
    let mut tried = 0;
    while let Some(proposal) = shrink.next() {
        assert_eq!(proposal.plan.defect(), None, "{}", proposal.change);
        tried += 1;
        let always = Reproduction { runs: 2, failed: 2 };
        shrink.tell(fails(&proposal.plan).as_ref().map(|seen| (seen, always)));
    }
    (shrink.plan(), tried)
}

fn plans() -> impl Iterator<Item = Plan> {
    let context = DrawContext::default();
    let all = catalogue().all().iter();
    all.flat_map(move |scenario| (0..8).map(move |case| scenario.plan(3, CaseNumber(case), &context)))
}

fn ids(plan: &Plan) -> Vec<ExchangeId> {
    plan.stimuli().map(|(_, stimulus)| stimulus.exchange).collect()
}

fn seen(receiver: u32, owner: u32, arrivals: Vec<ExchangeId>) -> Seen {
    let (receiver, owner) = (ExchangeId(receiver), ExchangeId(owner));
    Seen { tenants_min: 1, edges: vec![(receiver, owner)], story: BTreeSet::from([receiver, owner]), arrivals }
}

#[test]
fn a_plan_that_fails_only_as_it_is_stays_as_it_is() {
    for plan in plans().step_by(5) {
        let ids = ids(&plan);
        let last = ids[ids.len() - 1].0;
        let (left, _) = shrunk(&plan, seen(last, 1, ids.clone()), |_| None);
        assert_eq!(left.size(), plan.size(), "{}", plan.scenario.name);
    }
}

#[test]
fn every_proposal_can_run_and_a_plan_that_always_fails_ends_with_owner_and_receiver() {
    for plan in plans() {
        let ids = ids(&plan);
        let (left, _) = shrunk(&plan, seen(ids[ids.len() - 1].0, ids[0].0, ids.clone()), |plan| {
            let ids: Vec<_> = plan.stimuli().map(|(_, stimulus)| stimulus.exchange).collect();
            Some(seen(ids[ids.len() - 1].0, ids[0].0, ids))
        });
        assert_eq!((left.size().exchanges, left.size().faults), (2, 0), "{}", plan.scenario.name);
    }
}

/// Eight tenants, sixty requests, gates of eight; it fails when three named requests are held at one gate, released in
/// one order, and belong to more than one tenant.
fn crowd() -> Plan {
    let mut lanes: Vec<Lane> =
        (1..=8).map(|tenant| Lane { name: format!("burst-{tenant}"), stimuli: Vec::new(), until: None }).collect();
    let mut gates: Vec<Gate> = Vec::new();
    for exchange in 1..=60_u32 {
        let (lane, gate) = (((exchange - 1) % 8) as usize, GateId(((exchange - 1) / 8) as u16));
        let mut stimulus = Stimulus::get(ExchangeId(exchange), TenantId(lane as u16 + 1));
        stimulus.directive.acts.insert(0, OriginAct::Hold(Hold::Gate(gate)));
        lanes[lane].stimuli.push(stimulus);
        if gates.iter().all(|known| known.id != gate) {
            gates.push(Gate { id: gate, awaits: Vec::new(), release: Vec::new(), gap_us: 0 });
        }
        let gate = gates.iter_mut().find(|known| known.id == gate).unwrap();
        gate.awaits.push(ExchangeId(exchange));
        gate.release.insert(gate.release.len() / 2, ExchangeId(exchange));
    }
    Plan { gates, ..Plan::bare("crowd", lanes) }
}

#[test]
fn a_swap_that_needs_three_of_sixty_in_one_order_is_left_with_those_three() {
    let plan = crowd();
    assert_eq!((plan.size().tenants, plan.size().exchanges), (8, 60));
    let order = &plan.gates[2].release;
    let planted: Vec<u64> = (0..3).map(|nth| 1000 + u64::from(order[nth].0)).collect();
    let mut plan = plan.clone();
    let marks: Vec<(ExchangeId, u64)> = plan.gates[2].release[..3].iter().copied().zip(planted.clone()).collect();
    for stimulus in plan.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli) {
        if let Some((_, mark)) = marks.iter().find(|(exchange, _)| *exchange == stimulus.exchange) {
            stimulus.request.fields.push(vocabulary::directive::Field { name: "X".into(), value: mark.to_string() });
        }
    }
    let fails = |plan: &Plan| {
        let marked = |value: u64| {
            let mut all = plan.stimuli().map(|(_, stimulus)| stimulus);
            all.find(|one| one.request.fields.iter().any(|field| field.value == value.to_string()))
        };
        let found: Vec<&Stimulus> = planted.iter().filter_map(|mark| marked(*mark)).collect();
        let tenants: BTreeSet<TenantId> = found.iter().map(|stimulus| stimulus.tenant).collect();
        let named: Vec<ExchangeId> = found.iter().map(|stimulus| stimulus.exchange).collect();
        let in_order = plan.gates.iter().any(|gate| {
            let released: Vec<ExchangeId> =
                gate.release.iter().copied().filter(|exchange| named.contains(exchange)).collect();
            released == named
        });
        let (owner, receiver) = (named.first()?.0, named.get(1)?.0);
        (found.len() == 3 && tenants.len() > 1 && in_order).then(|| seen(receiver, owner, ids(plan)))
    };
    let first = fails(&plan).unwrap();
    let (left, tried) = shrunk(&plan, first, fails);
    assert_eq!((left.size().tenants, left.size().exchanges, left.size().faults), (2, 3, 1));
    assert!(tried < 150, "{tried} plans were tried");
}

/// How many gates are left of a plan that always fails with one, and without any in so many runs of ten.
fn faults_left(failed_of_ten: u32) -> u32 {
    let plan = crowd();
    let mut shrink = Shrink::new(&plan, (8, 8), seen(17, 18, ids(&plan)));
    let mut runs = 0;
    while let Some(proposal) = shrink.next() {
        let mut trial = proposal.trial;
        while trial.decided().is_none() {
            // Three is no divisor of ten: failures and passes come mixed.
            runs += 3;
            trial.add(proposal.plan.size().faults > 0 || runs % 10 < failed_of_ten);
        }
        let ids = ids(&proposal.plan);
        let (first, last) = (ids[0].0, ids[ids.len() - 1].0);
        let seen = Seen { tenants_min: 2, ..seen(last, first, ids) };
        shrink.tell((trial.decided() == Some(true)).then_some((&seen, trial.reproduction())));
    }
    assert_eq!((shrink.plan().size().tenants, shrink.plan().size().exchanges), (2, 2));
    shrink.plan().size().faults
}

#[test]
fn the_last_gate_is_kept_where_only_chance_does_without_it() {
    assert_eq!([1, 3, 5].map(faults_left), [1, 1, 1]);
    assert_eq!(faults_left(10), 0);
}

#[test]
fn what_is_left_cannot_lose_any_single_exchange() {
    // It fails as long as three particular stimuli are there, wherever.
    let plan = catalogue().find("plain-concurrency").unwrap().plan(2, CaseNumber(1), &DrawContext::default());
    let needed: Vec<Stimulus> = plan.stimuli().map(|(_, stimulus)| stimulus.clone()).step_by(7).take(3).collect();
    let bytes = |stimulus: &Stimulus| stimulus.directive.acts.clone();
    let fails = |plan: &Plan| {
        let there = |wanted: &Stimulus| plan.stimuli().any(|(_, one)| bytes(one).last() == bytes(wanted).last());
        needed.iter().all(there).then(|| seen(1, 2, ids(plan)))
    };
    let (left, _) = shrunk(&plan, seen(1, 2, ids(&plan)), fails);
    assert!(fails(&left).is_some());
    assert!(left.size().exchanges <= 3, "{:?}", left.size());
}

#[test]
fn owner_and_receiver_alone_are_tried_first() {
    for plan in plans() {
        let ids = ids(&plan);
        let mut shrink = Shrink::new(&plan, (8, 8), seen(ids[ids.len() - 1].0, ids[0].0, ids.clone()));
        if ids.len() > 2 {
            assert_eq!(shrink.next().unwrap().plan.size().exchanges, 2, "{}", plan.scenario.name);
        }
    }
}

fn ids_by_wave(plan: &Plan) -> Vec<Vec<ExchangeId>> {
    plan.gates.iter().map(|gate| gate.awaits.clone()).collect()
}

#[test]
fn arrivals_are_pinned_among_those_who_are_held_together() {
    let plan = crowd();
    // Another order than the plan's, and one that its lanes can bring about: the last of each wave first.
    let order: Vec<ExchangeId> = ids_by_wave(&plan).into_iter().flat_map(|wave| wave.into_iter().rev()).collect();
    let mut shrink = Shrink::new(&plan, (8, 8), seen(2, 1, order));
    let pinned = std::iter::from_fn(|| {
        let proposal = shrink.next()?;
        shrink.tell(None);
        Some(proposal)
    });
    let pinned = pinned.into_iter().find(|proposal| proposal.change == "requests arrive in the order seen").unwrap();
    let waits = pinned.plan.stimuli().filter(|(_, stimulus)| stimulus.start.after.is_some()).count();
    assert_eq!(waits, 59);
}

/// A lane whose request has a tail, others that do not; it fails as long as the tail and one other request are there.
#[test]
fn a_tail_stands_or_falls_with_its_speller() {
    let mut plan = Plan::bare(
        "tails",
        (1..=6)
            .map(|id| Lane {
                name: format!("lane{id}"),
                stimuli: vec![Stimulus::get(ExchangeId(id), TenantId(id as u16))],
                until: None,
            })
            .collect(),
    );
    plan.lanes[3].stimuli[0].request.tail = Some(ExchangeId(9));
    let first = Seen { tenants_min: 2, ..seen(6, 9, [1, 4, 9, 6].map(ExchangeId).to_vec()) };
    let fails = |plan: &Plan| {
        let (speller, tail) = plan.stimuli().find_map(|(_, it)| Some((it.exchange, it.request.tail?)))?;
        let other = plan.stimuli().find(|(_, it)| it.exchange != speller)?.1.exchange;
        Some(Seen { tenants_min: 2, ..seen(other.0, tail.0, vec![speller, tail, other]) })
    };
    let (left, _) = shrunk(&plan, first, fails);
    assert_eq!((left.size().exchanges, left.size().tenants), (2, 2), "{left:#?}");
    assert!(left.stimuli().any(|(_, stimulus)| stimulus.request.tail.is_some()));

    // Between a request and its own tail, one request is enough.
    let own = seen(4, 9, [4, 9].map(ExchangeId).to_vec());
    let (left, _) = shrunk(&plan, own, |plan| {
        let (speller, tail) = plan.stimuli().find_map(|(_, it)| Some((it.exchange, it.request.tail?)))?;
        Some(seen(speller.0, tail.0, vec![speller, tail]))
    });
    assert_eq!(left.size().exchanges, 1, "{left:#?}");
}

/// The plan of a case that stops the gateway, shrunk as long as `fails` says so.
fn shrunk_frozen(fails: impl Fn(&Plan) -> bool) -> Plan {
    let plan = catalogue().find("surplus-frozen").unwrap().plan(1, CaseNumber(0), &DrawContext::default());
    let told = |plan: &Plan| {
        let surplus = plan.stimuli().find(|(_, one)| one.directive.faults().contains(&FaultKind::Surplus))?.1.exchange;
        let receiver = ids(plan).into_iter().find(|exchange| *exchange != surplus)?;
        fails(plan).then(|| seen(receiver.0, surplus.0, ids(plan)))
    };
    let first = told(&plan).unwrap();
    shrunk(&plan, first, told).0
}

fn awaits_freeze(plan: &Plan) -> bool {
    plan.stimuli().flat_map(|(_, stimulus)| &stimulus.directive.acts).any(crate::ablate::awaits_freeze)
}

#[test]
fn a_freeze_that_is_not_needed_is_left_out_with_all_that_waits_for_it() {
    let left = shrunk_frozen(|_| true);
    assert!(left.stimuli().all(|(_, stimulus)| stimulus.freeze.is_none()) && !awaits_freeze(&left));
    assert_eq!((left.size().exchanges, left.size().faults), (2, 1));
}

#[test]
fn a_freeze_that_is_needed_keeps_what_is_held_for_it() {
    let left =
        shrunk_frozen(|plan| plan.stimuli().any(|(_, stimulus)| stimulus.freeze.is_some()) && awaits_freeze(plan));
    assert_eq!((left.size().exchanges, left.size().faults), (2, 1));
    let frozen = left.stimuli().find_map(|(_, stimulus)| stimulus.freeze).unwrap();
    assert_eq!(frozen.until.exchange, ExchangeId(1));
}

/// A trigger behind two warm-ups of its own, and a follower behind two others, who look for each other; and a bystander.
fn plan_with_affinity() -> Plan {
    let by = |exchange: u32, tenant, with: &[u32]| {
        let with = with.iter().copied().map(ExchangeId).collect();
        let connection = ConnectionUse::Affinity { with, among: 2 };
        Stimulus { connection, ..Stimulus::get(ExchangeId(exchange), TenantId(tenant)) }
    };
    let lane = |name: &str, stimuli: Vec<Stimulus>| Lane { name: name.to_owned(), stimuli, until: None };
    let first = lane("first", vec![by(1, 1, &[3, 4]), by(2, 1, &[3, 4]), by(5, 1, &[3, 4])]);
    let next = lane("next", vec![by(3, 2, &[1, 2]), by(4, 2, &[1, 2]), by(6, 2, &[5])]);
    Plan::bare("affinity", vec![first, next, lane("other", vec![Stimulus::get(ExchangeId(7), TenantId(3))])])
}

fn seeks_affinity(plan: &Plan) -> bool {
    plan.stimuli().any(|(_, one)| matches!(one.connection, ConnectionUse::Affinity { .. }))
}

#[test]
fn warm_ups_that_are_not_needed_are_left_out_and_nobody_seeks_affinity_any_more() {
    let plan = plan_with_affinity();
    let (left, _) = shrunk(&plan, seen(6, 5, ids(&plan)), |plan| {
        let all = ids(plan);
        Some(seen(all[all.len() - 1].0, all[0].0, all))
    });
    assert_eq!(left.size().exchanges, 2, "{left:#?}");
    assert!(!seeks_affinity(&left), "{left:#?}");
}

#[test]
fn warm_ups_that_are_needed_stay_with_whoever_seeks_them() {
    let plan = plan_with_affinity();
    let (left, _) = shrunk(&plan, seen(6, 5, ids(&plan)), |plan| {
        let follower = plan.stimuli().filter(|(_, one)| one.tenant == TenantId(2)).last()?.1;
        let trigger = plan.stimuli().find(|(_, one)| one.tenant == TenantId(1))?.1;
        let needed = matches!(&follower.connection, ConnectionUse::Affinity { with, .. } if !with.is_empty());
        needed.then(|| Seen { tenants_min: 2, ..seen(follower.exchange.0, trigger.exchange.0, ids(plan)) })
    });
    assert_eq!((left.size().tenants, left.size().exchanges), (2, 3), "{left:#?}");
    assert!(seeks_affinity(&left));
}
