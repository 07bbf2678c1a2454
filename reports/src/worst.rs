//! Which findings come first where not all can be told: those that decide the verdict, and of them the worst. Which is the
//! first of them hardly depends on a run's chances, so that its fingerprint names the defect.

use std::cmp::Reverse;

use vocabulary::finding::Finding;

/// The findings by level, then by severity, then by how far they reach, then by shape, then as they were found.
pub(crate) fn worst_first<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<&'a Finding> {
    let mut findings: Vec<&Finding> = findings.into_iter().collect();
    findings.sort_by_key(|finding| (finding.level, finding.severity, Reverse(finding.boundary), finding.shape));
    findings
}

#[cfg(test)]
mod tests {
    use vocabulary::finding::{Boundary, Severity, Shape};
    use vocabulary::scenario::Level;

    use super::*;
    use crate::fixtures;

    #[test]
    fn what_decides_the_verdict_comes_before_what_is_worse_and_equals_keep_their_order() {
        let finding = |id: &str, level, severity| Finding { id: id.to_owned(), level, severity, ..fixtures::shift() };
        let findings = [
            finding("f1", Level::Should, Severity::Leak),
            finding("f2", Level::Must, Severity::Staleness),
            finding("f3", Level::Must, Severity::Leak),
            finding("f4", Level::Must, Severity::Leak),
        ];
        let ids: Vec<&str> = worst_first(&findings).iter().map(|finding| finding.id.as_str()).collect();
        assert_eq!(ids, ["f3", "f4", "f2", "f1"]);
    }

    #[test]
    fn of_equal_severity_what_reaches_farther_comes_first_and_then_the_shape_decides() {
        let finding = |id: &str, boundary, shape| Finding { id: id.to_owned(), boundary, shape, ..fixtures::shift() };
        let findings = [
            finding("f1", Boundary::SameTenant, Shape::Splice),
            finding("f2", Boundary::CrossTenant, Shape::Rotation),
            finding("f3", Boundary::CrossTenant, Shape::PairSwap),
        ];
        let ids: Vec<&str> = worst_first(&findings).iter().map(|finding| finding.id.as_str()).collect();
        assert_eq!(ids, ["f3", "f2", "f1"]);
    }
}
