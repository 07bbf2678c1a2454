//! Fingerprints: one planted defect has one, whatever the seed, and two have two.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crosswire::Gateway;
use specimens::Mutant;

use crate::{run, spoken, unshrunk};

/// Cases in which a defect must have shown all that it shows.
const CASES: u32 = 60;
/// Seeds of plans and of the network.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=10;

/// Of each kind of defect one, that no two of them share a fingerprint: pools, surplus, framing, tunnels, caches, identities, buffers, order, streams.
const DEFECTS: [&str; 11] = [
    "interim-taken-as-final",
    "surplus-accepted",
    "idle-surplus-accepted",
    "half-read-connection-pooled",
    "upgrade-tail-sent-raw",
    "cache-ignores-authorization",
    "cache-key-without-host",
    "identity-shared-by-worker",
    "buffer-reused-while-read",
    "replies-swapped-in-one-order",
    "stream-map-off-by-one",
];

/// The fingerprint of the worst finding of a run in a simulation: of that which a report tells first.
fn fingerprint(mutant: &Mutant, seed: u64) -> String {
    let decisions = (mutant.decisions)();
    let gateway = Gateway::simulated(seed, move |listener, origin| specimens::serve_on(listener, origin, decisions));
    let gateway = gateway.labelled("recipe", mutant.name).reply_timeout(decisions.reply_wait);
    let spoken = spoken(mutant, 1);
    let (report, _out) =
        run(gateway, |builder| unshrunk(builder).protocol(spoken).scenarios(mutant.scenario).cases(CASES).seed(seed));
    let findings = report.record().findings.iter();
    let worst = findings
        .min_by_key(|finding| (finding.level, finding.severity, Reverse(finding.boundary), finding.shape))
        .unwrap_or_else(|| panic!("{} with seed {seed} shows nothing", mutant.name));
    worst.fingerprint.clone()
}

/// Of these chance decides how far they reach, not only in which shape.
const OF_SEVERAL_REACHES: [&str; 1] = ["fake-accept-opens-tunnel"];

#[test]
fn the_same_defect_has_one_fingerprint_over_ten_seeds_and_two_defects_have_two() {
    // A gateway that must be stopped is a program, which none in a simulation is.
    let freezes = |mutant: &Mutant| scenarios::catalogue().find(mutant.scenario).unwrap().needs_freezing();
    let of: BTreeMap<&str, BTreeSet<String>> = specimens::mutants()
        .iter()
        .filter(|mutant| !freezes(mutant))
        .map(|mutant| (mutant.name, SEEDS.map(|seed| fingerprint(mutant, seed)).collect()))
        .collect();
    let several = of.iter().filter(|(_, fingerprints)| fingerprints.len() != 1);
    assert_eq!(several.map(|(name, _)| *name).collect::<Vec<_>>(), OF_SEVERAL_REACHES);
    let distinct: BTreeSet<&String> = DEFECTS.iter().flat_map(|name| &of[name]).collect();
    assert_eq!(distinct.len(), DEFECTS.len(), "{of:?}");
}
