//! A release gate as a person sets it up: gates, suppressions, a configuration file, and what each makes of the exit code.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// A folder to work in, and crosswire in it.
struct Here(tempfile::TempDir);

impl Here {
    fn new() -> Here {
        Here(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, file: &str, text: &str) -> &Here {
        std::fs::write(self.path().join(file), text).unwrap();
        self
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path().join(file)).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosswire"));
        command.args(arguments).current_dir(self.path());
        command.env_remove("GITHUB_ACTIONS").env_remove("GITHUB_STEP_SUMMARY").env_remove("GITHUB_OUTPUT");
        command
    }

    /// Runs crosswire; its exit code, stderr and stdout.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        ended(self.command(arguments).output().unwrap())
    }

    /// Checks a gateway under one scenario, quickly; the exit code, stderr, and the record.
    fn check(&self, recipe: &str, more: &[&str]) -> (i32, String, Value) {
        let quick = ["--scenario", "surplus-same-segment", "--cases", "3", "--seed", "1", "--shrink-time", "0s"];
        let check = [&["check", "--recipe", recipe, "-o", "-"][..], &quick, more].concat();
        let (code, told, json) = self.run(&check);
        (code, told, serde_json::from_str(&json).unwrap_or_default())
    }
}

fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stderr), text(&output.stdout))
}

const BROKEN: &str = "mutant:surplus-accepted";

#[test]
fn a_gate_that_holds_changes_nothing_and_one_that_does_not_fails_the_run() {
    let here = Here::new();
    let (code, told, record) = here.check("reference", &["--gate", "verified >= 1", "--gate", "error_rate < 50%"]);
    assert_eq!((code, record["gates"][1]["state"].as_str()), (0, Some("passed")), "{told}");
    let (code, told, record) =
        here.check("reference", &["--gate", "latency.p50 < 4s", "--gate", "latency.p99 > 0.001ms"]);
    assert_eq!((code, record["gates"][0]["state"].as_str()), (0, Some("passed")), "{told}");
    assert!(record["totals"]["latency"]["samples"].as_u64() > Some(0), "{record}");
    let (code, told, record) = here.check("reference", &["--gate", "verified >= 1M"]);
    assert_eq!((code, record["verdict"].as_str()), (11, Some("gate-failed")), "{told}");
    assert!(told.contains("gate verified >= 1000000: failed: "), "{told}");
    let (code, told, _) = here.check("reference", &["--gate", "hit_rate > 1%"]);
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("no samples: 0 requests that could have been hits"), "{told}");
}

#[test]
fn a_gate_that_is_none_is_refused_before_anything_is_sent() {
    let here = Here::new();
    let (code, told, _) = here.run(&["check", "--recipe", "reference", "--gate", "eror_rate < 1%"]);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("did you mean \"error_rate\"?") && told.contains("hit_rate"), "{told}");
    assert!(!here.path().join("crosswire-out").exists());
}

#[test]
fn less_evidence_than_the_profile_asks_for_is_told_in_every_report() {
    let here = Here::new();
    let reports = ["-o", "r.xml", "-o", "r.md", "-o", "r.jsonl"];
    let (code, told, record) = here.check("reference", &[&["--min-verified", "2"], &reports[..]].concat());
    assert_eq!(code, 0, "{told}");
    let loosened = "loosened: 2 verified replies were enough, profile default asks for 5000";
    assert_eq!(record["warnings"][0], loosened);
    for report in [&told, &here.read("r.xml"), &here.read("r.jsonl")] {
        assert!(report.contains(loosened), "{report}");
    }
    assert!(here.read("r.md").contains("<code>loosened&#58; 2 verified replies were enough"));
    let (code, told, _) = here.check("reference", &["--min-verified", "1000000"]);
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("replies were verified, 1000000 are asked for"), "{told}");
}

/// A suppression of a fingerprint until a day.
fn suppression(fingerprint: &str, expires: &str) -> String {
    format!(
        "[[suppress]]\nfingerprint = \"{fingerprint}\"\nreason = \"fixed in the next release\"\nowner = \"edge-team\"\n\
         expires = \"{expires}\"\n"
    )
}

