//! What the origin does for one exchange: a small program of acts, each a misbehaviour or the absence of one.
//!
//! A [`Directive`] is data. The mock upstream's pure `behavior` turns it into bytes and pauses, the oracle reads it to
//! know which faults were planned. Example: [`OriginAct::Interim`] 100 with `Content-Length: 0`, then
//! [`OriginAct::Hold`] on bait, then [`OriginAct::Final`] 200 with 512 bytes.

use serde::{Deserialize, Serialize};

use crate::identity::GateId;
use crate::plan::Event;

/// One header or trailer field, as it goes on the wire.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The field's name, in the case in which it is sent.
    pub name: String,
    /// The field's value.
    pub value: String,
}

/// RFC 9110 §5.6.2: the characters of methods and field names.
pub fn is_token(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(letter)
}

/// What the origin does for one exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directive {
    /// The acts, performed in order. An empty program leaves the request unanswered.
    pub acts: Vec<OriginAct>,
    /// Whether the faults apply to every attempt; otherwise a retry is answered like a benign request.
    #[serde(default, skip_serializing_if = "is_false")]
    pub every_attempt: bool,
}

impl Directive {
    /// A well-behaved reply: 200, `Content-Length`, `bytes` of striped body.
    pub fn benign(bytes: u64) -> Directive {
        Directive { acts: vec![OriginAct::Final(Final::ok(bytes))], every_attempt: false }
    }

    /// The faults that the program plans, in order.
    pub fn faults(&self) -> Vec<FaultKind> {
        self.acts.iter().filter_map(OriginAct::fault).collect()
    }
}

/// One act of the origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OriginAct {
    /// Wait for something before going on.
    Hold(Hold),
    /// Wait for a time.
    Wait {
        /// How long, in microseconds.
        us: u64,
    },
    /// Send an interim reply (RFC 9110 §15.2: any number may precede the final one).
    Interim(Interim),
    /// Send the reply that the exchange is owed.
    Final(Final),
    /// Send bytes that nobody asked for (RFC 9112 §9.2: they must not be considered a valid reply).
    Surplus(Surplus),
    /// End the connection.
    Close(Close),
    /// Keep the connection open and send nothing more for this exchange, for a time.
    Silence {
        /// How long, in microseconds.
        us: u64,
    },
    /// Switch to an opaque tunnel: send a delivery's stripes and swallow whatever arrives (after a 101).
    Tunnel {
        /// Bytes of striped body sent into the tunnel.
        bytes: u64,
    },
    /// Reset the exchange's stream (RFC 9113 §6.4). HTTP/2 only.
    Reset(ResetCode),
    /// Announce the end of the connection (RFC 9113 §6.8). HTTP/2 only.
    GoAway(GoAway),
    /// Change a setting while streams are open (RFC 9113 §6.5). HTTP/2 only.
    Settings(SettingsChange),
}

impl OriginAct {
    /// The final reply that this act is, if it is one.
    pub fn final_reply(&self) -> Option<&Final> {
        match self {
            OriginAct::Final(reply) => Some(reply),
            OriginAct::Hold(_)
            | OriginAct::Wait { .. }
            | OriginAct::Interim(_)
            | OriginAct::Surplus(_)
            | OriginAct::Close(_)
            | OriginAct::Silence { .. }
            | OriginAct::Tunnel { .. }
            | OriginAct::Reset(_)
            | OriginAct::GoAway(_)
            | OriginAct::Settings(_) => None,
        }
    }

    /// The interim reply that this act is, if it is one.
    pub fn interim(&self) -> Option<&Interim> {
        match self {
            OriginAct::Interim(interim) => Some(interim),
            OriginAct::Final(_)
            | OriginAct::Hold(_)
            | OriginAct::Wait { .. }
            | OriginAct::Surplus(_)
            | OriginAct::Close(_)
            | OriginAct::Silence { .. }
            | OriginAct::Tunnel { .. }
            | OriginAct::Reset(_)
            | OriginAct::GoAway(_)
            | OriginAct::Settings(_) => None,
        }
    }

