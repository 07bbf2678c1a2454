//! Whether silence counts: what must have happened in a case, and what may rightly have kept it from happening.
//!
//! Each obligation ends met, prevented with a witness from the closed list, or unmet. A witness excuses only where the
//! scenario allows it (`may_be_prevented_by`). What this case's plan did not try is `not-planned`: another case must.

use std::collections::BTreeSet;

use vocabulary::directive::{FaultKind, OriginAct, Surplus, SurplusTiming};
use vocabulary::history::{Closer, DeliveryKind, ExchangeEnd, Fault, History, Performed, Replied, Sent};
use vocabulary::identity::{ConnectionId, ExchangeId, Moment};
use vocabulary::plan::{Abort, AbortWhen, BodyPace, ConnectionUse, EventKind, RequestBody};
use vocabulary::record::ObligationOutcome;
use vocabulary::scenario::{Obligation, ObligationState, Prevented};

use super::Known;
use super::deliveries::{DeliveryMap, Reading};
use crate::affinity::{self, Link};

/// Exchanges on as many new upstream connections, from which on a gateway is said not to pool.
const NO_REUSE_EXCHANGES_MIN: usize = 20;
/// Client connections that share nothing, from which on a gateway is said not to share; they carried as many exchanges.
const NO_SHARING_CLIENTS_MIN: usize = 5;
/// Exchanges that arrived one by one, from which on a gateway is said to serialise.
const SERIALISED_EXCHANGES_MIN: usize = 20;
/// Bodies that came slowly, each of whose heads the gateway sent only after the last byte, from which on it is said to keep
/// requests back until it has their bodies.
const BUFFERED_BODIES_MIN: u64 = 3;
/// Clients that gave up amid a reply with which the origin was done by then, from which on a gateway is said to keep replies
/// back until it has them whole.
const BUFFERED_REPLIES_MIN: u64 = 2;
/// Gates that expired of as many, from which on a gateway is said to serialise.
pub(super) const SERIALISED_GATES_MIN: usize = 3;

/// How each obligation of the scenario ended in this case.
pub(super) fn outcomes(history: &History, map: &DeliveryMap, known: Known) -> Vec<ObligationOutcome> {
    let obligations = &history.plan.scenario.must_exercise;
    obligations.iter().map(|obligation| outcome(history, map, known, *obligation)).collect()
}

/// Exchanges with a planned fault at the origin that the gateway answered itself, and rightly: no attempt reached us, and
/// nothing foreign came of it.
pub(super) fn answered_by_gateway(history: &History, map: &DeliveryMap) -> u64 {
    let planned: BTreeSet<ExchangeId> = history.plan.faults().into_iter().map(|(exchange, _)| exchange).collect();
    let foreign = |exchange: &ExchangeId| map.readings.get(exchange).is_some_and(|reading| reading.is_foreign());
    let own = planned.into_iter().filter(|exchange| !foreign(exchange));
    own.filter(|exchange| was_answered_by_gateway(history, *exchange)).count() as u64
}

pub(super) fn was_answered_by_gateway(history: &History, exchange: ExchangeId) -> bool {
    history.exchanges.get(&exchange).is_some_and(|happened| {
        happened.sent.is_some() && happened.seen.is_empty() && matches!(happened.end, Some(ExchangeEnd::Received(_)))
    })
}

fn outcome(history: &History, map: &DeliveryMap, known: Known, obligation: Obligation) -> ObligationOutcome {
    let (state, count) = match obligation {
        Obligation::Overlap(n) => overlap(history, n),
        Obligation::FaultPerformed(kind) => fault_performed(history, kind),
        Obligation::FollowUps(n) => follow_ups(history, map, n),
        Obligation::StreamsHeld(n) => streams_held(history, n),
        Obligation::OrderReleased => order_released(history),
        Obligation::ClientAbortSeen => client_abort_seen(history),
        Obligation::DeliveredFromCache => delivered_from_cache(history, map),
        Obligation::RequestsPerUpstreamConnection(n) => requests_per_connection(history, n),
        Obligation::IdleGap => idle_gap(history),
        Obligation::Affinity(n) => followed_by_affinity(history, map, n),
    };
    // What a plan without gates has not tried was not left out at will.
    let ungated = state == ObligationState::NotPlanned && known.serialised && needs_gates(obligation);
    let state = if ungated { ObligationState::Prevented(Prevented::Serialised) } else { state };
    let allowed = &history.plan.scenario.may_be_prevented_by;
    let excused = !matches!(state, ObligationState::Prevented(witness) if !allowed.contains(&witness));
    ObligationOutcome { obligation, state: if excused { state } else { ObligationState::Unmet }, count }
}

