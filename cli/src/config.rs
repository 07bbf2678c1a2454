//! `crosswire.toml`: the options of `check`, kept in a file, with profiles that inherit from one another.
//!
//! ```toml
//! schema-version = 1
//! command = "./my-proxy --listen 127.0.0.1:$LISTEN_PORT --upstream 127.0.0.1:$UPSTREAM_PORT"
//! gate = ["error_rate < 1%"]
//! default-profile = "ci"
//!
//! [header]
//! Authorization = { env = "PROXY_TOKEN" }
//!
//! [profile.ci]
//! inherits = "quick"
//! min-verified = 1000
//! ```
//!
//! A key is the long name of an option of `check`, and its value means what it means there. What a file says becomes
//! arguments of the command line ([`given`]), as far as neither a flag nor the environment has said it: what may stand in
//! the file, and what is wrong with it, the reader of arguments decides. Reading ([`file`]) and inheriting ([`resolve`])
//! are pure.

mod file;
mod given;
mod resolve;
#[cfg(test)]
mod schema_tests;
mod show;

use std::path::PathBuf;

use scenarios::Place;

pub(crate) use given::arguments;
pub(crate) use show::show;

/// The file's usual name.
pub(crate) const FILE: &str = "crosswire.toml";

/// A key that a file may have: the long name of an option of `check`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    name: String,
    kind: Kind,
}

/// What stands behind a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One text or number.
    One,
    /// A list, or one.
    Many,
    /// `true` or `false`.
    Flag,
    /// A table of fields, whose secrets are references.
    Fields,
}

/// What a file says of one key. Example: `cases = 5` on line 3, in the profile `ci`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    key: String,
    values: Vec<Value>,
    at: Place,
    /// The profile in which it stands; none for those that hold in every profile.
    profile: Option<String>,
}

/// One value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    /// As an argument would have it.
    Plain(String),
    /// A field whose value stands elsewhere.
    Secret {
        /// The field's name.
        field: String,
        /// Where its value stands.
        from: Reference,
    },
}

/// Where a secret stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reference {
    /// In this environment variable.
    Env(String),
    /// In this file, whose last line end is none of it.
    File(String),
}

/// What a file said, and where each effective value is from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// The folder of the file, if there is one.
    pub(crate) folder: Option<PathBuf>,
    /// The built-in profile that the chosen one stands on, where that is one of the file's.
    pub(crate) stands_on: Option<String>,
    /// The file's own profiles.
    profiles: Vec<String>,
    /// The file's path, if there is one.
    path: Option<PathBuf>,
    /// Every option, its values and what has said them, in the order of `--help`.
    shown: Vec<Shown>,
}

/// An option as `--show-config` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    key: String,
    kind: Kind,
    values: Vec<String>,
    origin: String,
}
