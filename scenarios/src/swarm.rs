//! The swarm: each case first draws which knobs are on at all, so that rare corners are not averaged away.
//!
//! A knob that is on touches a share of the requests that leave the matter open; what a lane spells out is never
//! touched. A knob that is off touches none, so that a case with large HEAD-free uploads and nothing else exists.

use serde::Deserialize;
use vocabulary::crossing::Http;
use vocabulary::directive::{Field, Final, Frames, Framing, Table, Writes};
use vocabulary::plan::{Abort, AbortHow, AbortWhen, BodyPace, ConnectionUse, Credential, EventKind, RequestBody};

use crate::dice::Dice;
use crate::generate::Draws;

/// Something that a case does or does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Knob {
    /// Half of the requests go out on new client connections.
    Fresh,
    /// Half of the requests are POSTs with a body, sized or chunked.
    Bodies,
    /// A quarter of the requests are HEAD.
    Head,
    /// Half of the replies are chunked.
    Chunked,
    /// Half of the chunked replies have a trailer.
    Trailers,
    /// A quarter of the replies go out in two or three writes, 3 ms apart.
    SeveralWrites,
    /// A quarter of the requests ask to close the connection afterwards.
    ConnectionClose,
    /// Half of the bodies have a size at a boundary of somebody's buffer.
    BoundarySizes,
    /// The tenant's canary goes into the credential only, or the cookie only, or both.
    Cookies,
    /// Half of the replies wait up to 3 ms; in some cases one in eight waits up to 30 ms instead.
    Delays,
    /// One reply in sixteen waits 100 ms, the others 1 ms.
    BimodalDelays,
    /// Half of the requests go out on their connection before the replies to those before them have come.
    Pipelining,
    /// A quarter of the requests without a body are conditional (`If-None-Match`).
    Conditional,
    /// Half of the requests name another host: one of two, or the first in other letters.
    Hosts,
    /// An eighth of the plainly answered requests are given up, within 4 ms or once the origin has seen them.
    Aborts,
    /// Half of the requests with a body send it after `100 Continue`, or 10 ms without one.
    Expect,
    /// Half of the replies stand in frames of odd sizes, padded, or behind an empty one, their fields in or out of
    /// the table; nothing where the gateway speaks HTTP/1.1 to the origin.
    Frames,
}

impl Knob {
    /// The knob as scenarios write it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Knob::Fresh => "fresh",
            Knob::Bodies => "bodies",
            Knob::Head => "head",
            Knob::Chunked => "chunked",
            Knob::Trailers => "trailers",
            Knob::SeveralWrites => "several-writes",
            Knob::ConnectionClose => "connection-close",
            Knob::BoundarySizes => "boundary-sizes",
            Knob::Cookies => "cookies",
            Knob::Delays => "delays",
            Knob::BimodalDelays => "bimodal-delays",
            Knob::Pipelining => "pipelining",
            Knob::Conditional => "conditional",
            Knob::Hosts => "hosts",
            Knob::Aborts => "aborts",
            Knob::Expect => "expect",
            Knob::Frames => "frames",
        }
    }
}

/// Hosts that requests name; the last differs from the first in letters only, which mean nothing (RFC 9110 §4.2.3).
const HOSTS: [&str; 3] = ["a.crosswire.test", "b.crosswire.test:8080", "A.Crosswire.TEST"];
/// How long a client waits for a 100 before it sends its body all the same.
const CONTINUE_US: u64 = 10_000;

/// Sizes one below, at, and one above what buffers usually hold.
const BOUNDARY_SIZES: [u64; 17] =
    [0, 1, 63, 64, 65, 4095, 4096, 4097, 8191, 8192, 8193, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537];
/// Half of all replies are no larger: the sizes at which a reply and its neighbour share a buffer.
const SMALL_BYTES_MAX: u64 = 3 * 1024;

/// A knob that no scenario needs to list where clients speak HTTP/2: what else would their streams be for?
const ALWAYS_IN_H2: Knob = Knob::Pipelining;
/// A reply in frames of a byte each is no longer than this: its frames are ten times as long.
const DRIBBLED_BYTES_MAX: u64 = 256;

