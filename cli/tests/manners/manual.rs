//! Completions and manual pages, read by those for whom they are meant.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::stage::{code, crosswire, stderr, stdout};

/// What a program says of a text on its stdin; nothing where it is not installed.
fn read_by(program: &str, arguments: &[&str], text: &str) -> Option<std::process::Output> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut reader = match command.spawn() {
        Ok(reader) => reader,
        Err(error) => {
            eprintln!("skipped: {program} cannot be started: {error}");
            return None;
        }
    };
    reader.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    Some(reader.wait_with_output().unwrap())
}

#[test]
fn shells_accept_their_completions() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = crosswire(folder.path(), &["completions", shell]);
        assert_eq!(code(&script), 0, "{}", stderr(&script));
        assert!(stdout(&script).contains("selftest"), "{shell}");
        if ["bash", "zsh", "fish"].contains(&shell)
            && let Some(read) = read_by(shell, &["-n"], &stdout(&script))
        {
            assert!(read.status.success() && read.stderr.is_empty(), "{shell}: {}", stderr(&read));
        }
    }
}

#[test]
fn a_shell_completes_what_is_typed() {
    let folder = tempfile::tempdir().unwrap();
    let script = stdout(&crosswire(folder.path(), &["completions", "bash"]));
    let typed =
        "COMP_WORDS=(crosswire doc); COMP_CWORD=1; _crosswire crosswire doc crosswire; echo \"${COMPREPLY[*]}\"";
    if let Some(read) = read_by("bash", &[], &format!("{script}\n{typed}\n")) {
        assert_eq!(stdout(&read).trim(), "doctor", "{}", stderr(&read));
    }
}

#[test]
fn manual_pages_are_set_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    for command in [&[][..], &["check"], &["doctor"], &["scenarios", "list"]] {
        let page = crosswire(folder.path(), &[&["man"], command].concat());
        assert_eq!(code(&page), 0, "{}", stderr(&page));
        if let Some(set) = read_by("groff", &["-man", "-Tutf8", "-ww"], &stdout(&page)) {
            assert!(set.status.success() && set.stderr.is_empty(), "{command:?}: {}", stderr(&set));
            assert!(stdout(&set).contains("CROSSWIRE"), "{command:?}: {}", stdout(&set));
        }
    }
    let unknown = crosswire(folder.path(), &["man", "chekc"]);
    assert_eq!(code(&unknown), 2);
    assert!(stderr(&unknown).contains("chekc") && stderr(&unknown).contains("doctor"), "{}", stderr(&unknown));
}