fn needs_gates(obligation: Obligation) -> bool {
    match obligation {
        Obligation::Overlap(_) | Obligation::StreamsHeld(_) | Obligation::OrderReleased => true,
        Obligation::FaultPerformed(kind) => kind == FaultKind::Reorder,
        Obligation::FollowUps(_)
        | Obligation::ClientAbortSeen
        | Obligation::DeliveredFromCache
        | Obligation::RequestsPerUpstreamConnection(_)
        | Obligation::IdleGap
        | Obligation::Affinity(_) => false,
    }
}

fn met_if(met: bool, count: u64) -> (ObligationState, u64) {
    (if met { ObligationState::Met } else { ObligationState::Unmet }, count)
}

fn overlap(history: &History, n: u32) -> (ObligationState, u64) {
    let most = history.exchanges.values().flat_map(|exchange| &exchange.seen).map(|seen| seen.in_flight).max();
    let most = most.unwrap_or(0);
    match (most >= n, serialises(history), history.plan.gates.is_empty()) {
        (true, _, _) => (ObligationState::Met, u64::from(most)),
        (false, true, _) => (ObligationState::Prevented(Prevented::Serialised), u64::from(most)),
        // Without a gate nobody waits for anybody: that two did not meet can be chance.
        (false, false, true) => (ObligationState::NotPlanned, u64::from(most)),
        (false, false, false) => (ObligationState::Unmet, u64::from(most)),
    }
}

/// Every gate that holds several expired, and there were enough of them; or the clients had several in flight all along
/// and the origin never saw two at once.
fn serialises(history: &History) -> bool {
    // What the gateway has answered itself never came, and says nothing of how many it lets through.
    let answered = history.exchanges.keys().any(|exchange| was_answered_by_gateway(history, *exchange));
    let mut gates = history.gates.iter().filter(|gate| gate.awaited > 1);
    let expired = !answered && history.gates.len() >= SERIALISED_GATES_MIN && gates.all(|gate| !gate.in_full());
    let seen = || history.exchanges.values().flat_map(|exchange| &exchange.seen);
    let one_by_one = seen().count() >= SERIALISED_EXCHANGES_MIN && seen().all(|seen| seen.in_flight <= 1);
    expired || (one_by_one && in_flight_at_clients(history) > 1)
}

/// The most exchanges that the clients had in flight at once.
fn in_flight_at_clients(history: &History) -> u64 {
    // Behind a tail nobody waits for the gateway, which may leave it unread: it is in flight only if it pleases.
    let tails: BTreeSet<ExchangeId> =
        history.plan.stimuli().filter_map(|(_, stimulus)| stimulus.request.tail).collect();
    let owed = history.exchanges.iter().filter(|(exchange, _)| !tails.contains(exchange));
    let spans = owed.filter_map(|(_, exchange)| Some((exchange.sent.as_ref()?.at, exchange.ended_at()?)));
    let mut changes: Vec<(Moment, i64)> = spans.flat_map(|(sent, ended)| [(sent, 1), (ended, -1)]).collect();
    changes.sort();
    let in_flight = changes.into_iter().scan(0, |in_flight, (_, change)| {
        *in_flight += change;
        Some(*in_flight)
    });
    u64::try_from(in_flight.max().unwrap_or(0)).unwrap_or(0)
}

fn fault_performed(history: &History, kind: FaultKind) -> (ObligationState, u64) {
    let planned: Vec<ExchangeId> = history
        .plan
        .faults()
        .into_iter()
        .filter(|(_, planned)| *planned == kind)
        .map(|(exchange, _)| exchange)
        .collect();
    if planned.is_empty() {
        return (ObligationState::NotPlanned, 0);
    }
    let faults: Vec<&Fault> = history.faults.iter().filter(|fault| fault.kind == kind).collect();
    let performed = faults.iter().filter(|fault| fault.performed == Performed::Fully).count() as u64;
    if performed > 0 {
        return (ObligationState::Met, performed);
    }
    let closed_first = faults.iter().filter(|fault| fault.performed == Performed::PeerClosedFirst).count() as u64;
    if closed_first > 0 {
        return (ObligationState::Prevented(Prevented::PeerClosedFirst), closed_first);
    }
    let forbidden = faults.iter().filter(|fault| fault.performed == Performed::VersionForbids).count() as u64;
    if forbidden > 0 {
        return (ObligationState::Prevented(Prevented::Http10Upstream), forbidden);
    }
    if kind == FaultKind::Reorder && serialises(history) {
        return (ObligationState::Prevented(Prevented::Serialised), faults.len() as u64);
    }
    match buffered_bodies(history).filter(|_| kind == FaultKind::EarlyFinal) {
        Some(bodies @ BUFFERED_BODIES_MIN..) => return (ObligationState::Prevented(Prevented::BodyBuffered), bodies),
        // Too few to tell a gateway that buffers from one that was late.
        Some(bodies) => return (ObligationState::NotPlanned, bodies),
        None => {}
    }
    let answered = planned.iter().filter(|exchange| was_answered_by_gateway(history, **exchange)).count() as u64;
    match answered > 0 {
        true => (ObligationState::Prevented(Prevented::AnsweredByGateway), answered),
        false => (ObligationState::Unmet, 0),
    }
}