/// What the knobs do in one case.
#[derive(Debug, Clone)]
pub(crate) struct Swarm {
    /// The knobs that are on; all of the scenario's where draws are uniform.
    on: Vec<Knob>,
    draws: Draws,
    /// Whether delays are rare and long rather than frequent and short. Uniform draws decide it anew each time.
    long_delays: bool,
}

impl Swarm {
    /// Switches each of a scenario's knobs on or off, as far as it has a meaning to such clients.
    pub(crate) fn draw(knobs: &[Knob], draws: Draws, down: Http, dice: &mut Dice) -> Swarm {
        let mut on: Vec<Knob> = match draws {
            Draws::Swarm => knobs.iter().copied().filter(|_| dice.one_in(2)).collect(),
            Draws::Uniform => knobs.to_vec(),
        };
        let long_delays = dice.one_in(2);
        if down == Http::H2 {
            // RFC 9113 §8.2.2: no request speaks of its connection.
            on.retain(|knob| *knob != Knob::ConnectionClose);
            let is_listed = knobs.contains(&ALWAYS_IN_H2);
            on.extend(Some(ALWAYS_IN_H2).filter(|_| !is_listed && (draws == Draws::Uniform || dice.one_in(2))));
        }
        Swarm { on, draws, long_delays }
    }

    fn is_on(&self, knob: Knob) -> bool {
        self.on.contains(&knob)
    }

    /// Whether a knob touches this request, which it does once in `n` times where it is on.
    fn touches(&self, knob: Knob, n: u64, dice: &mut Dice) -> bool {
        let n = match self.draws {
            Draws::Swarm => n,
            // The rate that the swarm has over all cases, as it leaves the knob off in half of them.
            Draws::Uniform => 2 * n,
        };
        // Certainty draws no number.
        self.is_on(knob) && (n == 1 || dice.one_in(n))
    }

    pub(crate) fn connection(&self, dice: &mut Dice) -> ConnectionUse {
        if self.touches(Knob::Fresh, 2, dice) {
            ConnectionUse::Fresh
        } else if self.touches(Knob::Pipelining, 2, dice) {
            ConnectionUse::Pipelined
        } else {
            ConnectionUse::Kept
        }
    }

    /// A client that gives up, on a request that nothing else is planned for.
    pub(crate) fn abort(&self, dice: &mut Dice) -> Option<Abort> {
        if !self.touches(Knob::Aborts, 8, dice) {
            return None;
        }
        let how = *dice.pick(&[AbortHow::Fin, AbortHow::Rst]);
        let when = match dice.one_in(2) {
            true => AbortWhen::AfterSent { us: dice.within(0, 4_000) },
            false => AbortWhen::AfterEvent { event: EventKind::Seen, us: dice.within(0, 2_000) },
        };
        Some(Abort { how, when })
    }

    /// The host that a request names, where it is not the gateway's own.
    pub(crate) fn host(&self, dice: &mut Dice) -> Option<String> {
        self.touches(Knob::Hosts, 2, dice).then(|| (*dice.pick(&HOSTS)).to_owned())
    }

    /// RFC 9110 §13.1.2: an entity tag that nobody has given out, so that an honest answer is the whole reply.
    pub(crate) fn condition(&self, body: RequestBody, dice: &mut Dice) -> Option<Field> {
        let asks = body == RequestBody::None && self.touches(Knob::Conditional, 4, dice);
        asks.then(|| Field { name: "If-None-Match".to_owned(), value: "\"crosswire\"".to_owned() })
    }

    /// RFC 9110 §10.1.1: whether the body waits for a 100, and for how long.
    pub(crate) fn expects_continue(&self, body: RequestBody, dice: &mut Dice) -> Option<BodyPace> {
        let asks = body != RequestBody::None && self.touches(Knob::Expect, 2, dice);
        asks.then_some(BodyPace::AfterContinue { wait_us: CONTINUE_US })
    }

    pub(crate) fn credential(&self, dice: &mut Dice) -> Credential {
        match self.touches(Knob::Cookies, 1, dice) {
            true => *dice.pick(&[Credential::Both, Credential::Authorization, Credential::Cookie]),
            false => Credential::Both,
        }
    }

