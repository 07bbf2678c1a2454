//! The delivery map: which deliveries each exchange received, and what else stands in its reply.
//!
//! A correct gateway yields: each exchange, one delivery, its own. What the audience allows (a
//! lawful cache hit, a tenant's own) is not foreign.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::canary::{Claim, Role, Site};
use vocabulary::history::{
    DeliveryKind, ExchangeEnd, ExchangeHistory, History, Place, Received, Replied, Seen, Unasked, Why,
};
use vocabulary::identity::{Attempt, ConnectionId, DeliveryId, ExchangeId, TenantId};
use vocabulary::plan::Target;

use super::audience::{self, Observed, Sharing};
use super::proof;

/// Who received what.
#[derive(Debug, Clone, Default)]
pub(super) struct DeliveryMap {
    /// For each exchange whose client read anything: what it read.
    pub(super) readings: BTreeMap<ExchangeId, Reading>,
    /// Which exchanges accepted each delivery in a whole reply, lawfully or not.
    pub(super) accepted: BTreeMap<DeliveryId, BTreeSet<ExchangeId>>,
    /// Exchanges whose reply carries a canary of its own, or of a delivery that it may lawfully share, and nothing
    /// foreign.
    pub(super) verified: BTreeSet<ExchangeId>,
}

/// What one client read, sorted by whose it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    /// Own deliveries.
    pub(super) own: BTreeSet<DeliveryId>,
    /// Deliveries of others that the receiver may lawfully have.
    pub(super) lawful: BTreeSet<DeliveryId>,
    /// Those of them that somebody will want to know of, though they are held against nobody.
    pub(super) observed: BTreeMap<DeliveryId, Observed>,
    /// Deliveries of others that it may not have, in heads, bodies, trailers of the final reply.
    pub(super) foreign: BTreeSet<DeliveryId>,
    /// Deliveries of others in an interim reply (RFC 9110 §15.2: any number of them is lawful; only a foreign canary counts there).
    pub(super) foreign_interim: BTreeSet<DeliveryId>,
    /// What clients of others had sent: parts of foreign requests, foreign credentials.
    pub(super) residue: BTreeSet<(ExchangeId, TenantId)>,
    /// Whether the client accepted it as a whole reply.
    pub(super) accepted: bool,
}

impl Reading {
    /// Whether it was accepted and tells, right or wrong, whose reply it is.
    pub(super) fn is_accounted(&self) -> bool {
        self.accepted && !(self.own.is_empty() && self.lawful.is_empty() && self.foreign.is_empty())
    }

    /// Whether anything foreign stands in it.
    pub(super) fn is_foreign(&self) -> bool {
        !self.foreign.is_empty() || !self.foreign_interim.is_empty() || !self.residue.is_empty()
    }
}

/// Maps every exchange to what its client read.
pub(super) fn map(history: &History) -> DeliveryMap {
    let tenants = super::tenants(history);
    let mut map = DeliveryMap::default();
    // Two passes: whether a delivery was shared or moved depends on who else accepted it.
    for (exchange, happened) in &history.exchanges {
        if let Some(ExchangeEnd::Received(received)) = &happened.end {
            // A gateway's own error may keep fields of an interim reply: whoever has those has not received the final one.
            let is_final = |found: &&vocabulary::history::Found| {
                found.place != Place::Interim && found.claim.site != Site::Interim
            };
            for delivery in received.canaries.iter().filter(is_final).filter_map(delivery) {
                map.accepted.entry(delivery).or_default().insert(*exchange);
            }
        }
    }
    for (exchange, happened) in &history.exchanges {
        let Some(received) = happened.reading() else { continue };
        let Some(tenant) = tenants.get(exchange) else { continue };
        let accepted = matches!(happened.end, Some(ExchangeEnd::Received(_)));
        let reading = Reading { accepted, ..read(history, &map, *exchange, *tenant, received) };
        if accepted && !reading.is_foreign() && !(reading.own.is_empty() && reading.lawful.is_empty()) {
            map.verified.insert(*exchange);
        }
        map.readings.insert(*exchange, reading);
    }
    map
}

