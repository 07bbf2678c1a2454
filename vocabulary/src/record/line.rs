//! The journal's lines: each entry with a checksum, so that a torn or mangled line is seen.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

use super::JournalEntry;

/// Why a line of a journal cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalDefect {
    /// The line is not of the journal's form: it was cut off, or the file is not a journal.
    #[error("not a journal line: it was cut off, or the file is not a journal of crosswire")]
    Torn,
    /// The checksum does not fit.
    #[error("checksum {stated} does not fit the entry, which has {computed}")]
    Checksum {
        /// As the line states it.
        stated: String,
        /// As computed from the entry.
        computed: String,
    },
    /// The entry is not one that this build knows.
    #[error("entry of another form: {0}")]
    Entry(String),
}

const SUM_PREFIX: &str = "{\"sum\":\"";
const ENTRY_PREFIX: &str = "\",\"entry\":";
const SUM_DIGITS: usize = 16;

/// An entry as a line of the journal, without the line's end.
pub fn encode_line(entry: &JournalEntry) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string(entry)?;
    Ok(format!("{SUM_PREFIX}{}{ENTRY_PREFIX}{text}}}", checksum(&text)))
}

/// The entry of a line, after its checksum was found right.
pub fn decode_line(line: &str) -> Result<JournalEntry, JournalDefect> {
    let rest = line.trim_end().strip_prefix(SUM_PREFIX).ok_or(JournalDefect::Torn)?;
    let (stated, rest) = rest.split_at_checked(SUM_DIGITS).ok_or(JournalDefect::Torn)?;
    let rest = rest.strip_prefix(ENTRY_PREFIX).ok_or(JournalDefect::Torn)?;
    let text = rest.strip_suffix('}').ok_or(JournalDefect::Torn)?;
    let computed = checksum(text);
    if stated != computed {
        return Err(JournalDefect::Checksum { stated: stated.to_owned(), computed });
    }
    serde_json::from_str(text).map_err(|error| JournalDefect::Entry(error.to_string()))
}

/// A checksum against torn and mangled lines, not against forgery.
fn checksum(text: &str) -> String {
    let mut hasher = SipHasher24::new();
    hasher.write(text.as_bytes());
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::super::tests::finding;
    use super::*;
    use crate::scenario::Level;

    #[test]
    fn a_line_survives_and_a_mangled_one_does_not() {
        let entry = JournalEntry::FindingFound(Box::new(finding(Level::Must)));
        let line = encode_line(&entry).unwrap();
        assert_eq!(decode_line(&line).unwrap(), entry);
        assert_eq!(decode_line(&line[..line.len() - 9]).unwrap_err(), JournalDefect::Torn);
        assert!(matches!(decode_line(&line.replace("tenant 2", "tenant 3")), Err(JournalDefect::Checksum { .. })));
        assert_eq!(decode_line("").unwrap_err(), JournalDefect::Torn);
    }
}
