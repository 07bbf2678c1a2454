//! Naming what happened: from the delivery map to suspicions, each exchange explained once.
//!
//! The order: splice (of exchanges, of attempts), duplicate delivery, cycles, shift, stale delivery, fragment; then what lies
//! beside them: ghost requests, request splices, desyncs, changed statuses, cut-offs presented as whole.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::canary::BodyState;
use vocabulary::directive::{Framing, OriginAct};
use vocabulary::finding::{Boundary, Edge, Leg, Proof, Shape};
use vocabulary::history::{
    Completeness, DeliveryKind, ExchangeEnd, ExchangeHistory, Found, History, Place, Replied, UnaskedKind,
};
use vocabulary::identity::{ConnectionId, DeliveryId, ExchangeId, LaneId, TenantId};
use vocabulary::plan::{HiddenIn, RequestBody, Stimulus};

use super::audience::{self, Observed, Sharing};
use super::deliveries::{self, DeliveryMap, Misdirected, Reading};
use super::proof::{self, Doubt};
use super::{Known, Suspicion};

/// Everything in a case that a correct gateway does not do.
pub(super) fn classify(history: &History, map: &DeliveryMap, known: Known) -> Vec<Suspicion> {
    let mut naming = Naming::new(history, map);
    naming.splices();
    naming.attempts();
    naming.duplicates();
    naming.cycles();
    naming.shifts();
    naming.stale();
    naming.moved();
    naming.fragments();
    naming.requests();
    naming.desyncs();
    naming.statuses(known);
    naming.cut_offs();
    naming.observed();
    naming.grouped()
}

struct Naming<'a> {
    history: &'a History,
    map: &'a DeliveryMap,
    doubt: Doubt,
    tenants: BTreeMap<ExchangeId, TenantId>,
    lanes: BTreeMap<ExchangeId, LaneId>,
    /// Whole foreign replies that no shape has explained yet: receiver to delivery.
    open: BTreeMap<ExchangeId, DeliveryId>,
    suspicions: Vec<Suspicion>,
}

