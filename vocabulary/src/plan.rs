//! A plan: everything both ends do in one case, closed by a seed and saved before anything is sent.
//!
//! A plan runs without the scenario file that it was drawn from. It says who the clients are ([`Lane`]s), what each
//! does ([`Stimulus`]), and what the origin does in return ([`Directive`]). It is the thing that is replayed and shrunk.
//! Example: two lanes; lane `first` sends `e1` of tenant 1, lane `next` sends `e2` of tenant 2 six milliseconds after
//! `e1`'s interim reply was written.

mod form;
mod sound;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use form::{CANARY_PLACE, CASE_PLACE, Form, OwnForm, Spelling, TENANT_PLACE};

use crate::crossing::Http;
use crate::directive::{Directive, FaultKind, Field, Hold, OriginAct, is_false};
use crate::finding::Size;
use crate::identity::{CaseNumber, ExchangeId, GateId, LaneId, TenantId};
use crate::scenario::ScenarioHead;

/// The version of the stored form of a plan. A reader refuses any other.
pub const PLAN_SCHEMA: &str = "crosswire.plan/1";

/// Everything both ends do in one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_SCHEMA`].
    pub schema: String,
    /// What the oracle needs of the scenario that the plan was drawn from.
    pub scenario: ScenarioHead,
    /// The run's seed.
    pub seed: u64,
    /// Which case of the scenario.
    pub case: CaseNumber,
    /// What a reader should know of how it came about: the schedules that it plays (`010212 0011`). Decides nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// How many tenants take part, numbered from 1.
    pub tenants: u16,
    /// What the clients speak. In HTTP/2 each request is a stream: what is planned behind others on a connection
    /// ([`ConnectionUse::Pipelined`]) is a stream beside theirs, and a client that gives up resets its stream.
    #[serde(default, skip_serializing_if = "Http::is_h1")]
    pub down: Http,
    /// Where the origin holds replies for each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    /// The client workers; all start at once.
    pub lanes: Vec<Lane>,
}

impl Plan {
    /// A plan that retells no incident: these lanes, and as many tenants as they name.
    pub fn bare(name: &str, lanes: Vec<Lane>) -> Plan {
        let tenants = lanes.iter().flat_map(|lane| &lane.stimuli).map(|stimulus| stimulus.tenant.0).max();
        Plan {
            schema: PLAN_SCHEMA.to_owned(),
            scenario: ScenarioHead::bare(name),
            seed: 0,
            case: CaseNumber(0),
            note: String::new(),
            tenants: tenants.unwrap_or(0),
            down: Http::H1,
            gates: Vec::new(),
            lanes,
        }
    }

    /// Every planned stimulus with its lane, in the order of the plan.
    pub fn stimuli(&self) -> impl Iterator<Item = (LaneId, &Stimulus)> {
        let lanes = self.lanes.iter().enumerate();
        lanes.flat_map(|(index, lane)| lane.stimuli.iter().map(move |stimulus| (LaneId(index as u16), stimulus)))
    }

    /// The stimulus of an exchange.
    pub fn stimulus(&self, exchange: ExchangeId) -> Option<(LaneId, &Stimulus)> {
        self.stimuli().find(|(_, stimulus)| stimulus.exchange == exchange)
    }

    /// Every exchange to which a client may receive a reply, with its lane and the stimulus that spells it: the planned
    /// ones, and behind each the tail of its request, which is of the same lane and tenant.
    pub fn exchanges(&self) -> impl Iterator<Item = (ExchangeId, LaneId, &Stimulus)> {
        self.stimuli().flat_map(|(lane, stimulus)| {
            let spelled = [Some(stimulus.exchange), stimulus.request.tail];
            spelled.into_iter().flatten().map(move |exchange| (exchange, lane, stimulus))
        })
    }

    /// The stimulus behind whose request an exchange is spelled, if it is a tail.
    pub fn speller(&self, tail: ExchangeId) -> Option<(LaneId, &Stimulus)> {
        self.stimuli().find(|(_, stimulus)| stimulus.request.tail == Some(tail))
    }

    /// The highest exchange number, ghosts and tails included: how many wire numbers the plan takes.
    pub fn highest_exchange(&self) -> u32 {
        let own = self.stimuli().map(|(_, stimulus)| stimulus.exchange.0);
        let beside = self.stimuli().flat_map(|(_, stimulus)| stimulus.request.spelled().map(|exchange| exchange.0));
        own.chain(beside).max().unwrap_or(0)
    }

