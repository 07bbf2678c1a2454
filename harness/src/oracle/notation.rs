//! A history in one line, for tables of rules and for the self-test of every run.
//!
//! ```text
//! 2<1        exchange 2 received the first delivery of exchange 1        2<1.2   its second
//! 2<2+1      … parts of both                                            1<-     nothing
//! c1:1,2     exchanges 1 and 2 arrived on upstream connection 1, in this order (otherwise each on its own)
//! t1:1,2     belong to tenant 1 (otherwise each exchange to the tenant of its number)
//! lane:1,2   share a client worker          seq     each was sent after the one before had ended
//! pipe:1,2   went out on one client connection, in this order (otherwise each on its own)
//! store:2    never reached the origin       fault:1 an interim reply was performed for exchange 1
//! same-url, authorization, public:1         who may share
//! surplus:1.2 segment:1.2 acknowledged:1.2  a surplus delivery, and what there is of a proof
//! interim:2<1 echo:2<1 seen:2<1 unasked:2<1 where else a canary turned up    timeout:1  an unasked 408
//! ghost:1>3 tail:1>3                        what exchange 1's body, or what came behind it, spelled has arrived; a tail
//!                                           may receive, 2nd on its client connection: 3<3 3<-
//! retry:1.2                                 exchange 1 arrived once more, and its second delivery answers that
//! status:1=500 cut:1 whole:1                what the origin emitted, and how it looked to the client
//! error:2=504                               the gateway answered exchange 2 itself
//! late:1>2                                  the owed reply to exchange 1 was baited: written when 2 had arrived
//! closed:1                                  exchange 1 was given up because its client connection ended
//! aborted:1 interim-written:1 early-final:1 its client gave up; a 100 preceded its reply; that preceded its body
//! http10:1                                  the gateway asked with HTTP/1.0
//! h2                                        it asked in HTTP/2: each request is a stream
//! after-reset:2<1                           frames of a stream that the client had reset, with a canary
//! host:1=a arrived:1=b                      exchange 1 named a host, and arrived at the origin under another
//! ```
//! It panics on anything else: it is read only from this source code.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::canary::{BodyState, Claim, Encoding, Role, Site};
use vocabulary::directive::{Directive, FaultKind, Hold, Interim, InterimLength, OriginAct, Segment};
use vocabulary::history::{
    Completeness, DeliveryKind, Fault, Found, GaveUp, History, Observation, Performed, Place, Received, Replied, Seen,
    Sent, Unasked, UnaskedKind, Why,
};
use vocabulary::identity::{
    Attempt, ConnectionId, DeliveryId, ExchangeId, LaneId, Moment, Ordinal, StreamId, TenantId,
};
use vocabulary::plan::{Audience, Credential, EventKind, Lane, Plan, Request, RequestBody, Stimulus, Target};

/// The history that a line describes.
pub(crate) fn history(notation: &str) -> History {
    let mut line = Line::default();
    for token in notation.split_whitespace() {
        line.read(token);
    }
    History::seal(line.plan(), 0, line.observations())
}

type Number = u32;
type Delivery = (Number, u16);

#[derive(Default)]
struct Line {
    received: BTreeMap<Number, Vec<Delivery>>,
    connections: BTreeMap<Number, (Number, Number)>,
    tenants: BTreeMap<Number, u16>,
    lanes: Vec<Vec<Number>>,
    pipelines: Vec<Vec<Number>>,
    sequential: bool,
    streams: bool,
    same_url: bool,
    authorization: bool,
    stored: BTreeSet<Number>,
    public: BTreeSet<Number>,
    faults: BTreeSet<Number>,
    surplus: BTreeMap<Delivery, &'static str>,
    interims: Vec<(Number, Delivery)>,
    echoes: Vec<(Number, Number)>,
    foreign_seen: Vec<(Number, Number)>,
    unasked: Vec<(Number, Option<Delivery>)>,
    after_reset: Vec<(Number, Delivery)>,
    ghosts: BTreeMap<Number, Number>,
    tails: BTreeMap<Number, Number>,
    emitted: BTreeMap<Number, u16>,
    errors: BTreeMap<Number, u16>,
    cut: BTreeSet<Number>,
    whole: BTreeSet<Number>,
    late: BTreeMap<Number, Number>,
    aborted: BTreeSet<Number>,
    closed: BTreeSet<Number>,
    interim_written: BTreeSet<Number>,
    early_finals: BTreeSet<Number>,
    http10: BTreeSet<Number>,
    retries: BTreeSet<Delivery>,
    hosts: BTreeMap<Number, String>,
    arrived: BTreeMap<Number, String>,
}

