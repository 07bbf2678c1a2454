//! The incident that made many ask whose answers they see: real old versions of redis-py, before a real Redis.
//!
//! A proxy of a few lines, `redis_store.py`, which keeps each user's replies in Redis. Versions are looked for in
//! `target/redis/VERSION`, where `.ci/run` installs them beside aiohttp; without one, or without `redis-server`, a test is
//! skipped with a printed reason, unless `CROSSWIRE_REQUIRE` has `redis`.

use crosswire::Gateway;
use vocabulary::finding::{Boundary, Severity};
use vocabulary::record::RunRecord;
use vocabulary::verdict::Verdict;

use crate::tidy::root;
use crate::{run, story, unshrunk};

/// What becomes of the scenario where the store is asked in this way by this version of redis-py, if that is installed.
fn judged(version: &str, transactions: bool) -> Option<RunRecord> {
    let installed = root().join("target/redis").join(version);
    let server = std::process::Command::new("redis-server").arg("--version").output();
    if !installed.is_dir() || server.is_err() {
        let required = std::env::var("CROSSWIRE_REQUIRE").unwrap_or_default();
        assert!(
            !required.split(',').any(|name| name == "redis"),
            "{} and redis-server are required",
            installed.display()
        );
        eprintln!("skipped: redis-py {version}, or redis-server, is not installed");
        return None;
    }
    let script = root().join("tests/suite/gateways/redis_store.py");
    let variables = format!("TRANSACTIONS={} PYTHONPATH='{}'", u8::from(transactions), installed.display());
    let command = format!("{variables} exec python3 '{}'", script.display());
    let (report, _out) =
        run(Gateway::command(&command), |builder| unshrunk(builder).scenarios("session-store-bleed").cases(16).seed(1));
    Some(report.record().clone())
}

#[track_caller]
fn mixes_up(version: &str, transactions: bool) {
    let Some(record) = judged(version, transactions) else { return };
    assert_eq!(record.verdict, Verdict::Violated, "{version}: {}", story(&record));
    let leak = |finding: &vocabulary::finding::Finding| {
        (finding.severity, finding.boundary) == (Severity::Leak, Boundary::CrossTenant)
    };
    assert!(record.findings.iter().any(leak), "{version}: {}", story(&record));
}

#[track_caller]
fn keeps_apart(version: &str, transactions: bool) {
    let Some(record) = judged(version, transactions) else { return };
    assert_eq!(record.verdict, Verdict::Clean, "{version}: {}", story(&record));
    let hits: u64 = record.scenarios.iter().map(|scenario| scenario.store.hits).sum();
    assert!(hits > 500, "{version} answers from its store: {hits}");
}

/// CVE-2023-28858: who goes away while a pipeline waits for its answers leaves them to the next one.
#[test]
fn redis_py_4_5_1_hands_one_users_page_to_another_out_of_a_pipeline() {
    mixes_up("4.5.1", true);
    keeps_apart("4.5.3", true);
}

/// CVE-2023-28859: the repair had forgotten plain commands.
#[test]
fn redis_py_4_5_3_does_so_out_of_a_plain_command() {
    mixes_up("4.5.1", false);
    mixes_up("4.5.3", false);
    keeps_apart("4.6.0", false);
}
