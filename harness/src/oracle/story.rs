//! Telling it: the one sentence of a finding, and the evidence that a maintainer can check line by line.
//!
//! *tenant 2's request e17 (GET, connection 3, 2nd on it) received tenant 1's reply to e16: the origin had sent e16 a
//! 100 with Content-Length: 0 before its 200, and the gateway gave upstream connection c1 to e17 while that 200 was
//! still owed.*

use vocabulary::directive::{FaultKind, Interim, InterimLength, OriginAct};
use vocabulary::finding::{Edge, Emitted, End, Evidence, ExchangeEvidence, Leg, Shape, TimelineEntry, TimelineStep};
use vocabulary::history::{
    Closer, DeliveryKind, ExchangeEnd, ExchangeHistory, Found, History, Place, Received, Replied, Seen, Unasked,
    UnaskedKind, Why,
};
use vocabulary::identity::{ConnectionId, DeliveryId, ExchangeId, LaneId, Moment, Ordinal};
use vocabulary::plan::{AbortHow, EventKind};

use super::audience::{self, Sharing};
use super::{Suspicion, proof};

/// Exchanges whose evidence a finding keeps at most; a shift can go on for the life of a connection.
const EVIDENCE_EXCHANGES_MAX: usize = 6;
/// Lines of a finding's timeline at most.
const TIMELINE_MAX: usize = 40;

/// The fact in one sentence.
pub(super) fn sentence(history: &History, suspicion: &Suspicion) -> String {
    let Some(edge) = suspicion.edges.first() else {
        let fact = suspicion.fact.as_deref().unwrap_or("was mixed up with another");
        return format!("{} {fact}.", asker(history, suspicion.subject, suspicion.receiver_tenant.0));
    };
    let receiver = asker(history, edge.receiver, suspicion.receiver_tenant.0);
    let received = match suspicion.shape {
        Shape::Splice => "received, within one reply, a part of",
        Shape::Fragment => "received, in an interim reply, a piece of",
        Shape::DuplicateDelivery
        | Shape::PairSwap
        | Shape::Rotation
        | Shape::Shift
        | Shape::StaleDelivery
        | Shape::Misdelivery
        | Shape::GhostRequest
        | Shape::RequestSplice
        | Shape::Desync
        | Shape::StatusMismatch
        | Shape::TruncationAsComplete => "received",
    };
    let owner = owned(history, edge, suspicion.owner_tenant.0);
    match how(history, suspicion, edge) {
        Some(how) => format!("{receiver} {received} {owner}: {how}."),
        None => format!("{receiver} {received} {owner}."),
    }
}

fn asker(history: &History, exchange: ExchangeId, tenant: u16) -> String {
    let sent = history.exchanges.get(&exchange).and_then(|happened| happened.sent.as_ref());
    let method = super::method(history, exchange).unwrap_or("?");
    let behind = history.plan.speller(exchange).map(|(_, speller)| format!(", spelled behind {}", speller.exchange));
    let what = format!("{method}{}", behind.unwrap_or_default());
    match sent {
        Some(sent) => format!(
            "tenant {tenant}'s request {exchange} ({what}, connection {}, {} on it)",
            sent.connection.0,
            nth(sent.ordinal)
        ),
        None => format!("tenant {tenant}'s request {exchange} ({what})"),
    }
}

fn nth(ordinal: Ordinal) -> String {
    let suffix = match (ordinal.0 % 10, ordinal.0 % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    };
    format!("{}{suffix}", ordinal.0)
}

fn owned(history: &History, edge: &Edge, tenant: u16) -> String {
    let owner = edge.delivery.exchange;
    let surplus = proof::find(history, edge.delivery).is_some_and(|replied| replied.kind == DeliveryKind::Surplus);
    match (surplus, owner.is_of_earlier_case()) {
        (true, _) => format!("a reply that nobody had asked for, which followed tenant {tenant}'s reply to {owner}"),
        (false, true) => format!("tenant {tenant}'s reply to a request of an earlier case"),
        (false, false) => match history.plan.speller(owner) {
            Some((_, speller)) => {
                format!("tenant {tenant}'s reply to {owner}, which was spelled behind {}", speller.exchange)
            }
            None => format!("tenant {tenant}'s reply to {owner}"),
        },
    }
}