    pub(crate) fn asks_to_close(&self, dice: &mut Dice) -> bool {
        self.touches(Knob::ConnectionClose, 4, dice)
    }

    /// A method and a body that go together.
    pub(crate) fn method_and_body(&self, dice: &mut Dice) -> (&'static str, RequestBody) {
        if self.touches(Knob::Bodies, 2, dice) {
            let bytes = self.bytes(dice);
            let chunk = *dice.pick(&[1, 64, 512, 4096]);
            return match dice.one_in(2) {
                // A chunk of one byte is five on the wire: a corner worth having, but not for large bodies.
                true if chunk == 1 && bytes > 256 => ("POST", RequestBody::Chunked { bytes, chunk: 1000 }),
                true => ("POST", RequestBody::Chunked { bytes, chunk }),
                false => ("POST", RequestBody::Sized { bytes, declared_off_by: 0 }),
            };
        }
        let head = self.touches(Knob::Head, 4, dice);
        (if head { "HEAD" } else { "GET" }, RequestBody::None)
    }

    pub(crate) fn bytes(&self, dice: &mut Dice) -> u64 {
        match self.touches(Knob::BoundarySizes, 2, dice) {
            true => *dice.pick(&BOUNDARY_SIZES),
            false => dice.within(0, SMALL_BYTES_MAX),
        }
    }

    pub(crate) fn framing(&self, chunk: impl FnOnce(&mut Dice) -> u64, dice: &mut Dice) -> Framing {
        match self.touches(Knob::Chunked, 2, dice) {
            true => Framing::Chunked { chunk: chunk(dice) },
            false => Framing::Length,
        }
    }

    pub(crate) fn trailers(&self, framing: Framing, dice: &mut Dice) -> bool {
        matches!(framing, Framing::Chunked { .. }) && self.touches(Knob::Trailers, 2, dice)
    }

    pub(crate) fn writes(&self, bytes: u64, dice: &mut Dice) -> Writes {
        match bytes > 1 && self.touches(Knob::SeveralWrites, 4, dice) {
            true => Writes { count: dice.within(2, 3) as u32, gap_us: 3_000, acknowledged: false },
            false => Writes::default(),
        }
    }

    /// How a reply of so many bytes stands in frames.
    pub(crate) fn frames(&self, bytes: u64, dice: &mut Dice) -> Frames {
        if !self.touches(Knob::Frames, 2, dice) {
            return Frames::default();
        }
        let data = *dice.pick(&[0, 1, 9, 100, 1000]);
        let data = if data < 100 && bytes > DRIBBLED_BYTES_MAX { 100 } else { data };
        Frames {
            data,
            padding: if dice.one_in(4) { dice.within(1, 255) as u32 } else { 0 },
            empty: dice.one_in(4),
            end_apart: dice.one_in(2),
            // More than a few CONTINUATION frames are taken for an attack.
            block: *dice.pick(&[0, 0, 150, 400]),
            table: *dice.pick(&[Table::Shared, Table::Shared, Table::Filled, Table::Unused]),
        }
    }

    /// The wait before a plain reply, in microseconds.
    pub(crate) fn delay_us(&self, dice: &mut Dice) -> u64 {
        let long = match self.draws {
            Draws::Swarm => self.long_delays,
            Draws::Uniform => self.is_on(Knob::Delays) && dice.one_in(2),
        };
        match long {
            false if self.touches(Knob::Delays, 2, dice) => dice.within(0, 3_000),
            true if self.touches(Knob::Delays, 8, dice) => dice.within(0, 30_000),
            _ if self.touches(Knob::BimodalDelays, 1, dice) => {
                if dice.one_in(16) {
                    100_000
                } else {
                    1_000
                }
            }
            _ => 0,
        }
    }

    /// A well-behaved reply.
    pub(crate) fn reply(&self, dice: &mut Dice) -> Final {
        let bytes = self.bytes(dice);
        let framing = self.framing(|dice| *dice.pick(&[64, 512, 4096]), dice);
        let trailers = self.trailers(framing, dice);
        let writes = self.writes(bytes, dice);
        Final { framing, trailers, writes, frames: self.frames(bytes, dice), ..Final::ok(bytes) }
    }
}
