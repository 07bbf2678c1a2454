//! The command line as a person uses it: exit codes, messages, files, the replay command that is printed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Runs crosswire in a folder, as on a machine that is no CI system.
fn crosswire(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosswire"));
    command.args(arguments).current_dir(folder);
    // Where these tests run in GitHub Actions themselves.
    command.env_remove("GITHUB_ACTIONS").env_remove("GITHUB_STEP_SUMMARY").env_remove("GITHUB_OUTPUT");
    command
}

/// Runs crosswire in a folder, as a step of GitHub Actions whose summary is `summary.md` there.
fn in_github_actions(folder: &Path, arguments: &[&str]) -> Output {
    let (summary, outputs) = (folder.join("summary.md"), folder.join("outputs"));
    let mut command = command(folder, arguments);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", summary).env("GITHUB_OUTPUT", outputs);
    command.output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What must be refused: the exit code, and what the message must hold.
#[track_caller]
fn refused(arguments: &[&str], exit: i32, says: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let output = crosswire(folder.path(), arguments);
    assert_eq!(code(&output), exit, "{arguments:?}: {}", stderr(&output));
    for word in says {
        assert!(stderr(&output).contains(word), "{arguments:?} lacks {word:?}: {}", stderr(&output));
    }
    assert!(!folder.path().join("crosswire-out").join("x").exists());
}

/// The receiver's and the owner's tenant of `tenant N's request … received tenant M's reply to …`: which numbers they
/// have is the gateway's scheduling, that they differ is the finding.
fn swapped_tenants(text: &str) -> Option<(String, String)> {
    let line = text.split(" received tenant ").next()?.rsplit("tenant ").next()?;
    let receiver = line.split("'s request e").next()?;
    let owner = text.split(" received tenant ").nth(1)?.split("'s reply to e").next()?;
    Some((receiver.to_owned(), owner.to_owned()))
}

/// The program as the specimen of this name, which listens and forwards as the environment says.
fn specimen(name: &str) -> String {
    format!("exec '{}' gateways serve {name}", env!("CARGO_BIN_EXE_crosswire"))
}

#[test]
fn the_demo_finds_explains_and_prints_a_replay_that_works() {
    let folder = tempfile::tempdir().unwrap();
    let demo = crosswire(folder.path(), &["demo"]);
    assert_eq!(code(&demo), 10, "{}", stderr(&demo));
    let text = stderr(&demo);
    assert_eq!(swapped_tenants(&text).map(|(receiver, owner)| receiver == owner), Some(false), "{text}");
    let replay = text.lines().find_map(|line| line.strip_prefix("replay: ")).unwrap();
    let replayed = Command::new("sh").args(["-c", replay]).current_dir(folder.path()).output().unwrap();
    assert_eq!(code(&replayed), 10, "{replay}: {}", stderr(&replayed));
    assert!(stderr(&replayed).contains("FAILED"), "{}", stderr(&replayed));
}

#[test]
fn the_demo_without_a_defect_finds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let demo = crosswire(folder.path(), &["demo", "--defect", "none"]);
    assert_eq!(code(&demo), 0, "{}", stderr(&demo));
    assert!(stderr(&demo).contains("Clean"));
}

#[test]
fn the_demo_lists_its_defects() {
    let folder = tempfile::tempdir().unwrap();
    let list = stdout(&crosswire(folder.path(), &["demo", "--list"]));
    for mutant in ["interim-taken-as-final", "surplus-accepted", "none"] {
        assert!(list.contains(mutant), "{list}");
    }
}

#[test]
fn a_fixed_gateway_is_told_from_a_broken_one_by_its_replay() {
    let folder = tempfile::tempdir().unwrap();
    let demo = crosswire(folder.path(), &["demo", "--out", "run"]);
    assert_eq!(code(&demo), 10, "{}", stderr(&demo));
    let fixed = crosswire(folder.path(), &["replay", "run/plans/f1.json", "--recipe", "reference", "--times", "5"]);
    assert_eq!(code(&fixed), 0, "{}", stderr(&fixed));
    assert!(stderr(&fixed).contains("FIXED 0 of 5"));
}