/// How many bodies that went out behind their heads the gateway had in full before it sent the head: as many as there
/// were, or none. RFC 9112 leaves it to the gateway; but nobody can answer such a request early.
fn buffered_bodies(history: &History) -> Option<u64> {
    let behind_head =
        |pace| matches!(pace, BodyPace::Slow { .. } | BodyPace::AfterContinue { .. } | BodyPace::AfterReply { .. });
    let stimuli = history.plan.stimuli().map(|(_, stimulus)| stimulus);
    let slow = stimuli.filter(|it| it.request.body != RequestBody::None && behind_head(it.request.pace));
    let arrived = slow.filter_map(|stimulus| {
        let happened = history.exchanges.get(&stimulus.exchange)?;
        let whole_at = happened.events.iter().find(|(kind, _)| *kind == EventKind::BodySent).map(|(_, at)| *at);
        Some((happened.seen.first()?.at, whole_at))
    });
    let (buffered, streamed): (Vec<_>, Vec<_>) = arrived.partition(|(seen, whole)| whole.is_some_and(|it| it <= *seen));
    (streamed.is_empty() && !buffered.is_empty()).then_some(buffered.len() as u64)
}

/// The first fault that was performed in full, and when.
fn first_fault(history: &History) -> Option<(ExchangeId, Moment)> {
    let performed = history.faults.iter().filter(|fault| fault.performed == Performed::Fully);
    performed.min_by_key(|fault| fault.at).map(|fault| (fault.exchange, fault.at))
}

/// Exchanges of another tenant that were sent after the fault and whose reply is accounted for, right or wrong.
fn follow_ups(history: &History, map: &DeliveryMap, n: u32) -> (ObligationState, u64) {
    let Some((faulty, at)) = first_fault(history) else { return (nothing_to_follow(history), 0) };
    let count = followers(history, map, faulty, at).count() as u64;
    met_if(count >= u64::from(n), count)
}

/// No fault was performed, so nothing could follow. The excuse is the fault's own, where it has one.
fn nothing_to_follow(history: &History) -> ObligationState {
    let kinds: BTreeSet<FaultKind> = history.plan.faults().into_iter().map(|(_, kind)| kind).collect();
    let excused = kinds.into_iter().map(|kind| fault_performed(history, kind).0);
    let excuse = excused.filter(|state| matches!(state, ObligationState::Prevented(_))).min();
    let none = if history.plan.faults().is_empty() { ObligationState::NotPlanned } else { ObligationState::Unmet };
    excuse.unwrap_or(none)
}

fn followers<'a>(
    history: &'a History,
    map: &'a DeliveryMap,
    faulty: ExchangeId,
    at: Moment,
) -> impl Iterator<Item = &'a Sent> {
    let tenants = super::tenants(history);
    history.exchanges.iter().filter_map(move |(exchange, happened)| {
        let sent = happened.sent.as_ref().filter(|sent| sent.at >= at)?;
        // The gateway's own error page tells nothing of what it does with replies.
        let accounted = map.readings.get(exchange).is_some_and(Reading::is_accounted);
        (accounted && tenants.get(exchange) != tenants.get(&faulty)).then_some(sent)
    })
}

/// Of the exchanges that follow a fault, those that what it left behind could reach: their client connections share
/// upstream connections with the faulty one's.
fn followed_by_affinity(history: &History, map: &DeliveryMap, n: u32) -> (ObligationState, u64) {
    let Some((faulty, at)) = first_fault(history) else { return (nothing_to_follow(history), 0) };
    let links = affinity::links(history);
    let sent_on = history.exchanges.get(&faulty).and_then(|exchange| Some(exchange.sent.as_ref()?.connection));
    let class = affinity::class(&links, sent_on);
    let count = followers(history, map, faulty, at).filter(|sent| class.contains(&sent.connection)).count() as u64;
    let mut uses = history.plan.stimuli().map(|(_, stimulus)| &stimulus.connection);
    let planned = uses.any(|connection| matches!(connection, ConnectionUse::Affinity { .. }));
    let state = match () {
        () if count >= u64::from(n) => ObligationState::Met,
        () if shares_nothing(history, &links) => ObligationState::Prevented(Prevented::NoUpstreamSharing),
        // Without looking for it, it is a matter of chance.
        () if !planned => ObligationState::NotPlanned,
        () => ObligationState::Unmet,
    };
    (state, count)
}

