//! The proof chain: the few steps that carry a finding, each with what makes its place beyond doubt.
//!
//! The timeline tells everything that happened; the chain leaves out what the proof does not need. Its lines are the
//! timeline's own, in the same words, so that a reader finds each of them there. What is added is the [`Tie`]: a canary,
//! a connection's order, one write, the kernel's word, or that one of our ends had waited for the other.

use vocabulary::canary::Role;
use vocabulary::directive::{Hold, OriginAct};
use vocabulary::finding::{End, ProofStep, Shape, Tie, TimelineEntry, TimelineStep};
use vocabulary::history::{DeliveryKind, GateOpened, History, Place, Replied};
use vocabulary::identity::{ConnectionId, DeliveryId, ExchangeId, Moment, Ordinal};
use vocabulary::plan::Event;

use super::{Suspicion, deliveries, proof, story};

/// One step before its tie is known.
#[derive(Debug, Clone)]
struct Step {
    at: Moment,
    end: End,
    exchange: Option<ExchangeId>,
    connection: Option<ConnectionId>,
    event: String,
    /// The deliveries whose canaries it shows.
    deliveries: Vec<DeliveryId>,
    link: Link,
}

impl Step {
    fn of(entry: TimelineEntry, link: Link) -> Step {
        let deliveries = match entry.step {
            TimelineStep::Receives { deliveries, .. } | TimelineStep::Unasked { deliveries, .. } => deliveries,
            TimelineStep::Replies { delivery, .. } => vec![delivery],
            TimelineStep::Sends
            | TimelineStep::GivesUp
            | TimelineStep::Sees { .. }
            | TimelineStep::Interim { .. }
            | TimelineStep::Closes { .. } => Vec::new(),
        };
        let TimelineEntry { at, end, event, exchange, connection, .. } = entry;
        Step { at, end, exchange, connection, event, deliveries, link }
    }
}

/// What a step is in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Link {
    /// The owner's request, as sent.
    OwnerSent,
    /// … as it arrived.
    OwnerSeen,
    /// An interim reply before the delivery.
    Interim,
    /// The reply before a surplus.
    Before,
    /// The delivery itself.
    Written,
    /// The gateway's kernel has acknowledged it.
    Acknowledged,
    /// The owner's end.
    OwnerEnded,
    /// The receiver's request, as sent.
    ReceiverSent,
    /// … as it arrived.
    ReceiverSeen,
    /// What no client had sent, as it arrived.
    GhostSeen,
    /// The receiver's request never arrived.
    NeverSeen,
    /// The end of it: what came to the receiver.
    Received,
}

/// The chain of a finding, in order of time.
pub(super) fn chain(history: &History, suspicion: &Suspicion) -> Vec<ProofStep> {
    let mut steps = match suspicion.edges.first() {
        Some(edge) => of_edge(history, edge.delivery, edge.receiver),
        None => of_fact(history, suspicion),
    };
    steps.sort_by_key(|step| (step.at, step.link));
    let ties: Vec<Tie> = (0..steps.len()).map(|index| tie(history, &steps[..index], &steps[index])).collect();
    let tied = steps.into_iter().zip(ties).map(|(Step { at, end, exchange, connection, event, .. }, tie)| ProofStep {
        at,
        end,
        exchange,
        connection,
        event,
        tie,
    });
    tied.collect()
}

/// A whole reply that came to the wrong request: the owner's half, the receiver's half.
fn of_edge(history: &History, delivery: DeliveryId, receiver: ExchangeId) -> Vec<Step> {
    let replied = proof::find(history, delivery);
    let received = history.exchanges.get(&receiver).and_then(|receiver| receiver.ended_at());
    let mut steps = of_owner(history, delivery, replied, received.unwrap_or(Moment(u64::MAX)));
    steps.extend(first(history, receiver, Link::ReceiverSent, |step| matches!(step, TimelineStep::Sends)));
    // Of several arrivals, the one on the delivery's own connection tells how it slipped.
    let seen = arrival(history, receiver, Link::ReceiverSeen, |connection, _| {
        replied.is_some_and(|replied| replied.connection == connection)
    });
    match seen.or_else(|| arrival(history, receiver, Link::ReceiverSeen, |_, _| true)) {
        Some(seen) => steps.push(seen),
        None => steps.extend(never_seen(receiver, received)),
    }
    steps.extend(ended(history, receiver, Link::Received));
    steps
}