#[test]
fn the_plan_of_a_finding_can_be_kept_and_is_run_first_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let demo = crosswire(folder.path(), &["demo", "--out", "run"]);
    assert_eq!(code(&demo), 10, "{}", stderr(&demo));
    let kept = folder.path().join("crosswire-regressions");
    std::fs::create_dir(&kept).unwrap();
    std::fs::copy(folder.path().join("run/plans/f1.json"), kept.join("owed-reply.json")).unwrap();

    let elsewhere = ["--scenario", "same-url-other-tenant", "--cases", "1", "--seed", "1"];
    let with = |recipe: &str| crosswire(folder.path(), &[&["check", "--recipe", recipe], &elsewhere[..]].concat());
    let broken = with("mutant:interim-taken-as-final");
    assert_eq!(code(&broken), 10, "{}", stderr(&broken));
    assert!(stderr(&broken).contains("regressions/owed-reply"), "{}", stderr(&broken));
    let fixed = with("reference:cache");
    assert_eq!(code(&fixed), 0, "{}", stderr(&fixed));
    assert!(stderr(&fixed).contains("regressions/owed-reply"), "{}", stderr(&fixed));
}

#[test]
fn kept_plans_that_cannot_be_read_end_the_run_before_it_begins() {
    let check = ["check", "--recipe", "reference", "--regressions", "no-such-folder"];
    refused(&check, 2, &["no-such-folder"]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("half.json"), "{").unwrap();
    let path = folder.path().to_str().unwrap();
    refused(&["check", "--recipe", "reference", "--regressions", path], 2, &["half.json", "line 1"]);
}

#[test]
fn shrinking_leaves_a_log_and_can_be_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let demo = crosswire(folder.path(), &["demo", "--out", "run"]);
    assert_eq!(code(&demo), 10, "{}", stderr(&demo));
    let log = std::fs::read_to_string(folder.path().join("run/plans/f1-shrinking.log")).unwrap();
    let sizes: Vec<&str> = log.lines().filter(|line| line.contains(", taken: ")).collect();
    assert!(sizes.last().unwrap().starts_with("2 tenants, 2 exchanges, 1 fault: "), "{log}");

    let check = ["check", "--recipe", "mutant:interim-taken-as-final", "--scenario", "interim-100-late-final"];
    let rest = ["--cases", "3", "--seed", "1", "--shrink-time", "0s", "--out", "whole"];
    let check = crosswire(folder.path(), &[&check[..], &rest[..]].concat());
    assert_eq!(code(&check), 10, "{}", stderr(&check));
    assert!(folder.path().join("whole/plans/f1-as-found.json").is_file());
    assert!(!folder.path().join("whole/plans/f1-shrinking.log").exists());
    let replay = stderr(&check).lines().find_map(|line| line.strip_prefix("replay: ").map(str::to_owned)).unwrap();
    assert!(replay.contains("whole/plans/f1-as-found.json"), "{replay}");
}

#[test]
fn a_users_scenario_with_every_act_loads_prints_runs_shrinks_and_replays() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/examples/every-act.toml");
    let example = example.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let shown = crosswire(folder.path(), &["scenarios", "show", example]);
    assert_eq!(code(&shown), 0, "{}", stderr(&shown));
    assert!(stdout(&shown).contains("Everything that can be said"), "{}", stdout(&shown));
    let planned = crosswire(folder.path(), &["check", "--dry-run", "--scenario", example, "--seed", "3"]);
    assert_eq!(code(&planned), 0, "{}", stderr(&planned));
    assert!(stdout(&planned).contains("nothing was sent"), "{}", stdout(&planned));
    assert!(!folder.path().join("crosswire-out").exists());

    // One case for each of its variants, by weight, and then some.
    let check = ["check", "--scenario", example, "--cases", "30", "--seed", "1"];
    let right = crosswire(folder.path(), &[&check[..], &["--recipe", "reference:cache"]].concat());
    assert_eq!(code(&right), 0, "{}", stderr(&right));
    let wrong = ["--recipe", "mutant:interim-taken-as-final", "--fail-fast", "--out", "run"];
    let wrong = crosswire(folder.path(), &[&check[..], &wrong].concat());
    assert_eq!(code(&wrong), 10, "{}", stderr(&wrong));
    assert!(stderr(&wrong).contains("smallest plan  2 tenants, 2 exchanges, 1 fault"), "{}", stderr(&wrong));
    let replay = stderr(&wrong).lines().find_map(|line| line.strip_prefix("replay: ").map(str::to_owned)).unwrap();
    let replayed = Command::new("sh").args(["-c", &replay]).current_dir(folder.path()).output().unwrap();
    assert_eq!(code(&replayed), 10, "{replay}: {}", stderr(&replayed));
}