    /// The faults that the plan holds, at either end.
    pub fn faults(&self) -> Vec<(ExchangeId, FaultKind)> {
        let mut faults = Vec::new();
        for (_, stimulus) in self.stimuli() {
            let at_client = stimulus.faults();
            let at_origin = stimulus.directive.faults();
            faults.extend(at_client.into_iter().chain(at_origin).map(|kind| (stimulus.exchange, kind)));
        }
        faults
    }

    /// How big the plan is. A gate is one fault however many replies it holds.
    pub fn size(&self) -> Size {
        let tenants: BTreeSet<TenantId> = self.stimuli().map(|(_, stimulus)| stimulus.tenant).collect();
        let single = self.faults().into_iter().filter(|(_, kind)| *kind != FaultKind::Reorder).count();
        Size {
            tenants: tenants.len() as u32,
            exchanges: self.stimuli().count() as u32,
            faults: (single + self.gates.len()) as u32,
        }
    }

    /// The first thing that makes the plan impossible to run, if there is one: a reference to an exchange or gate that
    /// does not exist, a number used twice, a tenant out of range.
    pub fn defect(&self) -> Option<String> {
        if self.schema != PLAN_SCHEMA {
            return Some(format!("schema is {:?}, this build reads {PLAN_SCHEMA:?}", self.schema));
        }
        let mut exchanges = BTreeSet::new();
        for (_, stimulus) in self.stimuli() {
            let id = stimulus.exchange;
            if id.0 == 0 || id.is_of_earlier_case() || !exchanges.insert(id) {
                return Some(format!("exchange {id} is 0, too large, or planned twice"));
            }
            if stimulus.tenant.0 == 0 || stimulus.tenant.0 > self.tenants {
                return Some(format!(
                    "exchange {id} belongs to {}, but the plan has {} tenants",
                    stimulus.tenant, self.tenants
                ));
            }
        }
        if exchanges.is_empty() {
            return Some("no exchange is planned".to_owned());
        }
        let mut spelled = exchanges.clone();
        for id in self.stimuli().flat_map(|(_, stimulus)| stimulus.request.spelled()) {
            if id.0 == 0 || id.is_of_earlier_case() || !spelled.insert(id) {
                return Some(format!("exchange {id}, a ghost or a tail, is 0, too large, or used twice"));
            }
        }
        let gates: BTreeSet<GateId> = self.gates.iter().map(|gate| gate.id).collect();
        for (_, stimulus) in self.stimuli() {
            let id = stimulus.exchange;
            let frozen_until = stimulus.freeze.map(|freeze| freeze.until);
            let mut events = stimulus.start.after.into_iter().chain(frozen_until).collect::<Vec<_>>();
            for act in &stimulus.directive.acts {
                match act {
                    OriginAct::Hold(Hold::Gate(gate)) if !gates.contains(gate) => {
                        return Some(format!("exchange {id} is held at {gate}, which the plan does not define"));
                    }
                    OriginAct::Hold(Hold::Event(event)) => events.push(*event),
                    OriginAct::Hold(Hold::Bait | Hold::Gate(_) | Hold::Body)
                    | OriginAct::Wait { .. }
                    | OriginAct::Interim(_)
                    | OriginAct::Final(_)
                    | OriginAct::Surplus(_)
                    | OriginAct::Close(_)
                    | OriginAct::Silence { .. }
                    | OriginAct::Tunnel { .. }
                    | OriginAct::Reset(_)
                    | OriginAct::GoAway(_)
                    | OriginAct::Settings(_) => {}
                }
            }
            if let Some(event) = events.iter().find(|event| !exchanges.contains(&event.exchange)) {
                return Some(format!("exchange {id} waits for an event of {}, which is not planned", event.exchange));
            }
            if let ConnectionUse::Affinity { with, among } = &stimulus.connection {
                if let Some(with) = with.iter().find(|with| !exchanges.contains(with)) {
                    return Some(format!("exchange {id} goes out by affinity with {with}, which is not planned"));
                }
                if !(1..=CANDIDATES_MAX).contains(among) {
                    return Some(format!("exchange {id} opens {among} connections, expected 1 to {CANDIDATES_MAX}"));
                }
            }
        }
        let held = self.gates.iter().flat_map(|gate| gate.awaits.iter().chain(&gate.release));
        let unknown = held.into_iter().find(|id| !exchanges.contains(id));
        unknown.map(|id| format!("a gate names {id}, which is not planned")).or_else(|| sound::unsound(self))
    }
}