#[test]
fn a_suppressed_finding_passes_and_stays_in_sight_until_its_day_is_over() {
    let here = Here::new();
    let (code, told, record) = here.check(BROKEN, &[]);
    assert_eq!(code, 10, "{told}");
    // The card says what to copy.
    let findings = record["findings"].as_array().unwrap().clone();
    let own = |finding: &Value| finding["fingerprint"].as_str().unwrap().to_owned();
    assert!(told.contains(&format!("f1 {}", own(&findings[0]))), "{told}");
    let entries: Vec<String> = findings.iter().map(|finding| suppression(&own(finding), "2999-12-31")).collect();

    here.write("crosswire.ignore.toml", &entries.concat());
    let reports = ["-o", "r.xml", "-o", "r.md", "-o", "r.jsonl", "--out", "run"];
    let (code, told, record) = here.check(BROKEN, &reports);
    assert_eq!((code, record["verdict"].as_str()), (0, Some("clean")), "{told}");
    assert_eq!(record["totals"]["upper_bound_95"], Value::Null, "what was set aside was wrong all the same");
    assert!(!record["suppressed"].as_array().unwrap().is_empty());
    for report in [told, here.read("r.xml"), here.read("r.jsonl"), here.read("r.md").replace("&#45;", "-")] {
        for word in ["edge-team", "fixed in the next release", "2999-12-31", &own(&findings[0])] {
            assert!(report.contains(word), "{word}: {report}");
        }
    }
    let (code, told, _) = here.run(&["report", "run", "--annotations", "github"]);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("\n::notice title=crosswire%3A suppressed::f1 "), "{told}");

    here.write("crosswire.ignore.toml", &entries.concat().replace("2999-12-31", "2020-12-31"));
    let (code, told, _) = here.check(BROKEN, &[]);
    assert_eq!(code, 10, "{told}");
    let (code, told, _) = here.check("reference", &[]);
    assert_eq!(code, 11, "{told}");
    assert!(
        told.contains(&format!("the suppression of {} expired on 2020-12-31; edge-team", own(&findings[0]))),
        "{told}"
    );
}

#[test]
fn a_suppression_that_is_not_met_is_told_in_one_line_and_one_that_is_wrong_is_refused() {
    let here = Here::new();
    here.write("other.toml", &suppression("cw0011223344556677", "2999-12-31"));
    let (code, told, _) = here.check("reference", &["--suppressions", "other.toml"]);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("cw0011223344556677 is suppressed until 2999-12-31 and was not met in this run"), "{told}");
    here.write("other.toml", &suppression("f1", "2999-12-31"));
    let (code, told, _) = here.check("reference", &["--suppressions", "other.toml"]);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("other.toml:2:15: \"f1\" is no fingerprint"), "{told}");
}

const CONFIG: &str = "\
schema-version = 1
recipe = \"reference\"
scenario = \"surplus-same-segment\"
gate = \"verified >= 1\"
default-profile = \"ci\"
[header]
Authorization = { env = \"CROSSWIRE_TEST_TOKEN\" }
[profile.ci]
inherits = \"quick\"
cases = 2
[profile.broken]
inherits = \"ci\"
recipe = \"mutant:surplus-accepted\"
shrink-time = \"0s\"
";

#[test]
fn a_file_says_what_no_flag_and_no_variable_says() {
    let here = Here::new();
    here.write("crosswire.toml", CONFIG);
    let below = here.path().join("below");
    std::fs::create_dir(&below).unwrap();
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = here.command(arguments);
        command.current_dir(&below).env("CROSSWIRE_TEST_TOKEN", "Bearer abc");
        command.envs(variables.iter().copied());
        ended(command.output().unwrap())
    };
    let record = |json: &str| serde_json::from_str::<Value>(json).unwrap();
    let (code, told, json) = run(&["check", "-o", "-", "--seed", "1"], &[]);
    assert_eq!(code, 0, "{told}");
    let of_file = record(&json);
    assert_eq!((&of_file["profile"], &of_file["scenarios"][0]["cases"]), (&"ci".into(), &2.into()));
    assert_eq!(of_file["gates"][0]["expression"], "verified >= 1");
    assert!(!json.contains("Bearer abc") && !told.contains("Bearer abc"));

    let cases = |json: &str| record(json)["scenarios"][0]["cases"].clone();
    let (_, told, json) = run(&["check", "-o", "-"], &[("CROSSWIRE_CASES", "3")]);
    assert_eq!(cases(&json), 3, "{told}");
    let (_, told, json) = run(&["check", "-o", "-", "--cases", "4"], &[("CROSSWIRE_CASES", "3")]);
    assert_eq!(cases(&json), 4, "{told}");
    let (code, told, _) = run(&["check", "--profile", "broken", "--seed", "1"], &[]);
    assert_eq!(code, 10, "{told}");
    let (code, told, _) = run(&["check", "--profile", "broken", "--recipe", "reference", "--seed", "1"], &[]);
    assert_eq!(code, 0, "{told}");
    let (_, told, json) = run(&["check", "-o", "-", "--gate", "exposures >= 1"], &[]);
    assert_eq!(record(&json)["gates"].as_array().map(Vec::len), Some(2), "gates add up: {told}");
    let (code, told, _) = run(&["check", "--no-config"], &[]);
    assert!(code == 2 && told.contains("choose a gateway"), "{told}");
}