    /// The fault that this act is, if it is one.
    pub fn fault(&self) -> Option<FaultKind> {
        match self {
            OriginAct::Hold(Hold::Gate(_)) => Some(FaultKind::Reorder),
            OriginAct::Hold(Hold::Bait | Hold::Event(_) | Hold::Body) | OriginAct::Wait { .. } => None,
            OriginAct::Interim(_) => Some(FaultKind::Interim),
            OriginAct::Final(reply) => reply.fault(),
            OriginAct::Surplus(_) => Some(FaultKind::Surplus),
            OriginAct::Close(_) => Some(FaultKind::Close),
            OriginAct::Silence { .. } => Some(FaultKind::Silence),
            OriginAct::Tunnel { .. } => Some(FaultKind::Tunnel),
            OriginAct::Reset(_) => Some(FaultKind::Reset),
            OriginAct::GoAway(_) => Some(FaultKind::GoAway),
            OriginAct::Settings(_) => Some(FaultKind::Settings),
        }
    }
}

/// What the origin waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// Bait: until the next request arrives on the same upstream connection, the peer closes it, every other exchange
    /// of the plan has ended, or the bound passes. Then the owed reply goes first and the newcomer's after it.
    Bait,
    /// Until the gate releases this exchange.
    Gate(GateId),
    /// Until something has happened at either end.
    Event(Event),
    /// Until the request's body has been read to its end.
    Body,
}

/// An interim reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interim {
    /// 100 to 199.
    pub status: u16,
    /// What its head says of a length. RFC 9110 §8.6 forbids the field here; recipients must ignore it.
    #[serde(default)]
    pub length: InterimLength,
    /// Further fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// Whether it goes out by itself or together with what follows.
    #[serde(default)]
    pub segment: Segment,
}

/// What the head of an interim reply says of its length.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InterimLength {
    /// Nothing, as a conforming origin does.
    #[default]
    Absent,
    /// `Content-Length: 0`.
    Zero,
    /// `Content-Length: n`, and no body.
    Bytes(u64),
    /// `Transfer-Encoding: chunked`, and no body.
    Chunked,
}

/// Whether bytes go out by themselves or in one write with what follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Segment {
    /// A write of its own.
    #[default]
    Own,
    /// One write together with the next act's bytes.
    Shared,
}

/// The reply that an exchange is owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Final {
    /// 200 to 599 (101 for a switch of protocols).
    pub status: u16,
    /// How the head frames the body.
    pub framing: Framing,
    /// Bytes of striped body.
    pub bytes: u64,
    /// Further fields, `Cache-Control` and `Vary` among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// Whether a trailer with the reply canary follows (chunked only).
    #[serde(default, skip_serializing_if = "is_false")]
    pub trailers: bool,
    /// In how many writes the reply goes out.
    #[serde(default)]
    pub writes: Writes,
    /// Stop after so many bytes of body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// Whether the reply goes out before the request's body has been read. The body is drained afterwards (RFC 9112
    /// §9.3: a server must read the entire request body or close).
    #[serde(default, skip_serializing_if = "is_false")]
    pub early: bool,
    /// Whether the last write waits for the next act's bytes.
    #[serde(default)]
    pub segment: Segment,
    /// Whether the reply is one tenant's own although a careless store would share it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub private: bool,
    /// How it stands in frames, where it goes out in HTTP/2.
    #[serde(default, skip_serializing_if = "Frames::is_plain")]
    pub frames: Frames,
    /// Bytes of one more field: a block of fields that is too large for the gateway is refused by it, and must be decoded
    /// all the same (RFC 9113 §4.3).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub padding: u64,
    /// Whether a request with `If-None-Match` is answered 304 instead, with the same fields and without a body (RFC 9110
    /// §15.4.5).
    #[serde(default, skip_serializing_if = "is_false")]
    pub validates: bool,
}

impl Final {
    /// 200 with an exact `Content-Length`.
    pub fn ok(bytes: u64) -> Final {
        Final {
            status: 200,
            framing: Framing::Length,
            bytes,
            fields: Vec::new(),
            trailers: false,
            writes: Writes::default(),
            cut: None,
            early: false,
            segment: Segment::Own,
            private: false,
            frames: Frames::default(),
            padding: 0,
            validates: false,
        }
    }