/// Enough exchanges on enough client connections, and each of these has upstream connections of its own.
fn shares_nothing(history: &History, links: &BTreeSet<Link>) -> bool {
    let exchanges = history.exchanges.values().filter(|exchange| !exchange.seen.is_empty()).count();
    let clients: BTreeSet<ConnectionId> = links.iter().map(|link| link.client).collect();
    let enough = exchanges >= NO_REUSE_EXCHANGES_MIN && clients.len() >= NO_SHARING_CLIENTS_MIN;
    enough && clients.iter().all(|client| affinity::class(links, [*client]).len() == 1)
}

fn streams_held(history: &History, n: u32) -> (ObligationState, u64) {
    let most = history.gates.iter().filter(|gate| gate.in_full()).map(|gate| gate.arrived).max().unwrap_or(0);
    match most < n && serialises(history) {
        true => (ObligationState::Prevented(Prevented::Serialised), u64::from(most)),
        false => met_if(most >= n, u64::from(most)),
    }
}

fn order_released(history: &History) -> (ObligationState, u64) {
    if history.plan.gates.is_empty() {
        return (ObligationState::NotPlanned, 0);
    }
    let opened = history.gates.iter().filter(|gate| gate.in_full()).count() as u64;
    if opened == 0 && serialises(history) {
        return (ObligationState::Prevented(Prevented::Serialised), history.gates.len() as u64);
    }
    let awaited = history.plan.gates.iter().flat_map(|gate| &gate.awaits);
    let answered = awaited.filter(|exchange| was_answered_by_gateway(history, **exchange)).count() as u64;
    match opened == 0 && answered > 0 {
        true => (ObligationState::Prevented(Prevented::AnsweredByGateway), answered),
        false => met_if(opened > 0, opened),
    }
}

/// A client gave up while its reply was owed, and the gateway had to do something about it: the origin saw the
/// connection close, or wrote the reply after the abort.
fn client_abort_seen(history: &History) -> (ObligationState, u64) {
    let planned: Vec<ExchangeId> = history
        .plan
        .stimuli()
        .filter(|(_, stimulus)| stimulus.abort.is_some())
        .map(|(_, stimulus)| stimulus.exchange)
        .collect();
    if planned.is_empty() {
        return (ObligationState::NotPlanned, 0);
    }
    let seen = planned.iter().filter(|exchange| abort_was_seen(history, **exchange)).count() as u64;
    if seen > 0 {
        return (ObligationState::Met, seen);
    }
    let answered = planned.iter().filter(|exchange| was_answered_by_gateway(history, **exchange)).count() as u64;
    if answered > 0 {
        return (ObligationState::Prevented(Prevented::AnsweredByGateway), answered);
    }
    match buffered_replies(history) {
        Some(replies @ BUFFERED_REPLIES_MIN..) => (ObligationState::Prevented(Prevented::ReplyBuffered), replies),
        // Too few to tell a gateway that buffers from one that was late.
        Some(replies) => (ObligationState::NotPlanned, replies),
        None => (ObligationState::Unmet, 0),
    }
}

/// How many clients gave up amid a reply after the origin was done with it: all that gave up so, or none.
fn buffered_replies(history: &History) -> Option<u64> {
    let amid = |abort: &Abort| matches!(abort.when, AbortWhen::AfterReplyBytes { .. });
    let stimuli = history.plan.stimuli().map(|(_, stimulus)| stimulus);
    let gave_up = stimuli.filter(|stimulus| stimulus.abort.as_ref().is_some_and(amid)).filter_map(|stimulus| {
        let happened = history.exchanges.get(&stimulus.exchange)?;
        let aborted = happened.events.iter().find(|(kind, _)| *kind == EventKind::Aborted)?.1;
        Some((aborted, happened))
    });
    let mut replies = 0;
    for (aborted, happened) in gave_up {
        if happened.replied.is_empty() || happened.replied.iter().any(|replied| replied.done_at >= aborted) {
            return None;
        }
        replies += 1;
    }
    (replies > 0).then_some(replies)
}

fn abort_was_seen(history: &History, exchange: ExchangeId) -> bool {
    let Some(happened) = history.exchanges.get(&exchange) else { return false };
    let aborted = happened.events.iter().find(|(kind, _)| *kind == EventKind::Aborted).map(|(_, at)| *at);
    let Some(aborted) = aborted else { return false };
    let closed = happened.seen.iter().filter_map(|seen| history.upstream.get(&seen.connection)?.closed);
    let closed_by_gateway = closed.into_iter().any(|(by, at)| by == Closer::Gateway && at >= aborted);
    // RFC 9113 §5.4.2: where there are streams, one is reset, and the connection goes on.
    let reset = |replied: &Replied| replied.stream.is_some() && replied.performed == Performed::PeerClosedFirst;
    closed_by_gateway || happened.replied.iter().any(|replied| replied.done_at >= aborted || reset(replied))
}