/// The owner's half, as far as it happened until `until`.
fn of_owner(history: &History, delivery: DeliveryId, replied: Option<&Replied>, until: Moment) -> Vec<Step> {
    let owner = delivery.exchange;
    let Some(replied) = replied else { return Vec::new() };
    let mut steps = Vec::new();
    let surplus = replied.kind == DeliveryKind::Surplus;
    // Nobody had asked for a surplus: who sent the request before it proves nothing.
    if !surplus {
        steps.extend(first(history, owner, Link::OwnerSent, |step| matches!(step, TimelineStep::Sends)));
    }
    let here = |connection, ordinal| (connection, ordinal) == (replied.connection, replied.ordinal);
    steps.extend(arrival(history, owner, Link::OwnerSeen, here));
    if surplus {
        let before = replied.same_write_as.unwrap_or(DeliveryId { number: 1, ..delivery });
        steps.extend(written(history, before, Link::Before));
    } else {
        let interims = entries(history, owner, |step| matches!(step, TimelineStep::Interim { .. }));
        let interim = interims.into_iter().rfind(|entry| entry.at <= replied.at);
        steps.extend(interim.map(|entry| Step::of(entry, Link::Interim)));
    }
    steps.extend(written(history, delivery, Link::Written));
    steps.extend(replied.acknowledged_at.filter(|_| surplus && replied.same_write_as.is_none()).map(|at| {
        let connection = replied.connection;
        let event = format!("the gateway's kernel has acknowledged every byte on {connection}");
        let (exchange, connection, deliveries) = (Some(owner), Some(connection), vec![delivery]);
        Step { at, end: End::Origin, exchange, connection, event, deliveries, link: Link::Acknowledged }
    }));
    steps.extend(ended(history, owner, Link::OwnerEnded).filter(|step| step.at < until));
    steps
}

/// What is no whole reply at the wrong request.
fn of_fact(history: &History, suspicion: &Suspicion) -> Vec<Step> {
    let (subject, shape) = (suspicion.subject, suspicion.shape);
    let other = suspicion.exchanges.iter().copied().find(|exchange| *exchange != subject);
    let mut steps = Vec::new();
    match shape {
        Shape::GhostRequest => {
            steps.extend(first(history, subject, Link::ReceiverSent, |step| matches!(step, TimelineStep::Sends)));
            steps.extend(arrival(history, subject, Link::ReceiverSeen, |_, _| true));
            let ghost = other.and_then(|ghost| arrival(history, ghost, Link::GhostSeen, |_, _| true));
            steps.extend(ghost.map(|mut ghost| {
                ghost.event.push_str(": no client has sent it");
                ghost
            }));
        }
        Shape::RequestSplice => {
            let sends = |step: &TimelineStep| matches!(step, TimelineStep::Sends);
            steps.extend(other.and_then(|owner| first(history, owner, Link::OwnerSent, sends)));
            steps.extend(first(history, subject, Link::ReceiverSent, sends));
            // The gateway may have tried more than once, and spoilt only one of them.
            let spoilt = spoilt_arrival(history, suspicion);
            let seen = arrival(history, subject, Link::ReceiverSeen, |connection, ordinal| {
                spoilt.is_none_or(|spoilt| spoilt == (connection, ordinal))
            });
            steps.extend(seen.map(|mut seen| {
                seen.event.push_str(&format!(", with a part of tenant {}'s", suspicion.owner_tenant.0));
                seen
            }));
        }
        Shape::Desync => {
            let unasked = history.unasked.iter().find(|unasked| {
                let delivery = unasked.canaries.iter().find_map(|found| found.claim.delivery_id());
                let whose = delivery.map_or(subject, |delivery| delivery.exchange);
                unasked.after == Some(subject) && whose == other.unwrap_or(subject)
            });
            let delivery = unasked.and_then(|unasked| unasked.canaries.iter().find_map(|it| it.claim.delivery_id()));
            match delivery {
                Some(delivery) => {
                    let until = unasked.map_or(Moment(u64::MAX), |unasked| unasked.at);
                    steps.extend(of_owner(history, delivery, proof::find(history, delivery), until));
                }
                None => {
                    steps.extend(first(history, subject, Link::OwnerSent, |step| matches!(step, TimelineStep::Sends)))
                }
            }
            if other.is_some() || delivery.is_none() {
                steps.extend(ended(history, subject, Link::OwnerEnded));
            }
            let at = unasked.map(|unasked| unasked.at);
            let came = entries(history, subject, |step| matches!(step, TimelineStep::Unasked { .. }));
            let came = came.into_iter().find(|entry| Some(entry.at) == at);
            steps.extend(came.map(|entry| Step::of(entry, Link::Received)));
        }
        Shape::Splice => steps.extend(of_attempts(history, subject)),
        Shape::DuplicateDelivery
        | Shape::PairSwap
        | Shape::Rotation
        | Shape::Shift
        | Shape::StaleDelivery
        | Shape::Fragment
        | Shape::Misdelivery
        | Shape::StatusMismatch
        | Shape::TruncationAsComplete => {
            let sends = |step: &TimelineStep| matches!(step, TimelineStep::Sends);
            steps.extend(other.and_then(|owner| first(history, owner, Link::OwnerSent, sends)));
            steps.extend(first(history, subject, Link::ReceiverSent, sends));
            steps.extend(arrival(history, subject, Link::ReceiverSeen, |_, _| true));
            let own = history.exchanges.get(&subject).and_then(|subject| subject.replied.last());
            steps.extend(own.and_then(|own| written(history, own.delivery, Link::Written)));
            steps.extend(ended(history, subject, Link::Received));
        }
    }
    steps
}

