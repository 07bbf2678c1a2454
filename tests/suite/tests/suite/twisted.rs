//! Known defects in old versions of a real server, and the version in which they are mended.
//!
//! Proxies of a few lines on `twisted.web`. Versions are looked for in `target/twisted/VERSION`, where `.ci/run` installs
//! them; without one a test is skipped with a printed reason, unless `CROSSWIRE_REQUIRE` has `twisted`.

use crosswire::Gateway;
use vocabulary::finding::{Boundary, Shape};
use vocabulary::record::RunRecord;
use vocabulary::verdict::Verdict;

use crate::tidy::root;
use crate::{run, story, unshrunk};

const MENDED: &str = "24.11.0";

/// What becomes of a scenario behind this proxy on this version of Twisted, if that is installed.
fn judged(version: &str, proxy: &str, scenario: &str) -> Option<RunRecord> {
    let installed = root().join("target/twisted").join(version);
    if !installed.is_dir() {
        let required = std::env::var("CROSSWIRE_REQUIRE").unwrap_or_default();
        assert!(!required.split(',').any(|name| name == "twisted"), "{} is required", installed.display());
        eprintln!(
            "skipped: Twisted {version} is not installed; python3 -m pip install --target {}",
            installed.display()
        );
        return None;
    }
    let script = root().join("tests/suite/gateways").join(proxy);
    let command = format!("PYTHONPATH='{}' exec python3 '{}'", installed.display(), script.display());
    let (report, _out) =
        run(Gateway::command(&command), |builder| unshrunk(builder).scenarios(scenario).cases(4).seed(1));
    Some(report.record().clone())
}

fn shows_and_is_mended(version: &str, proxy: &str, scenario: &str, shapes: &[Shape]) {
    if let Some(old) = judged(version, proxy, scenario) {
        assert_eq!(old.verdict, Verdict::Violated, "{version}: {}", story(&old));
        for finding in &old.findings {
            assert!(shapes.contains(&finding.shape), "{version}: {}", story(&old));
        }
        let crosses = old.findings.iter().any(|finding| finding.boundary == Boundary::CrossTenant);
        assert!(crosses, "{version}: {}", story(&old));
    }
    if let Some(mended) = judged(MENDED, proxy, scenario) {
        assert_eq!(mended.verdict, Verdict::Clean, "{MENDED}: {}", story(&mended));
    }
}

/// CVE-2023-46137: pipelined requests were answered in the order of completion.
#[test]
fn twisted_22_answers_a_pipeline_in_the_order_of_completion() {
    let permuted = [Shape::PairSwap, Shape::Rotation];
    shows_and_is_mended("22.10.0", "twisted_agent.py", "pipelined-slow-fast", &permuted);
}

/// CVE-2024-41671: what was pipelined behind a chunked request was overtaken by what came later.
#[test]
fn twisted_24_3_lets_a_later_request_overtake_one_behind_a_chunked_body() {
    let permuted = [Shape::PairSwap, Shape::Rotation];
    shows_and_is_mended("24.3.0", "twisted_blocking.py", "pipelined-chunked-then-late", &permuted);
}