fn delivered_from_cache(history: &History, map: &DeliveryMap) -> (ObligationState, u64) {
    let from_store = map.readings.iter().filter(|(exchange, reading)| {
        let reached = history.exchanges.get(exchange).is_some_and(|exchange| !exchange.seen.is_empty());
        reading.accepted && !reached && !(reading.lawful.is_empty() && reading.foreign.is_empty())
    });
    let (count, possible) = (from_store.count() as u64, super::store::usage(history, map).possible);
    match (count, possible) {
        (0, 0) => (ObligationState::NotPlanned, 0),
        (0, possible) => (ObligationState::Prevented(Prevented::NoHit), possible),
        (count, _) => (ObligationState::Met, count),
    }
}

fn requests_per_connection(history: &History, n: u32) -> (ObligationState, u64) {
    let counts: Vec<usize> = history.upstream.values().map(|connection| connection.arrivals.len()).collect();
    let most = counts.iter().copied().max().unwrap_or(0) as u64;
    let exchanges: usize = counts.iter().sum();
    match (most >= u64::from(n), most <= 1, exchanges >= NO_REUSE_EXCHANGES_MIN) {
        (true, _, _) => (ObligationState::Met, most),
        (false, true, true) => (ObligationState::Prevented(Prevented::NoUpstreamReuse), exchanges as u64),
        // Too few to tell a gateway that does not pool from one that had no occasion.
        (false, true, false) => (ObligationState::NotPlanned, most),
        (false, false, _) => (ObligationState::Unmet, most),
    }
}

fn idle_gap(history: &History) -> (ObligationState, u64) {
    let idle = |act: &OriginAct| matches!(act, OriginAct::Surplus(Surplus { when: SurplusTiming::Idle { .. }, .. }));
    if !history.plan.stimuli().any(|(_, stimulus)| stimulus.directive.acts.iter().any(idle)) {
        return (ObligationState::NotPlanned, 0);
    }
    let replied = history.exchanges.values().flat_map(|exchange| &exchange.replied);
    let surplus: Vec<_> = replied.filter(|replied| replied.kind == DeliveryKind::Surplus).collect();
    let lay = surplus.iter().filter(|replied| replied.acknowledged_at.is_some()).count() as u64;
    if lay > 0 {
        return (ObligationState::Met, lay);
    }
    // RFC 9112 §9.2 at its best: the gateway ends a connection as soon as anything unasked lies on it.
    let ended_at_once = surplus.iter().filter(|replied| {
        let closed = history.upstream.get(&replied.connection).and_then(|upstream| upstream.closed);
        closed.is_some_and(|(by, at)| by == Closer::Gateway && at >= replied.at)
    });
    match (ended_at_once.count() as u64, fault_performed(history, FaultKind::Surplus)) {
        (0, (prevented @ ObligationState::Prevented(_), closed)) => (prevented, closed),
        (0, _) => (ObligationState::Unmet, 0),
        (ended, _) => (ObligationState::Prevented(Prevented::PeerClosedFirst), ended),
    }
}

#[cfg(test)]
mod tests {
    use vocabulary::directive::SurplusKind;
    use vocabulary::plan::{Abort, AbortHow, AbortWhen};

    use super::super::deliveries;
    use super::super::notation::history;
    use super::super::store;
    use super::*;

    /// A history whose first exchange was planned a surplus on an idle connection, which the gateway then ended or not.
    fn idle(notation: &str, ended: bool) -> ObligationState {
        let mut history = history(notation);
        let what = SurplusKind::Reply { status: 200, bytes: 64, garbage: 0 };
        let surplus = OriginAct::Surplus(Surplus { what, when: SurplusTiming::Idle { us: 20_000 } });
        history.plan.lanes[0].stimuli[0].directive.acts.push(surplus);
        for upstream in history.upstream.values_mut().filter(|_| ended) {
            upstream.closed = Some((Closer::Gateway, Moment(u64::MAX)));
        }
        idle_gap(&history).0
    }

    #[test]
    fn a_gap_counts_when_something_lay_in_it_and_is_prevented_by_a_gateway_that_closes_at_once() {
        assert_eq!(idle_gap(&history("seq c1:1,2 1<1 2<2")).0, ObligationState::NotPlanned);
        assert_eq!(idle("seq c1:1,2 1<1 acknowledged:1.2 2<2", false), ObligationState::Met);
        assert_eq!(idle("seq c1:1,2 1<1 surplus:1.2 2<2", false), ObligationState::Unmet);
        let closed = ObligationState::Prevented(Prevented::PeerClosedFirst);
        assert_eq!(idle("seq c1:1,2 1<1 surplus:1.2 2<2", true), closed);
    }

    fn with(mut history: History, performed: Option<Performed>) -> History {
        history.plan.scenario.may_be_prevented_by = vec![Prevented::PeerClosedFirst, Prevented::Http10Upstream];
        for fault in &mut history.faults {
            if let Some(performed) = performed {
                fault.performed = performed;
            }
        }
        history
    }