/// Replies to several attempts in one: each attempt as it arrived, and what the origin wrote for it.
fn of_attempts(history: &History, subject: ExchangeId) -> Vec<Step> {
    let mut steps = Vec::new();
    steps.extend(first(history, subject, Link::ReceiverSent, |step| matches!(step, TimelineStep::Sends)));
    let received = history.exchanges.get(&subject).and_then(|subject| subject.reading());
    let own = received.map(|received| received.canaries.as_slice()).unwrap_or_default();
    let own = own.iter().filter(|found| found.place != Place::Interim).filter_map(|found| found.claim.delivery_id());
    let own = own.filter(|delivery| delivery.exchange == subject);
    for replied in deliveries::answers_by_attempt(history, own).into_values() {
        let here = |connection, ordinal| (connection, ordinal) == (replied.connection, replied.ordinal);
        steps.extend(arrival(history, subject, Link::ReceiverSeen, here));
        steps.extend(written(history, replied.delivery, Link::Written));
    }
    steps.extend(ended(history, subject, Link::Received));
    steps
}

/// Where a request arrived that carries what only another's client had sent.
fn spoilt_arrival(history: &History, suspicion: &Suspicion) -> Option<(ConnectionId, Ordinal)> {
    let seen = &history.exchanges.get(&suspicion.subject)?.seen;
    let foreign = |role: Role, exchange: ExchangeId| match role {
        Role::Request => suspicion.exchanges.contains(&exchange) && exchange != suspicion.subject,
        Role::Tenant | Role::Reply => true,
    };
    let spoilt = seen.iter().find(|seen| {
        let claims = seen.canaries.iter().map(|found| found.claim);
        claims.into_iter().any(|claim| {
            let theirs = claim.tenant == suspicion.owner_tenant && claim.exchange != suspicion.subject;
            theirs && foreign(claim.role, claim.exchange)
        })
    });
    spoilt.map(|seen| (seen.connection, seen.ordinal))
}

fn entries(history: &History, exchange: ExchangeId, which: impl Fn(&TimelineStep) -> bool) -> Vec<TimelineEntry> {
    let mut entries = story::timeline_of(history, exchange);
    entries.retain(|entry| which(&entry.step));
    entries
}

fn first(history: &History, exchange: ExchangeId, link: Link, which: impl Fn(&TimelineStep) -> bool) -> Option<Step> {
    entries(history, exchange, which).into_iter().next().map(|entry| Step::of(entry, link))
}

fn arrival(
    history: &History,
    exchange: ExchangeId,
    link: Link,
    which: impl Fn(ConnectionId, Ordinal) -> bool,
) -> Option<Step> {
    let seen = &history.exchanges.get(&exchange)?.seen;
    let seen = seen.iter().find(|seen| which(seen.connection, seen.ordinal))?;
    let (at, here) = (seen.at, Some(seen.connection));
    let arrived = entries(history, exchange, |step| matches!(step, TimelineStep::Sees { .. })).into_iter();
    arrived.into_iter().find(|entry| (entry.at, entry.connection) == (at, here)).map(|entry| Step::of(entry, link))
}

