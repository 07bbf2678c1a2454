//! Findings and records made by hand, in the words that the oracle uses, and how a text is compared to its golden.

mod findings;
mod generated;
mod matrices;
mod records;
mod tale;

use std::path::Path;

use vocabulary::finding::Finding;

pub(crate) use findings::{
    all, desync, duplicate_from_store, duplicate_in_flight, hostile, request_splice, shift, shift_of_many,
    status_mismatch,
};
pub(crate) use generated::{HOSTILE_PIECES, hostile_text, record as any_record};
pub(crate) use matrices::matrices;
pub(crate) use records::{clean, gated, hostile_record, records, violated};

/// Text that clears a screen, turns the reading direction, speaks to CI systems and ends lines.
pub(crate) const HOSTILE: &str = "\x1b[2J\u{202e}\0::error::x\r\n::warning::y ##[error]z \u{9b}31m\u{200b}";

/// The command that replays a finding, as the command line would give it.
pub(crate) fn replay(finding: &Finding) -> String {
    format!("crosswire replay crosswire-out/run/{} --recipe nginx:keepalive --times 20", finding.plan)
}

/// Compares a text to `goldens/NAME`, or writes it there when UPDATE_GOLDENS is set.
pub(crate) fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens").join(name);
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let agreed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(agreed == text, "{name} differs from its golden; UPDATE_GOLDENS=1 accepts this:\n{text}");
}

/// No line of a text drives a terminal, an eye or a CI system.
pub(crate) fn assert_harmless(name: &str, text: &str) {
    for line in text.lines() {
        let harmful = |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
        assert!(!line.contains(harmful), "{name}: {line:?}");
        assert!(!line.contains("##["), "{name}: {line:?}");
        assert!(line.starts_with("replay: ") || !(line.contains("::error") || line.contains("::warning")), "{line:?}");
    }
}