fn number(text: &str) -> Number {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no exchange number"))
}

fn numbers(text: &str) -> impl Iterator<Item = Number> {
    text.split(',').map(number)
}

fn delivery(text: &str) -> Delivery {
    let (exchange, count) = text.split_once('.').unwrap_or((text, "1"));
    (number(exchange), count.parse().unwrap_or_else(|_| panic!("{text:?} is no delivery")))
}

fn pair(text: &str, separator: char) -> (&str, &str) {
    text.split_once(separator).unwrap_or_else(|| panic!("{text:?} lacks {separator:?}"))
}

impl Line {
    fn read(&mut self, token: &str) {
        match token {
            "seq" => return self.sequential = true,
            "h2" => return self.streams = true,
            "same-url" => return self.same_url = true,
            "authorization" => return self.authorization = true,
            _ => {}
        }
        let Some((word, rest)) = token.split_once(':') else { return self.read_received(token) };
        match word {
            "lane" => self.lanes.push(numbers(rest).collect()),
            "pipe" => self.pipelines.push(numbers(rest).collect()),
            "store" => self.stored.extend(numbers(rest)),
            "public" => self.public.extend(numbers(rest)),
            "fault" => self.faults.extend(numbers(rest)),
            "surplus" => drop(self.surplus.insert(delivery(rest), "surplus")),
            "segment" => drop(self.surplus.insert(delivery(rest), "segment")),
            "acknowledged" => drop(self.surplus.insert(delivery(rest), "acknowledged")),
            "interim" => self.interims.push((number(pair(rest, '<').0), delivery(pair(rest, '<').1))),
            "echo" => self.echoes.push((number(pair(rest, '<').0), number(pair(rest, '<').1))),
            "seen" => self.foreign_seen.push((number(pair(rest, '<').0), number(pair(rest, '<').1))),
            "unasked" => self.unasked.push((number(pair(rest, '<').0), Some(delivery(pair(rest, '<').1)))),
            "after-reset" => self.after_reset.push((number(pair(rest, '<').0), delivery(pair(rest, '<').1))),
            "timeout" => self.unasked.push((number(rest), None)),
            "ghost" => drop(self.ghosts.insert(number(pair(rest, '>').0), number(pair(rest, '>').1))),
            "tail" => drop(self.tails.insert(number(pair(rest, '>').0), number(pair(rest, '>').1))),
            "status" => drop(self.emitted.insert(number(pair(rest, '=').0), number(pair(rest, '=').1) as u16)),
            "error" => {
                let (exchange, status) = pair(rest, '=');
                self.errors.insert(number(exchange), number(status) as u16);
                self.received.entry(number(exchange)).or_default();
            }
            "cut" => self.cut.extend(numbers(rest)),
            "whole" => self.whole.extend(numbers(rest)),
            "late" => drop(self.late.insert(number(pair(rest, '>').0), number(pair(rest, '>').1))),
            "aborted" => self.aborted.extend(numbers(rest)),
            "closed" => self.closed.extend(numbers(rest)),
            "interim-written" => self.interim_written.extend(numbers(rest)),
            "early-final" => self.early_finals.extend(numbers(rest)),
            "http10" => self.http10.extend(numbers(rest)),
            "retry" => drop(self.retries.insert(delivery(rest))),
            "host" => drop(self.hosts.insert(number(pair(rest, '=').0), pair(rest, '=').1.to_owned())),
            "arrived" => drop(self.arrived.insert(number(pair(rest, '=').0), pair(rest, '=').1.to_owned())),
            _ if word.starts_with('c') => {
                for (index, exchange) in numbers(rest).enumerate() {
                    self.connections.insert(exchange, (number(&word[1..]), index as u32 + 1));
                }
            }
            _ if word.starts_with('t') => {
                self.tenants.extend(numbers(rest).map(|exchange| (exchange, number(&word[1..]) as u16)));
            }
            _ => panic!("{token:?} is no notation"),
        }
    }

    fn read_received(&mut self, token: &str) {
        let (receiver, deliveries) = pair(token, '<');
        let deliveries = match deliveries {
            "-" => Vec::new(),
            some => some.split('+').map(delivery).collect(),
        };
        self.received.insert(number(receiver), deliveries);
    }

    fn tenant(&self, exchange: Number) -> TenantId {
        let speller = self.ghosts.iter().chain(&self.tails).find(|(_, spelled)| **spelled == exchange);
        let exchange = speller.map_or(exchange, |(speller, _)| *speller);
        TenantId(self.tenants.get(&exchange).copied().unwrap_or(exchange as u16))
    }