fn written(history: &History, delivery: DeliveryId, link: Link) -> Option<Step> {
    let is =
        |step: &TimelineStep| matches!(step, TimelineStep::Replies { delivery: written, .. } if *written == delivery);
    first(history, delivery.exchange, link, is)
}

fn ended(history: &History, exchange: ExchangeId, link: Link) -> Option<Step> {
    first(history, exchange, link, |step| matches!(step, TimelineStep::Receives { .. } | TimelineStep::GivesUp))
}

/// That something did not happen holds up to the moment for which it matters.
fn never_seen(receiver: ExchangeId, until: Option<Moment>) -> Option<Step> {
    let event = format!("no attempt of {receiver} has arrived at the origin, on any connection");
    let (exchange, deliveries) = (Some(receiver), Vec::new());
    Some(Step { at: until?, end: End::Origin, exchange, connection: None, event, deliveries, link: Link::NeverSeen })
}

/// Why a step is where it is.
fn tie(history: &History, before: &[Step], step: &Step) -> Tie {
    let Some(last) = before.last() else { return Tie::First };
    let has = |link: Link| before.iter().any(|step| step.link == link);
    let same_connection =
        |other: &Step| other.end == step.end && step.connection.is_some() && other.connection == step.connection;
    match step.link {
        Link::OwnerSent | Link::ReceiverSent => {
            if has(Link::Acknowledged) {
                Tie::Acknowledged
            } else if awaited_by_client(history, before, step) {
                Tie::Awaited
            } else if same_connection(last) {
                Tie::SameConnection
            } else {
                Tie::SameClock
            }
        }
        Link::OwnerSeen | Link::ReceiverSeen | Link::GhostSeen => Tie::Canary,
        // A reply of the gateway's own, or none: its place is known by its connection alone.
        Link::Received if step.deliveries.is_empty() => Tie::SameConnection,
        Link::Received => Tie::Canary,
        Link::Interim | Link::Before | Link::Acknowledged => Tie::SameConnection,
        Link::Written => {
            let beside = has(Link::Before) && step.deliveries.iter().any(|delivery| shares_a_write(history, *delivery));
            if beside {
                Tie::SameWrite
            } else if awaited_by_origin(history, before, step) {
                Tie::Awaited
            } else if before.iter().any(same_connection) {
                Tie::SameConnection
            } else {
                Tie::SameClock
            }
        }
        Link::OwnerEnded if !step.deliveries.is_empty() && (has(Link::Before) || has(Link::Written)) => Tie::Canary,
        Link::OwnerEnded if same_connection(last) => Tie::SameConnection,
        Link::OwnerEnded | Link::NeverSeen => Tie::SameClock,
    }
}

fn shares_a_write(history: &History, delivery: DeliveryId) -> bool {
    proof::find(history, delivery).is_some_and(|replied| replied.same_write_as.is_some())
}

/// Whether the client waited for something that happened to an exchange of the steps before.
fn awaited_by_client(history: &History, before: &[Step], step: &Step) -> bool {
    let stimulus = step.exchange.and_then(|exchange| history.plan.stimulus(exchange));
    let awaited = stimulus.map(|(_, stimulus)| [stimulus.start.after, stimulus.freeze.map(|freeze| freeze.until)]);
    awaited.into_iter().flatten().flatten().any(|awaited| tells(history, before, step, awaited))
}

/// Whether something awaited had happened by a step, to an exchange of the steps before: every wait has a bound, so that
/// to have waited is not enough.
fn tells(history: &History, before: &[Step], step: &Step, awaited: Event) -> bool {
    let told = before.iter().any(|other| other.exchange == Some(awaited.exchange));
    let happened = history.exchanges.get(&awaited.exchange);
    let mut events = happened.into_iter().flat_map(|happened| &happened.events);
    told && events.any(|(kind, at)| *kind == awaited.kind && *at <= step.at)
}

