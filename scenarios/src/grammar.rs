//! The grammar of scenario files, taken from the types that read them: which keys and words there are, what they mean.
//!
//! Three things are made of it, each committed, compared by a test, and rewritten by `UPDATE_INDEX=1 cargo test -p
//! crosswire-scenarios`: the JSON Schema that editors use, the tables in README.md, and the proof that
//! `examples/every-act.toml` leaves nothing out. Only tests need it, so it is no part of the library.

mod documented;
mod example;
mod readme;
mod schema;
mod validated;

use std::path::Path;
use std::{env, fs};

/// Compares a committed file with what it should hold, or rewrites it.
#[track_caller]
fn compare(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let written = fs::read_to_string(&file).unwrap_or_default();
    if written != expected && env::var_os("UPDATE_INDEX").is_some() {
        fs::write(&file, expected).unwrap();
        return;
    }
    assert!(written == expected, "UPDATE_INDEX=1 cargo test -p crosswire-scenarios rewrites scenarios/{path}");
}