    fn connection(&self, exchange: Number) -> (ConnectionId, Ordinal) {
        let (connection, ordinal) = self.connections.get(&exchange).copied().unwrap_or((100 + exchange, 1));
        (ConnectionId(connection), Ordinal(ordinal))
    }

    /// When something happens to an exchange: all at about the same time, or 100 ms apart.
    fn at(&self, exchange: Number, step: u64) -> Moment {
        let exchange = u64::from(exchange);
        match self.sequential {
            true => Moment(exchange * 100_000 + step * 100),
            false => Moment(step * 1_000 + exchange),
        }
    }

    fn claim(&self, role: Role, (exchange, count): Delivery, site: Site) -> Claim {
        let attempt = match role {
            Role::Reply => self.attempt((exchange, count)),
            Role::Request | Role::Tenant => Attempt(0),
        };
        let (tenant, exchange) = (self.tenant(exchange), ExchangeId(exchange));
        Claim { role, tenant, exchange, attempt, site, delivery: count }
    }

    fn reply_canary(&self, delivery: Delivery, place: Place) -> Found {
        let site = match place {
            Place::Interim => Site::Interim,
            Place::Body | Place::Outside => Site::BodyBegin,
            Place::Head | Place::Trailer => Site::ReplyHeader,
        };
        Found { claim: self.claim(Role::Reply, delivery, site), place, encoding: Encoding::Plain }
    }

    fn request_canary(&self, exchange: Number, site: Site) -> Found {
        Found { claim: self.claim(Role::Request, (exchange, 0), site), place: Place::Head, encoding: Encoding::Plain }
    }

    /// Which attempt a delivery answers.
    fn attempt(&self, delivery: Delivery) -> Attempt {
        Attempt(if self.retries.contains(&delivery) { 2 } else { 1 })
    }

    /// Who spells an exchange behind its own request.
    fn speller(&self, tail: Number) -> Option<Number> {
        self.tails.iter().find(|(_, spelled)| **spelled == tail).map(|(speller, _)| *speller)
    }

    /// Where a request goes out: each on a connection of its own, but for pipelines, and a tail behind its speller.
    fn client_connection(&self, exchange: Number) -> (ConnectionId, Ordinal) {
        if let Some(speller) = self.speller(exchange) {
            return (ConnectionId(speller), Ordinal(2));
        }
        let place =
            |line: &Vec<Number>| line.iter().position(|member| *member == exchange).map(|place| (line[0], place));
        match self.pipelines.iter().find_map(place) {
            Some((first, place)) => (ConnectionId(first), Ordinal(place as u32 + 1)),
            None => (ConnectionId(exchange), Ordinal(1)),
        }
    }

    fn lane_of(&self, exchange: Number) -> usize {
        let exchange = self.speller(exchange).unwrap_or(exchange);
        let shared = self.lanes.iter().position(|lane| lane.contains(&exchange));
        shared.unwrap_or(self.lanes.len() + exchange as usize)
    }

    // ---- the plan --------------------------------------------------------------------------------------------------

    fn plan(&self) -> Plan {
        let mut lanes: BTreeMap<usize, Vec<Stimulus>> = BTreeMap::new();
        for exchange in self.received.keys().filter(|exchange| self.speller(**exchange).is_none()) {
            lanes.entry(self.lane_of(*exchange)).or_default().push(self.stimulus(*exchange));
        }
        let named = lanes.into_values().enumerate();
        let lanes = named.map(|(index, stimuli)| Lane { name: format!("lane{index}"), stimuli, until: None });
        Plan::bare("notation", lanes.collect())
    }

    fn stimulus(&self, exchange: Number) -> Stimulus {
        let spelled = self.ghosts.get(&exchange).map(|ghost| ExchangeId(*ghost));
        let mut directive = Directive::benign(64);
        if self.faults.contains(&exchange) {
            let (length, segment) = (InterimLength::Zero, Segment::Own);
            let interim = Interim { status: 100, length, fields: Vec::new(), segment };
            directive.acts.insert(0, OriginAct::Interim(interim));
        }
        if self.late.contains_key(&exchange) {
            let last = directive.acts.len() - 1;
            directive.acts.insert(last, OriginAct::Hold(Hold::Bait));
        }
        Stimulus {
            request: Request {
                target: if self.same_url { Target::Shared("a".to_owned()) } else { Target::Own },
                credential: if self.authorization { Credential::Both } else { Credential::Cookie },
                body: spelled.map_or(RequestBody::None, |exchange| RequestBody::Ghost {
                    exchange,
                    chunked: false,
                    filler: 0,
                }),
                tail: self.tails.get(&exchange).map(|tail| ExchangeId(*tail)),
                host: self.hosts.get(&exchange).cloned(),
                ..Request::get()
            },
            audience: if self.public.contains(&exchange) { Audience::Public } else { Audience::Exchange },
            directive,
            ..Stimulus::get(ExchangeId(exchange), self.tenant(exchange))
        }
    }