/// How it slipped, as far as the plan and the two ends show.
fn how(history: &History, suspicion: &Suspicion, edge: &Edge) -> Option<String> {
    let (owner, receiver) = (edge.delivery.exchange, edge.receiver);
    if suspicion.shape == Shape::PairSwap {
        return Some(format!("both were in flight at once, and {owner} received the reply to {receiver}"));
    }
    if suspicion.shape == Shape::Rotation {
        let ring: Vec<String> =
            suspicion.edges.iter().map(|edge| format!("{} ← {}", edge.receiver, edge.delivery)).collect();
        let (size, ring) = (ring.len(), ring.join(", "));
        return Some(format!("{size} requests in flight at once exchanged replies in a ring ({ring})"));
    }
    if suspicion.leg == Leg::Store
        && let Some(connection) = came_in_its_place(history, owner, receiver)
    {
        return Some(format!(
            "no attempt of {receiver} reached the origin, and on client connection {connection} the reply to {owner} came where \
             that to {receiver} was due"
        ));
    }
    if suspicion.leg == Leg::Store {
        let rule = match audience::between(history, edge.delivery, receiver) {
            Sharing::MustNot(rule) => format!(" ({rule})"),
            Sharing::Observe(why) => format!(" ({why})"),
            Sharing::May => String::new(),
        };
        if history.exchanges.get(&receiver).is_some_and(|receiver| !receiver.seen.is_empty()) {
            return Some(format!(
                "the gateway answered with what it had stored of {owner}, not with what the origin said to {receiver}{rule}"
            ));
        }
        let from = match audience::was_in_flight(history, owner, receiver) {
            true => format!("let it share the reply to {owner}, which was in flight when {receiver} came"),
            false => "answered from its store".to_owned(),
        };
        return Some(format!("no attempt of {receiver} reached the origin, the gateway {from}{rule}"));
    }
    let replied = proof::find(history, edge.delivery)?;
    let connection = replied.connection;
    if replied.kind == DeliveryKind::Surplus {
        let when = if replied.same_write_as.is_some() { "in one write with it" } else { "behind it" };
        return Some(format!(
            "the origin had sent it {when} on upstream connection {connection}, and the gateway took it for the answer to the next request there"
        ));
    }
    if suspicion.shape == Shape::DuplicateDelivery {
        return Some(format!("{owner} received it too"));
    }
    if suspicion.shape != Shape::Shift
        && let Some(client_connection) = came_before_its_turn(history, owner, receiver)
    {
        let instead = format!(
            "on client connection {client_connection} the reply to {owner} came where that to {receiver} was due"
        );
        return Some(match fault_of(history, receiver) {
            Some((_, what)) => format!("{what}, and {instead}"),
            None => instead,
        });
    }
    let own_connections = history.exchanges.get(&receiver).map(|receiver| receiver.seen.as_slice()).unwrap_or_default();
    if suspicion.shape != Shape::Shift && own_connections.iter().all(|seen| seen.connection != connection) {
        let own = own_connections.first().map(|seen| seen.connection)?;
        return Some(format!(
            "it came from the origin on upstream connection {connection}, and {receiver} had gone out on {own}: they were \
             mixed up inside the gateway, not on an upstream connection"
        ));
    }
    let fault = fault_of(history, owner).or_else(|| fault_before(history, connection, replied.ordinal))?;
    let (faulty, what) = fault;
    let meanwhile = match faulty == owner {
        true => {
            format!("the gateway gave upstream connection {connection} to {receiver} while that reply was still owed")
        }
        false => {
            format!("from then on each reply on upstream connection {connection} went to the request after its own")
        }
    };
    Some(format!("{what}, and {meanwhile}"))
}