#[test]
fn a_gateway_that_is_started_by_a_command_is_tested() {
    let folder = tempfile::tempdir().unwrap();
    let command = specimen("reference");
    let check = ["check", "--command", &command, "--scenario", "surplus-same-segment", "--cases", "3", "--seed", "1"];
    let output = crosswire(folder.path(), &check);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let faulty = specimen("mutant:surplus-accepted");
    let check = ["check", "--command", &faulty, "--scenario", "surplus-same-segment", "--cases", "10", "--seed", "1"];
    let output = crosswire(folder.path(), &check);
    assert_eq!(code(&output), 10, "{}", stderr(&output));
    assert!(stderr(&output).contains("replay: "));
}

/// Ends the gateway when the test does.
struct Gateway(Child);

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_gateway_that_already_runs_is_tested() {
    let folder = tempfile::tempdir().unwrap();
    let (listen, upstream) = (free_port(), free_port());
    let started = Command::new(env!("CARGO_BIN_EXE_crosswire"))
        .args(["gateways", "serve", "reference"])
        .env("LISTEN_PORT", listen.to_string())
        .env("UPSTREAM_PORT", upstream.to_string())
        .stderr(Stdio::null())
        .spawn();
    let _gateway = Gateway(started.unwrap());
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", listen)).is_err() {
        assert!(Instant::now() < deadline, "the gateway did not listen within 10 s");
        std::thread::yield_now();
    }
    let (url, origin) = (format!("http://127.0.0.1:{listen}"), format!("127.0.0.1:{upstream}"));
    let check = ["check", "--gateway", &url, "--origin-listen", &origin, "--cases", "2", "--seed", "1"];
    let output = crosswire(folder.path(), &check);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}

#[test]
fn reports_go_where_they_are_asked_to_go() {
    let folder = tempfile::tempdir().unwrap();
    let check = ["check", "--recipe", "reference", "--scenario", "surplus-same-segment", "--cases", "2", "--seed", "1"];
    let output = crosswire(folder.path(), &[&check[..], &["--out", "run", "-o", "r.json", "-o", "-"]].concat());
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let file = std::fs::read_to_string(folder.path().join("r.json")).unwrap();
    assert_eq!(stdout(&output), file, "stdout is for machines and holds nothing else");
    assert_eq!(file, std::fs::read_to_string(folder.path().join("run/record.json")).unwrap());
    assert!(file.contains("\"schema\": \"crosswire.record/1\"") && file.contains("\"verdict\": \"clean\""));
    let again = crosswire(folder.path(), &["report", "run", "-o", "again.json"]);
    assert_eq!(code(&again), 0, "{}", stderr(&again));
    assert_eq!(std::fs::read_to_string(folder.path().join("again.json")).unwrap(), file);
}