impl<'a> Naming<'a> {
    fn new(history: &'a History, map: &'a DeliveryMap) -> Naming<'a> {
        // One foreign delivery and nothing of the own: the reply moved as a whole.
        let whole =
            |reading: &Reading| reading.own.is_empty() && reading.lawful.is_empty() && reading.foreign.len() == 1;
        let open = map.readings.iter().filter(|(_, reading)| whole(reading));
        Naming {
            history,
            map,
            doubt: Doubt::of(history),
            tenants: super::tenants(history),
            lanes: history.plan.exchanges().map(|(exchange, lane, _)| (exchange, lane)).collect(),
            open: open.filter_map(|(receiver, reading)| Some((*receiver, *reading.foreign.first()?))).collect(),
            suspicions: Vec::new(),
        }
    }

    /// Parts of two owners in one reply.
    fn splices(&mut self) {
        for (receiver, reading) in &self.map.readings {
            let owners = reading.own.len() + reading.lawful.len() + reading.foreign.len();
            if reading.foreign.is_empty() || owners < 2 || is_combined_store(self.history, *receiver, reading) {
                continue;
            }
            for delivery in &reading.foreign {
                self.suspect(Shape::Splice, None, *receiver, *delivery);
            }
        }
    }

    /// Parts of the replies to two attempts in one. RFC 9110 §9.2.2 lets a gateway send a request again, and then any of the
    /// replies answers it; but a reply is one message (RFC 9112 §6), and no other goes on where it broke off.
    fn attempts(&mut self) {
        for (receiver, reading) in &self.map.readings {
            let answers = deliveries::answers_by_attempt(self.history, reading.own.iter().copied());
            if answers.len() < 2 || is_combined_store(self.history, *receiver, reading) {
                continue;
            }
            let told = answers.values().map(|replied| {
                format!("{} (attempt {}, on {})", replied.delivery, replied.attempt.0, replied.connection)
            });
            let told = told.collect::<Vec<_>>().join(" and ");
            let fact = format!("received, within one reply, parts of the replies to several attempts of it: {told}");
            let doubted = answers
                .values()
                .any(|replied| self.doubt.proof(self.history, replied.delivery, *receiver) == Proof::Race);
            self.suspect_fact(Shape::Splice, Leg::Reply, *receiver, *receiver, self.tenants[receiver], fact);
            if doubted && let Some(suspicion) = self.suspicions.last_mut() {
                suspicion.proof = Proof::Race;
            }
        }
    }

    /// The same delivery accepted by two exchanges.
    fn duplicates(&mut self) {
        for (receiver, delivery) in self.open.clone() {
            if self.map.accepted.get(&delivery).is_some_and(|by| by.len() > 1) {
                self.explain(Shape::DuplicateDelivery, None, receiver, delivery);
            }
        }
    }

    /// Exchanges that received each other's replies.
    fn cycles(&mut self) {
        let mut rest: BTreeSet<ExchangeId> = self.open.keys().copied().collect();
        while let Some(start) = rest.pop_first() {
            let mut path = vec![start];
            while let Some(owner) = self.open.get(&path[path.len() - 1]).map(|delivery| delivery.exchange) {
                if owner == start {
                    let shape = if path.len() == 2 { Shape::PairSwap } else { Shape::Rotation };
                    for member in &path {
                        rest.remove(member);
                        if let Some(delivery) = self.open.get(member).copied() {
                            self.explain(shape, None, *member, delivery);
                        }
                    }
                    break;
                }
                if path.contains(&owner) {
                    break;
                }
                path.push(owner);
            }
        }
    }

    /// Receiver and owner arrived on the same upstream connection, the receiver k requests later.
    fn shifts(&mut self) {
        for (receiver, delivery) in self.open.clone() {
            if let Some(k) = self.shift(receiver, delivery) {
                self.explain(Shape::Shift, Some(k), receiver, delivery);
            }
        }
    }

    fn shift(&self, receiver: ExchangeId, delivery: DeliveryId) -> Option<u32> {
        let replied = proof::find(self.history, delivery)?;
        let seen = &self.history.exchanges.get(&receiver)?.seen;
        let later = seen.iter().filter(|seen| seen.connection == replied.connection && seen.ordinal > replied.ordinal);
        later.map(|seen| seen.ordinal.0 - replied.ordinal.0).min()
    }

    /// The owner had finished or given up before the receiver was sent.
    fn stale(&mut self) {
        for (receiver, delivery) in self.open.clone() {
            let sent = self.history.exchanges.get(&receiver).and_then(|receiver| receiver.sent.as_ref());
            let ended = self.history.exchanges.get(&delivery.exchange).and_then(|owner| owner.ended_at());
            let over = ended.zip(sent).is_some_and(|(ended, sent)| ended < sent.at);
            if over || delivery.exchange.is_of_earlier_case() {
                self.explain(Shape::StaleDelivery, None, receiver, delivery);
            }
        }
    }

    /// A whole foreign reply that none of the shapes before explains.
    fn moved(&mut self) {
        for (receiver, delivery) in self.open.clone() {
            self.explain(Shape::Misdelivery, None, receiver, delivery);
        }
    }

    /// Pieces: a foreign canary in an interim reply, a part of somebody else's request.
    fn fragments(&mut self) {
        for (receiver, reading) in &self.map.readings {
            for delivery in &reading.foreign_interim {
                if !self.goes_with_a_shift(*delivery) {
                    self.suspect(Shape::Fragment, None, *receiver, *delivery);
                }
            }
            for (owner, tenant) in &reading.residue {
                let fact = format!(
                    "received in its reply what only tenant {}'s client had sent{}",
                    tenant.0,
                    if owner.0 == 0 { " (a credential)".to_owned() } else { format!(" (in {owner})") },
                );
                self.suspect_fact(Shape::Fragment, Leg::Reply, *receiver, *owner, *tenant, fact);
            }
        }
    }

    /// On a connection whose replies have shifted, interim replies move on with them: a companion of that finding, not a
    /// defect of its own.
    fn goes_with_a_shift(&self, delivery: DeliveryId) -> bool {
        let on = |delivery| proof::find(self.history, delivery).map(|replied| replied.connection);
        let Some(connection) = on(delivery) else { return false };
        let mut shifts = self.suspicions.iter().filter(|suspicion| suspicion.shape == Shape::Shift);
        shifts.any(|shift| shift.edges.iter().any(|edge| on(edge.delivery) == Some(connection)))
    }

    /// The request leg: ghosts, and what the origin saw of others in a request.
    fn requests(&mut self) {
        for (exchange, _, stimulus) in self.history.plan.exchanges() {
            let tenant = stimulus.tenant;
            if exchange == stimulus.exchange
                && let Some(ghost) = stimulus.request.ghost()
                && self.history.exchanges.get(&ghost).is_some_and(|ghost| !ghost.seen.is_empty())
            {
                let framed = match stimulus.request.body {
                    RequestBody::Misframed { by, .. } => match by.hidden_in() {
                        HiddenIn::DoubtfulBody | HiddenIn::Stream => {
                            "was framed in a way that no gateway may read on behind"
                        }
                        HiddenIn::Body => "was framed",
                        HiddenIn::Head => "had line breaks in its head that end no line there",
                        HiddenIn::Path => "had percent-encoded line breaks in its path",
                    },
                    RequestBody::None
                    | RequestBody::Sized { .. }
                    | RequestBody::Chunked { .. }
                    | RequestBody::Ghost { .. } => "was framed",
                };
                let fact =
                    format!("{framed}, but what it spelled arrived at the origin as a request of its own ({ghost})");
                self.suspect_fact(Shape::GhostRequest, Leg::Request, exchange, ghost, tenant, fact);
            }
            for (owner, foreign) in deliveries::foreign_in_request(self.history, exchange, tenant) {
                let whose = if owner.0 == 0 { "credential".to_owned() } else { format!("request {owner}") };
                let fact = format!("arrived at the origin with a part of tenant {}'s {whose} in it", foreign.0);
                self.suspect_fact(Shape::RequestSplice, Leg::Request, exchange, owner, foreign, fact);
            }
            if let Some(Misdirected { asked, arrived, owner }) = deliveries::misdirected(self.history, exchange) {
                let fact = format!("was for {asked} and arrived at the origin as one for {arrived}, as {owner} was");
                self.suspect_fact(Shape::RequestSplice, Leg::Request, exchange, owner, self.tenants[&owner], fact);
            }
        }
    }

    /// RFC 9112 §9.2: bytes that belong to no request count with a verified canary, or as a second final reply.
    fn desyncs(&mut self) {
        for unasked in &self.history.unasked {
            let after = unasked.after.filter(|after| self.tenants.contains_key(after));
            let Some(after) = after.filter(|_| !deliveries::is_owed_behind_close(self.history, unasked)) else {
                continue;
            };
            let mut deliveries = unasked.canaries.iter().filter_map(|found| found.claim.delivery_id());
            let delivery = match unasked.looks_like {
                // RFC 9113 §5.1: what was under way when the client reset the stream is to be ignored, as long as it is its own,
                // or what a store may have answered it with.
                UnaskedKind::AfterReset => deliveries.find(|delivery| {
                    delivery.exchange != after
                        && !deliveries::is_lawful(self.history, self.map, after, self.tenants[&after], *delivery)
                }),
                UnaskedKind::ErrorBeforeClose
                | UnaskedKind::EmptyLines
                | UnaskedKind::Reply
                | UnaskedKind::LateFrames
                | UnaskedKind::Garbage => deliveries.next(),
            };
            let Some(delivery) = delivery else {
                // Behind an announced close it may be the gateway's own answer to what was pipelined there (RFC 9112 §9.6).
                let asked = client_sent_more(self.history, unasked.connection)
                    || !deliveries::unanswered_on(self.history, unasked.connection).is_empty();
                if unasked.looks_like == UnaskedKind::Reply && !asked {
                    let fact = "was answered, and then a second final reply came on its connection unasked".to_owned();
                    self.suspect_fact(Shape::Desync, Leg::Mint, after, after, self.tenants[&after], fact);
                    if proof::is_passed_through(self.history, after)
                        && let Some(suspicion) = self.suspicions.last_mut()
                    {
                        suspicion.proof = Proof::PassedThrough;
                    }
                }
                continue;
            };
            let owner = unasked.canaries.iter().find(|found| found.claim.delivery_id() == Some(delivery));
            let tenant = owner.map_or(self.tenants[&after], |found| found.claim.tenant);
            let proof = self.doubt.unasked(self.history, delivery, after);
            let fact = format!(
                "was over when {} bytes of {delivery} (tenant {}) came on its connection unasked",
                unasked.bytes, tenant.0
            );
            self.suspect_fact(Shape::Desync, Leg::Reply, after, delivery.exchange, tenant, fact);
            if let Some(suspicion) = self.suspicions.last_mut() {
                suspicion.proof = proof;
            }
        }
    }

    /// Another status than the origin emitted, and no lawful conversion of it.
    fn statuses(&mut self, known: Known) {
        if !known.verbatim {
            return;
        }
        for (exchange, happened) in &self.history.exchanges {
            let Some(ExchangeEnd::Received(received)) = &happened.end else { continue };
            let Some(replied) = self.own_answer(*exchange) else { continue };
            // RFC 9110 §15.5, §15.6: an error of the gateway's own, which may keep fields of the reply that it does not pass on.
            let is_its_content = |found: &Found| {
                found.place != Place::Head && found.claim.delivery_id().is_some_and(|it| it == replied.delivery)
            };
            if received.status >= 400 && !received.canaries.iter().any(is_its_content) {
                continue;
            }
            let converted = is_lawful_conversion(replied.status, received.status)
                || (received.status == 101 && asked_for_upgrade(self.history, *exchange));
            if replied.status != received.status && !converted && replied.status != 101 {
                let fact = format!("was answered {} by the origin and received {}", replied.status, received.status);
                self.suspect_fact(
                    Shape::StatusMismatch,
                    Leg::Reply,
                    *exchange,
                    *exchange,
                    self.tenants[exchange],
                    fact,
                );
            }
        }
    }

    /// The last of the own replies that an exchange's client received and the origin owed it.
    fn own_answer(&self, exchange: ExchangeId) -> Option<&'a Replied> {
        let own = self.map.readings.get(&exchange)?.own.iter().rev();
        let mut answers = own.filter_map(|delivery| proof::find(self.history, *delivery));
        answers.find(|replied| replied.kind == DeliveryKind::Owed)
    }

    /// RFC 9112 §8: a reply that the origin cut off, presented as whole. A cut of a close-delimited reply cannot be seen.
    fn cut_offs(&mut self) {
        for (exchange, happened) in &self.history.exchanges {
            let Some(ExchangeEnd::Received(received)) = &happened.end else { continue };
            let Some(replied) = self.own_answer(*exchange) else { continue };
            let planned = self.history.plan.stimulus(*exchange).is_some_and(|(_, stimulus)| {
                let mut finals = stimulus.directive.acts.iter().filter_map(OriginAct::final_reply);
                finals.any(|reply| matches!(reply.framing, Framing::Length | Framing::Chunked { .. }))
            });
            // Towards HTTP/1.0 there are no chunks (RFC 9112 §6.1): what went out says how it ends.
            let framed = planned && (replied.stream.is_some() || says_where_it_ends(&replied.head));
            let short = matches!(received.body, BodyState::CutAfter(_));
            if replied.cut && framed && short && received.completeness == Completeness::Whole {
                let fact =
                    format!("received {} bytes as a whole reply; the origin had cut it off", received.body_bytes);
                self.suspect_fact(
                    Shape::TruncationAsComplete,
                    Leg::Reply,
                    *exchange,
                    *exchange,
                    self.tenants[exchange],
                    fact,
                );
            }
        }
    }

    /// What a cache has lawfully shared and somebody will want to know of.
    fn observed(&mut self) {
        for (receiver, reading) in &self.map.readings {
            for (delivery, why) in &reading.observed {
                self.suspect(Shape::DuplicateDelivery, None, *receiver, *delivery);
                if let Some(suspicion) = self.suspicions.last_mut() {
                    suspicion.observed = Some(*why);
                }
            }
        }
    }

    // ---- how a suspicion is made -----------------------------------------------------------------------------------

    fn explain(&mut self, shape: Shape, shift: Option<u32>, receiver: ExchangeId, delivery: DeliveryId) {
        if self.open.remove(&receiver).is_some() {
            self.suspect(shape, shift, receiver, delivery);
        }
    }

    fn suspect(&mut self, shape: Shape, shift: Option<u32>, receiver: ExchangeId, delivery: DeliveryId) {
        let receiver_tenant = self.tenants[&receiver];
        let owner_tenant = self.owner_tenant(receiver, delivery);
        self.suspicions.push(Suspicion {
            shape,
            shift,
            boundary: self.boundary(receiver, delivery.exchange, owner_tenant),
            leg: self.leg(receiver, delivery),
            proof: self.doubt.proof(self.history, delivery, receiver),
            edges: vec![Edge { receiver, delivery }],
            exchanges: vec![delivery.exchange, receiver],
            subject: receiver,
            receiver_tenant,
            owner_tenant,
            fact: None,
            observed: None,
            of_connect: self.is_of_a_connect(receiver, delivery.exchange),
        });
    }

    fn suspect_fact(
        &mut self,
        shape: Shape,
        leg: Leg,
        receiver: ExchangeId,
        owner: ExchangeId,
        owner_tenant: TenantId,
        fact: String,
    ) {
        self.suspicions.push(Suspicion {
            shape,
            shift: None,
            boundary: self.boundary(receiver, owner, owner_tenant),
            leg,
            proof: Proof::Owed,
            edges: Vec::new(),
            exchanges: if owner == receiver || owner.0 == 0 { vec![receiver] } else { vec![owner, receiver] },
            subject: receiver,
            receiver_tenant: self.tenants[&receiver],
            owner_tenant,
            fact: Some(fact),
            observed: None,
            of_connect: self.is_of_a_connect(receiver, owner),
        });
    }

    /// RFC 9110 §9.3.6 says nothing of a body behind a CONNECT: what a gateway makes of it on the client's own connection is
    /// its own affair, as long as nobody else is hit.
    fn is_of_a_connect(&self, receiver: ExchangeId, owner: ExchangeId) -> bool {
        let lane = |exchange| {
            let spells = |stimulus: &Stimulus| {
                stimulus.exchange == exchange || stimulus.request.spelled().any(|spelled| spelled == exchange)
            };
            self.history.plan.stimuli().find(|(_, stimulus)| spells(stimulus)).map(|(lane, _)| lane)
        };
        let own = lane(receiver).filter(|own| lane(owner) == Some(*own));
        self.history.plan.stimuli().any(|(lane, Stimulus { request, .. })| {
            own == Some(lane) && request.method == "CONNECT" && request.spelled().next().is_some()
        })
    }

    /// The owner's tenant as the canary itself says, which is right for exchanges of earlier cases too.
    fn owner_tenant(&self, receiver: ExchangeId, delivery: DeliveryId) -> TenantId {
        let received = self.history.exchanges.get(&receiver).and_then(|receiver| receiver.reading());
        let canaries = received.map(|received| received.canaries.as_slice()).unwrap_or_default();
        let found = canaries.iter().find(|found| found.claim.delivery_id() == Some(delivery));
        found.map_or(self.tenants[&receiver], |found| found.claim.tenant)
    }

    fn boundary(&self, receiver: ExchangeId, owner: ExchangeId, owner_tenant: TenantId) -> Boundary {
        if self.tenants[&receiver] != owner_tenant {
            return Boundary::CrossTenant;
        }
        match self.lanes.get(&owner) {
            Some(lane) if self.lanes.get(&receiver) == Some(lane) => Boundary::SameLane,
            _ => Boundary::SameTenant,
        }
    }

    fn leg(&self, receiver: ExchangeId, delivery: DeliveryId) -> Leg {
        let reached = self.history.exchanges.get(&receiver).is_some_and(|receiver| !receiver.seen.is_empty());
        let reached = reached && !self.came_from_the_store(receiver, delivery);
        // What nobody asked for was never fit to be stored; it was lying on a connection.
        let surplus = proof::find(self.history, delivery).is_some_and(|replied| replied.kind == DeliveryKind::Surplus);
        if reached || surplus { Leg::Reply } else { Leg::Store }
    }

    /// Whether a request that reached the origin was answered from the store all the same: its owner, who had asked for
    /// the same, was over before. The origin was asked whether the stored reply still holds, or for next time.
    fn came_from_the_store(&self, receiver: ExchangeId, delivery: DeliveryId) -> bool {
        let exchange = |exchange| self.history.exchanges.get(&exchange);
        let accepted = self.map.accepted.get(&delivery).is_some_and(|by| by.contains(&delivery.exchange));
        let over = exchange(delivery.exchange).and_then(ExchangeHistory::ended_at);
        let sent = exchange(receiver).and_then(|receiver| receiver.sent.as_ref()).map(|sent| sent.at);
        let before = over.zip(sent).is_some_and(|(over, sent)| over < sent);
        accepted && before && deliveries::same_target(self.history, receiver, delivery)
    }

    // ---- one story, one suspicion ----------------------------------------------------------------------------------

    /// Puts together what is one story: the same shape by the same way. A shift goes on for the life of its
    /// connection; its worst step names it.
    fn grouped(self) -> Vec<Suspicion> {
        let mut groups: Vec<(GroupKey, Suspicion)> = Vec::new();
        for suspicion in self.suspicions {
            let connection = suspicion.edges.first().and_then(|edge| {
                let connected = matches!(suspicion.shape, Shape::Shift);
                connected.then(|| proof::find(self.history, edge.delivery).map(|replied| replied.connection)).flatten()
            });
            let key = GroupKey {
                shape: suspicion.shape,
                leg: suspicion.leg,
                race: suspicion.proof == Proof::Race,
                attempts: suspicion.is_of_attempts(),
                observed: suspicion.observed,
                of_connect: suspicion.of_connect,
                connection,
            };
            match groups.iter_mut().find(|(other, _)| *other == key) {
                Some((_, group)) => merge(group, suspicion),
                None => groups.push((key, suspicion)),
            }
        }
        let mut suspicions: Vec<Suspicion> = groups.into_iter().map(|(_, suspicion)| suspicion).collect();
        // Several connections can shift in one case; that is one defect still.
        suspicions.sort_by_key(|it| (it.shape, it.of_connect, std::cmp::Reverse(it.boundary)));
        suspicions.dedup_by(|later, first| {
            let defect = |it: &Suspicion| {
                (it.shape, it.leg, it.proof == Proof::Race, it.is_of_attempts(), it.observed, it.of_connect)
            };
            defect(later) == defect(first)
        });
        suspicions
    }
}

