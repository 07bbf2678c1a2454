//! A credential that the user gives is sent, and stands in nothing that is written: whatever the gateway does with it.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::stage::{code, command, crosswire, specimen, stderr, stdout, until};

const SECRET: &str = "hunter2/and+more==";
/// What the gateway adds of its own.
const OWN: [&str; 2] = ["the-gateways-own-key", "the-gateways-own-cookie"];
/// One of its pages in so many replies is its own, and quotes the credential.
const PAGE_EVERY: u32 = 9;

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut spelled, byte| {
        let plain = byte.is_ascii_alphanumeric();
        write!(spelled, "{}", if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }).unwrap();
        spelled
    })
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> = text.bytes().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let digit = |six: &[u8]| (0..6).fold(0, |digit, at| digit << 1 | usize::from(six.get(at).copied().unwrap_or(0)));
    bits.chunks(6).map(|six| char::from(DIGITS[digit(six)])).collect()
}

/// Everything by which the credential could be known.
fn spellings() -> Vec<String> {
    let mut spellings = vec![SECRET.to_owned(), percent(SECRET), percent(SECRET).to_lowercase(), "hunter2".to_owned()];
    spellings.push(SECRET.replace('/', "%2F"));
    for before in ["", "a", "ab"] {
        let whole = base64(&format!("{before}{SECRET}"));
        // Without the digits that share bits with what stands beside it.
        spellings.push(whole[4..whole.len() - 2].to_owned());
    }
    spellings
}

#[track_caller]
fn assert_kept_secret(what: &str, text: &str) {
    for spelling in spellings().iter().map(String::as_str).chain(OWN) {
        assert!(!text.contains(spelling), "{what} holds {spelling:?}: {text}");
    }
}

/// Every file below a folder.
fn search(folder: &Path) -> u32 {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += search(&path);
        } else if path.is_file() {
            assert_kept_secret(&path.display().to_string(), &String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
            files += 1;
        }
    }
    files
}

fn assert_output_kept_secret(output: &Output) {
    assert_kept_secret("stdout", &stdout(output));
    assert_kept_secret("stderr", &stderr(output));
}

/// A gateway that mixes up replies, behind one that quotes what it is sent in fields and pages, and adds secrets of its
/// own in both directions.
struct Talkative {
    addr: SocketAddr,
    upstream: u16,
    mutant: Child,
    /// Requests in which it has read the credential.
    read: Arc<AtomicU32>,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Talkative {
    fn start() -> Talkative {
        let (inner, upstream) = (free_port(), free_port());
        let mutant = Command::new(env!("CARGO_BIN_EXE_crosswire"))
            .args(["gateways", "serve", "mutant:surplus-accepted"])
            .env("LISTEN_PORT", inner.to_string())
            .env("UPSTREAM_PORT", upstream.to_string())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("the mutant", || TcpStream::connect(("127.0.0.1", inner)).is_ok());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (addr, read) = (listener.local_addr().unwrap(), Arc::new(AtomicU32::new(0)));
        let seen = Arc::clone(&read);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", inner)) else { return };
                let (from_client, to_client) = (client.try_clone().unwrap(), client);
                let (from_server, to_server) = (server.try_clone().unwrap(), server);
                let (seen, page) = (Arc::clone(&seen), to_client.try_clone().unwrap());
                std::thread::spawn(move || requests(from_client, to_server, page, &seen));
                std::thread::spawn(move || replies(from_server, to_client));
            }
        });
        Talkative { addr, upstream, mutant, read }
    }

    fn arguments(&self) -> Vec<String> {
        let (gateway, origin) = (format!("http://{}", self.addr), format!("127.0.0.1:{}", self.upstream));
        ["--gateway", &gateway, "--origin-listen", &origin].map(str::to_owned).to_vec()
    }
}

impl Drop for Talkative {
    fn drop(&mut self) {
        drop(self.mutant.kill());
        drop(self.mutant.wait());
    }
}