/// A place where the origin holds replies until the planned exchanges have arrived on any connection, and from which
/// it releases them in the planned order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Its number.
    pub id: GateId,
    /// The exchanges that must have arrived.
    pub awaits: Vec<ExchangeId>,
    /// The order of release; exchanges that are not named follow in the order of arrival.
    pub release: Vec<ExchangeId>,
    /// Microseconds between two releases; 0 releases all at once, in order.
    #[serde(default)]
    pub gap_us: u64,
}

/// One client worker: its stimuli are done one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// The name by which the scenario calls it.
    pub name: String,
    /// What it does, in order.
    pub stimuli: Vec<Stimulus>,
    /// When it may stop before its stimuli are used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
}

/// When a lane of followers may stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// When every upstream connection that was alive at the first performed fault has served so many more requests or
    /// has been closed.
    UpstreamServed(u32),
}

/// One planned client act: a request, when it goes out, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stimulus {
    /// The exchange that it begins.
    pub exchange: ExchangeId,
    /// Whose it is.
    pub tenant: TenantId,
    /// When it goes out.
    #[serde(default)]
    pub start: Start,
    /// On which connection.
    #[serde(default)]
    pub connection: ConnectionUse,
    /// Whether the gateway is stopped before the request goes out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Freeze>,
    /// What is sent.
    pub request: Request,
    /// Whether and when the client gives up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort: Option<Abort>,
    /// How the client reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<SlowRead>,
    /// Who may lawfully receive the replies to it.
    #[serde(default)]
    pub audience: Audience,
    /// What the origin does.
    pub directive: Directive,
}

impl Stimulus {
    /// A plain GET on the lane's kept connection, answered well.
    pub fn get(exchange: ExchangeId, tenant: TenantId) -> Stimulus {
        Stimulus {
            exchange,
            tenant,
            start: Start::default(),
            connection: ConnectionUse::Kept,
            freeze: None,
            request: Request::get(),
            abort: None,
            read: None,
            audience: Audience::Exchange,
            directive: Directive::benign(256),
        }
    }

    /// The faults that the client commits.
    pub fn faults(&self) -> Vec<FaultKind> {
        let abort = self.abort.as_ref().map(|_| FaultKind::ClientAbort);
        abort.into_iter().chain(self.request.fault()).collect()
    }
}

/// When a stimulus starts: after the lane's previous one has ended, after an event, after a delay; all three.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The event to await, with a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Event>,
    /// Microseconds to wait then.
    #[serde(default)]
    pub delay_us: u64,
}

/// Stops the gateway's process before a request goes out, so that whatever arrives meanwhile is in its kernel's buffers
/// all at once when it goes on. A gateway that has looked at an idle connection, and uses it without looking again, then
/// takes unasked bytes for an answer (RFC 9112 §9.2).
///
/// On its connection, opened before, the request is written when `until` has happened and `delay_us` have passed, or
/// when a stopped gateway must go on; the gateway goes on as soon as it is written. Where the gateway cannot be stopped
/// all that happens too, but for the stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// What the request waits for while the gateway stands still.
    pub until: Event,
    /// Microseconds to wait then.
    #[serde(default)]
    pub delay_us: u64,
    /// Whether the first letter of the request goes out as soon as the gateway stands still, so that its connection is the
    /// first on which there is something to read.
    #[serde(default, skip_serializing_if = "is_false")]
    pub begun: bool,
}

/// Something that happens to an exchange at one of our ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// To which.
    pub exchange: ExchangeId,
    /// What.
    pub kind: EventKind,
}

/// What can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// The gateway is stopped for the request, which is not written yet.
    Frozen,
    /// The client has written the request.
    Sent,
    /// The client is writing the last bytes of the request's body, which goes out behind its head.
    BodySent,
    /// The origin has read the request's head.
    Seen,
    /// The origin has written an interim reply.
    InterimWritten,
    /// The origin has written the final reply, as far as it was planned.
    FinalWritten,
    /// The origin has written surplus bytes.
    SurplusWritten,
    /// The client has given the request up, as planned.
    Aborted,
    /// The client is done with the exchange, in whatever way.
    Concluded,
}

