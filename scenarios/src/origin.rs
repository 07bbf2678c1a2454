//! The origin's half of the language: the acts of a program, open where the vocabulary's are closed.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IntoDeserializer};
use toml::Spanned;
use vocabulary::directive::{ChunkDefect, Close, LastStream, ResetCode, Table};
use vocabulary::plan::EventKind;

use crate::draw::{Choice, Draw, Number, Time};
use crate::fields::Fields;

/// Bytes of a body.
pub(crate) type Bytes = Draw<Number<0, 67_108_864>>;

/// One act. `{ interim = { status = 103 } }`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Act {
    /// Wait for something.
    Hold(HoldFor),
    /// Wait for a time.
    Wait(Draw<Time>),
    /// One or several interim replies.
    Interim(InterimReply),
    /// The reply that is owed.
    Final(Box<FinalReply>),
    /// Bytes that nobody asked for.
    Surplus(SurplusBytes),
    /// The end of the connection.
    Close(Choice<Close>),
    /// Nothing more for a time, on an open connection.
    Silence(Draw<Time>),
    /// Stripes into a tunnel, after a 101.
    Tunnel(TunnelBytes),
    /// The end of the exchange's stream, by RST_STREAM.
    Reset(Choice<ResetCode>),
    /// The end of the connection announced, by GOAWAY.
    GoAway(Announcement),
    /// Other settings while streams are open, by SETTINGS.
    Settings(Choice<SettingWord>),
}

/// What the origin waits for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HoldFor {
    /// Until the next request arrives on the same upstream connection.
    Bait,
    /// Until the requests of all copies, and of all lanes that hold here, have arrived.
    Gate,
    /// Until the request's body has been read to its end.
    Body,
    /// Until something has happened to an exchange of another lane.
    Event(Spanned<EventOf>),
}

/// Something that happens to a lane: `first.interim-written`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventOf {
    pub(crate) lane: String,
    pub(crate) kind: EventKind,
}

impl<'de> Deserialize<'de> for EventOf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let Some((lane, word)) = text.rsplit_once('.') else {
            return Err(D::Error::custom(format!(
                "{text:?} is no event, expected \"LANE.EVENT\" such as \"first.seen\""
            )));
        };
        Ok(EventOf { lane: lane.to_owned(), kind: EventKind::deserialize(word.into_deserializer())? })
    }
}

impl fmt::Display for EventOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lane = &self.lane;
        match self.kind {
            EventKind::Frozen => write!(f, "the gateway is stopped for {lane}"),
            EventKind::Sent => write!(f, "{lane} has sent"),
            EventKind::BodySent => write!(f, "{lane} has sent the body"),
            EventKind::Seen => write!(f, "the origin has seen {lane}"),
            EventKind::InterimWritten => write!(f, "the origin has written {lane} an interim reply"),
            EventKind::FinalWritten => write!(f, "the origin has written {lane} the final reply"),
            EventKind::SurplusWritten => write!(f, "the origin has written {lane} surplus bytes"),
            EventKind::Aborted => write!(f, "{lane} has given up"),
            EventKind::Concluded => write!(f, "{lane} is done"),
        }
    }
}

/// Interim replies.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InterimReply {
    pub(crate) status: Draw<Number<100, 199>>,
    #[serde(default = "once")]
    pub(crate) count: Draw<Number<1, 8>>,
    #[serde(default)]
    pub(crate) length: Choice<LengthWord>,
    #[serde(default)]
    pub(crate) fields: Fields,
    #[serde(default)]
    pub(crate) segment: Choice<InterimSegment>,
}

/// What the head of an interim reply says of a length.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LengthWord {
    /// Nothing.
    #[default]
    Absent,
    /// `Content-Length: 0`.
    Zero,
    /// `Content-Length: n`, and no body.
    Bytes(Bytes),
    /// `Transfer-Encoding: chunked`, and no body.
    Chunked,
}

/// In which writes interim replies go out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum InterimSegment {
    /// Each in a write of its own.
    #[default]
    Own,
    /// All in one write, apart from what follows.
    Together,
    /// All in one write with what follows.
    Shared,
}

/// The reply that is owed. What it leaves open, the swarm decides.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FinalReply {
    pub(crate) status: Option<Spanned<Draw<Number<101, 599>>>>,
    pub(crate) framing: Option<Spanned<Choice<FramingWord>>>,
    pub(crate) chunk: Option<Draw<Number<1, 1_048_576>>>,
    pub(crate) bytes: Option<Bytes>,
    pub(crate) fields: Fields,
    pub(crate) trailers: Option<Choice<bool>>,
    pub(crate) writes: Option<WriteCount>,
    pub(crate) cut: Option<CutOff>,
    pub(crate) early: bool,
    pub(crate) private: bool,
    /// How it stands in the frames of HTTP/2.
    pub(crate) frames: Option<Spanned<Choice<FrameForm>>>,
    /// Bytes of one more field, so that a gateway refuses the reply for the size of its head.
    pub(crate) padding: Option<Draw<Number<0, 262_144>>>,
    /// Whether a conditional request (`If-None-Match`) is answered 304 instead, with the same fields.
    pub(crate) validates: bool,
}

