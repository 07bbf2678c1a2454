//! The run folder: the journal that is written first, and what is made from it.
//!
//! ```text
//! crosswire-out/latest -> <run-id>
//! crosswire-out/<run-id>/
//!   journal.jsonl    one entry a line, each with a checksum; findings are on disk before anybody is told of them
//!   record.json      what the journal folds into
//!   run.key          the canaries' key, for the owner only
//!   plans/f1.json    the plan of each finding
//!   plans/f1.py      the same as a script that needs nothing but Python, where one can be made of it
//!   gateway/         the work folder of the gateway, its log in gateway.log
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::redaction::Redaction;
use vocabulary::canary::CanaryKey;
use vocabulary::plan::Plan;
use vocabulary::record::{JOURNAL_SCHEMA, JournalDefect, JournalEntry, NoRun, RunRecord, decode_line, encode_line};

const JOURNAL: &str = "journal.jsonl";
const RECORD: &str = "record.json";
const GATEWAY_LOG: &str = "gateway.log";
const LATEST: &str = "latest";

/// Why a run's journal cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file cannot be written.
    #[error("write {}: {source}; is the disk full, or the folder not writable?", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder holds something already.
    #[error("write a run to {}: the folder is there already and not empty; give another --out", path.display())]
    Occupied {
        /// Which.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("read {}: {source}; is it the folder of a run?", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The journal is of another version.
    #[error("read {}: its journal is {found:?}, this build reads {JOURNAL_SCHEMA:?}; use the crosswire that wrote it", path.display())]
    Schema {
        /// Which.
        path: PathBuf,
        /// The version that it states.
        found: String,
    },
    /// The journal holds nothing to report on.
    #[error("read {}: {source}", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
        /// Why.
        source: NoRun,
    },
}

/// The folder of a run, and its open journal.
#[derive(Debug)]
pub(crate) struct RunFolder {
    folder: PathBuf,
    journal: File,
    entries: Vec<JournalEntry>,
}