/// Whether a reply of two owners is a stored one that another exchange of the same resource has lawfully completed: RFC
/// 9111 §4.3.5 lets the head of a HEAD update it, §4.3.4 that of a 304 if the stored reply may be used at all, RFC 9110
/// §15.3.7.3 lets ranges under one strong validator be put together.
pub(super) fn is_combined_store(history: &History, receiver: ExchangeId, reading: &Reading) -> bool {
    let same = reading.foreign.iter().all(|delivery| deliveries::same_target(history, receiver, *delivery));
    let own = || reading.own.iter().filter_map(|delivery| proof::find(history, *delivery));
    let head_only = own().any(|replied| replied.status != 304 && replied.body_bytes == 0);
    let validated = own().any(|replied| replied.status == 304) && is_usable(history, receiver, reading);
    same && (head_only || validated || are_ranges_of_one(history, receiver, reading))
}

/// Completing a stored reply uses it, so it is lawful only where it may be used at all.
fn is_usable(history: &History, receiver: ExchangeId, reading: &Reading) -> bool {
    let usable = |delivery: &DeliveryId| match audience::between(history, *delivery, receiver) {
        Sharing::May | Sharing::Observe(_) => true,
        Sharing::MustNot(_) => false,
    };
    reading.foreign.iter().all(usable)
}