fn delivery(found: &vocabulary::history::Found) -> Option<DeliveryId> {
    found.claim.delivery_id()
}

fn read(history: &History, map: &DeliveryMap, receiver: ExchangeId, tenant: TenantId, received: &Received) -> Reading {
    let mut reading = Reading::default();
    for found in &received.canaries {
        match found.claim.role {
            Role::Reply => {
                let Some(delivery) = found.claim.delivery_id() else { continue };
                if delivery.exchange == receiver {
                    // An interim reply of the own is right, and proves nothing of the final one.
                    if found.place != Place::Interim {
                        reading.own.insert(delivery);
                    }
                } else if is_tunnelled(history, receiver, received.status, delivery) {
                    reading.lawful.insert(delivery);
                } else {
                    match allowed(history, map, receiver, tenant, delivery, found.claim.tenant) {
                        Some(Sharing::May) => drop(reading.lawful.insert(delivery)),
                        Some(Sharing::Observe(why)) => {
                            reading.lawful.insert(delivery);
                            // What a tenant is shown of its own is nobody's business.
                            if found.claim.tenant != tenant {
                                reading.observed.insert(delivery, why);
                            }
                        }
                        Some(Sharing::MustNot(_)) | None if found.place == Place::Interim => {
                            reading.foreign_interim.insert(delivery);
                        }
                        Some(Sharing::MustNot(_)) | None => drop(reading.foreign.insert(delivery)),
                    }
                }
            }
            Role::Request | Role::Tenant => {
                if is_residue(history, receiver, tenant, &found.claim) {
                    reading.residue.insert((found.claim.exchange, found.claim.tenant));
                }
            }
        }
    }
    reading
}

/// An echo of the own request is lawful (an error page may quote it); anything that only another client sent is not.
fn is_residue(history: &History, receiver: ExchangeId, tenant: TenantId, claim: &Claim) -> bool {
    if claim.tenant != tenant {
        return true;
    }
    claim.role == Role::Request && claim.exchange != receiver && !are_written_as_one(history, receiver, claim.exchange)
}

/// Whether two exchanges are spelled by one client's bytes for one stimulus: a request, the ghost in it, the tail behind
/// it. Where the head lies about the body's length, the gateway rightly sees another end of the request than its client.
fn are_written_as_one(history: &History, one: ExchangeId, other: ExchangeId) -> bool {
    history.plan.stimuli().any(|(_, stimulus)| {
        let spells =
            |exchange| stimulus.exchange == exchange || stimulus.request.spelled().any(|spelled| spelled == exchange);
        spells(one) && spells(other)
    })
}

/// Whether a tail's reply came through the tunnel that its speller had opened: what follows there is the tunnel's, and is
/// read to its end as one reply (RFC 9110 §7.8, §9.3.6).
fn is_tunnelled(history: &History, receiver: ExchangeId, status: u16, delivery: DeliveryId) -> bool {
    history.plan.stimulus(receiver).is_some_and(|(_, stimulus)| {
        let opened = status == 101 || (stimulus.request.method == "CONNECT" && (200..300).contains(&status));
        opened && stimulus.request.tail == Some(delivery.exchange)
    })
}

/// The exchanges of a connection without streams that were given up with its close, before anything of a reply had come, in
/// their order.
pub(super) fn unanswered_on(history: &History, connection: ConnectionId) -> Vec<(ExchangeId, &ExchangeHistory)> {
    let on_it = history.exchanges.iter().filter_map(|(exchange, happened)| {
        let sent = happened.sent.as_ref()?;
        let here = sent.connection == connection && sent.stream.is_none();
        let given_up = |end: &ExchangeEnd| matches!(end, ExchangeEnd::GaveUp(it) if it.why == Why::Closed);
        let unanswered = happened.end.as_ref().is_some_and(given_up) && happened.reading().is_none();
        (here && unanswered).then_some((sent.ordinal, *exchange, happened))
    });
    let mut unanswered: Vec<_> = on_it.collect();
    unanswered.sort_by_key(|(ordinal, exchange, _)| (*ordinal, *exchange));
    unanswered.into_iter().map(|(_, exchange, happened)| (exchange, happened)).collect()
}