/// On which client connection a request goes out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionUse {
    /// The lane's connection, kept alive; a new one where there is none.
    #[default]
    Kept,
    /// A new connection.
    Fresh,
    /// The lane's connection, behind requests whose replies have not arrived yet (RFC 9112 §9.3.2).
    Pipelined,
    /// A connection of the lane that has affinity with one on which one of these exchanges was sent: a chain of requests that
    /// arrived on the same upstream connections leads from one to the other, as far as the origin has seen by now. One that
    /// was not used yet where there is none, a new one where there is none of those either. The lane's others stay open.
    Affinity {
        /// Which exchanges. As long as one is not sent, no connection has affinity with its.
        with: Vec<ExchangeId>,
        /// How many new connections are opened at once, 1 to [`CANDIDATES_MAX`]. One after the other, an idle gateway would
        /// take them all in by the worker that happens to wake first.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        among: u32,
    },
}

/// Connections that a lane keeps open in search of one with affinity.
pub const CANDIDATES_MAX: u32 = 16;

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The target.
    #[serde(default)]
    pub target: Target,
    /// The authority that the target begins with, where it is in absolute form (RFC 9112 §3.2.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absolute: Option<Absolute>,
    /// The version of HTTP that the request line names.
    #[serde(default)]
    pub version: Version,
    /// The authority, where it is not the gateway's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Where the tenant's canary goes.
    #[serde(default)]
    pub credential: Credential,
    /// Further fields, `Connection`, `Upgrade`, `Range` and conditions among them. [`CASE_PLACE`] in a value stands for a
    /// number that no other case has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// Bytes of one more field: a head that is too large for the gateway is refused by it (RFC 6585 §5).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub padding: u64,
    /// The body.
    #[serde(default)]
    pub body: RequestBody,
    /// How the body goes out.
    #[serde(default)]
    pub pace: BodyPace,
    /// The value of `Expect`, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
    /// Whether a trailer with the request canary follows (chunked only).
    #[serde(default, skip_serializing_if = "is_false")]
    pub trailers: bool,
    /// Bytes after the message that spell a request of another, *optional*, exchange, of the same lane and tenant: RFC
    /// 9112 §9.3.2 makes them a pipelined request, but behind HTTP/1.0, `Upgrade`, CONNECT or `Expect` a gateway may leave
    /// them unread. Its reply is nobody else's, and no reply is no fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<ExchangeId>,
    /// The application's form in which it is spelled. A form brings a path, fields and a body of its own; of `body`,
    /// only the framing is used then.
    #[serde(default, skip_serializing_if = "Form::is_plain")]
    pub form: Form,
    /// Whether it has everything a request can have: 30 fields, cookies, query parameters, unknown members in its body,
    /// all with its canary. What a bare request of somebody else shows of that was left over from this one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub rich: bool,
    /// Whether the cookies that its reply sets go into its tenant's jar, and from there into all later requests of the
    /// tenant that carry a session cookie: a login.
    #[serde(default, skip_serializing_if = "is_false")]
    pub keep_cookies: bool,
}

impl Request {
    /// A plain GET on a target of its own.
    pub fn get() -> Request {
        Request {
            method: "GET".to_owned(),
            target: Target::default(),
            version: Version::default(),
            host: None,
            credential: Credential::default(),
            fields: Vec::new(),
            padding: 0,
            body: RequestBody::None,
            pace: BodyPace::AtOnce,
            expect: None,
            trailers: false,
            tail: None,
            absolute: None,
            form: Form::Plain,
            rich: false,
            keep_cookies: false,
        }
    }

    /// The exchange that exists only inside this request's framed body, if there is one.
    pub fn ghost(&self) -> Option<ExchangeId> {
        match self.body {
            RequestBody::Ghost { exchange, .. } | RequestBody::Misframed { exchange, .. } => Some(exchange),
            RequestBody::None | RequestBody::Sized { .. } | RequestBody::Chunked { .. } => None,
        }
    }

    /// The exchanges that its bytes spell beside its own: a ghost, a tail.
    pub fn spelled(&self) -> impl Iterator<Item = ExchangeId> + use<> {
        self.ghost().into_iter().chain(self.tail)
    }

    /// Whether its head declares another body than is sent: a gateway that takes it at its word reads on in what follows
    /// on the connection, or has bytes left that begin another request (RFC 9112 §6.3).
    pub fn lies(&self) -> bool {
        let off = match self.body {
            RequestBody::Sized { declared_off_by, .. } => declared_off_by != 0,
            RequestBody::Misframed { by, .. } => !matches!(by.hidden_in(), HiddenIn::Body | HiddenIn::Path),
            RequestBody::None | RequestBody::Chunked { .. } | RequestBody::Ghost { .. } => false,
        };
        off || self.pace == BodyPace::Withheld
    }