fn are_ranges_of_one(history: &History, receiver: ExchangeId, reading: &Reading) -> bool {
    if !is_usable(history, receiver, reading) {
        return false;
    }
    let all = reading.own.iter().chain(&reading.lawful).chain(&reading.foreign);
    let all: Vec<_> = all.map(|delivery| proof::find(history, *delivery)).collect();
    let ranges = all.iter().flatten().any(|replied| replied.status == 206)
        && all.iter().flatten().all(|replied| matches!(replied.status, 200 | 206));
    let validators: BTreeSet<Option<&str>> =
        all.iter().map(|replied| strong_validator(&replied.as_ref()?.head)).collect();
    ranges && validators.len() == 1 && !validators.contains(&None)
}

/// The `ETag` of a head, unless it is a weak one.
fn strong_validator(head: &str) -> Option<&str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut validators = fields.filter(|(name, _)| name.eq_ignore_ascii_case("etag")).map(|(_, value)| value.trim());
    validators.next().filter(|value| !value.starts_with("W/"))
}

/// Whether the head of a reply says where its body ends, so that a cut shows (RFC 9112 §6.3 items 4 to 6).
fn says_where_it_ends(head: &str) -> bool {
    let names = head.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name);
    names
        .into_iter()
        .any(|name| name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding"))
}

/// Whether a gateway may lawfully have made one status of the other: a stored reply validated, or a range taken of it.
pub(super) fn is_lawful_conversion(emitted: u16, received: u16) -> bool {
    matches!((emitted, received), (304, 200) | (200, 206 | 304 | 416) | (206, 200))
}

