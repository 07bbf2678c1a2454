//! The script of a finding, played by Python against the same gateway and against the reference: it shows there what it was
//! made of, and nothing here.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crosswire::Gateway;

use crate::{run, specimen};

/// Runs of a script.
const TIMES: u32 = 4;

/// A specimen as a program of its own, on ports that nobody else has. It ends when dropped.
struct Served {
    process: Child,
    listens: u16,
    forwards: u16,
}

impl Served {
    fn start(name: &str) -> Served {
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (listens, forwards) = (free(), free());
        let process = Command::new(env!("CARGO_BIN_EXE_specimen"))
            .env("VARIANT", name)
            .env("LISTEN_PORT", listens.to_string())
            .env("UPSTREAM_PORT", forwards.to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", listens)).is_err() {
            assert!(Instant::now() < deadline, "{name} does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        Served { process, listens, forwards }
    }

    /// The exit code of a script that is played against it, and what it printed.
    fn played(&self, script: &Path) -> (Option<i32>, String) {
        let ports = [self.listens, self.forwards].map(|port| port.to_string());
        let played = Command::new("python3").arg(script).args(ports).arg(TIMES.to_string()).output().unwrap();
        let said = [played.stdout, played.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (played.status.code(), said.concat())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Finds a mutant, and plays the script of the finding. What it must say of the mutant stands in `fact`: not which request
/// is the first, that is as the run happened to find it.
fn is_shown_by_its_script(name: &str, fact: &str) {
    let mutant = specimens::mutant(name).unwrap();
    let variant = format!("mutant:{name}");
    let (report, _out) = run(specimen(&variant, (mutant.decisions)()), |builder| {
        builder.scenarios(mutant.scenario).cases(20).seed(1).fail_fast()
    });
    let finding = report.record().findings.first().unwrap_or_else(|| panic!("{name} is not found"));
    assert_eq!(finding.script, format!("plans/{}.py", finding.id), "{name}");
    let script = report.folder().join(&finding.script);
    let text = std::fs::read_to_string(&script).unwrap();
    assert!(!text.contains(vocabulary::canary::MARKER), "{name}: a canary instead of words");
    let (code, said) = Served::start(&variant).played(&script);
    assert_eq!(code, Some(1), "{name}: {said}\n{text}");
    assert!(said.contains(fact), "{name}: {said}");
    let (code, said) = Served::start("reference").played(&script);
    assert_eq!(code, Some(0), "the reference: {said}\n{text}");
    assert!(said.contains(&format!("wrong in 0 of {TIMES} runs")), "{said}");
}

#[test]
fn a_reply_owed_behind_an_interim_one_goes_to_the_next_client() {
    is_shown_by_its_script("interim-taken-as-final", "received reply 1 to e");
}

#[test]
fn a_surplus_goes_to_the_next_client() {
    is_shown_by_its_script("surplus-accepted", "received reply 2 to e");
}

#[test]
fn what_a_client_that_gave_up_was_owed_goes_to_the_next() {
    is_shown_by_its_script("half-read-connection-pooled", "received reply 1 to e");
}

#[test]
fn a_request_is_swallowed_by_the_body_that_was_promised() {
    is_shown_by_its_script("expect-refused-connection-pooled", "arrived with a part of the request");
}

#[test]
fn pipelined_replies_come_in_the_order_of_completion() {
    is_shown_by_its_script("pipelined-replies-in-completion-order", "received reply 1 to e");
}

#[test]
fn a_store_shares_what_is_one_users() {
    is_shown_by_its_script("cache-ignores-authorization", "received reply 1 to e");
}

#[test]
fn a_body_that_was_left_unread_is_the_next_request() {
    is_shown_by_its_script("cache-hit-leaves-body-unread", "received reply 1 to e");
}

/// HTTP/2 has no script; the plan is there all the same.
#[test]
fn where_no_script_can_be_made_the_finding_names_none() {
    let mutant = specimens::mutant("stream-map-off-by-one").unwrap();
    let gateway = specimen("mutant:stream-map-off-by-one", (mutant.decisions)());
    let (report, _out) = run(gateway, |builder| builder.scenarios(mutant.scenario).cases(20).seed(1).fail_fast());
    let finding = &report.record().findings[0];
    assert_eq!((finding.script.as_str(), finding.plan.as_str()), ("", "plans/f1.json"));
}

/// A gateway whose process a plan has spoilt for good fails from then on, whatever is asked of it. The smallest plan is one
/// that spoils a fresh one.
#[test]
fn the_plan_of_what_spoils_a_process_holds_on_a_fresh_one() {
    let mutant = specimens::mutant("error-page-shows-last-body").unwrap();
    let gateway = || specimen("mutant:error-page-shows-last-body", (mutant.decisions)());
    let (report, _out) = run(gateway(), |builder| builder.scenarios(mutant.scenario).cases(20).seed(1).fail_fast());
    let finding = &report.record().findings[0];
    assert!(finding.reproduction.failed > 0, "{:?}", finding.reproduction);
    let plan = crosswire::load_plan(&report.folder().join(&finding.plan)).unwrap();
    let (fresh, _again) = replayed(gateway(), &plan);
    assert!(fresh > 0, "{} of 20 on a fresh process, {:?} when it was measured", fresh, finding.reproduction);
}

/// How often a plan fails in twenty runs on a process of its own.
fn replayed(gateway: Gateway, plan: &vocabulary::plan::Plan) -> (u32, tempfile::TempDir) {
    let out = tempfile::tempdir().unwrap();
    let replayed =
        crosswire::builder().gateway(gateway).out(&out.path().join("run")).replay_blocking(plan.clone(), 20).unwrap();
    (replayed.reproduction.failed, out)
}
