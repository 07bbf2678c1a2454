//! What a person sees while a run goes on: findings at once, progress on a terminal, a line now and then elsewhere.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crosswire::RunEvent;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use vocabulary::suppression::{SuppressionRecord, SuppressionState};

use crate::output::{Output, to_stderr};
use crate::signals::Status;

/// How often a line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Plain lines where nobody has a terminal: one now and then says that something still happens.
pub(crate) struct Lines {
    wanted: bool,
    last: Mutex<Instant>,
}

impl Lines {
    pub(crate) fn new(output: &Output) -> Lines {
        Lines { wanted: !output.terminal && !output.quiet, last: Mutex::new(Instant::now()) }
    }

    /// Prints a line if it is time for one.
    pub(crate) fn tell(&self, line: impl FnOnce() -> String) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if self.wanted && last.elapsed() >= LINE_EVERY {
            *last = Instant::now();
            to_stderr(&line());
        }
    }
}

/// Shows what happens.
pub(crate) struct Watch {
    output: Output,
    bar: ProgressBar,
    lines: Lines,
    status: Status,
    /// Why scenarios were skipped, as far as it was said.
    reasons: Mutex<BTreeSet<String>>,
}

impl Watch {
    pub(crate) fn new(output: Output, status: Status) -> Watch {
        let target = match output.terminal && !output.quiet {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{elapsed:>4} {wide_msg}");
        bar.set_style(style.expect("the template is right, a test shows it"));
        Watch { output, bar, lines: Lines::new(&output), status, reasons: Mutex::default() }
    }

    /// Shows one event.
    pub(crate) fn show(&self, event: RunEvent<'_>) {
        match event {
            RunEvent::Started { seed, folder, gateway, scenarios, profile, .. } => {
                let version = gateway.version.as_ref().map(|version| format!(" ({version})")).unwrap_or_default();
                let plural = if scenarios == 1 { "" } else { "s" };
                self.line(&format!(
                    "crosswire {} · {}{version} · {scenarios} scenario{plural} · profile {} · seed {seed}\n{}",
                    env!("CARGO_PKG_VERSION"),
                    gateway.name,
                    profile.name,
                    folder.display()
                ));
            }
            RunEvent::Skipped { scenario, reason } => {
                // The summary names all of them; here a reason is said once.
                if self.reasons.lock().unwrap_or_else(PoisonError::into_inner).insert(reason.to_owned()) {
                    self.line(&format!("skipped {scenario}, and others of which it is true: {reason}"));
                }
            }
            RunEvent::FormLost(form) => {
                self.line(&format!("requests in the form {form} do not come back through this gateway: sent plainly"));
            }
            RunEvent::CaseDone { scenario, case, verified, faults, findings } => {
                let progress = format!(
                    "{scenario} case {case} · {verified} replies verified · {faults} faults performed · {findings} findings"
                );
                self.progress(progress);
            }
            RunEvent::Found(finding) => {
                self.progress(format!("{} found, replaying its plan", finding.shape));
                self.line(&format!(
                    "found {}, and now looking for a smaller plan that shows it: {}",
                    finding.id, finding.sentence
                ));
            }
            RunEvent::Suppressed(finding, suppression) => {
                let by = SuppressionRecord { suppression: suppression.clone(), state: SuppressionState::Applied };
                self.line(&format!("found and set aside: {}\n{}", finding.sentence, by.told()));
            }
            RunEvent::Shrinking { finding, smallest, tried, took, may_take } => {
                self.progress(format!(
                    "{finding} shown by {smallest}; looking for a smaller plan: {tried} tried, {:.0} of at most {:.0} s",
                    took.as_secs_f32(),
                    may_take.as_secs_f32()
                ));
            }
            RunEvent::Measured(finding, _) if finding.counterfactual.on_reference.failed > 0 => {
                self.line(&format!(
                    "withdrawn, for the reference gateway does the same: the plan asks for it, or crosswire is wrong: {}",
                    finding.sentence
                ));
            }
            RunEvent::Measured(finding, replay) => {
                self.line(&format!("\n{}", reports::card(finding, replay, self.output.style())));
            }
        }
    }

    /// Takes the progress away: what follows stands by itself.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self, text: &str) {
        if !self.output.quiet {
            self.bar.suspend(|| to_stderr(text));
        }
    }

    fn progress(&self, text: String) {
        self.status.set(&text);
        if self.output.terminal {
            self.bar.set_message(text);
            self.bar.tick();
            return;
        }
        self.lines.tell(|| text);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_template_of_the_progress_bar_is_right() {
        assert!(indicatif::ProgressStyle::with_template("{elapsed:>4} {wide_msg}").is_ok());
    }
}
