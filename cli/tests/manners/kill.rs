//! kill -9 at any moment: whatever had been printed as found is reported again from the run's folder, and the gateway
//! does not outlive its tester.
//!
//! 20 moments, or as many as CROSSWIRE_KILLS says. They are drawn from a seed, CROSSWIRE_KILL_SEED; where a run is by
//! then is its own affair.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::stage::{Running, code, crosswire, json, specimen, stderr, stdout, until, working_in};

/// Moments where nobody says how many.
const KILLS: u64 = 20;
/// How long a run may go on before it is killed, at most: its findings are shrunk and measured by then.
const LATEST_MS: u64 = 6000;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|value| value.parse().unwrap())
}

/// SplitMix64.
fn draw(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add((index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The findings whose sentence had been printed: id and sentence.
fn printed(said: &str) -> BTreeMap<String, String> {
    let line = |line: &str| {
        let (id, rest) = line.strip_prefix("found ")?.split_once(", and now ")?;
        Some((id.to_owned(), rest.split_once(": ")?.1.to_owned()))
    };
    // A last line that was cut off had not been printed.
    let whole = said.rfind('\n').map_or("", |end| &said[..end]);
    whole.lines().filter_map(line).collect()
}

/// What one killed run had come to.
#[derive(Debug, Default)]
struct Tally {
    runs: u64,
    /// Killed before the journal had its first line.
    without_a_run: u64,
    /// Ended by themselves before their moment came.
    ended: u64,
    findings: u64,
}

/// Kills one run at its moment, and asks for its report.
fn kill(folder: &Path, seed: u64, after: Duration, tally: &mut Tally) {
    let command = specimen("mutant:interim-taken-as-final");
    let seed = seed.to_string();
    let check = ["check", "--command", &command, "--scenario", "interim-1*", "--cases", "6", "--seed", &seed];
    let began = Instant::now();
    let mut run = Running::start(folder, &[&check[..], &["--shrink-time", "1s", "--out", "run"]].concat());
    // The moment is the experiment: there is no condition to await.
    while began.elapsed() < after && !run.has_ended() {
        std::thread::sleep(Duration::from_millis(1));
    }
    match run.has_ended() {
        true => tally.ended += 1,
        false => run.signal("-KILL"),
    }
    run.ended();
    tally.runs += 1;
    let said = run.said();
    let printed = printed(&said);
    let report = crosswire(folder, &["report", "run", "-o", "-"]);
    if printed.is_empty() && code(&report) == 2 {
        // It had not begun: there is nothing to report, and the message says so.
        assert!(stderr(&report).contains("failed to read run"), "{}", stderr(&report));
        tally.without_a_run += 1;
    } else {
        let expected: &[i32] = if printed.is_empty() { &[3, 10] } else { &[10] };
        assert!(expected.contains(&code(&report)), "after {after:?}, {said}: {}", stderr(&report));
        let record = json(&stdout(&report));
        let findings = record["findings"].as_array().unwrap();
        let journal = std::fs::read_to_string(folder.join("run/journal.jsonl")).unwrap();
        for (id, sentence) in &printed {
            let finding = findings.iter().find(|finding| finding["id"] == id.as_str());
            let finding = finding.unwrap_or_else(|| panic!("{id} is lost after {after:?}: {said}"));
            // A finding that was shown by a smaller plan is told by that plan's exchanges.
            let shrunk = journal.contains(&format!("\"finding-shrunk\":{{\"id\":\"{id}\""));
            assert!(shrunk || finding["sentence"] == sentence.as_str(), "{id}: {finding}");
            let told = finding["sentence"].as_str().unwrap();
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
            assert!(words(&stderr(&report)).contains(&words(told)), "{id} has no card: {}", stderr(&report));
        }
        tally.findings += printed.len() as u64;
    }
    let gateway = folder.join("run/gateway");
    until(&format!("the end of the gateway of a run of seed {seed}, killed after {after:?}"), || {
        working_in(&gateway).is_empty()
    });
}

#[test]
fn nothing_that_was_printed_is_lost_and_no_gateway_is_left_behind() {
    let (kills, seed) = (number("CROSSWIRE_KILLS").unwrap_or(KILLS), number("CROSSWIRE_KILL_SEED").unwrap_or(1));
    let mut tally = Tally::default();
    for index in 0..kills {
        let folder = tempfile::tempdir().unwrap();
        let after = Duration::from_millis(draw(seed, index) % LATEST_MS);
        kill(folder.path(), seed.wrapping_add(index), after, &mut tally);
    }
    eprintln!("{tally:?}");
    // Enough was killed amid its work for this to mean something.
    assert_eq!(tally.runs, kills);
    assert!(tally.ended * 2 < kills && tally.findings * 4 >= kills, "{tally:?}");
}