/// Adds a field of its own to each request, and answers some by itself.
fn requests(mut from: TcpStream, mut to: TcpStream, mut page: TcpStream, read: &AtomicU32) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let is_head = text.lines().next().is_some_and(|first| first.ends_with(" HTTP/1.1"));
        if is_head && text.contains(SECRET) && read.fetch_add(1, Ordering::Relaxed) % PAGE_EVERY == PAGE_EVERY - 1 {
            let body = format!("<p>Not for {SECRET}, nor {}</p>", percent(SECRET));
            let head = format!("HTTP/1.1 403 Forbidden\r\nX-Echo: {SECRET}\r\nContent-Length: {}\r\n", body.len());
            drop(page.write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes()));
            drop(page.shutdown(std::net::Shutdown::Both));
            return;
        }
        let added = format!(" HTTP/1.1\r\nX-Api-Key: {}\r\n", OWN[0]);
        let text = if is_head { text.replacen(" HTTP/1.1\r\n", &added, 1) } else { text };
        if to.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
    drop(to.shutdown(std::net::Shutdown::Write));
}

/// Quotes the credential in each reply, in all spellings.
fn replies(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let echo = format!(
            "X-Echo: {SECRET}\r\nX-Percent: {}\r\nX-Partly: {}\r\nX-Base: {}\r\nSet-Cookie: SERVERID={}; Path=/\r\n",
            percent(SECRET),
            SECRET.replace('/', "%2F"),
            base64(&format!("u:{SECRET}")),
            OWN[1]
        );
        let text = match text.split_once("\r\n") {
            Some((first, rest)) if first.starts_with("HTTP/1.1 ") => format!("{first}\r\n{echo}{rest}"),
            _ => text,
        };
        if to.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
    drop(to.shutdown(std::net::Shutdown::Write));
}

const RUN: [&str; 8] = ["--scenario", "surplus-same-segment", "--cases", "1", "--seed", "1", "--shrink-time", "0s"];
const REPORTS: [&str; 11] =
    ["-vvv", "-o", "r.json", "-o", "r.jsonl", "-o", "r.xml", "-o", "r.md", "--annotations", "github"];

fn run(folder: &Path, talkative: &Talkative, more: &[&str], environment: Option<&str>) -> Output {
    let gateway = talkative.arguments();
    let gateway: Vec<&str> = gateway.iter().map(String::as_str).collect();
    let mut command = command(folder, &[&["check", "--out", "run"], &RUN[..], &REPORTS[..], &gateway, more].concat());
    command.envs(environment.map(|value| ("CROSSWIRE_HEADER", value))).output().unwrap()
}

#[test]
fn a_credential_in_a_flag_or_in_the_environment_stands_in_nothing_that_is_written() {
    let talkative = Talkative::start();
    let header = format!("Authorization-Of-Mine: Bearer {SECRET}");
    for (more, environment) in [(&["--header", &header][..], None), (&[], Some(header.as_str()))] {
        let folder = tempfile::tempdir().unwrap();
        let output = run(folder.path(), &talkative, more, environment);
        assert_eq!(code(&output), 10, "{}", stderr(&output));
        assert!(talkative.read.swap(0, Ordering::Relaxed) > PAGE_EVERY, "the credential was not sent");
        assert_output_kept_secret(&output);
        assert!(search(folder.path()) >= 8, "journal, record, key, plan and reports");
        // It is named, so that whoever replays knows what is missing.
        assert!(
            stderr(&output).contains("--header 'Authorization-Of-Mine:'\"$AUTHORIZATION_OF_MINE\""),
            "{}",
            stderr(&output)
        );
        let journal = std::fs::read_to_string(folder.path().join("run/journal.jsonl")).unwrap();
        assert!(journal.contains("X-Echo: [redacted ") && journal.contains("SERVERID=[redacted "), "{journal}");
        let again = crosswire(folder.path(), &["report", "run", "-o", "-", "-vvv"]);
        assert_eq!(code(&again), 10, "{}", stderr(&again));
        assert_output_kept_secret(&again);
    }
}