/// The client connection on which the owner was asked for behind the receiver: RFC 9112 section 9.3.2 has replies leave it in
/// the order of its requests, so a reply that is left out, or comes too early, is read as the one that is due.
fn came_before_its_turn(history: &History, owner: ExchangeId, receiver: ExchangeId) -> Option<u32> {
    let sent = |exchange| history.exchanges.get(&exchange).and_then(|happened| happened.sent.as_ref());
    let (owner, receiver) = (sent(owner)?, sent(receiver)?);
    (owner.connection == receiver.connection && owner.ordinal > receiver.ordinal).then_some(receiver.connection.0)
}

/// The client connection on which a reply came in the place of another that was due there: its request went out behind the
/// other's, or stood in the bytes of one that went out before. A store has nothing to do with that.
fn came_in_its_place(history: &History, owner: ExchangeId, receiver: ExchangeId) -> Option<u32> {
    if let Some(connection) = came_before_its_turn(history, owner, receiver) {
        return Some(connection);
    }
    let spells = |stimulus: &vocabulary::plan::Stimulus| stimulus.request.spelled().any(|spelled| spelled == owner);
    let (_, speller) = history.plan.stimuli().find(|(_, stimulus)| spells(stimulus))?;
    let sent = |exchange| history.exchanges.get(&exchange).and_then(|happened| happened.sent.as_ref());
    let (speller, receiver) = (sent(speller.exchange)?, sent(receiver)?);
    (speller.connection == receiver.connection).then_some(receiver.connection.0)
}

/// What had happened to an exchange that makes a gateway slip, in words.
fn fault_of(history: &History, exchange: ExchangeId) -> Option<(ExchangeId, String)> {
    let (_, stimulus) = history.plan.stimulus(exchange).or_else(|| history.plan.speller(exchange))?;
    if stimulus.exchange != exchange {
        // A tail: that it is there is all that was done to it.
        let speller = stimulus.exchange;
        return Some((exchange, format!("the client of {speller} had sent {exchange} behind its message")));
    }
    let fault = history.faults.iter().find(|fault| fault.exchange == exchange)?;
    let what = match fault.kind {
        FaultKind::Interim => {
            let interim = stimulus.directive.acts.iter().find_map(OriginAct::interim)?;
            format!("the origin had sent {exchange} {} before its final reply", interim_words(interim))
        }
        FaultKind::ClientAbort => {
            let how = stimulus.abort.map(|abort| match abort.how {
                AbortHow::Fin => " (FIN)",
                AbortHow::Rst => " (RST)",
                AbortHow::HalfClose => " (half-close)",
            });
            format!("the client of {exchange} had given up{} while its reply was owed", how.unwrap_or_default())
        }
        FaultKind::Surplus => {
            format!("the origin had sent a reply that nobody had asked for behind its reply to {exchange}")
        }
        FaultKind::EarlyFinal => format!("the origin had answered {exchange} before it had read the request's body"),
        FaultKind::Framing => format!("the origin had framed its reply to {exchange} wrongly"),
        FaultKind::Cut => format!("the origin had cut its reply to {exchange} off"),
        FaultKind::Silence => format!("the origin had left {exchange} without a reply for a time"),
        FaultKind::RequestFraming => match stimulus.request.tail {
            Some(tail) => format!("the client of {exchange} had sent {tail} behind its message"),
            None => format!("the client of {exchange} had sent another body than it declared"),
        },
        FaultKind::Reset => format!("the origin had reset the stream of {exchange}"),
        FaultKind::GoAway => format!("the origin had announced the end of the connection at {exchange}"),
        FaultKind::Settings => format!("the origin had changed its settings while {exchange} was open"),
        FaultKind::LargeHead => {
            format!("the origin had sent more fields with its reply to {exchange} than gateways take")
        }
        FaultKind::Reorder | FaultKind::PrivateReply | FaultKind::Close | FaultKind::Tunnel => return None,
    };
    Some((exchange, what))
}

fn interim_words(interim: &Interim) -> String {
    let article =
        if interim.status == 100 || interim.status == 102 || interim.status == 103 { "a" } else { "an interim" };
    match interim.length {
        InterimLength::Absent => format!("{article} {}", interim.status),
        InterimLength::Zero => format!("{article} {} with Content-Length: 0", interim.status),
        InterimLength::Bytes(n) => format!("{article} {} with Content-Length: {n}", interim.status),
        InterimLength::Chunked => format!("{article} {} with Transfer-Encoding: chunked", interim.status),
    }
}