/// Whether unasked bytes are what is owed on that connection, in its order: a reply had announced the close, and the
/// gateway goes on answering the requests that were pipelined behind it. RFC 9112 §9.6 forbids that; but it is nobody
/// else's, and where the close is minded nobody receives it.
pub(super) fn is_owed_behind_close(history: &History, unasked: &Unasked) -> bool {
    let mut deliveries: Vec<DeliveryId> = unasked.canaries.iter().filter_map(delivery).collect();
    deliveries.dedup();
    let mut unanswered = unanswered_on(history, unasked.connection).into_iter();
    let is_due = |delivery: &DeliveryId| {
        // Whether a tail is a request at all is for the gateway to say.
        let is_next = |exchange: ExchangeId| exchange == delivery.exchange || history.plan.speller(exchange).is_none();
        unanswered.find(|(exchange, _)| is_next(*exchange)).is_some_and(|(exchange, happened)| {
            let owed = happened.replied.iter().any(|it| it.delivery == *delivery && it.kind == DeliveryKind::Owed);
            exchange == delivery.exchange && owed
        })
    };
    !deliveries.is_empty() && deliveries.iter().all(is_due)
}

/// What allows a receiver another's delivery, if anything does: its audience, or what a cache may do.
fn allowed(
    history: &History,
    map: &DeliveryMap,
    receiver: ExchangeId,
    tenant: TenantId,
    delivery: DeliveryId,
    owner_tenant: TenantId,
) -> Option<Sharing> {
    let Some((_, owner)) = history.plan.stimulus(delivery.exchange) else {
        // The reply to a ghost goes to who spelled it; that it was taken for a request at all is another finding. A tail's
        // is an exchange's like any other.
        let spelled = |(_, stimulus): (_, &vocabulary::plan::Stimulus)| stimulus.request.ghost();
        let own = history.plan.stimulus(receiver).and_then(spelled) == Some(delivery.exchange);
        return own.then_some(Sharing::May);
    };
    match owner.audience {
        vocabulary::plan::Audience::Public => return Some(Sharing::May),
        vocabulary::plan::Audience::Tenant if owner_tenant == tenant && same_target(history, receiver, delivery) => {
            return Some(Sharing::May);
        }
        vocabulary::plan::Audience::Tenant | vocabulary::plan::Audience::Exchange => {}
    }
    may_be_shared(history, map, delivery, receiver).then(|| audience::between(history, delivery, receiver))
}

/// Whether a receiver may lawfully have another's delivery: it is in the audience, or a store may use it.
pub(super) fn is_lawful(
    history: &History,
    map: &DeliveryMap,
    receiver: ExchangeId,
    tenant: TenantId,
    delivery: DeliveryId,
) -> bool {
    let owner_tenant = history.plan.stimulus(delivery.exchange).map_or(tenant, |(_, stimulus)| stimulus.tenant);
    matches!(allowed(history, map, receiver, tenant, delivery, owner_tenant), Some(Sharing::May | Sharing::Observe(_)))
}

/// Sharing is only in question where something was shared: the owner accepted it too, or the receiver's own request
/// never reached the origin. A reply that merely moved is no cache hit.
pub(super) fn may_be_shared(history: &History, map: &DeliveryMap, delivery: DeliveryId, receiver: ExchangeId) -> bool {
    let reached = history.exchanges.get(&receiver).is_some_and(|receiver| !receiver.seen.is_empty());
    let owner_accepted = map.accepted.get(&delivery).is_some_and(|by| by.contains(&delivery.exchange));
    !reached || owner_accepted
}

/// Whether a receiver asked for what a delivery answers. A target of its own is nobody else's.
pub(super) fn same_target(history: &History, receiver: ExchangeId, delivery: DeliveryId) -> bool {
    let request = |exchange| history.plan.stimulus(exchange).map(|(_, stimulus)| &stimulus.request);
    let (Some(asked), Some(answered)) = (request(receiver), request(delivery.exchange)) else { return false };
    let same = (&asked.target, &asked.host) == (&answered.target, &answered.host);
    same && (asked.target != Target::Own || receiver == delivery.exchange)
}