/// Whether a request asked for another protocol. RFC 9110 §7.8: the gateway may switch to it on its own connection, and what
/// the origin says of it comes in that protocol then.
fn asked_for_upgrade(history: &History, exchange: ExchangeId) -> bool {
    let request = history.plan.stimulus(exchange).map(|(_, stimulus)| &stimulus.request);
    request.is_some_and(|request| request.fields.iter().any(|field| field.name.eq_ignore_ascii_case("upgrade")))
}

#[derive(PartialEq, Eq)]
struct GroupKey {
    shape: Shape,
    leg: Leg,
    race: bool,
    attempts: bool,
    observed: Option<Observed>,
    of_connect: bool,
    connection: Option<ConnectionId>,
}

/// Whether a client has sent bytes on a connection that its requests do not declare. They are the beginning of another
/// request (RFC 9112 §6.3), and whatever the gateway answers to that is not unasked.
fn client_sent_more(history: &History, connection: ConnectionId) -> bool {
    let sent = history
        .exchanges
        .iter()
        .filter(|(_, exchange)| exchange.sent.as_ref().is_some_and(|sent| sent.connection == connection));
    let requests = sent.filter_map(|(exchange, _)| history.plan.stimulus(*exchange)).map(|(_, one)| &one.request);
    requests.into_iter().any(|request| request.lies() || request.tail.is_some())
}