impl RunFolder {
    /// Makes the folder and opens its journal.
    pub(crate) fn create(folder: &Path, key: &CanaryKey) -> Result<RunFolder, JournalError> {
        // Nothing of anybody else's is ever written over, nor taken away when the run is discarded.
        let occupied = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        if occupied {
            return Err(JournalError::Occupied { path: folder.to_owned() });
        }
        let made = || -> io::Result<File> {
            std::fs::create_dir_all(folder.join("plans"))?;
            let secret: String = key.secret().iter().map(|byte| format!("{byte:02x}")).collect();
            let path = folder.join("run.key");
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            writeln!(file, "{:010x} {secret}", key.run())?;
            OpenOptions::new().append(true).create_new(true).open(folder.join(JOURNAL))
        };
        let journal = made().map_err(|source| JournalError::Write { path: folder.to_owned(), source })?;
        Ok(RunFolder { folder: folder.to_owned(), journal, entries: Vec::new() })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Where the gateway works.
    pub(crate) fn gateway(&self) -> PathBuf {
        self.folder.join("gateway")
    }

    /// Appends an entry. A finding, and the end, are on disk when this returns.
    pub(crate) fn write(&mut self, entry: JournalEntry) -> Result<(), JournalError> {
        let mut append = || -> io::Result<()> {
            let mut line = encode_line(&entry)?;
            line.push('\n');
            self.journal.write_all(line.as_bytes())?;
            match &entry {
                JournalEntry::FindingFound(_)
                | JournalEntry::FindingShrunk(_)
                | JournalEntry::RunBroken { .. }
                | JournalEntry::RunEnded { .. } => self.journal.sync_data(),
                JournalEntry::RunStarted(_)
                | JournalEntry::ScenarioSkipped { .. }
                | JournalEntry::CaseJudged(_)
                | JournalEntry::GatewayFailed { .. }
                | JournalEntry::FindingMeasured { .. }
                | JournalEntry::ShrinkTried(_) => Ok(()),
            }
        };
        append().map_err(|source| JournalError::Write { path: self.folder.join(JOURNAL), source })?;
        self.entries.push(entry);
        Ok(())
    }

    /// Keeps the log of a finding's shrinking beside its plans: a line for each plan that was tried.
    pub(crate) fn keep_shrink_log(&self, id: &str) -> Result<(), JournalError> {
        let mut log = String::new();
        for entry in &self.entries {
            if let JournalEntry::ShrinkTried(step) = entry
                && step.finding == id
            {
                let (size, rate) = (step.size, step.reproduction);
                let verdict = if step.taken { "taken" } else { "dropped" };
                log += &format!("{size}: failed {} of {}, {verdict}: {}\n", rate.failed, rate.runs, step.change);
            }
        }
        let path = self.folder.join(format!("plans/{id}-shrinking.log"));
        std::fs::write(&path, log).map_err(|source| JournalError::Write { path, source })
    }

    /// Keeps the plan of a finding; its path within the folder.
    pub(crate) fn keep_plan(&self, id: &str, plan: &Plan) -> Result<String, JournalError> {
        let name = format!("plans/{id}.json");
        let path = self.folder.join(&name);
        let write = || -> io::Result<()> {
            // In one piece: written as it is spelled, a plan takes a system call for each of its words.
            let mut text = serde_json::to_vec_pretty(plan)?;
            text.push(b'\n');
            let mut file = File::create(&path)?;
            file.write_all(&text)?;
            file.sync_data()
        };
        write().map_err(|source| JournalError::Write { path: path.clone(), source })?;
        Ok(name)
    }

    /// Keeps the script of a finding beside its plan; its path within the folder.
    pub(crate) fn keep_script(&self, id: &str, script: &str) -> Result<String, JournalError> {
        let name = format!("plans/{id}.py");
        let path = self.folder.join(&name);
        std::fs::write(&path, script).map_err(|source| JournalError::Write { path, source })?;
        Ok(name)
    }

    /// Leads to the folder from beside it, under a name that can be known beforehand: `latest`. The name is a convenience:
    /// where it cannot be made, or is something else already, the run goes on without it.
    pub(crate) fn link_as_latest(&self) {
        let (Some(beside), Some(name)) = (self.folder.parent(), self.folder.file_name()) else { return };
        let (link, partial) = (beside.join(LATEST), beside.join(format!(".{LATEST}-{}", name.display())));
        let is_ours = std::fs::symlink_metadata(&link).map_or(true, |found| found.is_symlink());
        // Renamed into place: another run that begins at this moment does the same.
        if is_ours && std::os::unix::fs::symlink(name, &partial).is_ok() && std::fs::rename(&partial, &link).is_err() {
            drop(std::fs::remove_file(&partial));
        }
    }

    /// Takes out of the gateway's log what must not stand in it; the rest of its work folder is the gateway's own affair.
    pub(crate) fn conceal_gateway_log(&self, redaction: &Redaction) -> Result<(), JournalError> {
        let path = self.gateway().join(GATEWAY_LOG);
        if redaction.seeks_nothing() || !path.is_file() {
            return Ok(());
        }
        let conceal = || -> io::Result<()> {
            let concealed = path.with_extension("partial");
            let mut out = BufWriter::new(File::create(&concealed)?);
            for line in BufReader::new(File::open(&path)?).split(b'\n') {
                writeln!(out, "{}", redaction.conceal(&String::from_utf8_lossy(&line?)))?;
            }
            out.flush()?;
            std::fs::rename(&concealed, &path)
        };
        conceal().map_err(|source| JournalError::Write { path: path.clone(), source })
    }

    /// Takes away what was written: nothing was sent, there is no run to keep. The folder was empty or not there.
    pub(crate) fn discard(self) {
        // What cannot be removed stays: it does no harm.
        for name in ["plans", "gateway"] {
            drop(std::fs::remove_dir_all(self.folder.join(name)));
        }
        for name in [JOURNAL, "run.key"] {
            drop(std::fs::remove_file(self.folder.join(name)));
        }
        drop(std::fs::remove_dir(&self.folder));
    }

    /// Folds the journal into the record and writes `record.json`.
    pub(crate) fn close(self) -> Result<RunRecord, JournalError> {
        let path = self.folder.join(JOURNAL);
        let record = RunRecord::from_journal(self.entries).map_err(|source| JournalError::Empty { path, source })?;
        let path = self.folder.join(RECORD);
        std::fs::write(&path, reports::json(&record)).map_err(|source| JournalError::Write { path, source })?;
        Ok(record)
    }
}

/// Reads the record of a run from its folder's journal. A line that was cut off or mangled is left out, together with
/// everything behind it: what was found before stays found, and without its end the run proves nothing more.
pub fn read_run(folder: &Path) -> Result<RunRecord, JournalError> {
    let path = folder.join(JOURNAL);
    let file = File::open(&path).map_err(|source| JournalError::Read { path: path.clone(), source })?;
    let mut entries = Vec::new();
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(|source| JournalError::Read { path: path.clone(), source })?;
        match decode_line(&String::from_utf8_lossy(&line)) {
            Ok(JournalEntry::RunStarted(start)) if start.schema != JOURNAL_SCHEMA => {
                return Err(JournalError::Schema { path, found: start.schema });
            }
            Ok(entry) => entries.push(entry),
            Err(JournalDefect::Torn | JournalDefect::Checksum { .. } | JournalDefect::Entry(_)) => break,
        }
    }
    RunRecord::from_journal(entries).map_err(|source| JournalError::Empty { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocabulary::record::{RunEnd, RunStart};
    use vocabulary::verdict::Verdict;

    fn folder_with(entries: Vec<JournalEntry>) -> tempfile::TempDir {
        let out = tempfile::tempdir().unwrap();
        let mut folder = RunFolder::create(&out.path().join("run"), &CanaryKey::new([7; 16], 1)).unwrap();
        for entry in entries {
            folder.write(entry).unwrap();
        }
        out
    }

    fn started() -> JournalEntry {
        JournalEntry::RunStarted(RunStart { run_id: "r1".to_owned(), ..RunStart::default() })
    }

    #[test]
    fn a_run_is_read_back_from_its_journal() {
        let out = folder_with(vec![started(), JournalEntry::RunEnded { duration_ms: 7, how: RunEnd::Completed }]);
        let record = read_run(&out.path().join("run")).unwrap();
        assert_eq!((record.run_id.as_str(), record.duration_ms), ("r1", Some(7)));
    }

    #[test]
    fn a_torn_end_loses_only_the_torn_line_and_is_never_clean() {
        let out = folder_with(vec![started(), JournalEntry::RunEnded { duration_ms: 7, how: RunEnd::Completed }]);
        let path = out.path().join("run").join(JOURNAL);
        let text = std::fs::read(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 20]).unwrap();
        let record = read_run(&out.path().join("run")).unwrap();
        assert_eq!(record.duration_ms, None);
        assert_ne!(record.verdict, Verdict::Clean);
    }

    #[test]
    fn a_folder_that_holds_something_is_refused_and_left_alone() {
        let out = tempfile::tempdir().unwrap();
        std::fs::write(out.path().join("mine"), "precious").unwrap();
        let error = RunFolder::create(out.path(), &CanaryKey::new([7; 16], 1)).unwrap_err();
        assert!(error.to_string().contains("another --out"), "{error}");
        assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_discarded_run_leaves_nothing_behind() {
        let out = tempfile::tempdir().unwrap();
        let folder = out.path().join("run");
        RunFolder::create(&folder, &CanaryKey::new([7; 16], 1)).unwrap().discard();
        assert!(!folder.exists());
    }

    #[test]
    fn the_latest_run_has_a_name_of_its_own_and_nothing_of_anybody_elses_is_replaced_by_it() {
        let out = tempfile::tempdir().unwrap();
        let run = |name: &str| RunFolder::create(&out.path().join(name), &CanaryKey::new([7; 16], 1)).unwrap();
        let leads_to = || std::fs::read_link(out.path().join(LATEST)).ok();
        run("r1").link_as_latest();
        run("r2").link_as_latest();
        assert_eq!(leads_to(), Some(PathBuf::from("r2")));
        assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 3);
        std::fs::remove_file(out.path().join(LATEST)).unwrap();
        std::fs::write(out.path().join(LATEST), "mine").unwrap();
        run("r3").link_as_latest();
        assert_eq!((leads_to(), std::fs::read_to_string(out.path().join(LATEST)).unwrap()), (None, "mine".to_owned()));
    }

    #[test]
    fn the_gateways_log_loses_what_the_user_gave_and_nothing_else() {
        use vocabulary::directive::Field;
        let (out, key) = (tempfile::tempdir().unwrap(), CanaryKey::new([7; 16], 1));
        let folder = RunFolder::create(&out.path().join("run"), &key).unwrap();
        let log = folder.gateway().join(GATEWAY_LOG);
        std::fs::create_dir(folder.gateway()).unwrap();
        std::fs::write(&log, b"started\nseen: x-key: s3cret-value\n\xff\n").unwrap();
        let given = [Field { name: "X-Key".to_owned(), value: "s3cret-value".to_owned() }];
        folder.conceal_gateway_log(&Redaction::new(&given, &key)).unwrap();
        let text = std::fs::read_to_string(&log).unwrap();
        assert!(text.starts_with("started\nseen: x-key: [redacted 12 bytes #"), "{text}");
        assert_eq!(std::fs::read_dir(folder.gateway()).unwrap().count(), 1);
    }

    #[test]
    fn the_key_is_for_the_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let out = folder_with(vec![started()]);
        let mode = std::fs::metadata(out.path().join("run/run.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_folder_that_is_no_run_says_so() {
        let out = tempfile::tempdir().unwrap();
        assert!(read_run(out.path()).unwrap_err().to_string().contains("is it the folder of a run?"));
    }
}
