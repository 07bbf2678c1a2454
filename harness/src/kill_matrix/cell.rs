//! One cell: a specimen under a scenario, run until it shows what ends the cell, or to the last case.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use specimens::Decisions;
use vocabulary::finding::Finding;
use vocabulary::matrix::{Cell, Outcome, Over, Shown, Specimen, Way};
use vocabulary::record::RunRecord;
use vocabulary::verdict::Verdict;

use super::Wanted;
use crate::builder::builder;
use crate::gateway::Gateway;
use crate::regressions::Regressions;
use crate::run::{RunError, RunEvent, Stop};

/// How long a cell may take.
const CELL_TIME: Duration = Duration::from_secs(600);

/// Runs a cell. None where it was ended before its end.
pub(super) fn run(wanted: &Wanted, program: Option<&str>, stop: &Stop) -> Option<Cell> {
    let outcome = match wanted.lacks {
        Some(reason) => Outcome::LeftOut { reason: reason.to_owned() },
        None => outcome(wanted, program, stop),
    };
    let Wanted { specimen, scenario, seed, over, crossing, .. } = wanted.clone();
    let ended_early = stop.is_asked() && !matches!(&outcome, Outcome::Ran { shown, .. } if !shown.is_empty());
    (!ended_early).then_some(Cell { specimen, scenario, seed, over, crossing, outcome })
}

fn outcome(wanted: &Wanted, program: Option<&str>, stop: &Stop) -> Outcome {
    let watch = Arc::new(Watch::new(wanted.until));
    let ran = gateway(wanted, program).and_then(|gateway| {
        let out = tempfile::tempdir().map_err(RunError::Thread)?;
        let (watching, asked) = (Arc::clone(&watch), stop.clone());
        let run = builder().gateway(gateway).out(&out.path().join("run")).scenarios(&wanted.chosen_by);
        let run = run.protocol(wanted.crossing.down).regressions(Regressions::Off);
        let run = run.cases(wanted.cases).seed(wanted.seed).time_limit(CELL_TIME);
        let run = run.shrink_time(Duration::ZERO).replays(0).stop(watch.stop.clone());
        let run = run.on_event(move |event| watching.take_note(&event, &asked));
        Ok(run.run_blocking()?.record().clone())
    });
    match ran {
        Ok(record) => watch.outcome(&record, wanted.cases),
        Err(error) => Outcome::Failed { what: error.to_string() },
    }
}

fn gateway(wanted: &Wanted, program: Option<&str>) -> Result<Gateway, RunError> {
    let decisions = match &wanted.specimen {
        Specimen::Reference => Decisions { up: wanted.crossing.up, ..Decisions::reference() },
        Specimen::CachingReference => Decisions::caching(),
        Specimen::Mutant(name) => {
            let mutant = specimens::mutant(name).ok_or_else(|| RunError::NoMutant { glob: name.clone() })?;
            (mutant.decisions)()
        }
    };
    let label = wanted.specimen.to_string();
    let gateway = match wanted.over {
        Over::Simulation => {
            Gateway::simulated(wanted.seed, move |listener, origin| specimens::serve_on(listener, origin, decisions))
        }
        Over::Tcp => Gateway::in_process(move |listener, origin| specimens::serve(listener, origin, decisions)),
        Over::Program => Gateway::command(&format!("export VARIANT={label}; {}", program.unwrap_or_default())),
    };
    Ok(gateway.labelled("recipe", &label).reply_timeout(decisions.reply_wait))
}

/// Watches a cell's run, and ends it when it has shown enough.
struct Watch {
    until: Option<Way>,
    cases: AtomicU32,
    shown: Mutex<Vec<Shown>>,
    stop: Stop,
}

impl Watch {
    fn new(until: Option<Way>) -> Watch {
        Watch { until, cases: AtomicU32::new(0), shown: Mutex::default(), stop: Stop::default() }
    }

    fn take_note(&self, event: &RunEvent<'_>, asked: &Stop) {
        match event {
            RunEvent::CaseDone { .. } => drop(self.cases.fetch_add(1, Ordering::Relaxed)),
            RunEvent::Found(finding) => self.found(finding),
            _ => {}
        }
        if asked.is_asked() {
            self.stop.ask();
        }
    }

    fn found(&self, finding: &Finding) {
        let way = Way { shape: finding.shape, boundary: finding.boundary, leg: finding.leg };
        let within_cases = self.cases.load(Ordering::Relaxed) + 1;
        let shown = Shown { way, within_cases, sentence: finding.sentence.clone() };
        // A thread that panicked while it held the lock has pushed a whole entry, or none.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).push(shown);
        // What it shows before that are side effects of the same defect.
        if self.until.is_none_or(|until| until == way) {
            self.stop.ask();
        }
    }

    fn outcome(&self, record: &RunRecord, planned: u32) -> Outcome {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let cases = self.cases.load(Ordering::Relaxed);
        if record.verdict == Verdict::Broken || (shown.is_empty() && cases < planned) {
            let skipped = record.skipped.iter().map(|skipped| &skipped.reason);
            let what: Vec<&str> = record.reasons.iter().chain(skipped).map(String::as_str).collect();
            return Outcome::Failed { what: what.join("; ") };
        }
        Outcome::Ran { cases, shown }
    }
}