    /// Whether a gateway may rightly refuse it: its head lies, or hides another request.
    pub fn may_be_refused(&self) -> bool {
        self.lies() || matches!(self.body, RequestBody::Misframed { .. })
    }

    /// The fault that this request is, if it is one.
    pub fn fault(&self) -> Option<FaultKind> {
        let body = match self.body {
            RequestBody::None => false,
            RequestBody::Sized { declared_off_by, .. } => declared_off_by != 0,
            RequestBody::Chunked { .. } => false,
            RequestBody::Ghost { .. } | RequestBody::Misframed { .. } => true,
        };
        (body || self.tail.is_some() || self.pace == BodyPace::Withheld).then_some(FaultKind::RequestFraming)
    }
}

/// The target of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// A path and query of its own, with the request canary in both.
    #[default]
    Own,
    /// A path that exchanges share, without any canary: the same bytes for everybody in the case who names it.
    Shared(String),
    /// `*`, for OPTIONS.
    Asterisk,
    /// An authority, for CONNECT.
    Authority(String),
}

/// Whose authority a target in absolute form names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absolute {
    /// The one that `Host` names, as RFC 9112 §3.2.2 demands of clients.
    Host,
    /// Another one. RFC 9112 §3.2.2: whoever receives it must ignore `Host` then.
    Other(String),
}

/// The version of HTTP that a request line names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Version {
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/1.0.
    Http10,
}

/// Where a request carries its tenant's canary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credential {
    /// In `Authorization` and in a session cookie.
    #[default]
    Both,
    /// In `Authorization` only.
    Authorization,
    /// In a session cookie only.
    Cookie,
    /// Nowhere.
    None,
}

/// The body of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestBody {
    /// None, and no field that announces one.
    #[default]
    None,
    /// Striped bytes under `Content-Length`.
    Sized {
        /// How many are sent.
        bytes: u64,
        /// How many more (or fewer) the head declares; 0 is honest.
        #[serde(default)]
        declared_off_by: i64,
    },
    /// Striped bytes in chunks.
    Chunked {
        /// How many.
        bytes: u64,
        /// Bytes per chunk, at least 1.
        chunk: u64,
    },
    /// A framed body that spells a complete request of another exchange: if that exchange ever arrives at the origin,
    /// somebody lost the boundary (RFC 9112 §6, §9.3).
    Ghost {
        /// The exchange that the body spells.
        exchange: ExchangeId,
        /// Whether the body is chunked; otherwise it has a `Content-Length`.
        chunked: bool,
        /// Bytes that follow what the body spells, so that a gateway refuses it for its size.
        #[serde(default, skip_serializing_if = "is_zero")]
        filler: u64,
    },
    /// A ghost in a body of whose end there are two readings, or none. Where RFC 9112 has one, the ghost lies within; else
    /// the request is to be refused and its connection closed. In neither case is the ghost a request.
    Misframed {
        /// The exchange that the body spells.
        exchange: ExchangeId,
        /// What is wrong with it.
        by: Misframing,
    },
}