/// A fault on the same upstream connection before: its shift may have gone on since.
fn fault_before(history: &History, connection: ConnectionId, ordinal: Ordinal) -> Option<(ExchangeId, String)> {
    let arrivals = &history.upstream.get(&connection)?.arrivals;
    let before = arrivals.iter().filter(|(at, _)| *at < ordinal).filter_map(|(_, exchange)| *exchange);
    before.rev().find_map(|exchange| fault_of(history, exchange))
}

/// Everything that proves a finding.
pub(super) fn evidence(history: &History, suspicion: &Suspicion) -> Evidence {
    let exchanges: Vec<ExchangeId> = suspicion.exchanges.iter().copied().take(EVIDENCE_EXCHANGES_MAX).collect();
    // The owner and the receiver that name the finding come first: a long tale must not crowd them out.
    let mut timeline: Vec<TimelineEntry> =
        exchanges.iter().flat_map(|exchange| timeline_of(history, *exchange)).take(TIMELINE_MAX).collect();
    timeline.sort_by_key(|entry| entry.at);
    let shown = exchanges.iter().filter_map(|exchange| exchange_evidence(history, *exchange));
    Evidence { exchanges: shown.collect(), timeline }
}

fn exchange_evidence(history: &History, exchange: ExchangeId) -> Option<ExchangeEvidence> {
    let happened = history.exchanges.get(&exchange)?;
    // That of a tail is its speller's.
    let stimulus = history.plan.stimulus(exchange).or_else(|| history.plan.speller(exchange));
    let (sent, seen, reading) = (happened.sent.as_ref(), happened.seen.first(), happened.reading());
    Some(ExchangeEvidence {
        exchange,
        tenant: stimulus.map(|(_, stimulus)| stimulus.tenant).or(sent.map(|sent| sent.tenant))?,
        lane: stimulus.map_or(LaneId(0), |(lane, _)| lane),
        client_connection: sent.map_or(ConnectionId(0), |sent| sent.connection),
        client_ordinal: sent.map_or(Ordinal(0), |sent| sent.ordinal),
        upstream_connection: seen.map(|seen| seen.connection),
        upstream_ordinal: seen.map(|seen| seen.ordinal),
        request_sent: sent.map(|sent| sent.head.clone()).unwrap_or_default(),
        request_seen: seen.map(|seen| seen.head.clone()),
        emitted: happened.replied.iter().map(emitted).collect(),
        reply_received: reading.map(|received| format!("{}{}", received.head, received.body_start)),
        deliveries: reading.map(|received| deliveries(final_canaries(received))).unwrap_or_default(),
        came_unasked: came_unasked(history, exchange),
    })
}

/// What of the unasked bytes behind an exchange tells most: that which carries a canary, or else the first.
fn came_unasked(history: &History, exchange: ExchangeId) -> Option<String> {
    let unasked = || history.unasked.iter().filter(|unasked| unasked.after == Some(exchange));
    let telling = unasked().find(|unasked| !unasked.canaries.is_empty());
    telling.or_else(|| unasked().next()).map(|unasked| unasked.excerpt.clone())
}

/// The canaries of a final reply: an interim one is not what an exchange received.
fn final_canaries(received: &Received) -> impl Iterator<Item = &Found> {
    received.canaries.iter().filter(|found| found.place != Place::Interim)
}

/// The deliveries that canaries name, each once.
fn deliveries<'a>(canaries: impl Iterator<Item = &'a Found>) -> Vec<DeliveryId> {
    let mut deliveries: Vec<DeliveryId> = canaries.filter_map(|found| found.claim.delivery_id()).collect();
    deliveries.sort();
    deliveries.dedup();
    deliveries
}

fn emitted(replied: &Replied) -> Emitted {
    Emitted {
        delivery: replied.delivery,
        status: replied.status,
        surplus: replied.kind == DeliveryKind::Surplus,
        connection: replied.connection,
        head: replied.head.clone(),
    }
}