/// Whether the origin held the reply until something of the steps before had happened. Bait bites only on its own
/// connection, by a request that is behind the one it is held for.
fn awaited_by_origin(history: &History, before: &[Step], step: &Step) -> bool {
    let stimulus = step.exchange.and_then(|exchange| history.plan.stimulus(exchange));
    let acts = stimulus.map(|(_, stimulus)| stimulus.directive.acts.as_slice()).unwrap_or_default();
    let others = || {
        let arrived = |other: &&Step| matches!(other.link, Link::ReceiverSeen | Link::OwnerSeen);
        before.iter().filter(arrived).filter(|other| other.exchange != step.exchange)
    };
    let bites = || others().any(|other| other.connection == step.connection);
    // What only spells a request is answered under bait, unplanned.
    if step.exchange.is_some_and(|exchange| history.plan.speller(exchange).is_some()) {
        return bites();
    }
    acts.iter().any(|act| match act {
        OriginAct::Hold(Hold::Bait) => bites(),
        OriginAct::Hold(Hold::Event(event)) => tells(history, before, step, *event),
        OriginAct::Hold(Hold::Gate(gate)) => {
            let opened = |opened: &&GateOpened| opened.gate == *gate && opened.in_full() && opened.at <= step.at;
            let planned = history.plan.gates.iter().find(|planned| planned.id == *gate);
            let awaits = |exchange| planned.is_some_and(|planned| planned.awaits.contains(&exchange));
            history.gates.iter().any(|it| opened(&it)) && others().any(|other| other.exchange.is_some_and(awaits))
        }
        OriginAct::Hold(Hold::Body)
        | OriginAct::Wait { .. }
        | OriginAct::Interim(_)
        | OriginAct::Final(_)
        | OriginAct::Surplus(_)
        | OriginAct::Close(_)
        | OriginAct::Silence { .. }
        | OriginAct::Tunnel { .. }
        | OriginAct::Reset(_)
        | OriginAct::GoAway(_)
        | OriginAct::Settings(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use vocabulary::plan::EventKind;

    use super::super::notation::history;
    use super::super::{Known, judge};
    use super::*;

    /// The chain of the only finding, a line each: tie and event.
    fn told(notation: &str) -> Vec<String> {
        let judged = judge(&history(notation), Known::VERBATIM).unwrap();
        let chain = judged.findings.into_iter().next().unwrap().chain;
        assert!(chain.windows(2).all(|pair| pair[0].at <= pair[1].at), "{notation}: {chain:#?}");
        assert!((2..=9).contains(&chain.len()), "{notation}: {chain:#?}");
        chain.iter().map(|step| format!("{:?}: {}", step.tie, step.event)).collect()
    }

    #[test]
    fn a_baited_reply_is_tied_to_the_request_that_bit() {
        assert_eq!(
            told("seq c1:1,2 fault:1 interim-written:1 late:1>2 aborted:1 1<- 2<1"),
            [
                "First: t1 sends e1 on client connection 1",
                "Canary: the origin sees e1 on upstream connection c1, 1st there",
                "SameConnection: the origin writes an interim reply (100) to e1 on c1",
                "SameClock: e1 aborts, as planned",
                "SameClock: t2 sends e2 on client connection 2",
                "Canary: the origin sees e2 on upstream connection c1, 2nd there",
                "Awaited: the origin writes d1 (200) on c1",
                "Canary: e2 receives 200 with d1",
            ]
        );
    }

    #[test]
    fn a_client_that_waited_in_vain_ties_nothing() {
        let sends = |happened: Option<Moment>| {
            let mut shifted = history("seq c1:1,2 1<- 2<1");
            let after = Event { exchange: ExchangeId(1), kind: EventKind::Concluded };
            shifted.plan.lanes[1].stimuli[0].start.after = Some(after);
            let events = &mut shifted.exchanges.get_mut(&ExchangeId(1)).unwrap().events;
            events.extend(happened.map(|at| (EventKind::Concluded, at)));
            let judged = judge(&shifted, Known::VERBATIM).unwrap();
            let chain = &judged.findings[0].chain;
            chain.iter().find(|step| step.event.starts_with("t2 sends")).unwrap().tie
        };
        assert_eq!(sends(Some(Moment(150_000))), Tie::Awaited);
        assert_eq!(sends(Some(Moment(900_000))), Tie::SameClock, "it happened later");
        assert_eq!(sends(None), Tie::SameClock, "it never happened");
    }

    #[test]
    fn a_surplus_is_tied_by_its_write_or_by_the_kernels_word() {
        let segment = told("seq c1:1,2 1<1 segment:1.2 2<1.2");
        assert!(segment[2].starts_with("SameWrite: the origin writes d1.2, which nobody asked for"), "{segment:#?}");
        assert!(segment[3].starts_with("Canary: e1 receives 200 with d1"), "{segment:#?}");
        let acknowledged = told("seq c1:1,2 1<1 acknowledged:1.2 2<1.2");
        let kernel = "SameConnection: the gateway's kernel has acknowledged every byte on c1".to_owned();
        let at = acknowledged.iter().position(|line| *line == kernel).unwrap();
        assert_eq!(acknowledged[at + 1], "Acknowledged: t2 sends e2 on client connection 2");
    }

    #[test]
    fn from_the_store_it_says_that_nothing_had_arrived() {
        let stored = told("seq same-url authorization store:2 1<1 2<1");
        assert!(stored[3].starts_with("Canary: e1 receives 200 with d1"), "{stored:#?}");
        let [.., nothing, received] = stored.as_slice() else { panic!("{stored:#?}") };
        assert_eq!(nothing, "SameClock: no attempt of e2 has arrived at the origin, on any connection");
        assert_eq!(received, "Canary: e2 receives 200 with d1");
    }

    #[test]
    fn mixed_up_inside_the_gateway_no_connection_ties_the_two() {
        let swapped = told("1<2 2<1");
        assert!(swapped.last().unwrap().starts_with("Canary: e1 receives 200 with d2"), "{swapped:#?}");
        assert!(swapped.iter().any(|line| line == "SameClock: t2 sends e2 on client connection 2"), "{swapped:#?}");
    }

    #[test]
    fn what_happened_on_the_way_to_the_origin_ends_there() {
        let ghost = told("1<1 ghost:1>3");
        assert_eq!(
            ghost.last().unwrap(),
            "Canary: the origin sees e3 on upstream connection c103, 1st there: no client has sent it"
        );
        let splice = told("1<1 2<2 seen:2<1");
        assert!(splice.last().unwrap().ends_with("c102, 1st there, with a part of tenant 1's"), "{splice:#?}");
    }

    #[test]
    fn bytes_of_no_request_are_the_last_step_of_a_desync() {
        let desync = told("1<1 segment:1.2 unasked:1<1.2");
        assert!(desync.last().unwrap().starts_with("Canary: 64 bytes with d1.2 come after e1"), "{desync:#?}");
        let foreign = told("1<1 2<2 unasked:2<1");
        assert!(foreign.iter().any(|line| line.contains("e2 receives 200 with d2")), "{foreign:#?}");
    }

    #[test]
    fn the_reply_to_a_tail_is_held_as_bait() {
        let told = told("c1:1,2,3 late:2>3 1<1 tail:1>2 2<- 3<2");
        assert!(told[0].ends_with("t1 sends e2 on client connection 1"), "{told:#?}");
        assert!(told.contains(&"Awaited: the origin writes d2 (200) on c1".to_owned()), "{told:#?}");
        assert_eq!(told.last().unwrap(), "Canary: e3 receives 200 with d2");
    }

    #[test]
    fn each_attempt_of_a_splice_is_followed_to_the_reply() {
        assert_eq!(
            told("retry:1.2 1<1+1.2"),
            [
                "First: t1 sends e1 on client connection 1",
                "Canary: the origin sees e1 on upstream connection c101, 1st there",
                "Canary: the origin sees e1 on upstream connection c201, 1st there",
                "SameConnection: the origin writes d1 (200) on c101",
                "Canary: e1 receives 200 with d1 and d1.2",
                "SameConnection: the origin writes d1.2 (200) on c201",
            ]
        );
    }

    #[test]
    fn a_changed_or_cut_reply_is_followed_from_end_to_end() {
        for notation in ["1<1 status:1=500", "1<1 cut:1 whole:1"] {
            let chain = told(notation);
            assert_eq!(chain.len(), 4, "{chain:#?}");
            assert!(chain[2].contains("the origin writes d1") && chain[3].starts_with("Canary: e1 receives"));
        }
    }

    #[test]
    fn every_planted_mix_up_has_a_chain() {
        for (notation, shape) in super::super::self_test::PLANTED {
            assert!(told(notation).len() >= 2, "{shape}");
        }
    }
}