#[test]
fn a_run_is_told_to_ci_systems_and_again_from_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let read = |file: &str| std::fs::read_to_string(folder.path().join(file)).unwrap();
    let check = ["check", "--recipe", "mutant:surplus-accepted", "--scenario", "surplus-same-segment", "--cases", "2"];
    let reports = ["--seed", "1", "--out", "run", "-o", "r.junit.xml", "-o", "r.md", "-o", "r.jsonl", "-o", "-"];
    std::fs::write(folder.path().join("summary.md"), "of another command\n").unwrap();
    let output = in_github_actions(folder.path(), &[&check[..], &["--shrink-time", "0s"], &reports].concat());
    assert_eq!(code(&output), 10, "{}", stderr(&output));
    assert!(stdout(&output).starts_with('{'), "stdout is for machines and holds nothing but JSON");
    assert!(stderr(&output).lines().any(|line| line.starts_with("::error title=crosswire%3A ")), "{}", stderr(&output));
    let (junit, page) = (read("r.junit.xml"), read("r.md"));
    assert!(junit.contains("<failure message=") && junit.contains("replay: "), "{junit}");
    assert!(page.starts_with("## crosswire: Violated\n") && page.contains("replay: "), "{page}");
    assert_eq!(read("summary.md"), format!("of another command\n{page}"));
    let findings = read("r.jsonl").lines().filter(|line| line.starts_with("{\"line\":\"finding\"")).count();
    assert!(findings > 0 && junit.contains(&format!("name=\"findings\" value=\"{findings}\"")), "{junit}");

    let outputs = read("outputs");
    assert!(outputs.starts_with(&format!("verdict=violated\nfindings={findings}\nrun-folder<<")), "{outputs}");
    assert!(outputs.contains("\nrun\n"), "{outputs}");

    // In the same job, the run is not told twice.
    let again = ["report", "run", "-o", "again.xml", "-o", "again.md"];
    let output = in_github_actions(folder.path(), &again);
    assert_eq!(code(&output), 10, "{}", stderr(&output));
    assert!(!stderr(&output).contains("::error"), "{}", stderr(&output));
    assert_eq!(read("again.xml"), junit);
    assert_eq!(read("again.md"), page);
    assert_eq!(read("summary.md"), format!("of another command\n{page}"), "it was told when it was made");

    let outside = crosswire(folder.path(), &["report", "run"]);
    assert!(!stderr(&outside).contains("::error"), "{}", stderr(&outside));
    let asked = crosswire(folder.path(), &["report", "run", "--annotations", "github"]);
    assert!(stderr(&asked).contains("\n::error title="), "{}", stderr(&asked));

    // Beyond 1 MiB GitHub shows nothing of what the other command has written either.
    let full = "x".repeat(1024 * 1024 - 100);
    std::fs::write(folder.path().join("summary.md"), &full).unwrap();
    let output = in_github_actions(folder.path(), &["report", "run", "--annotations", "github"]);
    assert_eq!(code(&output), 10, "{}", stderr(&output));
    assert!(stderr(&output).contains("failed to append to the step summary"), "{}", stderr(&output));
    assert_eq!(read("summary.md"), full);
}

#[test]
fn what_a_run_had_found_is_rendered_from_a_torn_journal() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(code(&crosswire(folder.path(), &["demo", "--out", "run"])), 10);
    let path = folder.path().join("run/journal.jsonl");
    let journal = std::fs::read(&path).unwrap();
    std::fs::write(&path, &journal[..journal.len() - 30]).unwrap();
    let output = crosswire(folder.path(), &["report", "run"]);
    assert_eq!(code(&output), 10, "{}", stderr(&output));
    assert_eq!(swapped_tenants(&stderr(&output)).map(|(receiver, owner)| receiver == owner), Some(false));
}

#[test]
fn usage_errors_say_what_to_try_and_send_nothing() {
    refused(&["check"], 2, &["--recipe"]);
    refused(&["check", "--recipe", "ngin"], 2, &["ngin", "did you mean \"nginx\"", "crosswire gateways list"]);
    refused(&["check", "--recipe", "nginx:h9"], 2, &["h9", "h1"]);
    refused(&["check", "--recipe", "mutant:nothing"], 2, &["nothing", "surplus-accepted"]);
    refused(&["check", "--recipe", "reference", "--scenario", "interm-*"], 2, &["interm-*"]);
    refused(&["check", "--recipe", "reference", "--profile", "fast"], 2, &["fast", "quick"]);
    refused(&["check", "--recipe", "reference", "-o", "report.pdf"], 2, &["report.pdf", ".json", ".xml"]);
    refused(&["check", "--recipe", "reference", "--time-limit", "60"], 2, &["60"]);
    refused(&["check", "--gateway", "http://127.0.0.1:1"], 2, &["--origin-listen"]);
    refused(&["check", "--gateway", "127.0.0.1:1", "--origin-listen", "127.0.0.1:0"], 2, &["http://127.0.0.1:8080"]);
    refused(&["demo", "--defect", "nothing"], 2, &["nothing", "demo --list"]);
    refused(&["explain", "nothing"], 2, &["nothing"]);
    refused(&["report", "no/such/run"], 2, &["no/such/run", "folder of a run"]);
}