/// The step that crosses the widest boundary stays first; the others follow in order.
fn merge(group: &mut Suspicion, mut other: Suspicion) {
    if other.boundary > group.boundary {
        std::mem::swap(group, &mut other);
    }
    group.edges.extend(other.edges);
    for exchange in other.exchanges {
        if !group.exchanges.contains(&exchange) {
            group.exchanges.push(exchange);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::notation::history;
    use super::*;
    use vocabulary::canary::Site;

    /// Judges a history in notation: its suspicions in words, `shape[ k] boundary leg[ (race)]`.
    fn suspicions(notation: &str) -> Vec<String> {
        let history = history(notation);
        let map = deliveries::map(&history);
        let words = |suspicion: &Suspicion| {
            let k = suspicion.shift.map(|k| format!(" {k}")).unwrap_or_default();
            let race = if suspicion.proof == Proof::Race { " (race)" } else { "" };
            format!("{}{k}, {}, {}{race}", suspicion.shape, suspicion.boundary, suspicion.leg)
        };
        classify(&history, &map, Known::VERBATIM).iter().map(words).collect()
    }

    fn check(notation: &str, expected: &str) {
        assert_eq!(suspicions(notation), [expected], "{notation}");
    }

    fn silent(notation: &str) {
        assert_eq!(suspicions(notation), Vec::<String>::new(), "{notation}");
    }

    #[test]
    fn what_answers_bytes_that_the_client_sent_beyond_its_length_is_no_second_reply() {
        // A reply of the gateway's own after the exchange was over.
        let answered = |declared_off_by| {
            let mut history = history("1<1 timeout:1");
            history.unasked[0].looks_like = UnaskedKind::Reply;
            let stimulus = &mut history.plan.lanes[0].stimuli[0];
            stimulus.request.body = RequestBody::Sized { bytes: 64, declared_off_by };
            let map = deliveries::map(&history);
            classify(&history, &map, Known::VERBATIM).len()
        };
        assert_eq!((answered(0), answered(-1)), (1, 0));
    }

    #[test]
    fn what_was_under_way_when_a_stream_was_reset_counts_only_if_it_is_anothers() {
        silent("h2 aborted:1 1<- after-reset:1<1 2<2");
        check("h2 aborted:1 1<- after-reset:1<2 2<2", "desync, cross-tenant, reply leg");
    }

    #[test]
    fn a_surplus_on_an_ended_stream_that_reaches_another_is_a_shift_with_proof() {
        check("h2 c1:1,2 1<1 surplus:1.2 2<1.2", "shift 1, cross-tenant, reply leg");
        silent_but_for_races("c1:1,2 1<1 surplus:1.2 2<1.2");
        silent("h2 c1:1,2 1<1 surplus:1.2 2<2");
    }

    fn silent_but_for_races(notation: &str) {
        let all = suspicions(notation);
        assert!(!all.is_empty() && all.iter().all(|words| words.ends_with("(race)")), "{notation}: {all:?}");
    }

    #[test]
    fn what_a_tunnel_passes_through_is_only_observed() {
        let mut tunnel = history("1<1 segment:1.2 unasked:1<1.2");
        for exchange in tunnel.exchanges.values_mut() {
            let sent = exchange.sent.as_ref().map(|sent| sent.head.clone());
            exchange.seen[0].head = sent.clone().unwrap_or_default();
        }
        let judged = super::super::judge(&tunnel, Known::VERBATIM).unwrap();
        assert_eq!((judged.findings.len(), judged.summary.observations.len()), (0, 1));
        let mut unmarked = tunnel.clone();
        unmarked.unasked[0].canaries.clear();
        let judged = super::super::judge(&unmarked, Known::VERBATIM).unwrap();
        assert_eq!((judged.findings.len(), judged.summary.observations.len()), (0, 1), "whoever wrote it");
        // A gateway that reads HTTP leaves a mark.
        for exchange in tunnel.exchanges.values_mut() {
            exchange.seen[0].head.push_str("\nVia: 1.1 gateway");
        }
        let judged = super::super::judge(&tunnel, Known::VERBATIM).unwrap();
        assert_eq!((judged.findings.len(), judged.summary.observations.len()), (1, 0));
    }

    #[test]
    fn each_exchange_with_its_own_delivery_is_silent() {
        silent("1<1 2<2 3<3");
        silent("c1:1,2,3 seq 1<1 2<2 3<3");
        silent("1<- 2<2");
    }

    #[test]
    fn what_is_owed_behind_an_announced_close_is_nobody_elses() {
        silent("pipe:1,2 1<1 closed:2 2<- unasked:2<2");
        silent("pipe:1,2,3 1<1 closed:2,3 2<- 3<- unasked:3<2");
        silent("1<1 tail:1>3 closed:3 3<- unasked:3<3");
        // Out of turn, once more, a surplus, from another connection, or whose request had its reply.
        check("pipe:1,2,3 1<1 closed:2,3 2<- 3<- unasked:3<3", "desync, same lane, reply leg");
        check("pipe:1,2,3 1<1 closed:2,3 2<- 3<- unasked:3<1", "desync, cross-tenant, reply leg");
        check("pipe:1,2 1<1 closed:2 2<- surplus:2.2 unasked:2<2.2", "desync, same lane, reply leg (race)");
        check("pipe:1,2 1<1 closed:2 2<- 3<- unasked:2<3", "desync, cross-tenant, reply leg");
        check("pipe:1,2 1<1 2<2 unasked:2<2", "desync, same lane, reply leg");
        // Nor where it was given up while the connection stood.
        check("pipe:1,2 1<1 2<- unasked:2<2", "desync, same lane, reply leg");
    }

    #[test]
    fn a_reply_of_the_gateways_own_behind_an_announced_close_may_have_been_asked_for() {
        let judged = |notation| {
            let mut history = history(notation);
            history.unasked[0].looks_like = UnaskedKind::Reply;
            let map = deliveries::map(&history);
            classify(&history, &map, Known::VERBATIM).len()
        };
        assert_eq!((judged("pipe:1,2 1<1 closed:2 2<- timeout:2"), judged("pipe:1,2 1<1 2<2 timeout:2")), (0, 1));
        assert_eq!(judged("pipe:1,2 1<1 2<- timeout:2"), 1);
    }

    #[test]
    fn two_exchanges_with_each_others_replies_are_a_pair_swap() {
        check("1<2 2<1", "pair swap, cross-tenant, reply leg");
        check("c1:1,2 1<2 2<1", "pair swap, cross-tenant, reply leg");
        silent("1<1 2<2");
    }

    #[test]
    fn three_in_a_ring_are_a_rotation() {
        check("1<2 2<3 3<1", "rotation, cross-tenant, reply leg");
    }

    #[test]
    fn a_later_request_on_the_same_upstream_connection_is_a_shift() {
        check("c1:1,2 1<- 2<1", "shift 1, cross-tenant, reply leg");
        check("c1:1,2,3,4 1<- 2<1 3<2 4<3", "shift 1, cross-tenant, reply leg");
        check("c1:1,2,3 1<- 2<- 3<1", "shift 2, cross-tenant, reply leg");
        check("seq c1:1,2 1<- 2<1", "shift 1, cross-tenant, reply leg");
    }

    #[test]
    fn the_widest_boundary_of_a_shift_names_it() {
        check("t1:1 t2:2,3 c1:1,2,3 1<- 2<1 3<2", "shift 1, cross-tenant, reply leg");
        check("t1:1,2,3 c1:1,2,3 1<- 2<1 3<2", "shift 1, same tenant, reply leg");
        check("lane:1,2 c1:1,2 t1:1,2 1<- 2<1", "shift 1, same lane, reply leg");
    }

    #[test]
    fn an_owner_that_was_over_makes_it_stale() {
        check("seq 1<- 2<1", "stale delivery, cross-tenant, reply leg");
        check("1<- 2<1", "misdelivery, cross-tenant, reply leg");
    }

    #[test]
    fn one_delivery_for_two_exchanges_is_a_duplicate() {
        check("1<1 2<1", "duplicate delivery, cross-tenant, reply leg");
        check("same-url authorization store:2 1<1 2<1", "duplicate delivery, cross-tenant, store leg");
        check("seq same-url authorization 1<1 2<1", "duplicate delivery, cross-tenant, store leg");
        check("same-url authorization 1<1 2<1", "duplicate delivery, cross-tenant, reply leg");
    }

    #[test]
    fn a_lawful_cache_hit_is_silent() {
        silent("same-url store:2 1<1 2<1");
        silent("public:1 1<1 2<1");
        check("store:2 1<1 2<1", "duplicate delivery, cross-tenant, store leg");
    }

    #[test]
    fn two_owners_in_one_reply_are_a_splice() {
        check("1<1 2<2+1", "splice, cross-tenant, reply leg");
        check("1<1 2<2 3<1+2", "splice, cross-tenant, reply leg");
    }

    #[test]
    fn a_304_updates_what_is_stored_of_the_same_resource_and_of_no_other() {
        silent("same-url status:2=304 1<1 2<2+1");
        check("status:2=304 1<1 2<2+1", "splice, cross-tenant, reply leg");
        check("seq same-url authorization status:2=304 1<1 2<2+1", "splice, cross-tenant, store leg");
    }

    #[test]
    fn ranges_of_one_representation_may_be_put_together_and_of_two_may_not() {
        let shapes = |notation: &str, validators: [&str; 2]| {
            let mut history = history(notation);
            for (exchange, validator) in [1, 2].into_iter().zip(validators) {
                let replied = &mut history.exchanges.get_mut(&ExchangeId(exchange)).unwrap().replied[0];
                replied.head.push_str(&format!("\nETag: {validator}"));
            }
            let map = deliveries::map(&history);
            let all = classify(&history, &map, Known::NOTHING);
            all.iter().map(|suspicion| suspicion.shape).collect::<Vec<_>>()
        };
        let ranges = "same-url status:1=206 status:2=206 1<- 2<2+1";
        assert_eq!(shapes(ranges, ["\"a\"", "\"a\""]), []);
        assert_eq!(shapes(ranges, ["\"a\"", "\"b\""]), [Shape::Splice], "two representations");
        assert_eq!(shapes(ranges, ["W/\"a\"", "W/\"a\""]), [Shape::Splice], "a weak validator");
        let credentials = ranges.replace("same-url", "same-url authorization");
        assert_eq!(shapes(&credentials, ["\"a\"", "\"a\""]), [Shape::Splice], "not to be used for another");
    }

    #[test]
    fn a_foreign_canary_in_an_interim_reply_is_a_fragment_and_an_own_one_is_nothing() {
        check("1<1 2<2 interim:2<1", "fragment, cross-tenant, reply leg");
        silent("1<1 2<2 interim:2<2");
        silent("1<1 error:2=504 interim:2<2");
        check("c1:1,2,3 1<- 2<1 3<3 interim:3<2", "shift 1, cross-tenant, reply leg");
    }

    #[test]
    fn what_another_client_sent_is_residue_and_an_echo_is_nothing() {
        check("1<1 2<2 echo:2<1", "fragment, cross-tenant, reply leg");
        silent("1<1 2<2 echo:2<2");
    }

    #[test]
    fn a_foreign_part_in_a_request_is_a_request_splice() {
        check("1<1 2<2 seen:2<1", "request splice, cross-tenant, request leg");
        silent("1<1 2<2 seen:2<2");
    }

    #[test]
    fn a_request_under_the_authority_of_another_is_a_request_splice_unless_the_gateway_renames_its_origin() {
        let hosts = "host:1=a host:2=b host:3=b 1<1 2<2 3<3";
        check(&format!("c1:1,3 {hosts} arrived:3=a"), "request splice, cross-tenant, request leg");
        check(&format!("t1:1,3 c1:1,3 {hosts} arrived:3=a"), "request splice, same tenant, request leg");
        silent(hosts);
        silent(&format!("{hosts} arrived:1=A"));
        silent(&format!("{hosts} arrived:1=origin arrived:2=origin arrived:3=origin"));
        silent(&format!("{hosts} arrived:2=a arrived:3=a"));
        silent("host:1=a 1<1 2<2 arrived:2=a");
        // A port left out, or the scheme's own added, is nobody else's; another port is another site.
        silent("c1:1,3 host:1=a host:2=a:8080 host:3=a:8080 1<1 2<2 3<3 arrived:3=a");
        silent("c1:1,3 host:1=a:80 host:2=a host:3=a 1<1 2<2 3<3 arrived:3=a:80");
        let ports = "c1:1,3 host:1=a:8080 host:2=a:9090 host:3=a:9090 1<1 2<2 3<3 arrived:3=a:8080";
        check(ports, "request splice, cross-tenant, request leg");
    }

    #[test]
    fn a_ghost_that_arrives_is_a_ghost_request_and_a_tail_is_none() {
        check("1<1 ghost:1>3", "ghost request, same tenant, request leg");
        silent("1<1 tail:1>3");
    }

    #[test]
    fn a_tails_own_reply_in_its_own_place_is_right_and_none_is_none_the_worse() {
        silent("1<1 tail:1>3 3<3");
        silent("1<1 tail:1>3 3<-");
        silent("1<1 tail:1>3 store:3 3<-");
        silent("1<1 tail:1>3 store:3 error:3=400");
        silent("c1:1,3,2 1<1 tail:1>3 3<3 2<2");
    }

    #[test]
    fn a_tails_reply_at_another_client_is_named_like_any_other() {
        check("c1:1,3,2 1<1 tail:1>3 3<- 2<3", "shift 1, cross-tenant, reply leg");
        check("seq 1<1 tail:1>2 2<- 3<2", "stale delivery, cross-tenant, reply leg");
        check("1<1 tail:1>3 3<- 2<3", "misdelivery, cross-tenant, reply leg");
        check("1<1 tail:1>3 3<2 2<3", "pair swap, cross-tenant, reply leg");
        check("1<1 tail:1>3 3<3 2<3", "duplicate delivery, cross-tenant, reply leg");
        check("1<1 tail:1>3 3<- 2<2+3", "splice, cross-tenant, reply leg");
    }

    #[test]
    fn a_foreign_reply_in_a_tails_place_is_named_like_any_other() {
        check("c1:2,3 2<- 1<1 tail:1>3 3<2", "shift 1, cross-tenant, reply leg");
        check("2<2 1<1 tail:1>3 3<2", "duplicate delivery, cross-tenant, reply leg");
        check("2<- 1<1 tail:1>3 store:3 3<2", "misdelivery, cross-tenant, store leg");
        check("2<2 1<1 tail:1>3 echo:3<2 3<3", "fragment, cross-tenant, reply leg");
        check("2<2 1<1 tail:1>3 seen:3<2 3<3", "request splice, cross-tenant, request leg");
    }

    #[test]
    fn a_tail_is_of_its_spellers_lane_and_tenant() {
        check("t1:1 t2:2 lane:1,2 c1:3,2 1<1 tail:1>3 3<- 2<3", "shift 1, cross-tenant, reply leg");
        check("t1:1,2 lane:1,2 c1:3,2 1<1 tail:1>3 3<- 2<3", "shift 1, same lane, reply leg");
        check("t1:1,2 c1:3,2 1<1 tail:1>3 3<- 2<3", "shift 1, same tenant, reply leg");
        check("1<3 tail:1>3 3<1", "pair swap, same lane, reply leg");
        check("1<3 tail:1>3 3<-", "misdelivery, same lane, reply leg");
        check("1<1+3 tail:1>3 3<-", "splice, same lane, reply leg");
    }

    /// Where the head lies about the length, the client and the gateway rightly disagree on where the tail begins.
    #[test]
    fn what_the_speller_sent_is_not_foreign_to_its_tail() {
        silent("1<1 tail:1>3 echo:3<1 3<3");
        silent("1<1 tail:1>3 seen:3<1 3<3");
        silent("1<1 tail:1>3 echo:1<3 3<3");
    }

    #[test]
    fn through_a_tunnel_the_tails_reply_is_a_part_of_what_the_speller_reads() {
        let mut tunnel = history("1<1+3 tail:1>3 3<-");
        let words = |history: &History| {
            let map = deliveries::map(history);
            let all = classify(history, &map, Known::NOTHING);
            all.iter().map(|suspicion| suspicion.shape).collect::<Vec<_>>()
        };
        let ExchangeEnd::Received(received) = tunnel.exchanges.get_mut(&ExchangeId(1)).unwrap().end.as_mut().unwrap()
        else {
            panic!("the notation says that it received")
        };
        received.status = 101;
        assert_eq!(words(&tunnel), []);
        let mut others = history("1<1 2<2+3 tail:1>3 3<-");
        let end = others.exchanges.get_mut(&ExchangeId(2)).unwrap().end.as_mut();
        let Some(ExchangeEnd::Received(received)) = end else { panic!("{end:?}") };
        received.status = 101;
        assert_eq!(words(&others), [Shape::Splice], "the tunnel of another");
    }

    /// A client resets its stream when the store has answered it already.
    #[test]
    fn frames_of_a_reset_stream_may_be_a_lawful_hit() {
        silent("h2 same-url t1:1,2 store:2 1<1 2<- after-reset:2<1");
        check("h2 store:2 1<1 2<- after-reset:2<1", "desync, cross-tenant, reply leg");
        check("h2 same-url authorization store:2 1<1 2<- after-reset:2<1", "desync, cross-tenant, reply leg");
    }

    #[test]
    fn unasked_bytes_behind_a_tail_count_unless_they_are_its_own_reply_behind_a_close() {
        check("1<1 2<2 tail:1>3 3<- unasked:3<2", "desync, cross-tenant, reply leg");
        check("1<1 tail:1>3 3<3 unasked:3<3", "desync, same lane, reply leg");
        silent("1<1 tail:1>3 closed:3 3<- unasked:3<3");
    }

    #[test]
    fn parts_of_two_attempts_in_one_reply_are_a_splice_and_a_retry_is_none() {
        check("retry:1.2 1<1+1.2", "splice, same lane, reply leg");
        silent("retry:1.2 1<1.2");
        silent("retry:1.2 1<1");
        silent("1<1+1.2 surplus:1.2");
        let both = suspicions("retry:1.2 1<1+1.2 2<2+1");
        assert_eq!(both, ["splice, cross-tenant, reply leg", "splice, same lane, reply leg"], "two defects");
    }

    #[test]
    fn two_attempts_may_be_put_together_where_two_exchanges_may() {
        let shapes = |statuses: [u16; 2], validators: [&str; 2]| {
            let mut retried = history("retry:1.2 1<1+1.2");
            let replied = &mut retried.exchanges.get_mut(&ExchangeId(1)).unwrap().replied;
            for (replied, (status, validator)) in replied.iter_mut().zip(statuses.into_iter().zip(validators)) {
                replied.status = status;
                replied.head.push_str(&format!("\nETag: {validator}"));
            }
            let map = deliveries::map(&retried);
            let all = classify(&retried, &map, Known::NOTHING);
            all.iter().map(|suspicion| suspicion.shape).collect::<Vec<_>>()
        };
        assert_eq!(shapes([200, 304], ["\"a\"", "\"a\""]), [], "validated");
        assert_eq!(shapes([206, 206], ["\"a\"", "\"a\""]), [], "ranges of one representation");
        assert_eq!(shapes([206, 206], ["\"a\"", "\"b\""]), [Shape::Splice]);
        assert_eq!(shapes([200, 200], ["\"a\"", "\"a\""]), [Shape::Splice], "no range was asked for");
    }

    #[test]
    fn unasked_bytes_with_a_canary_are_a_desync_and_a_408_is_none() {
        check("1<1 segment:1.2 unasked:1<1.2", "desync, same lane, reply leg");
        check("1<1 2<2 unasked:2<1", "desync, cross-tenant, reply leg");
        check("1<1 surplus:1.2 unasked:1<1.2", "desync, same lane, reply leg (race)");
        check("seq c1:1,2 1<1 acknowledged:1.2 unasked:1<1.2", "desync, same lane, reply leg");
        silent_but_for_races("seq c1:1,2 1<1 surplus:1.2 2<1.2 unasked:2<2");
        silent_but_for_races("1<- segment:1.2 unasked:1<1.2");
        silent("1<1 timeout:1");
    }

    #[test]
    fn surplus_without_proof_is_a_race() {
        check("seq c1:1,2 1<1 surplus:1.2 2<1.2", "shift 1, cross-tenant, reply leg (race)");
        check("seq c1:1,2 1<1 segment:1.2 2<1.2", "shift 1, cross-tenant, reply leg");
    }

    #[test]
    fn a_changed_status_is_a_mismatch_and_a_lawful_conversion_is_none() {
        check("1<1 status:1=500", "status mismatch, same lane, reply leg");
        silent("1<1 status:1=304");
        silent("1<1 status:1=200");
    }

    #[test]
    fn a_gateway_that_switches_protocols_itself_changes_no_status_if_it_was_asked_to() {
        let shapes = |asks: bool| {
            let mut history = history("1<1");
            let ExchangeEnd::Received(received) =
                history.exchanges.get_mut(&ExchangeId(1)).unwrap().end.as_mut().unwrap()
            else {
                panic!("the notation says that it received")
            };
            received.status = 101;
            if asks {
                let (name, value) = ("Upgrade".to_owned(), "h2c".to_owned());
                history.plan.lanes[0].stimuli[0].request.fields.push(vocabulary::directive::Field { name, value });
            }
            let map = deliveries::map(&history);
            let all = classify(&history, &map, Known::VERBATIM);
            all.iter().map(|suspicion| suspicion.shape).collect::<Vec<_>>()
        };
        assert_eq!(shapes(true), []);
        assert_eq!(shapes(false), [Shape::StatusMismatch]);
    }

    #[test]
    fn a_cut_presented_as_whole_is_told_from_one_that_shows() {
        check("1<1 cut:1 whole:1", "truncation reported as complete, same lane, reply leg");
        silent("1<1 cut:1");
    }

    #[test]
    fn a_cut_that_only_the_close_could_have_told_is_none() {
        let mut old = history("1<1 cut:1 whole:1");
        // Towards HTTP/1.0 the planned chunks are not there.
        old.exchanges.get_mut(&ExchangeId(1)).unwrap().replied[0].head =
            "HTTP/1.1 200 OK\nContent-Type: text/plain\nConnection: close".to_owned();
        let map = deliveries::map(&old);
        assert!(classify(&old, &map, Known::VERBATIM).is_empty());
        // In HTTP/2 the end of a stream says it.
        old.exchanges.get_mut(&ExchangeId(1)).unwrap().replied[0].stream = Some(vocabulary::identity::StreamId(1));
        assert_eq!(classify(&old, &map, Known::VERBATIM).len(), 1);
    }

    #[test]
    fn an_error_of_the_gateways_own_may_keep_a_field_of_the_reply_that_it_could_not_pass_on() {
        let judged = |status: u16, its_body: bool| {
            let mut history = history("1<1");
            let end = history.exchanges.get_mut(&ExchangeId(1)).unwrap().end.as_mut().unwrap();
            let ExchangeEnd::Received(received) = end else { panic!("the notation says that it received") };
            received.status = status;
            for found in &mut received.canaries {
                (found.place, found.claim.site) = match its_body {
                    true => (Place::Body, Site::BodyBegin),
                    false => (Place::Head, Site::ReplyHeader),
                };
            }
            let map = deliveries::map(&history);
            classify(&history, &map, Known::VERBATIM).len()
        };
        assert_eq!((judged(502, false), judged(502, true)), (0, 1));
        assert_eq!((judged(400, false), judged(302, false), judged(200, false)), (0, 1, 0));
    }

    /// The origin's status is that of the reply that it owed, whatever stands behind it.
    #[test]
    fn a_surplus_within_the_own_reply_changes_no_status() {
        let mut run_on = history("surplus:1.2 1<1+1.2");
        let replied = &mut run_on.exchanges.get_mut(&ExchangeId(1)).unwrap().replied;
        replied.iter_mut().find(|it| it.delivery.number == 2).unwrap().status = 404;
        let map = deliveries::map(&run_on);
        let all = classify(&run_on, &map, Known::VERBATIM);
        assert!(all.iter().all(|suspicion| suspicion.shape != Shape::StatusMismatch), "{all:?}");
    }

    #[test]
    fn several_shifting_connections_are_one_defect() {
        check("c1:1,2 c2:3,4 1<- 2<1 3<- 4<3", "shift 1, cross-tenant, reply leg");
    }
}