    // ---- the observations ------------------------------------------------------------------------------------------

    fn observations(&self) -> Vec<Observation> {
        let mut observations = Vec::new();
        for exchange in self.received.keys() {
            observations.push(Observation::Sent(self.sent(*exchange)));
            if !self.stored.contains(exchange) {
                observations.push(Observation::Seen(self.seen(*exchange)));
                observations.push(Observation::Replied(self.replied((*exchange, 1), DeliveryKind::Owed)));
            }
            observations.push(self.end(*exchange));
        }
        let spelled = self.ghosts.values().chain(self.tails.values()).copied();
        let spelled = spelled.filter(|exchange| !self.received.contains_key(exchange));
        observations.extend(spelled.map(|exchange| Observation::Seen(self.seen(exchange))));
        for retry in &self.retries {
            let replied = self.replied(*retry, DeliveryKind::Owed);
            let Replied { attempt, connection, ordinal, .. } = replied;
            observations.push(Observation::Seen(Seen { attempt, connection, ordinal, ..self.seen(retry.0) }));
            observations.push(Observation::Replied(replied));
        }
        let surplus = self.surplus.keys();
        observations
            .extend(surplus.map(|delivery| Observation::Replied(self.replied(*delivery, DeliveryKind::Surplus))));
        let interims = self.faults.iter().map(|exchange| (*exchange, FaultKind::Interim));
        let aborts = self.aborted.iter().map(|exchange| (*exchange, FaultKind::ClientAbort));
        let early = self.early_finals.iter().map(|exchange| (*exchange, FaultKind::EarlyFinal));
        observations.extend(interims.chain(aborts).chain(early).map(|(exchange, kind)| {
            Observation::Fault(Fault {
                exchange: ExchangeId(exchange),
                kind,
                performed: Performed::Fully,
                connection: Some(self.connection(exchange).0),
                at: self.at(exchange, 1),
            })
        }));
        observations.extend(self.interim_written.iter().map(|exchange| {
            let at = Moment(self.at(*exchange, 1).0 + 1);
            Observation::Event { exchange: ExchangeId(*exchange), kind: EventKind::InterimWritten, at }
        }));
        observations
            .extend(self.after_reset.iter().map(|(after, what)| Observation::Unasked(self.after_reset(*after, *what))));
        observations.extend(self.unasked.iter().map(|(after, what)| Observation::Unasked(self.unasked(*after, *what))));
        observations
    }

    fn sent(&self, exchange: Number) -> Sent {
        let (connection, ordinal) = self.client_connection(exchange);
        Sent {
            exchange: ExchangeId(exchange),
            lane: LaneId(self.lane_of(exchange) as u16),
            tenant: self.tenant(exchange),
            connection,
            ordinal,
            stream: None,
            at: self.at(exchange, 0),
            head: format!("GET /e{exchange} HTTP/1.1"),
        }
    }

    fn seen(&self, exchange: Number) -> Seen {
        let (connection, ordinal) = self.connection(exchange);
        let own = self.request_canary(exchange, Site::Path);
        let credential = Found {
            claim: Claim { exchange: ExchangeId(0), ..self.claim(Role::Tenant, (exchange, 0), Site::Authorization) },
            ..own
        };
        let foreign = self.foreign_seen.iter().filter(|(in_request_of, _)| *in_request_of == exchange);
        let foreign = foreign.map(|(_, owner)| self.request_canary(*owner, Site::Header));
        let credential = self.authorization.then_some(credential);
        Seen {
            exchange: Some(ExchangeId(exchange)),
            attempt: Attempt(1),
            connection,
            ordinal,
            stream: self.stream(ordinal),
            at: self.at(exchange, 1),
            canaries: std::iter::once(own).chain(credential).chain(foreign).collect(),
            unverified: 0,
            in_flight: if self.sequential { 1 } else { self.received.len() as u32 },
            authority: self.arrived.get(&exchange).or(self.hosts.get(&exchange)).cloned(),
            // As every gateway does that is no tunnel.
            head: match self.http10.contains(&exchange) {
                true => format!("GET /e{exchange} HTTP/1.0"),
                false => format!("GET /e{exchange} HTTP/1.1\nVia: 1.1 gateway"),
            },
        }
    }