/// What happened to an exchange at both ends.
pub(super) fn timeline_of(history: &History, exchange: ExchangeId) -> Vec<TimelineEntry> {
    let Some(happened) = history.exchanges.get(&exchange) else { return Vec::new() };
    let mut entries = client_entries(history, exchange, happened);
    entries.extend(origin_entries(history, exchange, happened));
    entries
}

fn client_entries(history: &History, exchange: ExchangeId, happened: &ExchangeHistory) -> Vec<TimelineEntry> {
    let client = |at, step, event: String, connection| TimelineEntry {
        at,
        end: End::Client,
        step,
        event,
        exchange: Some(exchange),
        connection,
    };
    let mut entries = Vec::new();
    if let Some(sent) = &happened.sent {
        let event = format!("{} sends {exchange} on client connection {}", sent.tenant, sent.connection.0);
        entries.push(client(sent.at, TimelineStep::Sends, event, Some(sent.connection)));
    }
    match &happened.end {
        Some(ExchangeEnd::Received(received)) => {
            let deliveries = deliveries(final_canaries(received));
            let event =
                format!("{exchange} receives {} with {}{}", received.status, whose(&deliveries), after(received));
            let step = TimelineStep::Receives { status: received.status, deliveries };
            entries.push(client(received.at, step, event, Some(received.connection)));
        }
        Some(ExchangeEnd::GaveUp(gave_up)) => {
            let why = match gave_up.why {
                Why::Aborted => "aborts, as planned",
                Why::NoReply => "gives up: no reply came",
                Why::Closed => "ends: the gateway closed the connection",
                Why::Reset => "ends: the gateway reset the connection",
                Why::Refused => "ends: the gateway said that it has not worked on it",
                Why::Malformed => "gives up: what came is no HTTP reply",
                Why::Unreachable => "ends: the gateway was not reached",
            };
            entries.push(client(gave_up.at, TimelineStep::GivesUp, format!("{exchange} {why}"), gave_up.connection));
        }
        None => {}
    }
    for unasked in history.unasked.iter().filter(|unasked| unasked.after == Some(exchange) && tells(unasked)) {
        let (bytes, deliveries) = (unasked.bytes, deliveries(unasked.canaries.iter()));
        let event = format!(
            "{bytes} bytes with {} come after {exchange} on client connection {}, unasked",
            whose(&deliveries),
            unasked.connection.0
        );
        let step = TimelineStep::Unasked { bytes, deliveries };
        entries.push(client(unasked.at, step, event, Some(unasked.connection)));
    }
    entries
}

/// What the interim replies before a reply carried, in words.
fn after(received: &Received) -> String {
    let interim = deliveries(received.canaries.iter().filter(|found| found.place == Place::Interim));
    match interim.is_empty() {
        true => String::new(),
        false => format!(", after an interim reply with {}", whose(&interim)),
    }
}

/// Lawful noise on an idle connection explains nothing, unless it carries a delivery.
fn tells(unasked: &Unasked) -> bool {
    match unasked.looks_like {
        UnaskedKind::Reply | UnaskedKind::Garbage | UnaskedKind::LateFrames => true,
        UnaskedKind::ErrorBeforeClose | UnaskedKind::EmptyLines | UnaskedKind::AfterReset => {
            !deliveries(unasked.canaries.iter()).is_empty()
        }
    }
}

fn whose(deliveries: &[DeliveryId]) -> String {
    match deliveries.is_empty() {
        true => "no canary".to_owned(),
        false => deliveries.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "),
    }
}

