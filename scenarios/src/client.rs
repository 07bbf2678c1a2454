//! The clients' half of the language: what a request looks like, and how its client behaves.

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use vocabulary::plan::{AbortHow, Credential, EventKind, Target, Version};

use crate::draw::{Choice, Draw, Number, Time};
use crate::fields::{Fields, is_token};
use crate::origin::Bytes;

/// A request. What it leaves open, the swarm decides.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RequestForm {
    pub(crate) method: Option<Choice<Method>>,
    pub(crate) target: Choice<Target>,
    pub(crate) version: Choice<Version>,
    pub(crate) host: Option<Choice<String>>,
    pub(crate) credential: Option<Choice<Credential>>,
    pub(crate) fields: Fields,
    pub(crate) body: Option<Choice<BodyWord>>,
    pub(crate) pace: Option<Choice<PaceWord>>,
    pub(crate) expect: Option<Choice<String>>,
    pub(crate) trailers: bool,
    /// Whether bytes follow that spell a request of another, optional, exchange.
    pub(crate) tail: bool,
}

/// A method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Method(pub(crate) String);

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if is_token(&text) {
            Ok(Method(text))
        } else {
            Err(D::Error::custom(format!("{text:?} is no method, expected a token such as \"GET\"")))
        }
    }
}

/// The body of a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum BodyWord {
    None,
    Sized {
        bytes: Bytes,
        #[serde(default)]
        declared_off_by: Choice<i64>,
    },
    Chunked {
        bytes: Bytes,
        #[serde(default = "any_chunk")]
        chunk: Draw<Number<1, 1_048_576>>,
    },
    Ghost {
        chunked: bool,
    },
}

/// How a body goes out.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum PaceWord {
    AtOnce,
    Slow { writes: Draw<Number<1, 64>>, gap: Draw<Time> },
    AfterContinue { wait: Draw<Time> },
    Withheld,
}

/// How and when a client gives up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GiveUp {
    pub(crate) how: Choice<AbortHow>,
    pub(crate) when: Choice<GiveUpWhen>,
}

/// When a client gives up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) enum GiveUpWhen {
    #[serde(rename = "after-sent")]
    Sent(Draw<Time>),
    #[serde(rename = "after-reply-bytes")]
    ReplyBytes(Bytes),
    #[serde(rename = "after-event")]
    Event {
        event: EventKind,
        #[serde(default = "at_once")]
        within: Draw<Time>,
    },
}

/// A client that reads slowly.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadSlowly {
    pub(crate) bytes: Draw<Number<1, 1_048_576>>,
    pub(crate) gap: Draw<Time>,
}

impl RequestForm {
    /// Every duration that the request names.
    pub(crate) fn times(&self) -> Vec<&Draw<Time>> {
        let paces = self.pace.iter().flat_map(|choice| &choice.0);
        let times = paces.filter_map(|pace| match pace {
            PaceWord::Slow { gap, .. } => Some(gap),
            PaceWord::AfterContinue { wait } => Some(wait),
            PaceWord::AtOnce | PaceWord::Withheld => None,
        });
        times.collect()
    }
}

impl GiveUpWhen {
    /// The duration that it names.
    pub(crate) fn time(&self) -> Option<&Draw<Time>> {
        match self {
            GiveUpWhen::Sent(time) | GiveUpWhen::Event { within: time, .. } => Some(time),
            GiveUpWhen::ReplyBytes(_) => None,
        }
    }
}

fn any_chunk() -> Draw<Number<1, 1_048_576>> {
    Draw::just(Number(512))
}

/// No wait at all.
pub(crate) fn at_once() -> Draw<Time> {
    Draw::just(Time::default())
}
