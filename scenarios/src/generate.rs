//! Draws plans: a seed closes what a scenario leaves open.
//!
//! Pure: no clock, no global chance. The same seed and case number give the same bytes of JSON, whatever else was drawn
//! before. Cases take a scenario's variants in turn by weight, so that a short run has met them all and enumerated
//! schedules are covered without gaps.

use std::time::Duration;

use vocabulary::crossing::Http;
use vocabulary::identity::CaseNumber;
use vocabulary::plan::{PLAN_SCHEMA, Plan};

use crate::dice::Dice;
use crate::fill::Closer;
use crate::language::{Scenario, Variant};
use crate::stage::Stage;
use crate::swarm::Swarm;

/// What a run knows and a scenario may need.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DrawContext {
    /// How long the gateway waits for the origin's reply before it answers itself. Scenarios whose times count from it
    /// ([`Scenario::needs_gateway_timeout`]) are to be skipped without it; drawn all the same, they assume a second.
    pub gateway_timeout: Option<Duration>,
    /// How the swarm's knobs act.
    pub draws: Draws,
    /// What the clients speak. A scenario that is for clients of one kind only is drawn for those.
    pub down: Http,
}

/// How the swarm's knobs act on the cases of a scenario. The rate at which a knob touches a request is, over all cases,
/// the same in both styles; they differ in how the touched requests are spread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Draws {
    /// Each case first switches each knob on or off: what touches half of the cases touches those a lot.
    #[default]
    Swarm,
    /// No knob is ever off; each acts on every request of every case at half its rate. For comparison: it shows what the
    /// swarm's concentration is worth.
    Uniform,
}

/// The timeout that recipes configure.
const USUAL_TIMEOUT_US: u64 = 1_000_000;

impl Scenario {
    /// The plan of one case of a run. The same seed and case give the same bytes of JSON.
    pub fn plan(&self, seed: u64, case: CaseNumber, context: &DrawContext) -> Plan {
        let down = self.head.down.unwrap_or(context.down);
        let (variant, turn) = self.variant_of(case, down);
        let mut dice = Dice::of_case(seed, self.name(), case);
        let mut knobs = dice.fork();
        let swarm = Swarm::draw(&self.swarm, context.draws, down, &mut knobs);
        let timeout = context.gateway_timeout.map(|timeout| u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX / 2));
        let closer = Closer::new(dice, knobs, swarm, timeout.unwrap_or(USUAL_TIMEOUT_US));
        let mut stage = Stage::new(closer, down);
        match (&variant.schedule, variant.lanes.as_slice()) {
            (Some(schedule), [lane]) => stage.enumerate(schedule.get_ref(), lane, variant.rounds().max().0, turn),
            _ => stage.tell(variant),
        }
        Plan {
            schema: PLAN_SCHEMA.to_owned(),
            scenario: self.head.clone(),
            seed,
            case,
            note: stage.note,
            tenants: stage.tenants,
            down,
            gates: stage.gates,
            lanes: stage.lanes,
        }
    }

    /// The variant that a case takes, of those that are told to such clients, and how many cases have taken it before.
    fn variant_of(&self, case: CaseNumber, down: Http) -> (&Variant, u64) {
        let told: Vec<&Variant> = self.variants.iter().filter(|variant| variant.is_told_in(down)).collect();
        let shares = told.iter().map(|variant| u64::from(variant.weight.get())).sum::<u64>();
        let (cycle, mut position) = (u64::from(case.0) / shares, u64::from(case.0) % shares);
        // Heavy variants are spread over the cycle: the one furthest behind its share comes next.
        let mut taken = vec![0_u64; told.len()];
        loop {
            let behind = |index: usize| {
                let weight = u64::from(told[index].weight.get());
                // (taken + 1) / weight, in whole numbers: smaller is further behind.
                (taken[index] + 1) * shares * 1000 / weight
            };
            let next = (0..told.len()).min_by_key(|index| behind(*index)).unwrap_or(0);
            let variant = told[next];
            if position == 0 {
                return (variant, cycle * u64::from(variant.weight.get()) + taken[next]);
            }
            taken[next] += 1;
            position -= 1;
        }
    }
}
