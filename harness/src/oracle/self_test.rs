//! The oracle on trial: before anything is sent, it judges histories with a planted mix-up and histories without.
//!
//! A run whose oracle misses a planted swap, or sees one where there is none, is Broken: its silence and its findings
//! would both be worthless.

use vocabulary::finding::Shape;
use vocabulary::record::SelfTest;

use super::{Known, judge, notation};

pub(super) const PLANTED: [(&str, Shape); 16] = [
    ("1<2 2<1", Shape::PairSwap),
    ("1<2 2<3 3<1", Shape::Rotation),
    ("c1:1,2 1<- 2<1", Shape::Shift),
    ("c1:1,2,3 fault:1 1<- 2<1 3<2", Shape::Shift),
    ("seq c1:1,2 1<1 segment:1.2 2<1.2", Shape::Shift),
    ("seq c1:1,2 1<1 acknowledged:1.2 2<1.2", Shape::Shift),
    ("seq 1<- 2<1", Shape::StaleDelivery),
    ("1<1 2<1", Shape::DuplicateDelivery),
    ("same-url authorization store:2 1<1 2<1", Shape::DuplicateDelivery),
    ("1<1 2<2+1", Shape::Splice),
    ("retry:1.2 1<1+1.2", Shape::Splice),
    ("c1:3,2 tail:1>3 1<1 3<- 2<3", Shape::Shift),
    ("1<1 2<2 echo:2<1", Shape::Fragment),
    ("1<1 ghost:1>3", Shape::GhostRequest),
    ("1<1 2<2 seen:2<1", Shape::RequestSplice),
    ("1<1 2<2 unasked:2<1", Shape::Desync),
];

pub(super) const CORRECT: [&str; 12] = [
    "1<1 2<2 3<3",
    "seq c1:1,2,3 1<1 2<2 3<3",
    "1<- 2<2",
    "fault:1 c1:1,2 1<1 2<2",
    "same-url store:2 1<1 2<1",
    "public:1 1<1 2<1",
    "1<1 timeout:1",
    "1<1 tail:1>3",
    "1<1 tail:1>3 3<3",
    "retry:1.2 1<1.2",
    "1<1 2<2 echo:2<2",
    "seq c1:1,2 1<1 surplus:1.2 2<1.2",
];

/// Judges every planted and every correct history.
pub(crate) fn self_test() -> SelfTest {
    let shapes = |line: &str| {
        let judged = judge(&notation::history(line), Known::VERBATIM);
        judged.map(|judged| judged.findings.iter().map(|finding| finding.shape).collect::<Vec<_>>())
    };
    let found = PLANTED.iter().filter(|(line, shape)| shapes(line).is_ok_and(|shapes| shapes == [*shape]));
    let silent = CORRECT.iter().filter(|line| shapes(line).is_ok_and(|shapes| shapes.is_empty()));
    SelfTest {
        planted: PLANTED.len() as u32,
        found: found.count() as u32,
        correct: CORRECT.len() as u32,
        silent: silent.count() as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oracle_finds_what_was_planted_and_nothing_else() {
        let result = self_test();
        assert!(result.passed(), "{result:?}");
    }
}