/// What leaves the end of a request's body in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Misframing {
    /// In chunks, beside a `Content-Length` that ends before the ghost. RFC 9112 §6.3 item 3: the chunks count.
    LengthBesideChunks,
    /// Two `Content-Length` that differ, first the one that ends before the ghost. RFC 9112 §6.3 item 5: 400 and close.
    ShortLengthFirst,
    /// The same, last.
    ShortLengthLast,
    /// `Content-Length: +n`. RFC 9112 §6.3 item 5: 400 and close.
    LengthWithSign,
    /// A transfer coding that nobody knows. RFC 9112 §6.3 item 4: 400 and close.
    UnknownCoding,
    /// `Transfer-Encoding: chunked, identity`: the last coding is not chunked. RFC 9112 §6.3 item 4: 400 and close.
    ChunkedNotLast,
    /// A bare LF in a chunk's extension; the ghost lies behind the end that there is if the LF is part of the extension.
    /// RFC 9112 §7.1.1 has no such byte, and §2.2 lets only the lines of a head end with it.
    LineFeedInExtension,
    /// A chunk size of 65 bits, whose lower 64 are 0. RFC 9112 §7.1: it must not overflow.
    ChunkSizeTooLarge,
    /// `Transfer-Encoding: identity, chunked`, beside a `Content-Length` that ends before the ghost. RFC 9112 §6.3 item 3: the
    /// last coding is chunked, which counts; who does not know the other one refuses the request.
    ChunkedBehindAnother,
    /// `Transfer-Encoding: chunked` in two lines, beside a `Content-Length` that ends before the ghost. RFC 9112 §7: chunked is
    /// not applied twice; §6.3 item 3: whatever that means, the length does not count.
    CodingTwice,
    /// `Transfer-Encoding: chunked` in one line and `gzip` in the next, with a last chunk before the ghost. RFC 9112 §6.3 item
    /// 4: the last coding is not chunked, 400 and close.
    CodingAfterChunked,
    /// `Transfer-Encoding : chunked`, with a last chunk before the ghost, beside a `Content-Length` of all. RFC 9112 §5.1: 400.
    SpaceBeforeColon,
    /// The same with a vertical tab before `chunked`. RFC 9110 §5.6.3: it is no white space, so this is no coding that anybody
    /// knows; RFC 9112 §6.3 item 4: 400 and close.
    CodingBehindTab,
    /// A coding on a continued line, beside a `Content-Length` that ends before the ghost. RFC 9112 §5.2: the line is refused,
    /// or counts as one with a space in its place.
    FoldedCoding,
    /// A field without a name before the `Content-Length`, which covers the ghost. RFC 9110 §5.1: a name has a character at
    /// least; RFC 9112 §6.3 item 6: the length counts.
    LengthBehindNameless,
    /// A field whose name begins like `Content-Length`, and is longer than a byte can say, before a `Content-Length` that covers
    /// the ghost. RFC 9112 §6.3 item 6: only the latter counts.
    LengthBehindLongName,
    /// More fields than some count, and only then the `Content-Length`, which covers the ghost. RFC 9112 §6.3 item 6: it counts
    /// all the same.
    LengthBehindManyFields,
    /// `Connection: Content-Length`, and a `Content-Length` that covers the ghost. RFC 9110 §7.6.1: what is named there goes no
    /// further, but RFC 9112 §6: what is forwarded has a framing of its own.
    LengthNamedByConnection,
    /// In HTTP/2, a `content-length` that ends before the ghost. RFC 9113 §8.1.1: malformed, not forwarded.
    ShortLengthInStream,
    /// In HTTP/2, `transfer-encoding: chunked`, and a last chunk before the ghost. RFC 9113 §8.2.2: malformed.
    CodingInStream,
    /// In HTTP/2, the ghost in a field's value, behind an empty line. RFC 9113 §8.2.1: malformed; §10.3.
    LineBreakInField,
    /// In HTTP/2, the ghost in the path, behind an empty line. RFC 9113 §10.3: no message of HTTP/1.1 says this.
    LineBreakInPath,
    /// The same in every version of HTTP, but percent-encoded: a path like any other. RFC 3986 §2.4: what was encoded is not
    /// decoded to what ends it; RFC 9112 §3.2: a target has no white space.
    LineBreakEscaped,
    /// In HTTP/2, the ghost in the method, before the request's own line. RFC 9110 §9.1: a method is a token.
    LineBreakInMethod,
}

/// Where a misframed request spells its ghost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HiddenIn {
    /// In a body whose end is in doubt.
    DoubtfulBody,
    /// In a body whose end is where its length says, whatever stands before.
    Body,
    /// In the body of a stream of HTTP/2, whose head says that it ends sooner.
    Stream,
    /// In its head, in HTTP/2, behind line breaks that none may have.
    Head,
    /// In its path, percent-encoded.
    Path,
}

impl Misframing {
    /// Where the ghost is spelled.
    pub fn hidden_in(self) -> HiddenIn {
        match self {
            Misframing::LengthBesideChunks
            | Misframing::ShortLengthFirst
            | Misframing::ShortLengthLast
            | Misframing::LengthWithSign
            | Misframing::UnknownCoding
            | Misframing::ChunkedNotLast
            | Misframing::LineFeedInExtension
            | Misframing::ChunkSizeTooLarge
            | Misframing::ChunkedBehindAnother
            | Misframing::CodingTwice
            | Misframing::CodingAfterChunked
            | Misframing::SpaceBeforeColon
            | Misframing::CodingBehindTab
            | Misframing::FoldedCoding => HiddenIn::DoubtfulBody,
            Misframing::ShortLengthInStream | Misframing::CodingInStream => HiddenIn::Stream,
            Misframing::LengthBehindNameless
            | Misframing::LengthBehindLongName
            | Misframing::LengthBehindManyFields
            | Misframing::LengthNamedByConnection => HiddenIn::Body,
            Misframing::LineBreakInField | Misframing::LineBreakInPath | Misframing::LineBreakInMethod => {
                HiddenIn::Head
            }
            Misframing::LineBreakEscaped => HiddenIn::Path,
        }
    }

