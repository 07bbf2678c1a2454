//! What a gateway does with traffic that hides nothing, found out before it is tested: what a check of it can show.
//!
//! One [`ExaminedLine`] says one thing: what was seen, what that means for a check, and how to change it. Example: topic
//! [`Topic::Pooling`], state [`State::Warn`], found "8 requests came on 8 upstream connections", meaning that defects of
//! pools cannot show, fix "configure keep-alive to the upstream".

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::record::GatewayRecord;
use crate::verdict::Verdict;

/// The version of an examination's stored form.
pub const EXAMINATION_SCHEMA: &str = "crosswire.examination/1";

/// Everything that was found out about a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Examination {
    /// [`EXAMINATION_SCHEMA`].
    pub schema: String,
    /// The version of crosswire that examined it.
    pub crosswire_version: String,
    /// The gateway.
    pub gateway: GatewayRecord,
    /// What was found, in the order in which it was looked for.
    pub lines: Vec<ExaminedLine>,
}

impl Examination {
    /// The worst of all lines.
    pub fn state(&self) -> State {
        self.lines.iter().map(|line| line.state).max().unwrap_or(State::Ok)
    }

    /// The exit code that goes with it: a gateway that cannot be tested leaves everything open.
    pub fn exit_code(&self) -> u8 {
        match self.state() {
            State::Ok | State::Warn => Verdict::Clean.exit_code(),
            State::Fail => Verdict::Inconclusive.exit_code(),
        }
    }
}

/// One thing that was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExaminedLine {
    /// What was looked for.
    pub topic: Topic,
    /// How it stands.
    pub state: State,
    /// What was seen, with its numbers.
    pub found: String,
    /// What that means for a check.
    pub means: String,
    /// What to do about it, where something can be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// How a line stands, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// A check can show everything that depends on it.
    Ok,
    /// A check can show less, or the reader should know.
    Warn,
    /// There can be no check.
    Fail,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "fail",
        })
    }
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// How many files and sockets this process may have open.
    OpenFiles,
    /// Whether somebody listens where the gateway should.
    Gateway,
    /// Whether the origin is reached through it.
    Origin,
    /// What the origin sees of a request's line: version, target, `Host`.
    Request,
    /// Which canaries of a request reach the origin.
    RequestCarriers,
    /// Which canaries of a reply reach the client.
    ReplyCarriers,
    /// Whether connections to the origin are used again, and by whom.
    Pooling,
    /// Whether clients may keep their connections.
    ClientConnections,
    /// Whether a request that gets no reply is sent again.
    Retries,
    /// Whether equal requests at one time become one.
    Collapsing,
    /// Whether a reply is given again from a store.
    Cache,
    /// Whether a request is passed on before it has come to its end.
    RequestBuffering,
    /// Whether a reply is passed on before it has come to its end.
    ReplyBuffering,
    /// Which interim replies reach the client.
    InterimReplies,
    /// Whether clients may speak HTTP/2.
    Http2,
    /// What a handshake of TLS agrees on.
    Tls,
}

impl Topic {
    /// The topic as people read it.
    pub fn title(self) -> &'static str {
        match self {
            Topic::OpenFiles => "open files",
            Topic::Gateway => "gateway",
            Topic::Origin => "origin",
            Topic::Request => "request",
            Topic::RequestCarriers => "request canaries",
            Topic::ReplyCarriers => "reply canaries",
            Topic::Pooling => "upstream pool",
            Topic::ClientConnections => "keep-alive",
            Topic::Retries => "retries",
            Topic::Collapsing => "collapsing",
            Topic::Cache => "cache",
            Topic::RequestBuffering => "request bodies",
            Topic::ReplyBuffering => "reply bodies",
            Topic::InterimReplies => "interim replies",
            Topic::Http2 => "HTTP/2",
            Topic::Tls => "TLS",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examined(states: &[State]) -> Examination {
        let line = |state: &State| ExaminedLine {
            topic: Topic::Pooling,
            state: *state,
            found: "8 requests on 8 connections".to_owned(),
            means: "little can show".to_owned(),
            fix: None,
        };
        Examination {
            schema: EXAMINATION_SCHEMA.to_owned(),
            crosswire_version: "0.0.0".to_owned(),
            gateway: GatewayRecord::default(),
            lines: states.iter().map(line).collect(),
        }
    }

    #[test]
    fn the_worst_line_decides_and_a_warning_ends_well() {
        assert_eq!(examined(&[]).exit_code(), 0);
        assert_eq!(examined(&[State::Ok, State::Warn, State::Ok]).state(), State::Warn);
        assert_eq!(examined(&[State::Ok, State::Warn]).exit_code(), 0);
        assert_eq!(examined(&[State::Fail, State::Warn]).exit_code(), 3);
    }

    #[test]
    fn an_examination_survives_its_json_and_no_fix_is_not_written() {
        let examination = examined(&[State::Warn]);
        let json = serde_json::to_string(&examination).unwrap();
        assert!(json.contains(r#""topic":"pooling","state":"warn""#) && !json.contains("fix"), "{json}");
        assert_eq!(serde_json::from_str::<Examination>(&json).unwrap(), examination);
    }
}