#[test]
fn the_effective_configuration_is_shown_with_where_it_is_from_and_without_secrets() {
    let here = Here::new();
    here.write("crosswire.toml", CONFIG);
    let arguments = ["check", "--show-config", "--header", "X-Api-Key: abc", "--cases", "9"];
    let mut command = here.command(&arguments[..2]);
    command.env("CROSSWIRE_TEST_TOKEN", "Bearer abc").env("CROSSWIRE_SEED", "5");
    let (code, told, shown) = ended(command.output().unwrap());
    assert_eq!(code, 0, "{told}");
    let line = |key: &str| {
        let line = shown.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap_or_default();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("recipe"), "recipe = \"reference\" # crosswire.toml:2");
    assert_eq!(line("cases"), "cases = 2 # crosswire.toml:10, profile ci");
    assert_eq!(line("seed"), "seed = 5 # env CROSSWIRE_SEED");
    assert_eq!(line("profile"), "profile = \"ci\" # crosswire.toml:5");
    assert_eq!(line("time-limit"), "time-limit = \"1m\" # profile quick");
    assert_eq!(line("shrink-time"), "shrink-time = \"30s\" # default");
    assert!(
        line("header").contains("Authorization: { env = ") && line("header").contains("CROSSWIRE_TEST_TOKEN"),
        "{shown}"
    );
    assert!(!shown.contains("Bearer abc"), "{shown}");
    assert!(!here.path().join("crosswire-out").exists());
    let (_, told, shown) = ended(here.command(&arguments).env("CROSSWIRE_TEST_TOKEN", "b").output().unwrap());
    assert!(shown.contains("cases = 9") && shown.contains("# flag --cases"), "{told}{shown}");
    assert!(shown.contains("X-Api-Key: …") && !shown.contains("abc"), "{shown}");
}

#[test]
fn a_file_that_is_wrong_says_where_and_nothing_is_sent() {
    let here = Here::new();
    let refused = |text: &str, says: &[&str]| {
        here.write("crosswire.toml", text);
        let (code, told, _) = here.run(&["check", "--recipe", "reference"]);
        assert_eq!(code, 2, "{told}");
        for word in says {
            assert!(told.contains(word), "{word}: {told}");
        }
    };
    refused("[profile.ci]\ncase = 5\n", &["crosswire.toml:2:1: unknown key \"case\", did you mean \"cases\"?"]);
    refused("[profile.ci]\ntime-limit = 60\n", &["crosswire.toml:2:1: invalid value '60' for '--time-limit"]);
    refused("gate = \"p99 < 1s\"\n", &["crosswire.toml:1:1: ", "there is no metric \"p99\""]);
    refused("default-profile = \"cu\"\n[profile.ci]\n", &["crosswire.toml:1:19: no profile \"cu\"", "ci"]);
    refused("[header]\nAuthorization = \"Bearer abc\"\n", &["crosswire.toml:2:17: ", "{ env = "]);
    refused("[header]\nAuthorization = { env = \"NO_SUCH_TOKEN\" }\n", &["crosswire.toml:1:2", "NO_SUCH_TOKEN"]);
    here.write("crosswire.toml", "");
    let (code, told, _) = here.run(&["check", "--config", "no/such.toml"]);
    assert!(code == 2 && told.contains("no/such.toml"), "{told}");
    let (code, told, _) = here.run(&["check", "--recipe", "reference", "--profile", "cu"]);
    assert!(code == 2 && told.contains("choose the profile \"cu\": there is quick, default, deep"), "{told}");
    assert!(!here.path().join("crosswire-out").exists());
}