#[test]
fn a_scenario_file_that_is_wrong_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("bad.toml", "name = \"bad\"\nfamily = 3\n");
    let output = crosswire(folder.path(), &["check", "--recipe", "reference", "--scenario", "bad.toml"]);
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(stderr(&output).contains("bad.toml:2:"), "{}", stderr(&output));
    write("torn.toml", "name = \"torn\"\nfamily\n");
    let output = crosswire(folder.path(), &["check", "--recipe", "reference", "--scenario", "torn.toml"]);
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(stderr(&output).contains("torn.toml:2:"), "{}", stderr(&output));
    let output = crosswire(folder.path(), &["check", "--recipe", "reference", "--scenario", "absent.toml"]);
    assert_eq!(code(&output), 2, "{}", stderr(&output));
}

#[test]
fn a_plan_that_cannot_be_read_says_why() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("torn.json"), "{").unwrap();
    std::fs::write(folder.path().join("newer.json"), "{\"schema\":\"crosswire.plan/9\"}").unwrap();
    for (plan, says) in [("torn.json", "line 1"), ("newer.json", "crosswire.plan/9"), ("absent.json", "absent.json")] {
        let output = crosswire(folder.path(), &["replay", plan, "--recipe", "reference"]);
        assert_eq!(code(&output), 2, "{plan}: {}", stderr(&output));
        assert!(stderr(&output).contains(says), "{plan}: {}", stderr(&output));
    }
}

#[test]
fn an_occupied_port_says_what_to_try() {
    let occupied = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = occupied.local_addr().unwrap().to_string();
    refused(&["check", "--gateway", "http://127.0.0.1:1", "--origin-listen", &addr], 2, &[&addr, "another address"]);
}

#[test]
fn a_url_that_leads_straight_to_the_origin_is_no_gateway() {
    let addr = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{addr}");
    refused(&["check", "--gateway", &url, "--origin-listen", &addr], 2, &[&addr, "no gateway between"]);
}

#[test]
fn a_report_that_cannot_be_written_is_refused_before_anything_is_sent() {
    refused(&["check", "--recipe", "reference", "-o", "no/such/folder/r.json"], 2, &["no/such/folder"]);
}

#[test]
fn a_run_folder_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let check =
        ["check", "--recipe", "reference", "--scenario", "surplus-same-segment", "--cases", "1", "--out", "run"];
    assert_eq!(code(&crosswire(folder.path(), &check)), 0);
    let again = crosswire(folder.path(), &check);
    assert_eq!(code(&again), 2);
    assert!(stderr(&again).contains("another --out"), "{}", stderr(&again));
}

#[test]
fn a_reader_that_goes_away_changes_no_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_crosswire"))
        .arg("demo")
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop((demo.stderr.take(), demo.stdout.take()));
    assert_eq!(demo.wait().unwrap().code(), Some(10));
}

