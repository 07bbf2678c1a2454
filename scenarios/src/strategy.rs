//! A scenario's plans as a strategy of proptest, for one's own `proptest!`.
//!
//! Its shrinking is simple: whole lanes go, then the last stimuli of those that are left; the scenario stays. The harness
//! has a better one, which knows outcomes and measures how often a plan fails.

use std::collections::BTreeSet;

use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use vocabulary::directive::{Hold, OriginAct};
use vocabulary::identity::{CaseNumber, ExchangeId, GateId};
use vocabulary::plan::Plan;

use crate::generate::DrawContext;
use crate::language::Scenario;

/// Cases that the strategy draws from: more than any scenario has variants and schedules.
const STRATEGY_CASES: u64 = 4096;

impl Scenario {
    /// Its plans as a strategy for one's own `proptest!`. What it yields is the [`plan`](Scenario::plan) of a drawn seed
    /// and case, both of which stand in the plan, or what is left of one.
    pub fn strategy(&self) -> impl Strategy<Value = Plan> + use<> {
        plans_of(vec![self.clone()], DrawContext::default())
    }
}

/// The plans of several scenarios as one strategy: each value is a plan of one of them, all being as likely.
///
/// # Panics
///
/// Where there is no scenario.
pub fn plans_of(scenarios: Vec<Scenario>, context: DrawContext) -> impl Strategy<Value = Plan> + use<> {
    assert!(!scenarios.is_empty(), "plans are drawn from at least one scenario");
    Plans { scenarios, context }
}

#[derive(Debug, Clone)]
struct Plans {
    scenarios: Vec<Scenario>,
    context: DrawContext,
}

impl Strategy for Plans {
    type Tree = Drawn;
    type Value = Plan;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let seed = proptest::num::u64::ANY.new_tree(runner)?.current();
        let case = (0..STRATEGY_CASES).new_tree(runner)?.current();
        let scenario = &self.scenarios[(0..self.scenarios.len()).new_tree(runner)?.current()];
        let plan = scenario.plan(seed, CaseNumber(case as u32), &self.context);
        Ok(Drawn { plan, before: None, cut: 0 })
    }
}

/// A plan, or what is left of it.
#[derive(Debug)]
struct Drawn {
    plan: Plan,
    /// What it was before the last cut.
    before: Option<Plan>,
    /// The next cut: a lane, counted from the last, and behind all lanes the last stimulus of one.
    cut: usize,
}

impl Drawn {
    /// The plan after the next cut that leaves something; the cuts before it are used up.
    fn smaller(&mut self) -> Option<Plan> {
        let lanes = self.plan.lanes.len();
        while self.cut < 2 * lanes {
            let lane = &self.plan.lanes[lanes - 1 - self.cut % lanes];
            let gone: BTreeSet<ExchangeId> = match (self.cut < lanes, lane.stimuli.as_slice()) {
                (true, all) if lanes > 1 => all.iter().map(|stimulus| stimulus.exchange).collect(),
                (false, [_, .., last]) => BTreeSet::from([last.exchange]),
                _ => BTreeSet::new(),
            };
            if !gone.is_empty() {
                return Some(without(&self.plan, &gone));
            }
            self.cut += 1;
        }
        None
    }
}

impl ValueTree for Drawn {
    type Value = Plan;

    fn current(&self) -> Plan {
        self.plan.clone()
    }

    fn simplify(&mut self) -> bool {
        let smaller = self.smaller();
        // After a cut the same number is another lane, or the same lane once more.
        smaller.map(|smaller| self.before = Some(std::mem::replace(&mut self.plan, smaller))).is_some()
    }

    fn complicate(&mut self) -> bool {
        let before = self.before.take();
        before.map(|before| (self.plan, self.cut) = (before, self.cut + 1)).is_some()
    }
}

/// The plan without these exchanges: nobody waits for them, and a gate that would hold one reply alone is none.
fn without(plan: &Plan, gone: &BTreeSet<ExchangeId>) -> Plan {
    let mut plan = plan.clone();
    for lane in &mut plan.lanes {
        lane.stimuli.retain(|stimulus| !gone.contains(&stimulus.exchange));
    }
    plan.lanes.retain(|lane| !lane.stimuli.is_empty());
    for gate in &mut plan.gates {
        gate.awaits.retain(|exchange| !gone.contains(exchange));
        gate.release.retain(|exchange| !gone.contains(exchange));
    }
    plan.gates.retain(|gate| gate.awaits.len() > 1);
    let gates: BTreeSet<GateId> = plan.gates.iter().map(|gate| gate.id).collect();
    for stimulus in plan.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli) {
        stimulus.start.after = stimulus.start.after.filter(|event| !gone.contains(&event.exchange));
        stimulus.directive.acts.retain(|act| match act {
            OriginAct::Hold(Hold::Gate(gate)) => gates.contains(gate),
            OriginAct::Hold(Hold::Event(event)) => !gone.contains(&event.exchange),
            _ => true,
        });
    }
    plan
}

#[cfg(test)]
mod tests {
    use vocabulary::directive::FaultKind;

    use super::*;
    use crate::catalogue::catalogue;

    /// Shrinks a plan as proptest does, as long as it holds a fault of this kind.
    fn shrunk(scenario: &str, kind: FaultKind) -> Plan {
        let scenario = catalogue().find(scenario).unwrap();
        let mut runner = TestRunner::deterministic();
        let mut tree = plans_of(vec![scenario.clone()], DrawContext::default()).new_tree(&mut runner).unwrap();
        let fails = |plan: &Plan| plan.faults().iter().any(|(_, fault)| *fault == kind);
        assert!(fails(&tree.current()));
        while tree.simplify() {
            assert_eq!(tree.current().defect(), None);
            if !fails(&tree.current()) {
                assert!(tree.complicate());
            }
        }
        tree.current()
    }

    #[test]
    fn what_is_drawn_is_the_plan_of_its_own_seed_and_case() {
        let scenario = catalogue().find("interim-103-split").unwrap();
        let mut runner = TestRunner::deterministic();
        for _ in 0..50 {
            let plan = scenario.strategy().new_tree(&mut runner).unwrap().current();
            assert_eq!(plan.defect(), None);
            assert_eq!(plan, scenario.plan(plan.seed, plan.case, &DrawContext::default()));
        }
    }

    #[test]
    fn a_plan_shrinks_to_the_fault_that_matters() {
        let plan = shrunk("interim-100-late-final", FaultKind::Interim);
        assert_eq!((plan.lanes.len(), plan.stimuli().count(), plan.gates.len()), (1, 1, 0));
    }

    #[test]
    fn every_scenario_is_drawn_and_none_turns_into_another() {
        let chosen =
            ["interim-100-late-final", "plain-concurrency"].map(|name| catalogue().find(name).unwrap().clone());
        let plans = plans_of(chosen.to_vec(), DrawContext::default());
        let mut runner = TestRunner::deterministic();
        let mut drawn = BTreeSet::new();
        for _ in 0..20 {
            let mut tree = plans.new_tree(&mut runner).unwrap();
            let name = tree.current().scenario.name;
            while tree.simplify() {
                assert_eq!(tree.current().scenario.name, name);
            }
            drawn.insert(name);
        }
        assert_eq!(drawn.len(), 2);
    }

    #[test]
    fn a_gate_keeps_the_two_that_it_reorders() {
        let plan = shrunk("plain-concurrency", FaultKind::Reorder);
        assert_eq!((plan.lanes.len(), plan.gates.len()), (2, 1));
        assert_eq!(plan.gates[0].awaits.len(), 2);
    }
}
