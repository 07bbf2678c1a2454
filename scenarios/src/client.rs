//! The clients' half of the language: what a request looks like, and how its client behaves.

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use toml::Spanned;
use vocabulary::directive::Field;
use vocabulary::directive::is_token;
use vocabulary::identity::ExchangeId;
use vocabulary::plan::{self, AbortHow, Absolute, ConnectionUse, Credential, EventKind, Misframing, Target, Version};

use crate::draw::{Choice, Draw, Number, Time};
use crate::fields::{Fields, line};
use crate::origin::Bytes;

/// A request. What it leaves open, the swarm decides.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RequestForm {
    pub(crate) method: Option<Choice<Method>>,
    pub(crate) target: Choice<Target>,
    /// Whether the target is in absolute form, and whose authority it names.
    pub(crate) absolute: Option<Spanned<Choice<Absolute>>>,
    pub(crate) version: Option<Spanned<Choice<Version>>>,
    pub(crate) host: Option<Choice<String>>,
    pub(crate) credential: Option<Choice<Credential>>,
    pub(crate) fields: Option<Spanned<Fields>>,
    /// Bytes of one more field, so that a gateway refuses the request for the size of its head.
    pub(crate) padding: Option<Draw<Number<0, 65_536>>>,
    pub(crate) body: Option<Spanned<Choice<BodyWord>>>,
    pub(crate) pace: Option<Choice<PaceWord>>,
    pub(crate) expect: Option<Choice<String>>,
    pub(crate) trailers: Choice<bool>,
    /// Whether bytes follow that spell a request of another, optional, exchange.
    pub(crate) tail: Option<Spanned<bool>>,
    /// The application's form in which the request is spelled; it brings a path and a body.
    pub(crate) form: Choice<FormWord>,
    /// Whether the request has everything a request can have, all of it with its canary.
    pub(crate) rich: bool,
}

/// The form of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum FormWord {
    #[default]
    Plain,
    Chat,
    Responses,
    Messages,
    Mcp,
    Polyglot,
    Own {
        #[serde(default)]
        method: Option<Method>,
        path: Path,
        #[serde(default)]
        fields: Lines,
        #[serde(default)]
        body: String,
        #[serde(default)]
        reply: Option<String>,
    },
}

impl FormWord {
    /// As a plan says it, with the method that goes with it; a plain form has none.
    pub(crate) fn close(&self) -> (plan::Form, Option<String>) {
        let own_method = match self {
            FormWord::Own { method, .. } => method.as_ref().map(|method| method.0.clone()),
            _ => None,
        };
        let form = match self {
            FormWord::Plain => plan::Form::Plain,
            FormWord::Chat => plan::Form::Chat,
            FormWord::Responses => plan::Form::Responses,
            FormWord::Messages => plan::Form::Messages,
            FormWord::Mcp => plan::Form::Mcp,
            FormWord::Polyglot => plan::Form::Polyglot,
            FormWord::Own { path, fields, body, reply, .. } => plan::Form::Own(plan::OwnForm {
                path: path.0.clone(),
                fields: fields.0.clone(),
                body: body.clone(),
                reply: reply.clone(),
            }),
        };
        let method = own_method.or_else(|| form.spelling().map(|spelling| spelling.method.to_owned()));
        (form, method)
    }
}

/// Header fields that are always the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lines(pub(crate) Vec<Field>);

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let lines = Vec::<String>::deserialize(deserializer)?;
        lines.iter().map(|text| line(text)).collect::<Result<_, _>>().map(Lines).map_err(D::Error::custom)
    }
}

/// A path behind the gateway's base path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path(pub(crate) String);

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            Ok(Path(text))
        } else {
            Err(D::Error::custom(format!("{text:?} is no path, expected one such as \"/v1/ask\", without spaces")))
        }
    }
}

/// The login that comes before a worker's first request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// Where.
    pub(crate) path: Path,
    /// The name of the cookie that the origin sets.
    pub(crate) cookie: CookieName,
}

/// The name of a cookie: a token (RFC 6265 §4.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CookieName(pub(crate) String);

impl<'de> Deserialize<'de> for CookieName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if is_token(&text) {
            Ok(CookieName(text))
        } else {
            Err(D::Error::custom(format!("{text:?} is no name of a cookie, expected a token such as \"sid\"")))
        }
    }
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
        /// Bytes behind what the body spells, so that a gateway refuses it for its size.
        #[serde(default = "no_bytes")]
        filler: Bytes,
    },
    Misframed {
        by: Choice<Misframing>,
    },
}

/// How a body goes out.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum PaceWord {
    AtOnce,
    Slow { writes: Draw<Number<1, 64>>, gap: Draw<Time> },
    AfterContinue { wait: Draw<Time> },
    AfterReply { wait: Draw<Time> },
    Withheld,
}

/// On which client connection a request goes out.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ConnectionWord {
    Kept,
    Fresh,
    Pipelined,
    /// One that shares upstream connections with that of another lane.
    Affinity(Spanned<String>),
}

impl ConnectionWord {
    /// As a plan says it. `with` knows the exchanges of another lane whose connections are meant; new connections in search of
    /// affinity are opened `among` at once.
    pub(crate) fn close(&self, with: impl Fn(&str) -> Vec<ExchangeId>, among: u32) -> ConnectionUse {
        match self {
            ConnectionWord::Kept => ConnectionUse::Kept,
            ConnectionWord::Fresh => ConnectionUse::Fresh,
            ConnectionWord::Pipelined => ConnectionUse::Pipelined,
            ConnectionWord::Affinity(lane) => ConnectionUse::Affinity { with: with(lane.get_ref()), among },
        }
    }

    /// The lane that it names.
    pub(crate) fn lane(&self) -> Option<&Spanned<String>> {
        match self {
            ConnectionWord::Affinity(lane) => Some(lane),
            ConnectionWord::Kept | ConnectionWord::Fresh | ConnectionWord::Pipelined => None,
        }
    }
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
    /// The versions that its request line may name.
    pub(crate) fn version(&self) -> Choice<Version> {
        self.version.as_ref().map(|version| version.get_ref().clone()).unwrap_or_default()
    }

    /// Its further fields.
    pub(crate) fn fields(&self) -> Fields {
        self.fields.as_ref().map(|fields| fields.get_ref().clone()).unwrap_or_default()
    }

    /// The bodies that it may have, where it says so.
    pub(crate) fn bodies(&self) -> Option<&Choice<BodyWord>> {
        self.body.as_ref().map(Spanned::get_ref)
    }

    /// Whether bytes follow that spell another request.
    pub(crate) fn has_tail(&self) -> bool {
        self.tail.as_ref().is_some_and(|tail| *tail.get_ref())
    }

    /// Every duration that the request names.
    pub(crate) fn times(&self) -> Vec<&Draw<Time>> {
        let paces = self.pace.iter().flat_map(|choice| &choice.0);
        let times = paces.filter_map(|pace| match pace {
            PaceWord::Slow { gap, .. } => Some(gap),
            PaceWord::AfterContinue { wait } | PaceWord::AfterReply { wait } => Some(wait),
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

fn no_bytes() -> Bytes {
    Draw::just(Number(0))
}

fn any_chunk() -> Draw<Number<1, 1_048_576>> {
    Draw::just(Number(512))
}

/// No wait at all.
pub(crate) fn at_once() -> Draw<Time> {
    Draw::just(Time::default())
}