/// The owed replies among these deliveries, by the attempt that each answers.
pub(super) fn answers_by_attempt(
    history: &History,
    deliveries: impl Iterator<Item = DeliveryId>,
) -> BTreeMap<Attempt, &Replied> {
    let answers = deliveries.filter_map(|delivery| proof::find(history, delivery));
    let owed = answers.filter(|replied| replied.kind == DeliveryKind::Owed);
    owed.map(|replied| (replied.attempt, replied)).collect()
}

/// Whether a request that the origin saw carries what only another exchange sent, and what that is.
pub(super) fn foreign_in_request(
    history: &History,
    exchange: ExchangeId,
    tenant: TenantId,
) -> BTreeSet<(ExchangeId, TenantId)> {
    let seen = history.exchanges.get(&exchange).map(|exchange| exchange.seen.as_slice()).unwrap_or_default();
    let claims = seen.iter().flat_map(|seen| &seen.canaries).map(|found| found.claim);
    let foreign = claims.filter(|claim| match claim.role {
        Role::Request | Role::Tenant => is_residue(history, exchange, tenant, claim),
        // A reply canary in a request is a client that sends back an ETag or a cookie it was given.
        Role::Reply => claim.tenant != tenant && !matches!(claim.site, Site::Etag | Site::SetCookie),
    });
    foreign.map(|claim| (claim.exchange, claim.tenant)).collect()
}

/// A request that arrived at the origin under an authority that another request had named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misdirected {
    /// The authority that it had named itself.
    pub(super) asked: String,
    /// The one under which it arrived.
    pub(super) arrived: String,
    /// Who had named that one: first of those on the same upstream connection, if there is one.
    pub(super) owner: ExchangeId,
}

/// Whether a request arrived under another's authority. A gateway may call its origin what it likes (RFC 9110 §3.7), so that
/// counts only where it has passed on both authorities as they were, in other requests of the same case.
pub(super) fn misdirected(history: &History, exchange: ExchangeId) -> Option<Misdirected> {
    let asked = named_authority(history, exchange)?;
    let seen = &history.exchanges.get(&exchange)?.seen;
    let is_other = |authority: &&str| !is_spelling_of(authority, asked);
    let (connection, arrived) =
        seen.iter().find_map(|seen| Some((seen.connection, seen.authority.as_deref().filter(is_other)?)))?;
    passed_on(history, asked).next()?;
    let owner = passed_on(history, arrived).min_by_key(|(_, seen)| (seen.connection != connection, seen.at))?;
    Some(Misdirected { asked: asked.to_owned(), arrived: arrived.to_owned(), owner: owner.0 })
}

/// Whether an authority may have become this one without anybody else's: in other letters, with its scheme's own port, or
/// without a port. RFC 9110 §4.2.3 has the first two as equivalent; a gateway that drops every port mixes nothing up.
fn is_spelling_of(arrived: &str, asked: &str) -> bool {
    let is = |authority: &str| arrived.eq_ignore_ascii_case(authority);
    let host = asked.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    is(asked)
        || host.is_some_and(|(host, _)| is(host))
        || [":80", ":443"].iter().any(|port| is(&format!("{asked}{port}")))
}

/// The authority that an exchange names in its `Host` field, and nowhere else.
fn named_authority(history: &History, exchange: ExchangeId) -> Option<&str> {
    let (_, stimulus) = history.plan.stimulus(exchange)?;
    stimulus.request.host.as_deref().filter(|_| stimulus.request.absolute.is_none())
}

/// The exchanges that named this authority and arrived under it.
fn passed_on<'a>(history: &'a History, authority: &'a str) -> impl Iterator<Item = (ExchangeId, &'a Seen)> {
    let is_it = move |other: Option<&str>| other.is_some_and(|other| other.eq_ignore_ascii_case(authority));
    let named = history.exchanges.iter().filter(move |(exchange, _)| is_it(named_authority(history, **exchange)));
    let seen = named.flat_map(|(exchange, happened)| happened.seen.iter().map(move |seen| (*exchange, seen)));
    seen.filter(move |(_, seen)| is_it(seen.authority.as_deref()))
}