    /// In which version of HTTP it can be said, if not in all.
    pub fn spoken(self) -> Option<Http> {
        match self.hidden_in() {
            HiddenIn::DoubtfulBody | HiddenIn::Body => Some(Http::H1),
            HiddenIn::Stream | HiddenIn::Head => Some(Http::H2),
            HiddenIn::Path => None,
        }
    }
}

/// How the body of a request goes out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BodyPace {
    /// In one write with the head.
    #[default]
    AtOnce,
    /// In several writes.
    Slow {
        /// How many, at least 1.
        writes: u32,
        /// Microseconds between them.
        gap_us: u64,
    },
    /// After an interim 100, or after a wait without one (RFC 9110 §10.1.1).
    AfterContinue {
        /// Microseconds to wait for the 100.
        wait_us: u64,
    },
    /// After the final reply, unless that announces the close, or after a wait without one. RFC 9112 §9.3: the gateway
    /// has to read it then, or close.
    AfterReply {
        /// Microseconds to wait for the reply.
        wait_us: u64,
    },
    /// Never: the head announces a body that does not come.
    Withheld,
}

/// How and when a client gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abort {
    /// How.
    pub how: AbortHow,
    /// When.
    pub when: AbortWhen,
}

/// How a client gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AbortHow {
    /// By closing in order.
    Fin,
    /// By a reset.
    Rst,
    /// By closing its sending side only; it goes on reading.
    HalfClose,
}

/// When a client gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AbortWhen {
    /// So many microseconds after the last byte was sent, whatever the origin has seen.
    AfterSent {
        /// The wait.
        us: u64,
    },
    /// After so many bytes of the reply.
    AfterReplyBytes {
        /// How many, head included.
        bytes: u64,
    },
    /// So many microseconds after something has happened to the exchange.
    AfterEvent {
        /// What.
        event: EventKind,
        /// The wait.
        us: u64,
    },
}

/// A client that reads slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowRead {
    /// Bytes per read, at least 1.
    pub bytes: u32,
    /// Microseconds between two reads.
    pub gap_us: u64,
}