#[test]
fn a_gateway_without_upstream_keep_alive_is_told_that_little_could_bite() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("nginx.conf.in");
    let has_nginx = ["/usr/sbin/nginx", "/usr/bin/nginx"].iter().any(|path| Path::new(path).is_file());
    if !has_nginx {
        let required = std::env::var("CROSSWIRE_REQUIRE").unwrap_or_default();
        assert!(!required.contains("nginx"), "nginx is required and not installed");
        eprintln!("skipped: nginx is not installed");
        return;
    }
    std::fs::write(&config, NGINX_WITHOUT_KEEP_ALIVE).unwrap();
    let command = format!(
        "sed -e s/LISTEN/$LISTEN_PORT/ -e s/UPSTREAM/$UPSTREAM_PORT/ -e s,WORK,$WORKDIR,g {} > $WORKDIR/n.conf && \
         PATH=$PATH:/usr/sbin exec nginx -e stderr -p $WORKDIR -c $WORKDIR/n.conf",
        config.display()
    );
    let check = ["check", "--command", &command, "--scenario", "surplus-same-segment", "--cases", "5", "--seed", "1"];
    let output = crosswire(folder.path(), &check);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stderr(&output).contains("1 of 1 scenarios could not bite"), "{}", stderr(&output));
    assert!(stderr(&output).contains("is keep-alive to the upstream configured?"), "{}", stderr(&output));
}

const NGINX_WITHOUT_KEEP_ALIVE: &str = "
daemon off; worker_processes 1; pid WORK/nginx.pid; error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path WORK/body; proxy_temp_path WORK/proxy; fastcgi_temp_path WORK/f;
  uwsgi_temp_path WORK/u; scgi_temp_path WORK/s;
  server {
    listen 127.0.0.1:LISTEN;
    location / { proxy_pass http://127.0.0.1:UPSTREAM; proxy_http_version 1.1; proxy_set_header Host $http_host; }
  }
}
";

#[test]
fn a_program_that_is_missing_is_told_from_one_that_dies() {
    refused(&["check", "--command", "no-such-gateway"], 2, &["no-such-gateway", "not on this machine"]);
    refused(
        &["check", "--command", "echo 'cannot read my configuration' >&2; exit 4"],
        3,
        &["exited with 4", "cannot read my configuration"],
    );
}

#[test]
fn a_run_whose_gateway_died_leaves_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let output = crosswire(folder.path(), &["check", "--command", "exit 4", "--out", "run", "-o", "r.json"]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(std::fs::read_to_string(folder.path().join("r.json")).unwrap().contains("\"verdict\": \"inconclusive\""));
}

#[test]
fn a_signal_ends_the_run_with_its_record_and_its_own_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["check", "--recipe", "reference", "--profile", "deep", "--skip", "*control", "--out", "run"];
    let started = Command::new(env!("CARGO_BIN_EXE_crosswire"))
        .args(arguments)
        .current_dir(folder.path())
        .stderr(Stdio::null())
        .spawn();
    let mut running = Gateway(started.unwrap());
    let journal = folder.path().join("run/journal.jsonl");
    let deadline = Instant::now() + Duration::from_secs(20);
    // More than the start of the run: cases have been judged.
    while std::fs::read_to_string(&journal).unwrap_or_default().lines().count() < 5 {
        assert!(Instant::now() < deadline, "no case was judged within 20 s");
        std::thread::sleep(Duration::from_millis(5));
    }
    let killed = Command::new("kill").args(["-TERM", &running.0.id().to_string()]).status();
    assert!(killed.unwrap().success());
    assert_eq!(running.0.wait().unwrap().code(), Some(143));
    let record = std::fs::read_to_string(folder.path().join("run/record.json")).unwrap();
    assert!(record.contains("\"verdict\": \"interrupted\""), "{record}");
}

#[test]
fn lists_are_for_machines_and_people() {
    let folder = tempfile::tempdir().unwrap();
    let scenarios = stdout(&crosswire(folder.path(), &["scenarios", "list"]));
    assert!(scenarios.contains("interim/interim-100-late-final"), "{scenarios}");
    let frozen = scenarios.lines().find(|line| line.starts_with("surplus/surplus-frozen")).unwrap();
    assert!(frozen.ends_with("(profile deep)"), "{frozen}");
    let gateways = stdout(&crosswire(folder.path(), &["gateways", "list"]));
    assert!(gateways.contains("nginx") && gateways.contains("haproxy"), "{gateways}");
    let reference = stdout(&crosswire(folder.path(), &["gateways", "show", "reference"]));
    assert!(reference.contains("the correct gateway that is part of crosswire"), "{reference}");
    let mutant = stdout(&crosswire(folder.path(), &["gateways", "show", "mutant:stream-map-off-by-one"]));
    assert!(
        mutant.contains("shows as   pair swap, cross-tenant, reply leg") && mutant.contains("h2-reverse-completion"),
        "{mutant}"
    );
    let shown = stdout(&crosswire(folder.path(), &["scenarios", "show", "interim-100-late-final"]));
    assert!(shown.contains("RFC 9110") && shown.contains("same upstream connection"), "{shown}");
    assert!(stdout(&crosswire(folder.path(), &["explain", "pair-swap"])).contains("each other's replies"));
    let dry = crosswire(folder.path(), &["check", "--dry-run", "--scenario", "interim-*"]);
    assert_eq!(code(&dry), 0);
    assert!(stdout(&dry).contains("nothing was sent"));
    assert!(!folder.path().join("crosswire-out").exists());
}

