//! The same proxy with a bug in its pool of buffers: it is found, and told in a way that can be pasted into an issue.

use crosswire::vocabulary::finding::{Boundary, Severity};
use crosswire::vocabulary::verdict::Verdict;
use crosswire::{Gateway, Regressions, Report, RunError};
use examples::proxy;

/// A run of the scenarios that break replies off. It finds what it should, so that nothing is kept.
fn run(seed: u64) -> Result<Report, RunError> {
    let gateway = Gateway::in_process(proxy::serve_with_bug);
    let run = crosswire::builder().gateway(gateway).scenarios("buffer-residue-scan").cases(40).seed(seed).fail_fast();
    run.regressions(Regressions::Off).run_blocking()
}

#[test]
fn a_buffer_that_is_not_cleared_leaks_to_another_tenant() {
    let report = run(1).unwrap();
    let record = report.record();
    assert_eq!(record.verdict, Verdict::Violated, "{:?}", record.reasons);
    let finding = &record.findings[0];
    println!("{}", report.card(finding));
    assert_eq!((finding.severity, finding.boundary), (Severity::Leak, Boundary::CrossTenant));
    assert_eq!(finding.counterfactual.on_reference.failed, 0);
}

/// What it is, and the name by which it is known: which exchanges are left to show it is the proxy's own scheduling.
#[test]
fn two_runs_that_find_it_tell_it_alike() {
    let told = || {
        let report = run(1).unwrap();
        let card = report.normalized_card(&report.record().findings[0]);
        let (first, last) = (card.lines().next(), card.lines().last());
        (first.unwrap().to_owned(), last.unwrap().to_owned())
    };
    let (what, name) = told();
    assert_eq!(what, "leak · splice · cross-tenant · buffer-residue-scan");
    assert!(name.starts_with("fingerprint "), "{name}");
    assert_eq!(told(), (what, name));
}