    /// The fault that this reply is, if it is one. A reply can be several things at once; the first that applies names it.
    pub fn fault(&self) -> Option<FaultKind> {
        if self.cut.is_some() {
            return Some(FaultKind::Cut);
        }
        if self.early {
            return Some(FaultKind::EarlyFinal);
        }
        if self.status == 101 {
            return Some(FaultKind::Tunnel);
        }
        if self.padding > 0 {
            return Some(FaultKind::LargeHead);
        }
        match self.framing {
            Framing::Length | Framing::Chunked { .. } | Framing::Close => {
                self.private.then_some(FaultKind::PrivateReply)
            }
            Framing::LengthShort { .. }
            | Framing::LengthLong { .. }
            | Framing::LengthTwice { .. }
            | Framing::LengthAndChunked
            | Framing::ChunkedBroken(_)
            | Framing::BodyWhereNone => Some(FaultKind::Framing),
        }
    }
}

/// Why a stream is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResetCode {
    /// NO_ERROR: behind a whole reply, the rest of the request is not wanted (RFC 9113 §8.1).
    NoError,
    /// REFUSED_STREAM: nothing was done, the request may be sent again (RFC 9113 §8.7).
    RefusedStream,
    /// CANCEL.
    Cancel,
    /// INTERNAL_ERROR.
    InternalError,
}

/// The end of a connection, announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoAway {
    /// The last stream that is still worked on. Requests behind it may be sent again; nothing is answered for them.
    pub last: LastStream,
}

/// The last stream that a GOAWAY names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LastStream {
    /// The exchange's own: those opened after it are not worked on.
    This,
    /// The one before the exchange's own: it is not worked on either.
    Before,
    /// The highest that there can be: all that are open are answered, and no more are opened.
    Any,
}

/// A setting that changes while streams are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingsChange {
    /// SETTINGS_HEADER_TABLE_SIZE: bytes of the table of fields that the gateway's encoder may use.
    HeaderTable(u32),
    /// SETTINGS_INITIAL_WINDOW_SIZE: bytes of request body for which each open stream has room.
    InitialWindow(u32),
    /// SETTINGS_MAX_CONCURRENT_STREAMS.
    ConcurrentStreams(u32),
}

/// How a reply stands in HTTP/2 frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frames {
    /// Bytes of body in a DATA frame; 0 is as many as the peer takes. Frames of streams that are written at the same time
    /// alternate.
    #[serde(default, skip_serializing_if = "is_zero_u32")]
    pub data: u32,
    /// Bytes of padding in each DATA frame, at most 255 (RFC 9113 §6.1).
    #[serde(default, skip_serializing_if = "is_zero_u32")]
    pub padding: u32,
    /// Whether an empty DATA frame stands before what is written at once: one, for many on a connection are taken for a
    /// flood (RFC 9113 §10.5) and end it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub empty: bool,
    /// Whether END_STREAM comes on an empty DATA frame of its own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub end_apart: bool,
    /// Bytes of a block of fields in a HEADERS or CONTINUATION frame; 0 is as many as the peer takes (RFC 9113 §6.10).
    #[serde(default, skip_serializing_if = "is_zero_u32")]
    pub block: u32,
    /// How its fields are compressed.
    #[serde(default, skip_serializing_if = "Table::is_plain")]
    pub table: Table,
}

impl Frames {
    fn is_plain(&self) -> bool {
        *self == Frames::default()
    }
}

/// What the fields of a reply have to do with the table that all streams of a connection share (RFC 7541 §2.3.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Table {
    /// Fields are entered into it where they may be of use again, and named by their place in it where they stand there.
    #[default]
    Shared,
    /// Every field is entered into it, so that entries of other replies are evicted.
    Filled,
    /// Nothing is entered, and nothing is named.
    Unused,
}

impl Table {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_plain(&self) -> bool {
        *self == Table::Shared
    }
}