/// How a final reply frames its body. The bytes per chunk stand beside it, as `chunk`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum FramingWord {
    Length,
    LengthShort { by: Draw<Number<1, 1_048_576>> },
    LengthLong { by: Draw<Number<1, 1_048_576>> },
    LengthTwice { off_by: Choice<i64> },
    Chunked,
    LengthAndChunked,
    ChunkedBroken(Choice<ChunkDefect>),
    Close,
    BodyWhereNone,
}

/// How a reply stands in frames.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FrameForm {
    /// Bytes of body in a DATA frame; 0 is as many as the gateway takes.
    pub(crate) data: Option<Draw<Number<0, 16_384>>>,
    /// Bytes of padding in each DATA frame.
    pub(crate) padding: Option<Draw<Number<0, 255>>>,
    /// Whether an empty DATA frame stands before those of a write.
    pub(crate) empty: Choice<bool>,
    /// Whether END_STREAM comes on an empty DATA frame of its own.
    pub(crate) end_apart: Choice<bool>,
    /// Bytes of a block of fields in a HEADERS or CONTINUATION frame; 0 is as many as the gateway takes.
    pub(crate) block: Option<Draw<Number<0, 16_384>>>,
    /// What its fields have to do with the table that all streams of the connection share.
    pub(crate) table: Choice<Table>,
}

/// The end of the connection, announced.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Announcement {
    /// The last stream that is still worked on.
    pub(crate) last: Choice<LastStream>,
}

/// A setting.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SettingWord {
    HeaderTable(Draw<Number<0, 65_536>>),
    InitialWindow(Draw<Number<0, 1_048_576>>),
    ConcurrentStreams(Draw<Number<0, 1_000>>),
}

/// In how many writes a body goes out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WriteCount {
    pub(crate) count: Draw<Number<1, 64>>,
    #[serde(default = "segments_apart")]
    pub(crate) gap: Draw<Time>,
    /// Whether the gateway's kernel must have acknowledged each before the gap to the next begins.
    #[serde(default)]
    pub(crate) acknowledged: bool,
}

/// Where a reply is cut off.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CutOff {
    pub(crate) after_bytes: Bytes,
    pub(crate) then: Choice<CutWord>,
}

/// What follows a cut.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CutWord {
    /// The connection ends.
    Close(Close),
    /// The rest follows when the next request arrives on the same upstream connection.
    Bait,
    /// The rest follows after a time.
    Silence(Draw<Time>),
}

/// Bytes that nobody asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SurplusBytes {
    pub(crate) what: Choice<SurplusWord>,
    pub(crate) when: Choice<SurplusWhen>,
}

/// What they are.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum SurplusWord {
    Reply {
        #[serde(default = "ok")]
        status: Draw<Number<200, 599>>,
        bytes: Bytes,
        /// Bytes that are no HTTP before its status line.
        #[serde(default)]
        garbage: Option<Bytes>,
    },
    Garbage {
        bytes: Bytes,
    },
}

/// When they go out.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SurplusWhen {
    SameSegment,
    Idle(Draw<Time>),
    AfterNextRequest,
}

/// What goes into a tunnel.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TunnelBytes {
    pub(crate) bytes: Bytes,
}

impl Act {
    /// Every duration that the act names.
    pub(crate) fn times(&self) -> Vec<&Draw<Time>> {
        match self {
            Act::Wait(time) | Act::Silence(time) => vec![time],
            Act::Final(reply) => {
                let cut = reply.cut.iter().flat_map(|cut| &cut.then.0).filter_map(CutWord::time);
                reply.writes.iter().map(|writes| &writes.gap).chain(cut).collect()
            }
            Act::Surplus(surplus) => surplus.when.0.iter().filter_map(SurplusWhen::time).collect(),
            Act::Hold(_)
            | Act::Interim(_)
            | Act::Close(_)
            | Act::Tunnel(_)
            | Act::Reset(_)
            | Act::GoAway(_)
            | Act::Settings(_) => Vec::new(),
        }
    }
}

impl CutWord {
    fn time(&self) -> Option<&Draw<Time>> {
        match self {
            CutWord::Silence(time) => Some(time),
            CutWord::Close(_) | CutWord::Bait => None,
        }
    }
}

impl SurplusWhen {
    fn time(&self) -> Option<&Draw<Time>> {
        match self {
            SurplusWhen::Idle(time) => Some(time),
            SurplusWhen::SameSegment | SurplusWhen::AfterNextRequest => None,
        }
    }
}

fn once() -> Draw<Number<1, 8>> {
    Draw::just(Number(1))
}

fn ok() -> Draw<Number<200, 599>> {
    Draw::just(Number(200))
}

/// Closer writes may merge on the way.
fn segments_apart() -> Draw<Time> {
    Draw::just(Time { beyond_timeout: false, us: 3_000 })
}