    fn stream(&self, ordinal: Ordinal) -> Option<StreamId> {
        self.streams.then_some(StreamId(ordinal.0 * 2 - 1))
    }

    fn replied(&self, (exchange, count): Delivery, kind: DeliveryKind) -> Replied {
        let (first, ordinal) = self.connection(exchange);
        let attempt = self.attempt((exchange, count));
        // A retry goes out on a connection of its own.
        let connection = if attempt == Attempt(1) { first } else { ConnectionId(200 + exchange) };
        let how = self.surplus.get(&(exchange, count)).copied();
        let bait = self.late.get(&exchange).filter(|_| kind == DeliveryKind::Owed);
        let at = match (how, bait) {
            (_, Some(next)) => Moment(self.at(*next, 1).0 + 20),
            (Some("segment"), None) => self.at(exchange, 2),
            (_, None) => self.at(exchange, 2 + u64::from(count - 1) * 5),
        };
        Replied {
            delivery: DeliveryId { exchange: ExchangeId(exchange), number: count },
            attempt,
            kind,
            status: self.emitted.get(&exchange).copied().unwrap_or(200),
            connection,
            ordinal,
            stream: self.stream(ordinal),
            at,
            done_at: at,
            performed: Performed::Fully,
            body_bytes: 64,
            cut: self.cut.contains(&exchange),
            same_write_as: (how == Some("segment")).then_some(DeliveryId { exchange: ExchangeId(exchange), number: 1 }),
            acknowledged_at: (how == Some("acknowledged")).then_some(Moment(at.0 + 50)),
            head: "HTTP/1.1 200 OK\nContent-Length: 64".to_owned(),
        }
    }

    fn end(&self, exchange: Number) -> Observation {
        let lane = LaneId(self.lane_of(exchange) as u16);
        let (connection, ordinal) = self.client_connection(exchange);
        let deliveries = &self.received[&exchange];
        let error = self.errors.get(&exchange).copied();
        if deliveries.is_empty() && error.is_none() {
            return Observation::GaveUp(GaveUp {
                exchange: ExchangeId(exchange),
                lane,
                connection: Some(connection),
                why: match (self.aborted.contains(&exchange), self.closed.contains(&exchange)) {
                    (true, _) => Why::Aborted,
                    (false, true) => Why::Closed,
                    (false, false) => Why::NoReply,
                },
                at: self.at(exchange, 3),
                partial: None,
            });
        }
        // The first delivery gives the head, the last one the body: one of both is a whole reply.
        let head = deliveries.first().map(|delivery| self.reply_canary(*delivery, Place::Head));
        let body = deliveries.last().map(|delivery| self.reply_canary(*delivery, Place::Body));
        let interims = self.interims.iter().filter(|(receiver, _)| *receiver == exchange);
        let interims = interims.map(|(_, delivery)| self.reply_canary(*delivery, Place::Interim));
        let echoes = self.echoes.iter().filter(|(receiver, _)| *receiver == exchange);
        let echoes = echoes.map(|(_, owner)| self.request_canary(*owner, Site::Path));
        let cut = self.cut.contains(&exchange);
        Observation::Received(Received {
            exchange: ExchangeId(exchange),
            lane,
            connection,
            ordinal,
            stream: None,
            first_at: self.at(exchange, 3),
            at: self.at(exchange, 3),
            status: error.unwrap_or(200),
            interims: Vec::new(),
            canaries: head.into_iter().chain(body).chain(interims).chain(echoes).collect(),
            unverified: 0,
            body: if cut { BodyState::CutAfter(10) } else { BodyState::Intact },
            body_bytes: if cut { 10 } else { 64 },
            completeness: match cut && !self.whole.contains(&exchange) {
                true => Completeness::CutOff,
                false => Completeness::Whole,
            },
            head: "HTTP/1.1 200 OK\nContent-Length: 64".to_owned(),
            body_start: String::new(),
        })
    }

    fn after_reset(&self, after: Number, delivery: Delivery) -> Unasked {
        Unasked { looks_like: UnaskedKind::AfterReset, ..self.unasked(after, Some(delivery)) }
    }

    fn unasked(&self, after: Number, what: Option<Delivery>) -> Unasked {
        Unasked {
            lane: LaneId(self.lane_of(after) as u16),
            connection: self.client_connection(after).0,
            after: Some(ExchangeId(after)),
            at: self.at(after, 4),
            looks_like: if what.is_some() { UnaskedKind::Reply } else { UnaskedKind::ErrorBeforeClose },
            bytes: 64,
            canaries: what.map(|delivery| self.reply_canary(delivery, Place::Outside)).into_iter().collect(),
            excerpt: String::new(),
        }
    }
}
