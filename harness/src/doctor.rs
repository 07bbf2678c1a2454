//! Examining a gateway: what it does with traffic that hides nothing, and so what a check of it can show.
//!
//! Each question is a small plan, made by hand ([`probes`]), which is run as a case is run, by the same clients against
//! the same origin; what happened is read by a pure function ([`reading`]). Nothing is judged here: a gateway may pool,
//! retry, store and buffer as it likes.

mod probes;
mod reading;
#[cfg(test)]
mod tests;

use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use tokio::time::{Instant, timeout_at};
use vocabulary::examination::{EXAMINATION_SCHEMA, Examination, ExaminedLine, State, Topic};

use crate::builder::Builder;
use crate::case::{Bench, BenchError};
use crate::run::{self, RunError};

/// How long a gateway that is examined may take to become ready: whoever asks a doctor does not want to wait.
const READY_WAIT: Duration = Duration::from_secs(8);
/// How long the questions may take together.
const QUESTIONS_WAIT: Duration = Duration::from_secs(12);
/// Files and sockets that a check has open at once, with room to spare.
const OPEN_FILES_MIN: u64 = 1024;

pub(crate) async fn examine(builder: Builder) -> Result<Examination, RunError> {
    let gateway = builder.gateway.clone().ok_or(RunError::NoGateway)?.ready_sooner(READY_WAIT);
    let down = gateway.down(builder.protocol).map_err(BenchError::from)?;
    let work = tempfile::tempdir().map_err(RunError::Thread)?;
    let key = run::draw_key(&gateway);
    let (label, is_tls) = (gateway.label().clone(), gateway.is_tls());
    let mut lines = vec![open_files(getrlimit(Resource::Nofile).current)];
    let began = Instant::now();
    match Bench::set_up(gateway, builder.origin_listen, key, work.path().to_owned(), down).await {
        Ok(mut bench) => {
            lines.extend(reading::reached(&bench.target().address.to_string(), began.elapsed(), bench.is_verbatim()));
            let agreed = if is_tls { Some(bench.agreed(down).await) } else { None };
            lines.push(reading::tls(agreed.as_ref().map(Option::as_deref)));
            lines.extend(questions(&mut bench, probes::all(down)).await?);
        }
        Err(error) if error.is_before_anything_was_sent() => return Err(RunError::Bench(error)),
        Err(error) => lines.extend(reading::not_reached(&error)),
    }
    Ok(Examination {
        schema: EXAMINATION_SCHEMA.to_owned(),
        crosswire_version: env!("CARGO_PKG_VERSION").to_owned(),
        gateway: label,
        lines,
    })
}

/// Asks one question after the other, as long as there is time.
async fn questions(bench: &mut Bench, probes: Vec<probes::Probe>) -> Result<Vec<ExaminedLine>, RunError> {
    let deadline = Instant::now() + QUESTIONS_WAIT;
    let mut lines = Vec::new();
    for probe in probes {
        match timeout_at(deadline, bench.perform(&probe.plan)).await {
            Ok(Ok(history)) => lines.extend((probe.read)(&history)),
            Ok(Err(overflow)) => return Err(RunError::Broken(overflow.to_string())),
            Err(_) => lines.extend(probe.topics.iter().map(|topic| reading::not_asked(*topic, QUESTIONS_WAIT))),
        }
    }
    Ok(lines)
}

fn open_files(limit: Option<u64>) -> ExaminedLine {
    let enough = limit.is_none_or(|limit| limit >= OPEN_FILES_MIN);
    let limit = limit.map_or_else(|| "any number of".to_owned(), |limit| limit.to_string());
    ExaminedLine {
        topic: Topic::OpenFiles,
        state: if enough { State::Ok } else { State::Warn },
        found: format!("this process may have {limit} files and sockets open"),
        means: match enough {
            true => "enough for the connections of a check".to_owned(),
            false => "a check may run out of sockets in cases with many connections".to_owned(),
        },
        fix: (!enough).then(|| "raise the limit before a check: ulimit -n 4096".to_owned()),
    }
}