/// How a final reply's head frames its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// `Content-Length`, exact. For a status without a body (204, 304) and for HEAD no body follows.
    Length,
    /// `Content-Length` smaller than the body by so many bytes (RFC 9112 §6.3: the rest is surplus).
    LengthShort {
        /// Bytes that the declared length leaves out, at least 1.
        by: u64,
    },
    /// `Content-Length` larger than the body by so many bytes; the connection stays open.
    LengthLong {
        /// Bytes that are declared and never come, at least 1.
        by: u64,
    },
    /// Two `Content-Length` fields: the exact one and one that is off by so many bytes (RFC 9112 §6.3 item 5).
    LengthTwice {
        /// The second field's difference to the first; 0 repeats it.
        off_by: i64,
    },
    /// `Transfer-Encoding: chunked` in chunks of so many bytes.
    Chunked {
        /// Bytes per chunk, at least 1.
        chunk: u64,
    },
    /// `Transfer-Encoding: chunked` together with `Content-Length` (RFC 9112 §6.3 item 3).
    LengthAndChunked,
    /// `Transfer-Encoding: chunked` with a defect.
    ChunkedBroken(ChunkDefect),
    /// Neither: the body ends when the connection does.
    Close,
    /// A body with a `Content-Length` where none is allowed: after HEAD, 204, 304 (RFC 9112 §6.3 item 1).
    BodyWhereNone,
}

/// A defect of a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChunkDefect {
    /// The last chunk never comes; the connection stays open.
    NoLastChunk,
    /// A chunk size that is no number.
    BadSize,
    /// A chunk whose data is longer than its size says.
    TooLong,
}

/// In how many writes bytes go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Writes {
    /// How many, at least 1.
    pub count: u32,
    /// Microseconds between them; below 3 000 the segments may merge on the way.
    pub gap_us: u64,
    /// Whether the peer's kernel must have acknowledged each before the gap to the next begins. A segment that is still
    /// under way may be handed over together with the next, and then the peer reads one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub acknowledged: bool,
}

impl Default for Writes {
    fn default() -> Writes {
        Writes { count: 1, gap_us: 0, acknowledged: false }
    }
}

/// Where a reply is cut off, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// Bytes of body that still go out.
    pub after_bytes: u64,
    /// What comes instead of the rest.
    pub then: CutBy,
}

impl Cut {
    /// Whether the connection is closed in order.
    pub fn is_in_order(self) -> bool {
        matches!(self.then, CutBy::Close(Close::Fin))
    }
}

/// What follows a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CutBy {
    /// The connection ends.
    Close(Close),
    /// Bait: the rest comes when the next request arrives on the connection.
    Bait,
    /// The rest comes after a time, on an open connection. RFC 9112 §6.3(6): whoever times out before must close it.
    Silence {
        /// How long, in microseconds.
        us: u64,
    },
}

/// How the origin ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Close {
    /// In order, by FIN.
    Fin,
    /// At once, by RST.
    Rst,
}

/// Bytes that nobody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surplus {
    /// What they are.
    pub what: SurplusKind,
    /// When they go out.
    pub when: SurplusTiming,
}

/// What surplus bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SurplusKind {
    /// A whole second reply, a delivery of its own.
    Reply {
        /// Its status.
        status: u16,
        /// Bytes of striped body.
        bytes: u64,
        /// Bytes that are no HTTP before its status line: with them, the tail of a body that is longer than declared.
        #[serde(default, skip_serializing_if = "is_zero")]
        garbage: u64,
    },
    /// Bytes that are no HTTP at all: stripes without a head.
    Garbage {
        /// How many.
        bytes: u64,
    },
}

/// When surplus bytes go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SurplusTiming {
    /// In one write with the reply before it.
    SameSegment,
    /// By itself, so many microseconds after the reply before it, while the connection should be idle.
    Idle {
        /// The gap.
        us: u64,
    },
    /// When the next request has arrived on the connection: no recipient can tell it from an answer (a control).
    AfterNextRequest,
}

