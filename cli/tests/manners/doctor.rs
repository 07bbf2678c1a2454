//! `crosswire doctor` as a person and a program use it, on our own gateway and on real ones.

use std::path::Path;
use std::process::Output;

use crate::stage::{code, crosswire, json, stderr, stdout};

fn doctor(folder: &Path, arguments: &[&str]) -> Output {
    crosswire(folder, &[&["doctor"], arguments].concat())
}

/// State and finding of a line, as a program reads them.
fn line(output: &Output, topic: &str) -> (String, String) {
    let examination = json(&stdout(output));
    let line = examination["lines"].as_array().unwrap().iter().find(|line| line["topic"] == topic);
    let line = line.unwrap_or_else(|| panic!("no line of {topic}: {examination}"));
    let text = |member: &str| line[member].as_str().unwrap().to_owned();
    (text("state"), text("found"))
}

#[test]
fn a_person_reads_lines_and_a_program_json() {
    let folder = tempfile::tempdir().unwrap();
    let examined = doctor(folder.path(), &["--recipe", "reference", "-o", "found.json", "-o", "-"]);
    assert_eq!(code(&examined), 0, "{}", stderr(&examined));
    assert!(stderr(&examined).contains("A check of this gateway can show everything."), "{}", stderr(&examined));
    assert_eq!(std::fs::read_to_string(folder.path().join("found.json")).unwrap(), stdout(&examined));
    assert_eq!(json(&stdout(&examined))["schema"], "crosswire.examination/1");
    assert_eq!(line(&examined, "cache").0, "ok");
    assert!(!folder.path().join("crosswire-out").exists(), "a doctor keeps no run");
    let quiet = doctor(folder.path(), &["--recipe", "reference", "-q"]);
    assert_eq!(stderr(&quiet), "ok\n");
}

#[test]
fn a_gateway_that_dies_or_is_not_there_ends_with_3_and_a_fix() {
    let folder = tempfile::tempdir().unwrap();
    let dead = doctor(folder.path(), &["--command", "echo 'no such option' >&2; exit 4", "-o", "-"]);
    assert_eq!(code(&dead), 3, "{}", stderr(&dead));
    let (state, found) = line(&dead, "gateway");
    assert!(state == "fail" && found.contains("no such option"), "{found}");
    assert!(stderr(&dead).contains("fix: ") && stderr(&dead).contains("No check"), "{}", stderr(&dead));
}

#[test]
fn usage_errors_send_nothing_and_end_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, says) in [
        (&[][..], "--recipe"),
        (&["--recipe", "ngin"], "did you mean \"nginx\""),
        (&["--recipe", "reference", "-o", "found.xml"], ".json"),
        (&["--recipe", "reference", "--protocol", "h2"], "h2c"),
        (&["--command", "no-such-gateway"], "not on this machine"),
    ] {
        let refused = doctor(folder.path(), arguments);
        assert_eq!(code(&refused), 2, "{arguments:?}: {}", stderr(&refused));
        assert!(stderr(&refused).contains(says), "{arguments:?}: {}", stderr(&refused));
    }
}

/// Whether a program is there; a test that needs it fails where it is required.
fn has(program: &str) -> bool {
    let there =
        ["/usr/sbin", "/usr/bin", "/usr/local/bin"].iter().any(|folder| Path::new(folder).join(program).is_file());
    let required = std::env::var("CROSSWIRE_REQUIRE").unwrap_or_default();
    assert!(there || !required.split(',').any(|name| program.starts_with(name)), "{program} is required");
    if !there {
        eprintln!("skipped: {program} is not installed");
    }
    there
}

#[test]
fn real_gateways_differ_as_they_are_known_to() {
    let folder = tempfile::tempdir().unwrap();
    if has("nginx") {
        let plain = doctor(folder.path(), &["--recipe", "nginx", "-o", "-"]);
        assert_eq!(code(&plain), 0, "{}", stderr(&plain));
        assert_eq!(line(&plain, "request-buffering").0, "warn");
        assert_eq!(line(&plain, "pooling").0, "ok");
        assert!(line(&plain, "cache").1.starts_with("both of two"), "{:?}", line(&plain, "cache"));
        let caching = doctor(folder.path(), &["--recipe", "nginx:cache", "-o", "-"]);
        assert!(line(&caching, "cache").1.contains("answered from a store"), "{:?}", line(&caching, "cache"));
    }
    if has("haproxy") {
        let plain = doctor(folder.path(), &["--recipe", "haproxy", "-o", "-"]);
        assert_eq!(code(&plain), 0, "{}", stderr(&plain));
        assert_eq!(line(&plain, "request-buffering").0, "ok");
        assert_eq!(line(&plain, "interim-replies").0, "ok");
    }
    if has("varnishd") {
        let caching = doctor(folder.path(), &["--recipe", "varnish:cache", "-o", "-"]);
        assert_eq!(code(&caching), 0, "{}", stderr(&caching));
        assert!(line(&caching, "cache").1.contains("answered from a store"), "{:?}", line(&caching, "cache"));
        assert!(line(&caching, "collapsing").1.contains("1 reached the origin"), "{:?}", line(&caching, "collapsing"));
    }
}