#[test]
fn no_colour_reaches_a_pipe_and_the_verdict_stands_alone_when_quiet() {
    let folder = tempfile::tempdir().unwrap();
    let check = ["check", "--recipe", "reference", "--scenario", "surplus-same-segment", "--cases", "2", "--seed", "1"];
    let plain = crosswire(folder.path(), &check);
    assert!(!stderr(&plain).contains('\u{1b}'));
    let loud = crosswire(folder.path(), &[&check[..], &["--color", "always"]].concat());
    assert!(stderr(&loud).contains('\u{1b}'));
    let quiet = crosswire(folder.path(), &[&check[..], &["-q"]].concat());
    assert_eq!(stderr(&quiet), "Clean\n");
    let silent = crosswire(folder.path(), &[&check[..], &["-qq"]].concat());
    assert_eq!((code(&silent), stderr(&silent)), (0, String::new()));
    refused(&[&check[..1], &["-qq"]].concat(), 2, &["--recipe"]);
}

#[test]
fn selftest_kills_a_mutant_and_writes_the_matrix_for_programs_and_for_people() {
    let folder = tempfile::tempdir().unwrap();
    let chosen = ["selftest", "--mutant", "interim-*", "--scenario", "interim-*"];
    let files = ["-o", "matrix.json", "-o", "-", "--markdown", "matrix.md"];
    let ran = crosswire(folder.path(), &[&chosen[..], &files[..]].concat());
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    assert!(stderr(&ran).starts_with("Clean") && stderr(&ran).contains("interim-taken-as-final"), "{}", stderr(&ran));
    let json = std::fs::read_to_string(folder.path().join("matrix.json")).unwrap();
    assert_eq!(json, stdout(&ran));
    let matrix: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&matrix["schema"], &matrix["verdict"]), (&"crosswire.matrix/1".into(), &"clean".into()));
    let page = std::fs::read_to_string(folder.path().join("matrix.md")).unwrap();
    assert!(page.starts_with("# Kill matrix") && page.contains("| `interim-taken-as-final` |"), "{page}");
}

#[test]
fn selftest_runs_what_must_be_stopped_as_a_program() {
    let folder = tempfile::tempdir().unwrap();
    let ran = crosswire(folder.path(), &["selftest", "--mutant", "surplus-checked-*", "--scenario", "surplus-frozen"]);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    assert!(stderr(&ran).contains("1 of 1 mutant killed as declared"), "{}", stderr(&ran));
}

#[test]
fn selftest_refuses_what_there_is_not() {
    refused(&["selftest", "--mutant", "no-such-*"], 2, &["no-such-*", "demo --list"]);
    refused(&["selftest", "--scenario", "interm-*"], 2, &["interm-*"]);
    refused(&["selftest", "--seeds", "5..5"], 2, &["1..=20"]);
    refused(&["selftest", "-o", "matrix.xml"], 2, &["matrix.xml", ".json"]);
    refused(&["selftest", "--markdown", "no-such-folder/matrix.md"], 2, &["no-such-folder"]);
    refused(&["gateways", "serve", "reference"], 2, &["LISTEN_PORT"]);
    refused(&["gateways", "serve", "nginx"], 2, &["nginx"]);
}
