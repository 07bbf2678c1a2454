//! What is done with a finding: its plan is made smaller, run again for its rate, and run under other conditions.
//!
//! The three rates beside each other are the card's argument: this gateway fails, it does not fail without the fault,
//! and the reference gateway does not fail at all.

use std::time::Duration;

use tokio::time::Instant;
use vocabulary::finding::{Counterfactual, Finding, Leg, Reproduction, Shrinking};
use vocabulary::identity::ExchangeId;
use vocabulary::plan::Plan;
use vocabulary::record::{JournalEntry, ShrinkStep};

use crate::ablate::ablate;
use crate::case::Bench;
use crate::gateway::Gateway;
use crate::journal::RunFolder;
use crate::reproducer::{Setting, script};
use crate::run::{RunError, RunEvent, Stop, draw_key};
use crate::shrink::{Proposal, Seen, Shrink, leaves_order_to_chance};

/// Runs of the plan that revealed the finding, before anything is left out of it: at least, and at most where some pass.
const MEASURED_MIN: u32 = 4;
const MEASURED_MAX: u32 = 12;
/// How much of the time that is left one finding may take.
const SHARE_OF_TIME_LEFT: u32 = 3;
/// How long measuring one rate may take.
const RATE_TIME: Duration = Duration::from_secs(10);
/// The smallest plan is given up for the one before it when its rate is below this share of the first one's: what was
/// taken by chance is handed back.
const RATE_SHARE_MIN: f64 = 0.2;
/// The same for a plan that leaves to chance in which order replies come: a gate that makes it certain is kept.
const RATE_SHARE_MIN_BY_CHANCE: f64 = 0.8;

/// How far a finding is pursued.
#[derive(Clone, Copy)]
pub(crate) struct Limits<'a> {
    pub(crate) stop: &'a Stop,
    pub(crate) deadline: Instant,
    pub(crate) shrink_time: Duration,
    pub(crate) replays: u32,
}

/// The reference gateways, each from when a finding is first tried on it.
#[derive(Default)]
pub(crate) struct References {
    plain: Option<Bench>,
    caching: Option<Bench>,
}

/// The pursuit of one finding.
pub(crate) struct Pursuit<'a> {
    pub(crate) bench: &'a mut Bench,
    pub(crate) references: &'a mut References,
    pub(crate) folder: &'a mut RunFolder,
    pub(crate) told: &'a dyn Fn(RunEvent<'_>),
    pub(crate) limits: Limits<'a>,
    /// Whether each run is to have a process of the gateway to itself.
    pub(crate) afresh: bool,
}

/// A plan that shows the finding, the finding as that plan tells it, and how often it did.
#[derive(Clone)]
struct Shown {
    finding: Finding,
    plan: Plan,
    rate: Reproduction,
    seen: Seen,
}