    fn state(history: &History, obligation: Obligation) -> ObligationState {
        outcome(history, &deliveries::map(history), Known::NOTHING, obligation).state
    }

    #[test]
    fn what_needs_gates_is_prevented_where_plans_have_none_any_more() {
        let mut ungated = history("seq 1<1 2<2");
        let judge =
            |history: &History, known, obligation| outcome(history, &deliveries::map(history), known, obligation).state;
        let serialised = Known { serialised: true, ..Known::NOTHING };
        let reorder = Obligation::FaultPerformed(FaultKind::Reorder);
        assert_eq!(judge(&ungated, serialised, Obligation::OrderReleased), ObligationState::Unmet, "not allowed");
        ungated.plan.scenario.may_be_prevented_by = vec![Prevented::Serialised];
        let prevented = ObligationState::Prevented(Prevented::Serialised);
        for obligation in [Obligation::Overlap(2), Obligation::OrderReleased, reorder] {
            assert_eq!(judge(&ungated, serialised, obligation), prevented, "{obligation:?}");
            assert_eq!(judge(&ungated, Known::NOTHING, obligation), ObligationState::NotPlanned, "{obligation:?}");
        }
        assert_eq!(judge(&ungated, serialised, Obligation::IdleGap), ObligationState::NotPlanned);
    }