fn origin_entries(history: &History, exchange: ExchangeId, happened: &ExchangeHistory) -> Vec<TimelineEntry> {
    let origin = |at, step, event: String, connection| TimelineEntry {
        at,
        end: End::Origin,
        step,
        event,
        exchange: Some(exchange),
        connection: Some(connection),
    };
    let mut entries = Vec::new();
    for seen in &happened.seen {
        let (connection, ordinal) = (seen.connection, seen.ordinal);
        let event = format!("the origin sees {exchange} on upstream connection {connection}, {} there", nth(ordinal));
        entries.push(origin(seen.at, TimelineStep::Sees { ordinal }, event, connection));
        if let Some((by, at)) = history.upstream.get(&connection).and_then(|upstream| upstream.closed) {
            let who = match by {
                Closer::Gateway => "the gateway",
                Closer::Origin => "the origin",
            };
            let event = format!("{who} closes upstream connection {connection}");
            entries.push(origin(at, TimelineStep::Closes { by }, event, connection));
        }
    }
    for (at, status, seen) in interims(history, exchange, happened) {
        let event = format!("the origin writes an interim reply ({status}) to {exchange} on {}", seen.connection);
        entries.push(origin(at, TimelineStep::Interim { status }, event, seen.connection));
    }
    for replied in &happened.replied {
        let Replied { delivery, status, connection, .. } = *replied;
        let (kind, surplus) = match replied.kind {
            DeliveryKind::Owed => ("", false),
            DeliveryKind::Surplus => (", which nobody asked for,", true),
        };
        let event = format!("the origin writes {delivery}{kind} ({status}) on {connection}");
        entries.push(origin(replied.at, TimelineStep::Replies { delivery, status, surplus }, event, connection));
    }
    entries
}

/// The interim replies that the origin wrote: when, with which status, to which arrival.
///
/// The event does not say which status it was; each arrival begins the directive anew, and so the nth interim reply
/// written since is the nth that is planned.
fn interims<'a>(
    history: &'a History,
    exchange: ExchangeId,
    happened: &'a ExchangeHistory,
) -> Vec<(Moment, u16, &'a Seen)> {
    let acts = history.plan.stimulus(exchange).map(|(_, stimulus)| stimulus.directive.acts.as_slice());
    let planned: Vec<&Interim> = acts.unwrap_or_default().iter().filter_map(OriginAct::interim).collect();
    let written = happened.events.iter().filter(|(kind, _)| *kind == EventKind::InterimWritten);
    let written: Vec<Moment> = written.map(|(_, at)| *at).collect();
    let interim = |(index, at): (usize, &Moment)| {
        let seen = happened.seen.iter().rfind(|seen| seen.at <= *at)?;
        let before = written[..index].iter().filter(|other| **other >= seen.at).count();
        // Two arrivals at once can make it one too many.
        let interim = planned.get(before).or(planned.last())?;
        Some((*at, interim.status, seen))
    };
    written.iter().enumerate().filter_map(interim).collect()
}

#[cfg(test)]
mod tests {
    use super::super::notation::history;
    use super::super::{Known, judge};
    use super::*;

    fn sentence(notation: &str) -> String {
        let judged = judge(&history(notation), Known::VERBATIM).unwrap();
        judged.findings[0].sentence.clone()
    }

    #[test]
    fn the_sentence_says_who_received_whose_reply_and_how_it_slipped() {
        assert_eq!(
            sentence("c1:1,2 fault:1 1<- 2<1"),
            "tenant 2's request e2 (GET, connection 2, 1st on it) received tenant 1's reply to e1: the origin had sent \
             e1 a 100 with Content-Length: 0 before its final reply, and the gateway gave upstream connection c1 to e2 \
             while that reply was still owed."
        );
        assert_eq!(
            sentence("1<2 2<1"),
            "tenant 1's request e1 (GET, connection 1, 1st on it) received tenant 2's reply to e2: both were in flight \
             at once, and e2 received the reply to e1."
        );
        assert!(sentence("same-url authorization store:2 1<1 2<1").contains("RFC 9111 section 3.5"));
    }

    #[test]
    fn a_tail_is_told_with_its_speller_on_whichever_side_it_stands() {
        assert_eq!(
            sentence("c1:1,3,2 1<1 tail:1>3 3<- 2<3"),
            "tenant 2's request e2 (GET, connection 2, 1st on it) received tenant 1's reply to e3, which was spelled behind \
             e1: the client of e1 had sent e3 behind its message, and the gateway gave upstream connection c1 to e2 while \
             that reply was still owed."
        );
        let receives = sentence("c1:2,3 2<- 1<1 tail:1>3 3<2");
        let expected =
            "tenant 1's request e3 (GET, spelled behind e1, connection 1, 2nd on it) received tenant 2's reply";
        assert!(receives.starts_with(expected), "{receives}");
    }