/// Who may lawfully receive the replies to an exchange. Foreign but in the audience is no violation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Its own client only.
    #[default]
    Exchange,
    /// Every lane of its tenant.
    Tenant,
    /// Everybody: a public, storable reply.
    Public,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_one(number: &u32) -> bool {
    *number == 1
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A plan with one lane per entry; each entry is the tenant of one GET.
    pub(crate) fn plan_of(tenants: &[u16]) -> Plan {
        let lanes = tenants.iter().zip(1..).map(|(tenant, exchange)| Lane {
            name: format!("lane{exchange}"),
            until: None,
            stimuli: vec![Stimulus::get(ExchangeId(exchange), TenantId(*tenant))],
        });
        Plan::bare("plain", lanes.collect())
    }

    #[test]
    fn a_plan_survives_its_json() {
        let plan = plan_of(&[1, 2]);
        let json = serde_json::to_string_pretty(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    }

    #[test]
    fn a_connection_is_a_word_or_names_the_exchange_that_it_has_affinity_with() {
        let json = |connection: ConnectionUse| serde_json::to_string(&connection).unwrap();
        assert_eq!(json(ConnectionUse::Kept), r#""kept""#);
        assert_eq!(json(by_affinity(3, 1)), r#"{"affinity":{"with":[3]}}"#);
        assert_eq!(json(by_affinity(3, 4)), r#"{"affinity":{"with":[3],"among":4}}"#);
    }

    fn by_affinity(with: u32, among: u32) -> ConnectionUse {
        ConnectionUse::Affinity { with: vec![ExchangeId(with)], among }
    }

    /// What was added since does not change the bytes of a plan that does not use it, nor keep an old plan from loading.
    #[test]
    fn what_a_plan_does_not_use_does_not_stand_in_it() {
        let json = serde_json::to_string(&plan_of(&[1])).unwrap();
        for key in ["note", "absolute", "form", "rich", "keep_cookies", "freeze", "padding"] {
            assert!(!json.contains(&format!("\"{key}\"")), "{key} in {json}");
        }
        let ghost = RequestBody::Ghost { exchange: ExchangeId(2), chunked: false, filler: 0 };
        assert_eq!(serde_json::to_string(&ghost).unwrap(), r#"{"ghost":{"exchange":2,"chunked":false}}"#);
    }

    #[test]
    fn ghosts_and_tails_take_numbers_too() {
        let mut plan = plan_of(&[1]);
        plan.lanes[0].stimuli[0].request.body =
            RequestBody::Ghost { exchange: ExchangeId(2), chunked: true, filler: 0 };
        assert_eq!(plan.highest_exchange(), 2);
        plan.lanes[0].stimuli[0].request.tail = Some(ExchangeId(3));
        assert_eq!(plan.highest_exchange(), 3);
    }

    #[test]
    fn a_tail_is_an_exchange_of_its_spellers_lane_and_a_ghost_is_none() {
        let mut plan = plan_of(&[1, 2]);
        let request = &mut plan.lanes[1].stimuli[0].request;
        request.body = RequestBody::Ghost { exchange: ExchangeId(4), chunked: true, filler: 0 };
        request.tail = Some(ExchangeId(3));
        let all: Vec<(u32, LaneId, TenantId)> =
            plan.exchanges().map(|(id, lane, stimulus)| (id.0, lane, stimulus.tenant)).collect();
        let (first, second) = ((LaneId(0), TenantId(1)), (LaneId(1), TenantId(2)));
        assert_eq!(all, [(1, first.0, first.1), (2, second.0, second.1), (3, second.0, second.1)]);
        let speller = |id| plan.speller(ExchangeId(id)).map(|(_, stimulus)| stimulus.exchange.0);
        assert_eq!([speller(3), speller(4), speller(1)], [Some(2), None, None]);
    }

    #[test]
    fn a_sound_plan_has_no_defect() {
        assert_eq!(plan_of(&[1, 2, 2]).defect(), None);
    }

    #[test]
    fn a_plan_that_cannot_run_says_why() {
        let mut twice = plan_of(&[1, 2]);
        twice.lanes[1].stimuli[0].exchange = ExchangeId(1);
        assert!(twice.defect().unwrap().contains("planned twice"));

        let mut stranger = plan_of(&[1, 2]);
        stranger.lanes[0].stimuli[0].tenant = TenantId(9);
        assert!(stranger.defect().unwrap().contains("2 tenants"));

        let mut ungated = plan_of(&[1]);
        ungated.lanes[0].stimuli[0].directive.acts.insert(0, OriginAct::Hold(Hold::Gate(GateId(3))));
        assert!(ungated.defect().unwrap().contains("gate 3"));

        let mut dangling = plan_of(&[1]);
        dangling.lanes[0].stimuli[0].start.after = Some(Event { exchange: ExchangeId(7), kind: EventKind::Seen });
        assert!(dangling.defect().unwrap().contains("e7"));

        let mut shared = plan_of(&[1, 2]);
        shared.lanes[0].stimuli[0].request.tail = Some(ExchangeId(2));
        assert!(shared.defect().unwrap().contains("e2, a ghost or a tail"));
        shared.lanes[0].stimuli[0].request.tail = Some(ExchangeId(3));
        assert_eq!(shared.defect(), None);

        let mut thawless = plan_of(&[1]);
        let until = Event { exchange: ExchangeId(8), kind: EventKind::SurplusWritten };
        thawless.lanes[0].stimuli[0].freeze = Some(Freeze { until, delay_us: 0, begun: false });
        assert!(thawless.defect().unwrap().contains("e8"));

        let mut lost = plan_of(&[1, 2]);
        lost.lanes[1].stimuli[0].connection = by_affinity(1, 4);
        assert_eq!(lost.defect(), None);
        lost.lanes[1].stimuli[0].connection = by_affinity(6, 4);
        assert!(lost.defect().unwrap().contains("affinity with e6"));
        lost.lanes[1].stimuli[0].connection = by_affinity(1, 0);
        assert!(lost.defect().unwrap().contains("opens 0 connections"));

        let mut newer = plan_of(&[1]);
        newer.schema = "crosswire.plan/9".to_owned();
        assert!(newer.defect().unwrap().contains("crosswire.plan/9"));
    }

    #[test]
    fn the_size_counts_tenants_exchanges_and_faults() {
        let mut plan = plan_of(&[1, 2, 2]);
        plan.lanes[0].stimuli[0].abort = Some(Abort { how: AbortHow::Rst, when: AbortWhen::AfterSent { us: 0 } });
        assert_eq!(plan.size(), Size { tenants: 2, exchanges: 3, faults: 1 });
    }
}