impl Pursuit<'_> {
    /// The finding as the smallest plan tells it, with its rates. Everything that was learnt is in the journal.
    pub(crate) async fn pursue(
        &mut self,
        finding: Finding,
        plan: &Plan,
        arrivals: &[ExchangeId],
    ) -> Result<Finding, RunError> {
        let id = finding.id.clone();
        let seen = Seen::of(&finding, arrivals.to_vec());
        let first = Shown { finding, plan: plan.clone(), rate: Reproduction::default(), seen };
        let began = Instant::now();
        let left = self.limits.deadline.saturating_duration_since(began) / SHARE_OF_TIME_LEFT;
        let until = began + self.limits.shrink_time.min(left);
        let mut account = Shrinking { from: plan.size(), ..Shrinking::default() };
        let taken = self.shrink(first, until, &mut account).await?;
        let (last, first) = (taken.len(), taken.first().map_or(0.0, |first| share(first.rate)));
        let (mut best, held) = self.most_reduced_that_holds(taken, first).await?;
        if held < last && self.bench.can_be_fresh() && !self.is_over(until) {
            // What was left out had spoilt the process for good, and whatever was run after it failed. Once more, each run on
            // a process of its own.
            self.afresh = true;
            let taken = self.shrink(best, until, &mut account).await?;
            (best, _) = self.most_reduced_that_holds(taken, first).await?;
        }
        account.duration_ms = began.elapsed().as_millis() as u64;
        if account.tried > 0 {
            self.folder.keep_shrink_log(&id)?;
        }
        let name = if account.tried > 0 { id.clone() } else { format!("{id}-as-found") };
        let plan = self.folder.keep_plan(&name, &best.plan)?;
        let target = self.bench.target();
        let setting = Setting {
            http: (best.plan.down, self.bench.up()),
            over_tls: target.scheme == "https",
            base_path: &target.base_path,
        };
        // That there is none is no loss: the plan is there.
        let script = match script(&best.plan, &best.finding, setting) {
            Ok(script) => self.folder.keep_script(&id, &script)?,
            Err(_) => String::new(),
        };
        let mut finding = Finding { id: id.clone(), plan, script, shrinking: account, ..best.finding };
        self.folder.write(JournalEntry::FindingShrunk(Box::new(finding.clone())))?;
        finding.reproduction = best.rate;
        finding.counterfactual = self.counterfactual(&finding, &best.plan).await?;
        let (reproduction, counterfactual) = (finding.reproduction, finding.counterfactual);
        self.folder.write(JournalEntry::FindingMeasured { id, reproduction, counterfactual })?;
        Ok(finding)
    }

    /// Makes a plan smaller: the smallest last, before it those that it was made from.
    async fn shrink(&mut self, first: Shown, until: Instant, account: &mut Shrinking) -> Result<Vec<Shown>, RunError> {
        let began = Instant::now();
        if self.is_over(until) {
            return Ok(vec![first]);
        }
        let known = first.rate.runs;
        let first = self.measured(first, until).await?;
        account.runs += first.rate.runs - known;
        let mut shrink = Shrink::new(&first.plan, (first.rate.failed, first.rate.runs), first.seen.clone());
        let mut taken = vec![first];
        loop {
            account.cut_short = self.is_over(until);
            if account.cut_short {
                break;
            }
            let smallest = &taken[taken.len() - 1];
            let Some(proposal) = shrink.next() else {
                // Nothing is left to leave out. If that fails only now and then, it is told in a way that may be steadier.
                if !shrink.may_be_steadier(smallest.rate) {
                    break;
                }
                continue;
            };
            let (id, size) = (smallest.finding.id.clone(), smallest.finding.shrunk);
            (self.told)(RunEvent::Shrinking {
                finding: &id,
                smallest: size,
                tried: account.tried,
                took: began.elapsed(),
                may_take: until - began,
            });
            let (change, size) = (proposal.change.clone(), proposal.plan.size());
            let (rate, shown) = self.tried(proposal, &smallest.finding.clone(), until).await?;
            account.tried += 1;
            account.runs += rate.runs;
            self.folder.write(JournalEntry::ShrinkTried(ShrinkStep {
                finding: id,
                change,
                size,
                reproduction: rate,
                taken: shown.is_some(),
            }))?;
            shrink.tell(shown.as_ref().map(|shown| (&shown.seen, shown.rate)));
            taken.extend(shown);
        }
        Ok(taken)
    }

    /// The plan as it was found, with its rate: what smaller plans are held against.
    async fn measured(&mut self, mut first: Shown, until: Instant) -> Result<Shown, RunError> {
        while first.rate.runs < MEASURED_MIN || (first.rate.failed < first.rate.runs && first.rate.runs < MEASURED_MAX)
        {
            if self.is_over(until) {
                break;
            }
            let again = self.run(&first.plan, &first.finding).await?;
            first.rate.runs += 1;
            if let Some((finding, seen)) = again {
                first.rate.failed += 1;
                (first.finding, first.seen) = (finding, seen);
            }
        }
        Ok(first)
    }

    /// Runs a smaller plan until it is clear whether it shows the finding often enough.
    async fn tried(
        &mut self,
        proposal: Proposal,
        finding: &Finding,
        until: Instant,
    ) -> Result<(Reproduction, Option<Shown>), RunError> {
        let Proposal { plan, mut trial, .. } = proposal;
        let mut last = None;
        let taken = loop {
            if let Some(taken) = trial.decided() {
                break taken;
            }
            if self.is_over(until) {
                break false;
            }
            let shown = self.run(&plan, finding).await?;
            trial.add(shown.is_some());
            last = shown.or(last);
        };
        let rate = trial.reproduction();
        let shown = last.filter(|_| taken).map(|(finding, seen)| Shown { finding, plan, rate, seen });
        Ok((rate, shown))
    }

    /// One run of a plan: the finding as it tells it, if it shows it.
    async fn run(&mut self, plan: &Plan, finding: &Finding) -> Result<Option<(Finding, Seen)>, RunError> {
        if self.afresh {
            self.bench.refresh().await?;
        }
        let judgement = self.bench.run(plan).await?;
        let again = judgement.findings.into_iter().find(|other| is_again(finding, other));
        Ok(again.map(|again| {
            let again = Finding { id: finding.id.clone(), ..again };
            let seen = Seen::of(&again, judgement.arrivals);
            (again, seen)
        }))
    }

    /// The smallest plan that still fails nearly as often as the first one did when it is measured in full, and which of them
    /// that is. Most often it is the last; where chance has let one through that hardly fails, or the process had been spoilt
    /// by what is no longer in it, the one before it. So each is measured on a fresh process.
    async fn most_reduced_that_holds(&mut self, mut taken: Vec<Shown>, first: f64) -> Result<(Shown, usize), RunError> {
        loop {
            let Some(mut last) = taken.pop() else {
                return Err(RunError::Broken("a finding was pursued without a plan".to_owned()));
            };
            let finding = last.finding.clone();
            self.begin_afresh().await?;
            last.rate = rate_of(self.bench, &last.plan, self.limits, |judged| {
                let again = judged.findings.iter().find(|other| is_again(&finding, other));
                if let Some(again) = again {
                    last.finding = Finding { id: finding.id.clone(), ..again.clone() };
                }
                again.is_some()
            })
            .await?;
            let measured = last.rate.runs > 0;
            let faulty = taken.iter().rev().find(|before| before.plan.size().faults > 0);
            let by_chance = faulty.is_some_and(|before| leaves_order_to_chance(&before.plan, &last.plan));
            let share_min = if by_chance { RATE_SHARE_MIN_BY_CHANCE } else { RATE_SHARE_MIN };
            if taken.is_empty() || !measured || share(last.rate) >= share_min * first {
                return Ok((last, taken.len() + 1));
            }
        }
    }

    /// The same plan on the reference gateway, and without its fault. The reference first: what it shows as well accuses
    /// nobody, and that must not be missed for want of time.
    async fn counterfactual(&mut self, finding: &Finding, plan: &Plan) -> Result<Counterfactual, RunError> {
        let (ablated, left_out) = ablate(plan);
        if self.limits.replays == 0 || finding.reproduction.failed == 0 {
            return Ok(Counterfactual { left_out, ..Counterfactual::default() });
        }
        let again = |judged: &crate::oracle::Judgement| {
            // Whatever has the same cause speaks against the finding, whichever way it shows.
            judged.findings.iter().any(|other| other.fingerprint == finding.fingerprint)
        };
        // One with a cache, where the finding is about one.
        let (kept, decisions) = match finding.leg {
            Leg::Store => (&mut self.references.caching, specimens::Decisions::caching()),
            Leg::Request | Leg::Reply | Leg::Mint => {
                let decisions = specimens::Decisions { up: self.bench.up(), ..specimens::Decisions::reference() };
                (&mut self.references.plain, decisions)
            }
        };
        let bench = match kept.take() {
            Some(bench) => bench,
            None => {
                let gateway = match self.bench.simulation_seed() {
                    Some(seed) => Gateway::simulated(seed, move |listener, origin| {
                        specimens::serve_on(listener, origin, decisions)
                    }),
                    None => Gateway::in_process(move |listener, origin| specimens::serve(listener, origin, decisions)),
                };
                let key = draw_key(&gateway);
                Bench::set_up(gateway, None, key, self.folder.path().join("reference"), plan.down).await?
            }
        };
        let on_reference = rate_of(kept.insert(bench), plan, self.limits, again).await?;
        // What the plan has left in the process is not the fault of the plan without its fault.
        self.begin_afresh().await?;
        let without = rate_of(self.bench, &ablated, self.limits, again).await?;
        Ok(Counterfactual { left_out, without, on_reference })
    }

    /// Gives what is measured next a process of its own, if it is measured at all.
    async fn begin_afresh(&mut self) -> Result<(), RunError> {
        if self.limits.replays > 0 && !self.is_over(self.limits.deadline) {
            self.bench.refresh().await?;
        }
        Ok(())
    }

    fn is_over(&self, until: Instant) -> bool {
        self.limits.stop.is_asked() || Instant::now() >= until
    }
}

/// The share of runs that failed.
fn share(rate: Reproduction) -> f64 {
    f64::from(rate.failed) / f64::from(rate.runs.max(1))
}

/// Whether it is the same finding once more: what it tells must not change while its plan is made smaller.
fn is_again(finding: &Finding, other: &Finding) -> bool {
    (&other.fingerprint, other.shape) == (&finding.fingerprint, finding.shape)
}

/// How often a plan fails in as many runs as asked for, or as there is time for.
async fn rate_of(
    bench: &mut Bench,
    plan: &Plan,
    limits: Limits<'_>,
    mut failed: impl FnMut(&crate::oracle::Judgement) -> bool,
) -> Result<Reproduction, RunError> {
    let until = (Instant::now() + RATE_TIME).min(limits.deadline);
    let mut rate = Reproduction::default();
    while rate.runs < limits.replays && Instant::now() < until && !limits.stop.is_asked() {
        let judgement = bench.run(plan).await?;
        rate.runs += 1;
        rate.failed += u32::from(failed(&judgement));
    }
    Ok(rate)
}
