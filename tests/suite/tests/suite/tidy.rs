//! The invariants of ARCHITECTURE.md that a program can check, each with its reason.

use std::path::{Path, PathBuf};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every file of ours below a folder: path from the root, and text.
fn files(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let ours = !name.starts_with('.') && !["target", "crosswire-out", "corpus"].contains(&name.as_str());
            if ours && path.is_dir() {
                folders.push(path);
            } else if ours && let Ok(text) = std::fs::read_to_string(&path) {
                found.push((path.strip_prefix(root()).unwrap().display().to_string(), text));
            }
        }
    }
    found
}

fn sources(folder: &str) -> Vec<(String, String)> {
    files(folder).into_iter().filter(|(path, _)| path.ends_with(".rs")).collect()
}

/// A file's text without its tests: those may do what the code may not.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or(text)
}

/// Test code in a file or folder of its own.
fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("/tests/") || path.contains("fixtures")
}

#[test]
fn tidy_pure_parts_use_no_runtime_socket_clock_or_global_chance() {
    let pure = [
        "vocabulary/src",
        "reports/src",
        "scenarios/src",
        "harness/src/oracle",
        "harness/src/doctor",
        "harness/src/redaction",
        "mock-upstream/src/behavior",
    ];
    let single = [
        "harness/src/affinity.rs",
        "harness/src/oracle.rs",
        "harness/src/redaction.rs",
        "mock-upstream/src/behavior.rs",
        "mock-upstream/src/gate.rs",
    ];
    let forbidden =
        ["tokio", "std::net", "Instant::now", "SystemTime", "rand::", "thread::sleep", "std::fs", "std::env"];
    let all = pure.iter().flat_map(|folder| sources(folder));
    let all = all.chain(sources("harness/src")).chain(sources("mock-upstream/src"));
    let pure_file = |path: &str| pure.iter().any(|folder| path.starts_with(folder)) || single.contains(&path);
    for (path, text) in all.filter(|(path, _)| pure_file(path) && !is_test(path)) {
        for (number, line) in without_tests(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap_or(line);
            let used = forbidden.iter().find(|word| code.contains(**word));
            assert!(
                used.is_none(),
                "{path}:{}: {used:?}: this part is pure, so that time and chance are arguments and a test is a table",
                number + 1
            );
        }
    }
}

#[test]
fn tidy_no_module_is_a_drawer() {
    for (path, _) in sources(".") {
        let stem = Path::new(&path).file_stem().unwrap().to_str().unwrap().to_owned();
        let drawer = ["util", "utils", "common", "helpers", "helper", "misc", "core"].contains(&stem.as_str());
        assert!(!drawer, "{path}: a module is named by what it does");
    }
}

#[test]
fn tidy_files_open_by_saying_what_they_are_for() {
    for (path, text) in sources(".") {
        let opens = text.starts_with("//!") || text.starts_with("#![no_main]");
        assert!(opens, "{path}: a file opens by saying what it is for");
    }
}

#[test]
fn tidy_the_specimens_share_no_code_with_the_two_ends() {
    let manifest = std::fs::read_to_string(root().join("tests/specimens/Cargo.toml")).unwrap();
    for ours in ["mock-upstream", "crosswire.workspace", "scenarios", "reports"] {
        let used = manifest.lines().any(|line| line.starts_with(ours));
        assert!(!used, "{ours}: a defect of ours must not be able to hide on both sides");
    }
}

/// What a proxy's author takes in with `cargo add`.
#[test]
fn tidy_the_library_brings_few_crates() {
    let tree = ["tree", "-p", "crosswire", "-e", "normal", "--prefix", "none", "--locked", "--offline"];
    let told = std::process::Command::new(env!("CARGO")).args(tree).current_dir(root()).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told = String::from_utf8(told.stdout).unwrap();
    let crates: std::collections::BTreeSet<&str> = told.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    assert!(crates.len() > 10 && crates.len() <= 90, "{} crates:\n{told}", crates.len());
}

#[test]
fn tidy_the_transport_knows_nobody() {
    let manifest = std::fs::read_to_string(root().join("transport/Cargo.toml")).unwrap();
    for ours in ["vocabulary", "scenarios", "mock-upstream", "crosswire.workspace", "reports", "httparse"] {
        let used = manifest.lines().any(|line| line.starts_with(ours));
        assert!(!used, "{ours}: both ends and the specimens use the transport, so it moves bytes and knows no more");
    }
}

#[test]
fn tidy_what_is_simulated_leaves_nothing_to_chance() {
    let folders = ["transport/src", "mock-upstream/src", "harness/src", "tests/specimens/src"];
    let chance = ["sync::watch", "sync::broadcast", "thread_rng", "FuturesUnordered"];
    // A real process has real time.
    let real = ["harness/src/gateway/process.rs"];
    let code = folders.iter().flat_map(|folder| sources(folder)).filter(|(path, _)| !is_test(path));
    for (path, text) in code.filter(|(path, _)| !real.contains(&path.as_str())) {
        let text = without_tests(&text);
        let selects = text.split("tokio::select! {").skip(1);
        let biased = |branches: &str| branches.trim_start().starts_with("biased;");
        assert!(selects.clone().all(biased), "{path}: a `select!` without `biased` draws where it begins");
        for word in chance {
            assert!(!text.contains(word), "{path}: {word} draws who is woken first");
        }
        let real_time = text.lines().any(|line| line.starts_with("use std::time::") && line.contains("Instant"));
        assert!(!real_time, "{path}: time is tokio's, so that it can be paused");
    }
}

#[test]
fn tidy_nothing_is_left_unfinished_or_ignored() {
    // Spelled so that this file does not find itself.
    let words =
        [["to", "do!("].concat(), ["unimple", "mented!("].concat(), ["#[ign", "ore"].concat(), ["FIX", "ME"].concat()];
    for (path, text) in sources(".") {
        for word in &words {
            assert!(!text.contains(word.as_str()), "{path}: {word}");
        }
    }
}

#[test]
fn tidy_the_pages_name_files_that_exist() {
    for page in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            assert!(root().join(link).exists(), "{page} links to {link}");
        }
    }
}

#[test]
fn tidy_every_scenario_is_whole() {
    for scenario in scenarios::catalogue().all() {
        let head = &scenario.head;
        // A control only observes: it retells no incident, it shows what cannot be told apart.
        let retells = !head.incidents.is_empty() || head.level == vocabulary::scenario::Level::Observe;
        assert!(!head.story.is_empty() && retells, "{}: a story and its incidents", head.name);
        assert!(head.requirement.contains("RFC "), "{}: the RFC section that it holds a gateway to", head.name);
        assert!(!head.must_exercise.is_empty(), "{}: without obligations its silence proves nothing", head.name);
    }
}