/// Kinds of faults: planned misbehaviours at an end that we own. The order is that of the protocol's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// A client gave its request up while the reply was owed.
    ClientAbort,
    /// A request whose body is not what its head declares, or that is followed by bytes of another.
    RequestFraming,
    /// An interim reply before the final one.
    Interim,
    /// A final reply before the request's body was read.
    EarlyFinal,
    /// Replies released in a planned order, while all were held.
    Reorder,
    /// A reply that a store must not share, offered to one.
    PrivateReply,
    /// A reply whose framing contradicts its body.
    Framing,
    /// A reply cut off.
    Cut,
    /// Bytes after a reply that nobody asked for.
    Surplus,
    /// A request left without a reply for a time.
    Silence,
    /// A connection ended by the origin.
    Close,
    /// A connection turned into a tunnel.
    Tunnel,
    /// A stream reset by the origin.
    Reset,
    /// The end of a connection announced while streams are open.
    GoAway,
    /// A setting changed while streams are open.
    Settings,
    /// A reply whose block of fields is too large.
    LargeHead,
}

impl FaultKind {
    /// The kind as scenarios and records write it.
    pub fn word(self) -> &'static str {
        match self {
            FaultKind::ClientAbort => "client-abort",
            FaultKind::RequestFraming => "request-framing",
            FaultKind::Interim => "interim",
            FaultKind::EarlyFinal => "early-final",
            FaultKind::Reorder => "reorder",
            FaultKind::PrivateReply => "private-reply",
            FaultKind::Framing => "framing",
            FaultKind::Cut => "cut",
            FaultKind::Surplus => "surplus",
            FaultKind::Silence => "silence",
            FaultKind::Close => "close",
            FaultKind::Tunnel => "tunnel",
            FaultKind::Reset => "reset",
            FaultKind::GoAway => "go-away",
            FaultKind::Settings => "settings",
            FaultKind::LargeHead => "large-head",
        }
    }
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn is_zero_u32(value: &u32) -> bool {
    *value == 0
}

pub(crate) fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_benign_directive_plans_no_fault() {
        assert_eq!(Directive::benign(64).faults(), []);
    }

    #[test]
    fn each_misbehaviour_names_its_fault() {
        let cut = Final { cut: Some(Cut { after_bytes: 10, then: CutBy::Close(Close::Rst) }), ..Final::ok(100) };
        let short = Final { framing: Framing::LengthShort { by: 1 }, ..Final::ok(100) };
        let directive = Directive {
            acts: vec![
                OriginAct::Interim(Interim {
                    status: 100,
                    length: InterimLength::Zero,
                    fields: Vec::new(),
                    segment: Segment::Own,
                }),
                OriginAct::Hold(Hold::Bait),
                OriginAct::Final(cut),
                OriginAct::Final(short),
            ],
            every_attempt: false,
        };
        assert_eq!(directive.faults(), [FaultKind::Interim, FaultKind::Cut, FaultKind::Framing]);
    }

    #[test]
    fn the_word_of_a_fault_is_the_one_that_its_json_uses() {
        for kind in [FaultKind::ClientAbort, FaultKind::Interim, FaultKind::PrivateReply, FaultKind::Tunnel] {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.word()));
        }
    }

    #[test]
    fn surplus_without_garbage_before_it_says_nothing_of_it() {
        let plain = SurplusKind::Reply { status: 200, bytes: 16, garbage: 0 };
        assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"reply":{"status":200,"bytes":16}}"#);
        assert_eq!(serde_json::from_str::<SurplusKind>(r#"{"reply":{"status":200,"bytes":16}}"#).unwrap(), plain);
    }

    /// Plans that were kept before there was such a word have the same bytes, and are read.
    #[test]
    fn writes_that_need_not_be_acknowledged_say_nothing_of_it() {
        let plain = Writes { count: 2, gap_us: 3_000, acknowledged: false };
        assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"count":2,"gap_us":3000}"#);
        assert_eq!(serde_json::from_str::<Writes>(r#"{"count":2,"gap_us":3000}"#).unwrap(), plain);
    }
}
