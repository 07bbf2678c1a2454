//! Reading a file of suppressions, `crosswire.ignore.toml`:
//!
//! ```toml
//! [[suppress]]
//! fingerprint = "cw90f1c2ab34de5677"   # from the finding's card, or any report
//! reason = "the pool is replaced in 4.2"
//! owner = "edge-team"
//! expires = "2026-12-31"               # the last day on which it holds, in UTC
//! ```
//!
//! Every key must be there, and no other may be: a slip of the finger must not let a defect pass.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use scenarios::Place;
use serde::Deserialize;
use toml::Spanned;
use vocabulary::record::is_fingerprint;
use vocabulary::suppression::{Day, Suppression};

/// Why suppressions cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SuppressionsError {
    /// The file cannot be read.
    #[error("read the suppressions {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something in it is wrong.
    #[error("read the suppressions {at}: {what}")]
    Wrong {
        /// Where.
        at: Place,
        /// What stands there, and what should.
        what: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SuppressionsFile {
    #[serde(default)]
    suppress: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    fingerprint: Spanned<String>,
    reason: Spanned<String>,
    owner: Spanned<String>,
    expires: Spanned<toml::Value>,
}

/// Reads the suppressions in a file.
pub fn read_suppressions(path: &Path) -> Result<Vec<Suppression>, SuppressionsError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| SuppressionsError::Read { path: path.to_owned(), source })?;
    parse(&path.display().to_string(), &text)
}

fn parse(file: &str, text: &str) -> Result<Vec<Suppression>, SuppressionsError> {
    let wrong =
        |span: Range<usize>, what: String| SuppressionsError::Wrong { at: Place::of(file, text, span.start), what };
    let read: SuppressionsFile = toml::from_str(text).map_err(|error| {
        let what = error.message().trim().lines().map(str::trim).collect::<Vec<_>>().join(", ");
        wrong(error.span().unwrap_or_default(), what)
    })?;
    let mut known: Vec<Suppression> = Vec::new();
    for Entry { fingerprint, reason, owner, expires } in read.suppress {
        if !is_fingerprint(fingerprint.get_ref()) {
            let what = format!(
                "{:?} is no fingerprint; a finding's card has it, like cw90f1c2ab34de5677",
                fingerprint.get_ref()
            );
            return Err(wrong(fingerprint.span(), what));
        }
        if let Some(empty) = [&reason, &owner].into_iter().find(|text| text.get_ref().trim().is_empty()) {
            return Err(wrong(empty.span(), "it is empty; say who answers for the finding, and why".to_owned()));
        }
        let day = day(expires.get_ref()).map_err(|what| wrong(expires.span(), what))?;
        if known.iter().any(|one| one.fingerprint == *fingerprint.get_ref()) {
            return Err(wrong(fingerprint.span(), format!("{} stands twice; leave one", fingerprint.get_ref())));
        }
        known.push(Suppression {
            fingerprint: fingerprint.into_inner(),
            reason: reason.into_inner(),
            owner: owner.into_inner(),
            expires: day,
        });
    }
    Ok(known)
}

/// A day in quotes, or as TOML writes one.
fn day(value: &toml::Value) -> Result<Day, String> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.parse::<Day>().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "\
[[suppress]]
fingerprint = \"cw90f1c2ab34de5677\"
reason = \"the pool is replaced in 4.2\"
owner = \"edge-team\"
expires = \"2026-12-31\"
";

    #[track_caller]
    fn refused(old: &str, new: &str, says: &str) {
        assert!(RIGHT.contains(old));
        let error = parse("a.toml", &RIGHT.replace(old, new)).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn an_entry_has_four_keys_and_a_day_may_be_written_in_two_ways() {
        let read = parse("a.toml", RIGHT).unwrap();
        assert_eq!((read.len(), read[0].owner.as_str()), (1, "edge-team"));
        assert_eq!(parse("a.toml", &RIGHT.replace("\"2026-12-31\"", "2026-12-31")).unwrap(), read);
        assert_eq!(parse("a.toml", "").unwrap(), []);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        refused("fingerprint = \"cw90f1c2ab34de5677\"\n", "", "missing field `fingerprint`");
        refused("reason = \"the pool is replaced in 4.2\"\n", "", "missing field `reason`");
        refused("owner = \"edge-team\"\n", "", "a.toml:1:1: missing field `owner`");
        refused("expires = \"2026-12-31\"\n", "", "missing field `expires`");
        refused("owner", "ownr", "a.toml:4:1: unknown field `ownr`");
        refused("[[suppress]]", "[[supress]]", "a.toml:1:3: unknown field `supress`");
        refused("cw90f1c2ab34de5677", "f1", "a.toml:2:15: \"f1\" is no fingerprint");
        refused("edge-team", " ", "a.toml:4:9: it is empty");
        refused("2026-12-31", "31.12.2026", "a.toml:5:11: \"31.12.2026\" is no day; write it like 2026-12-31");
        refused("\"2026-12-31\"", "2026-12-31T00:00:00Z", "is no day");
        refused("\"2026-12-31\"\n", "\"2026-12-31\"\nuntil = 1\n", "a.toml:6:1: unknown field `until`");
        let twice = format!("{RIGHT}{RIGHT}");
        assert!(
            parse("a.toml", &twice).unwrap_err().to_string().contains("a.toml:7:15: cw90f1c2ab34de5677 stands twice")
        );
        assert!(read_suppressions(Path::new("no/such.toml")).unwrap_err().to_string().contains("no/such.toml"));
    }
}