    #[test]
    fn a_reply_that_came_before_its_turn_is_told_by_the_client_connection_on_which_it_did() {
        let due = "on client connection 1 the reply to e2 came where that to e1 was due.";
        let skipped = sentence("pipe:1,2 c1:1,2 fault:1 1<2 2<-");
        assert!(skipped.ends_with(&format!("with Content-Length: 0 before its final reply, and {due}")), "{skipped}");
        let early = sentence("pipe:1,2,3 1<2 2<- 3<3");
        assert!(early.ends_with(&format!("received tenant 2's reply to e2: {due}")), "{early}");
    }

    #[test]
    fn replies_to_two_attempts_in_one_are_told_with_where_each_came_from() {
        assert_eq!(
            sentence("retry:1.2 1<1+1.2"),
            "tenant 1's request e1 (GET, connection 1, 1st on it) received, within one reply, parts of the replies to \
             several attempts of it: d1 (attempt 1, on c101) and d1.2 (attempt 2, on c201)."
        );
    }

    #[test]
    fn the_evidence_of_a_tail_has_its_lane_and_its_place_behind_the_speller() {
        let judged = judge(&history("c1:1,3,2 1<1 tail:1>3 3<- 2<3"), Known::VERBATIM).unwrap();
        let shown = judged.findings[0].evidence.exchanges.iter();
        let shown: Vec<_> = shown.map(|it| (it.exchange.0, it.tenant.0, it.lane.0, it.client_ordinal.0)).collect();
        assert_eq!(shown, [(3, 1, 0, 2), (2, 2, 1, 1)]);
    }

    /// A pipelined request that was lost, and one that a body had spelled: no store has anything to do with it.
    #[test]
    fn a_reply_in_anothers_place_on_one_client_connection_is_no_matter_of_a_store() {
        let lost = sentence("pipe:1,2,3 t1:1,3 t2:2 store:2 1<1 2<3 3<-");
        assert!(lost.contains("no attempt of e2 reached the origin, and on client connection"), "{lost}");
        assert!(lost.contains("the reply to e3 came where that to e2 was due"), "{lost}");
        assert!(!lost.contains("share"), "{lost}");
    }

    #[test]
    fn a_store_is_told_from_sharing_a_request_in_flight() {
        let stored = sentence("seq same-url authorization store:2 1<1 2<1");
        assert!(stored.contains("the gateway answered from its store (RFC 9111"), "{stored}");
        let collapsed = sentence("same-url authorization store:2 1<1 2<1");
        assert!(
            collapsed.contains("let it share the reply to e1, which was in flight when e2 came (RFC 9111"),
            "{collapsed}"
        );
    }

    /// What happened to an exchange, judged or not, without the moments.
    fn steps(history: &History, exchange: u32) -> Vec<TimelineStep> {
        timeline_of(history, ExchangeId(exchange)).into_iter().map(|entry| entry.step).collect()
    }

    fn delivery(exchange: u32, number: u16) -> DeliveryId {
        DeliveryId { exchange: ExchangeId(exchange), number }
    }

    #[test]
    fn each_line_of_the_timeline_says_for_programs_what_it_says_for_people() {
        let (closed, ordinal) = (Some((Closer::Gateway, Moment(9_000))), Ordinal(1));
        let mut shifted = history("c1:1,2 segment:1.2 1<- 2<2+1");
        shifted.upstream.get_mut(&ConnectionId(1)).unwrap().closed = closed;
        assert_eq!(
            steps(&shifted, 1),
            [
                TimelineStep::Sends,
                TimelineStep::GivesUp,
                TimelineStep::Sees { ordinal },
                TimelineStep::Closes { by: Closer::Gateway },
                TimelineStep::Replies { delivery: delivery(1, 1), status: 200, surplus: false },
                TimelineStep::Replies { delivery: delivery(1, 2), status: 200, surplus: true },
            ]
        );
        let received = TimelineStep::Receives { status: 200, deliveries: vec![delivery(1, 1), delivery(2, 1)] };
        assert!(steps(&shifted, 2).contains(&received));
    }

