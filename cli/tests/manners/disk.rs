//! A run folder that cannot be written: before anything is sent it is a matter of usage, later the run's own end.

use std::process::Command;

use crate::stage::{code, crosswire, stderr};

#[test]
fn a_run_folder_that_cannot_be_made_is_refused_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for out in ["file/run", "/proc/run", "/dev/null/run"] {
        let output = crosswire(folder.path(), &["check", "--recipe", "reference", "--cases", "1", "--out", out]);
        assert_eq!(code(&output), 2, "{out}: {}", stderr(&output));
        assert!(stderr(&output).contains(&format!("write {out}")), "{out}: {}", stderr(&output));
        assert!(
            stderr(&output).contains("is the disk full, or the folder not writable?"),
            "{out}: {}",
            stderr(&output)
        );
    }
}

/// The command in a shell in which no file may grow beyond so many blocks of 512 bytes, as on a disk that is full then.
fn with_files_of(blocks: u32, folder: &std::path::Path, arguments: &str) -> std::process::Output {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec '{}' {arguments}", env!("CARGO_BIN_EXE_crosswire"));
    Command::new("sh").args(["-c", &script]).current_dir(folder).output().unwrap()
}

const CHECK: &str = "check --seed 1 --scenario interim-100-late-final --cases 400 --shrink-time 0s --out run --recipe";

#[test]
fn a_disk_that_is_full_before_the_first_case_is_a_matter_of_usage() {
    let folder = tempfile::tempdir().unwrap();
    let output = with_files_of(0, folder.path(), &format!("{CHECK} reference"));
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(stderr(&output).contains("write run") && stderr(&output).contains("disk full"), "{}", stderr(&output));
}

#[test]
fn a_disk_that_fills_up_ends_the_run_as_broken_where_nothing_was_found_and_its_journal_is_readable() {
    let folder = tempfile::tempdir().unwrap();
    let output = with_files_of(40, folder.path(), &format!("{CHECK} reference"));
    assert_eq!(code(&output), 70, "{}", stderr(&output));
    assert!(stderr(&output).contains("write run/journal.jsonl"), "{}", stderr(&output));
    assert!(stderr(&output).contains("it had found nothing by then"), "{}", stderr(&output));
    let report = crosswire(folder.path(), &["report", "run"]);
    assert_eq!(code(&report), 3, "what was cut short proves nothing: {}", stderr(&report));
}

#[test]
fn a_disk_that_fills_up_after_a_finding_does_not_take_it_back() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(code(&crosswire(folder.path(), &["demo", "--out", "demo"])), 10);
    std::fs::create_dir(folder.path().join("crosswire-regressions")).unwrap();
    let small = folder.path().join("demo/plans/f1.json");
    std::fs::copy(small, folder.path().join("crosswire-regressions/small.json")).unwrap();
    // There is room for what the small plan shows, and none for the plan of what is found next.
    let output = with_files_of(40, folder.path(), &format!("{CHECK} mutant:interim-taken-as-final"));
    assert_eq!(code(&output), 10, "{}", stderr(&output));
    assert!(stderr(&output).contains("found f1") && stderr(&output).contains("disk full"), "{}", stderr(&output));
    let report = crosswire(folder.path(), &["report", "run"]);
    assert_eq!(code(&report), 10, "{}", stderr(&report));
    assert!(stderr(&report).contains(" received tenant "), "{}", stderr(&report));
}