    #[test]
    fn nobody_gives_up_amid_a_reply_that_the_gateway_hands_out_whole() {
        let ended = |when, done_before: &[u32]| {
            let mut aborted = history("1<- 2<-");
            aborted.plan.scenario.may_be_prevented_by = vec![Prevented::ReplyBuffered];
            for stimulus in aborted.plan.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli) {
                stimulus.abort = Some(Abort { how: AbortHow::Rst, when });
            }
            for (exchange, happened) in &mut aborted.exchanges {
                let aborted_at = Moment(1_000_000);
                happened.events.push((EventKind::Aborted, aborted_at));
                let early = done_before.contains(&exchange.0);
                for replied in &mut happened.replied {
                    replied.done_at = if early { Moment(0) } else { aborted_at };
                }
            }
            state(&aborted, Obligation::ClientAbortSeen)
        };
        let amid = AbortWhen::AfterReplyBytes { bytes: 100 };
        assert_eq!(ended(amid, &[1, 2]), ObligationState::Prevented(Prevented::ReplyBuffered));
        assert_eq!(ended(amid, &[1]), ObligationState::Met);
        assert_eq!(ended(AbortWhen::AfterSent { us: 0 }, &[1, 2]), ObligationState::Unmet, "before any reply");
    }

    #[test]
    fn an_abort_was_seen_where_the_gateway_has_reset_the_stream_of_the_reply() {
        let seen = |notation: &str, performed| {
            let mut aborted = history(notation);
            let plan = aborted.plan.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli);
            for stimulus in plan.filter(|stimulus| stimulus.exchange == ExchangeId(1)) {
                stimulus.abort = Some(Abort { how: AbortHow::Rst, when: AbortWhen::AfterSent { us: 0 } });
            }
            let happened = aborted.exchanges.get_mut(&ExchangeId(1)).unwrap();
            happened.replied[0].performed = performed;
            happened.events.push((EventKind::Aborted, Moment(happened.replied[0].done_at.0 + 1)));
            state(&aborted, Obligation::ClientAbortSeen)
        };
        assert_eq!(seen("h2 aborted:1 1<- 2<2", Performed::PeerClosedFirst), ObligationState::Met);
        assert_eq!(
            seen("h2 aborted:1 1<- 2<2", Performed::Fully),
            ObligationState::Unmet,
            "it was written whole before"
        );
        assert_eq!(seen("aborted:1 1<- 2<2", Performed::PeerClosedFirst), ObligationState::Unmet, "no close was seen");
    }

    const INTERIM: Obligation = Obligation::FaultPerformed(FaultKind::Interim);

    #[test]
    fn a_performed_fault_is_met_a_refused_one_prevented_a_lost_one_unmet() {
        let line = "seq fault:1 1<1 2<2 3<3 4<4";
        assert_eq!(state(&with(history(line), None), INTERIM), ObligationState::Met);
        let refused = with(history(line), Some(Performed::PeerClosedFirst));
        assert_eq!(state(&refused, INTERIM), ObligationState::Prevented(Prevented::PeerClosedFirst));
        let forbidden = with(history(line), Some(Performed::VersionForbids));
        assert_eq!(state(&forbidden, INTERIM), ObligationState::Prevented(Prevented::Http10Upstream));
        assert_eq!(state(&with(history(line), Some(Performed::Expired)), INTERIM), ObligationState::Unmet);
        assert_eq!(state(&history("1<1"), INTERIM), ObligationState::NotPlanned);
    }

    #[test]
    fn a_gateway_that_keeps_requests_back_until_it_has_their_bodies_is_known_by_several_of_them() {
        /// The moments at which the body of each exchange had been sent, if it was; the origin sees them all at 1000.
        fn early(whole_at: &[Option<u64>]) -> ObligationState {
            let line: String = (1..=whole_at.len()).map(|exchange| format!("{exchange}<{exchange} ")).collect();
            let mut history = history(&line);
            history.plan.scenario.may_be_prevented_by = vec![Prevented::BodyBuffered];
            for (number, whole_at) in (1..).zip(whole_at) {
                let stimulus = &mut history.plan.lanes[number as usize - 1].stimuli[0];
                stimulus.request.body = RequestBody::Sized { bytes: 64, declared_off_by: 0 };
                stimulus.request.pace = BodyPace::Slow { writes: 4, gap_us: 5_000 };
                let reply = vocabulary::directive::Final { early: true, ..vocabulary::directive::Final::ok(64) };
                stimulus.directive.acts = vec![OriginAct::Final(reply)];
                let happened = history.exchanges.get_mut(&ExchangeId(number)).unwrap();
                happened.seen[0].at = Moment(1_000);
                happened.events.extend(whole_at.map(|at| (EventKind::BodySent, Moment(at))));
            }
            state(&history, Obligation::FaultPerformed(FaultKind::EarlyFinal))
        }
        let buffered = ObligationState::Prevented(Prevented::BodyBuffered);
        assert_eq!(early(&[Some(900), Some(1_000), Some(10)]), buffered);
        assert_eq!(early(&[Some(900), Some(1_000)]), ObligationState::NotPlanned, "too few to tell");
        assert_eq!(early(&[Some(900), Some(1_001), Some(10), Some(10)]), ObligationState::Unmet, "one came before");
        assert_eq!(early(&[Some(900), None, Some(10), Some(10)]), ObligationState::Unmet, "one body never came whole");
    }

    #[test]
    fn a_witness_that_the_scenario_does_not_allow_excuses_nothing() {
        let mut refused = with(history("fault:1 1<1"), Some(Performed::PeerClosedFirst));
        refused.plan.scenario.may_be_prevented_by.clear();
        assert_eq!(state(&refused, INTERIM), ObligationState::Unmet);
    }

    #[test]
    fn follow_ups_count_other_tenants_after_the_fault_only() {
        let three = Obligation::FollowUps(3);
        assert_eq!(state(&history("seq fault:1 1<1 2<2 3<3 4<4"), three), ObligationState::Met);
        assert_eq!(state(&history("seq fault:1 t1:1,2 1<1 2<2 3<3 4<4"), three), ObligationState::Unmet);
        assert_eq!(state(&history("seq fault:3 1<1 2<2 3<3 4<4"), three), ObligationState::Unmet);
        assert_eq!(state(&history("seq fault:1 1<1 2<2 3<- 4<4"), three), ObligationState::Unmet);
    }

    #[test]
    fn overlap_is_what_the_origin_saw() {
        assert_eq!(state(&history("1<1 2<2"), Obligation::Overlap(2)), ObligationState::Met);
        assert_eq!(state(&history("seq 1<1 2<2"), Obligation::Overlap(2)), ObligationState::NotPlanned);
        let mut held = history("seq 1<1 2<2");
        held.plan.gates.push(vocabulary::plan::Gate {
            id: vocabulary::identity::GateId(1),
            awaits: vec![ExchangeId(1), ExchangeId(2)],
            release: Vec::new(),
            gap_us: 0,
        });
        assert_eq!(state(&held, Obligation::Overlap(2)), ObligationState::Unmet, "a gate was to bring it about");
    }

    #[test]
    fn a_gateway_that_lets_one_through_at_a_time_is_known_by_both_ends() {
        let line = |many: u32| (1..=many).map(|exchange| format!("{exchange}<{exchange} ")).collect::<String>();
        let one_by_one = |many| {
            let mut history = history(&line(many));
            history.plan.scenario.may_be_prevented_by = vec![Prevented::Serialised];
            for exchange in history.exchanges.values_mut() {
                exchange.seen[0].in_flight = 1;
            }
            history
        };
        let serialised = ObligationState::Prevented(Prevented::Serialised);
        assert_eq!(state(&one_by_one(20), Obligation::Overlap(2)), serialised);
        assert_ne!(state(&one_by_one(3), Obligation::Overlap(2)), serialised, "too few to tell");
    }

    #[test]
    fn a_tail_that_waits_behind_its_speller_does_not_show_that_requests_meet_at_the_clients() {
        let line = (1..=20).map(|exchange| format!("{exchange}<{exchange} ")).collect::<String>();
        let mut apart = history(&format!("seq {line} tail:1>21 21<- store:21"));
        apart.plan.scenario.may_be_prevented_by = vec![Prevented::Serialised];
        // The tail is given up only when all the others are over.
        let end = apart.exchanges.get_mut(&ExchangeId(21)).unwrap().end.as_mut().unwrap();
        let ExchangeEnd::GaveUp(gave_up) = end else { panic!("{end:?}") };
        gave_up.at = Moment(u64::MAX);
        apart.exchanges.get_mut(&ExchangeId(21)).unwrap().sent.as_mut().unwrap().at = Moment(0);
        assert_eq!(state(&apart, Obligation::Overlap(2)), ObligationState::NotPlanned);
    }

    #[test]
    fn an_error_page_of_the_gateways_own_is_no_follow_up() {
        let three = Obligation::FollowUps(3);
        assert_eq!(state(&history("seq fault:1 1<1 2<2 3<3 4<4"), three), ObligationState::Met);
        assert_eq!(state(&history("seq fault:1 1<1 2<2 3<3 error:4=502"), three), ObligationState::Unmet);
    }

    #[test]
    fn reuse_is_counted_on_one_upstream_connection() {
        let two = Obligation::RequestsPerUpstreamConnection(2);
        assert_eq!(state(&history("c1:1,2 1<1 2<2"), two), ObligationState::Met);
        assert_eq!(state(&history("1<1 2<2"), two), ObligationState::NotPlanned, "too few to tell");
        let mut many = history(&(1..=20).map(|exchange| format!("{exchange}<{exchange} ")).collect::<String>());
        assert_eq!(state(&many, two), ObligationState::Unmet, "the scenario does not allow the excuse");
        many.plan.scenario.may_be_prevented_by = vec![Prevented::NoUpstreamReuse];
        assert_eq!(state(&many, two), ObligationState::Prevented(Prevented::NoUpstreamReuse));
        assert_eq!(
            state(&history("c1:1,2 1<1 2<2"), Obligation::RequestsPerUpstreamConnection(3)),
            ObligationState::Unmet
        );
    }

    /// Two client workers (1, 3 on one connection; 2, 4 on another) behind which requests arrive as said; a fault for 1.
    fn affinity(arrivals: &str, sought: bool) -> ObligationState {
        let mut history = history(&format!("seq fault:1 t1:1,3 lane:1,3 lane:2,4 {arrivals} 1<1 2<2 3<3 4<4"));
        for (exchange, before) in [(3, 1), (4, 2)] {
            let connection = history.exchanges[&ExchangeId(before)].sent.as_ref().unwrap().connection;
            let exchange = history.exchanges.get_mut(&ExchangeId(exchange)).unwrap();
            exchange.sent.as_mut().unwrap().connection = connection;
        }
        if sought {
            history.plan.lanes[1].stimuli[0].connection =
                ConnectionUse::Affinity { with: vec![ExchangeId(1)], among: 1 };
        }
        state(&history, Obligation::Affinity(1))
    }

    #[test]
    fn what_follows_on_a_shared_upstream_connection_could_have_received_what_a_fault_left_behind() {
        assert_eq!(affinity("c1:1,2", true), ObligationState::Met);
        assert_eq!(affinity("c1:1,3 c2:2,4", true), ObligationState::Unmet);
        assert_eq!(affinity("c1:1,3 c2:2,4", false), ObligationState::NotPlanned, "nobody looked for it");
        // By way of what both have used later, or before.
        assert_eq!(affinity("c1:1 c2:3,4", true), ObligationState::Met);
    }

    #[test]
    fn a_gateway_that_shares_no_upstream_connection_is_known_by_many_that_are_not_shared() {
        let apart = |many: u32| {
            let lines = (1..=many).map(|exchange| format!("{exchange}<{exchange} ")).collect::<String>();
            let mut history = history(&format!("seq fault:1 {lines}"));
            history.plan.lanes[1].stimuli[0].connection =
                ConnectionUse::Affinity { with: vec![ExchangeId(1)], among: 1 };
            history.plan.scenario.may_be_prevented_by = vec![Prevented::NoUpstreamSharing];
            state(&history, Obligation::Affinity(1))
        };
        assert_eq!(apart(20), ObligationState::Prevented(Prevented::NoUpstreamSharing));
        assert_eq!(apart(19), ObligationState::Unmet, "too few to tell");
    }

    #[test]
    fn a_hit_is_proven_by_a_delivery_without_an_attempt() {
        let cached = Obligation::DeliveredFromCache;
        assert_eq!(state(&history("same-url store:2 1<1 2<1"), cached), ObligationState::Met);
        assert_eq!(state(&history("same-url 1<1 2<2"), cached), ObligationState::NotPlanned);
        let mut storable = store::tests::storable(history("seq same-url 1<1 2<2"));
        assert_eq!(state(&storable, cached), ObligationState::Unmet, "the scenario does not allow the excuse");
        storable.plan.scenario.may_be_prevented_by = vec![Prevented::NoHit];
        assert_eq!(state(&storable, cached), ObligationState::Prevented(Prevented::NoHit));
    }
}