    #[test]
    fn what_an_interim_reply_carried_is_not_taken_for_the_reply() {
        let fragment = history("1<1 2<2 interim:2<1");
        let received = TimelineStep::Receives { status: 200, deliveries: vec![delivery(2, 1)] };
        assert!(steps(&fragment, 2).contains(&received));
        let events = timeline_of(&fragment, ExchangeId(2)).into_iter().map(|entry| entry.event);
        assert!(events.into_iter().any(|event| event.ends_with("with d2, after an interim reply with d1")));
    }

    #[test]
    fn interim_replies_have_the_statuses_planned_and_each_arrival_begins_anew() {
        let mut retried = history("fault:1 1<1");
        let lanes = &mut retried.plan.lanes;
        let acts = &mut lanes[0].stimuli[0].directive.acts;
        let OriginAct::Interim(first) = acts[0].clone() else { panic!("the notation's fault is an interim reply") };
        acts.insert(1, OriginAct::Interim(Interim { status: 103, ..first }));
        let happened = retried.exchanges.get_mut(&ExchangeId(1)).unwrap();
        let again = Seen { at: Moment(50_000), connection: ConnectionId(7), ..happened.seen[0].clone() };
        happened.seen.push(again);
        let written = [10_000, 10_000, 60_000].map(|at| (EventKind::InterimWritten, Moment(at)));
        happened.events.extend(written);
        let first = happened.seen[0].connection;
        let entries = timeline_of(&retried, ExchangeId(1)).into_iter();
        let interims = entries.filter_map(|entry| match entry.step {
            TimelineStep::Interim { status } => Some((status, entry.connection.unwrap())),
            TimelineStep::Sends
            | TimelineStep::Receives { .. }
            | TimelineStep::GivesUp
            | TimelineStep::Unasked { .. }
            | TimelineStep::Sees { .. }
            | TimelineStep::Replies { .. }
            | TimelineStep::Closes { .. } => None,
        });
        assert_eq!(interims.collect::<Vec<_>>(), [(100, first), (103, first), (100, ConnectionId(7))]);
    }

    #[test]
    fn unasked_bytes_are_told_with_their_moment_and_lawful_noise_is_not() {
        let desync = history("1<1 segment:1.2 unasked:1<1.2");
        let judged = judge(&desync, Known::VERBATIM).unwrap();
        let finding = &judged.findings[0];
        let unasked = TimelineStep::Unasked { bytes: 64, deliveries: vec![delivery(1, 2)] };
        let entry = finding.evidence.timeline.iter().find(|entry| entry.step == unasked).unwrap();
        assert_eq!((entry.at, entry.exchange), (desync.unasked[0].at, Some(finding.subject)));
        assert_eq!(entry.event, "64 bytes with d1.2 come after e1 on client connection 1, unasked");
        assert_eq!(finding.evidence.exchanges[0].came_unasked.as_ref(), Some(&desync.unasked[0].excerpt));
        assert!(!steps(&history("1<1 timeout:1"), 1).iter().any(|step| matches!(step, TimelineStep::Unasked { .. })));
    }

    #[test]
    fn a_finding_has_both_requests_and_the_reply_as_evidence() {
        let judged = judge(&history("c1:1,2 fault:1 1<- 2<1"), Known::VERBATIM).unwrap();
        let evidence = &judged.findings[0].evidence;
        assert_eq!((evidence.exchanges.len(), judged.findings[0].subject), (2, judged.findings[0].edges[0].receiver));
        let receiver = evidence.exchanges.last().unwrap();
        assert!(receiver.request_sent.contains("/e2") && receiver.request_seen.is_some());
        assert!(receiver.reply_received.is_some());
        assert!(evidence.timeline.windows(2).all(|pair| pair[0].at <= pair[1].at));
    }
}