#[test]
fn a_replay_and_a_doctor_keep_it_to_themselves_too() {
    let talkative = Talkative::start();
    let folder = tempfile::tempdir().unwrap();
    let header = format!("Authorization-Of-Mine: Bearer {SECRET}");
    let output = run(folder.path(), &talkative, &["--header", &header], None);
    assert_eq!(code(&output), 10, "{}", stderr(&output));
    let gateway = talkative.arguments();
    let gateway: Vec<&str> = gateway.iter().map(String::as_str).collect();
    let more = [&gateway[..], &["--header", &header, "-vvv"]].concat();
    let replayed =
        crosswire(folder.path(), &[&["replay", "run/plans/f1-as-found.json", "--times", "10"], &more[..]].concat());
    assert_output_kept_secret(&replayed);
    assert!(stderr(&replayed).contains("FAILED"), "{}", stderr(&replayed));
    let examined = crosswire(folder.path(), &[&["doctor", "-o", "-"], &more[..]].concat());
    assert!(stdout(&examined).contains("examination"), "{}", stderr(&examined));
    assert_output_kept_secret(&examined);
}

#[test]
fn what_the_gateway_logs_of_it_is_taken_out_of_its_log_and_of_messages() {
    let folder = tempfile::tempdir().unwrap();
    let header = format!("X-Mine: {SECRET}");
    let talks = format!("echo 'started with {SECRET}' >&2");
    let serves = format!("{talks}; {}", specimen("reference"));
    let check = ["--scenario", "surplus-same-segment", "--cases", "1", "--out", "run", "--header", &header];
    let output = crosswire(folder.path(), &[&["check", "--command", &serves], &check[..]].concat());
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let log = std::fs::read_to_string(folder.path().join("run/gateway/gateway.log")).unwrap();
    assert!(log.contains("started with [redacted 18 bytes #"), "{log}");
    // The command is the user's own words, and he was told that it is kept.
    assert_kept_secret("log", &log);

    let dies = "echo \"started with $MINE\" >&2; exit 4";
    let mut dying =
        command(folder.path(), &[&["check", "--command", dies], &check[..4], &["--header", &header]].concat());
    let output = dying.env("MINE", SECRET).output().unwrap();
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    let said = stderr(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("started with [redacted "), "{said}");
    assert_output_kept_secret(&output);
}

#[test]
fn a_wrong_header_and_a_url_with_a_password_are_refused_without_being_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://me:{SECRET}@127.0.0.1:1");
    let query = format!("http://127.0.0.1:1/?key={SECRET}");
    for arguments in [
        &["check", "--recipe", "reference", "--header", SECRET][..],
        &["check", "--gateway", &url, "--origin-listen", "127.0.0.1:0", "-vvv"],
        &["check", "--gateway", &query, "--origin-listen", "127.0.0.1:0", "-vvv"],
    ] {
        let output = crosswire(folder.path(), arguments);
        assert_eq!(code(&output), 2, "{}", stderr(&output));
        assert_output_kept_secret(&output);
    }
    for (variable, value) in [("CROSSWIRE_HEADER", SECRET), ("CROSSWIRE_GATEWAY", &url)] {
        for arguments in [&["check", "--help"][..], &["doctor", "--help"], &["man", "check"]] {
            let output = command(folder.path(), arguments).env(variable, value).output().unwrap();
            assert_eq!(code(&output), 0, "{}", stderr(&output));
            assert_output_kept_secret(&output);
        }
    }
    assert!(!folder.path().join("crosswire-out").exists());
}

#[test]
fn bodies_are_kept_when_that_is_asked_for_and_the_report_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let check = ["check", "--recipe", "mutant:surplus-accepted", "--out"];
    let usual = crosswire(folder.path(), &[&check[..], &["usual"], &RUN[..]].concat());
    let asked = crosswire(folder.path(), &[&check[..], &["asked", "--capture-bodies"], &RUN[..]].concat());
    for (output, run, says) in [(&usual, "usual", false), (&asked, "asked", true)] {
        assert_eq!(code(output), 10, "{}", stderr(output));
        assert_eq!(stderr(output).contains("--capture-bodies"), says, "{}", stderr(output));
        let record = std::fs::read_to_string(folder.path().join(run).join("record.json")).unwrap();
        assert_eq!(record.contains("\"captured_bodies\": true"), says);
    }
}
