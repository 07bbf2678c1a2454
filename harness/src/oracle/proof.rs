//! Why a wrong delivery cannot be the origin's own fault, or that it can.
//!
//! A reply that was owed is always proof: nobody else may receive it. A surplus reply counts only if the gateway must
//! have had it before the receiver asked: HTTP/1.1 cannot tell an unasked reply from an asked one otherwise. Without
//! proof, everything that came later on that upstream connection is a race too, because each reply after it moves on.

use std::collections::BTreeMap;
use std::time::Duration;

use vocabulary::finding::Proof;
use vocabulary::history::{DeliveryKind, ExchangeHistory, History, Performed, Replied};
use vocabulary::identity::{ConnectionId, DeliveryId, ExchangeId, Moment, Ordinal};

/// Most bytes of one write that may be taken for one segment at the gateway.
const SAME_SEGMENT_BYTES_MAX: u64 = 16 * 1024;
/// How long acknowledged surplus bytes must have lain there before the receiver sent.
const ACKNOWLEDGED_GAP_MIN: Duration = Duration::from_millis(20);

/// Where unproven surplus has made every later reply on an upstream connection worthless as proof.
pub(super) struct Doubt {
    from: BTreeMap<ConnectionId, Ordinal>,
}

impl Doubt {
    /// Looks at every surplus delivery and the exchange that came next on its connection.
    pub(super) fn of(history: &History) -> Doubt {
        let mut from: BTreeMap<ConnectionId, Ordinal> = BTreeMap::new();
        for surplus in surpluses(history) {
            let next = next_on_connection(history, surplus);
            if next.is_some_and(|next| early(history, surplus, next) == Proof::Race) {
                let first = from.entry(surplus.connection).or_insert(surplus.ordinal);
                *first = (*first).min(surplus.ordinal);
            }
        }
        Doubt { from }
    }

    /// The proof that `receiver` was given `delivery` wrongly.
    pub(super) fn proof(&self, history: &History, delivery: DeliveryId, receiver: ExchangeId) -> Proof {
        let Some(replied) = find(history, delivery) else { return Proof::Owed };
        match replied.kind {
            DeliveryKind::Surplus => early(history, replied, receiver),
            DeliveryKind::Owed if self.doubts(replied.connection, replied.ordinal) => Proof::Race,
            DeliveryKind::Owed => Proof::Owed,
        }
    }

    /// The proof that bytes of `delivery` came unasked on the client connection on which `after` was the last exchange.
    /// There is no receiver whose request they could have answered: what counts is when `after` was over.
    pub(super) fn unasked(&self, history: &History, delivery: DeliveryId, after: ExchangeId) -> Proof {
        if is_passed_through(history, after) {
            return Proof::PassedThrough;
        }
        let Some(replied) = find(history, delivery) else { return Proof::Owed };
        let over = history.exchanges.get(&after).and_then(|after| after.ended_at());
        match (replied.kind, over) {
            (DeliveryKind::Owed, _) if self.doubts(replied.connection, replied.ordinal) => Proof::Race,
            // Its own reply, once more: only a surplus before it can have put it there.
            (DeliveryKind::Owed, _) => Proof::Owed,
            (DeliveryKind::Surplus, _) if replied.stream.is_some() => Proof::EndedStream,
            (DeliveryKind::Surplus, None) => Proof::Race,
            (DeliveryKind::Surplus, Some(over)) => {
                // One moment later, so that the reply which ended the exchange counts as received.
                if came_with_what_was_received(history, replied, Moment(over.0 + 1)) {
                    Proof::SameSegment
                } else if lay_acknowledged(history, replied, Moment(u64::MAX)) {
                    Proof::Acknowledged
                } else {
                    Proof::Race
                }
            }
        }
    }

    fn doubts(&self, connection: ConnectionId, ordinal: Ordinal) -> bool {
        self.from.get(&connection).is_some_and(|from| ordinal > *from)
    }
}

/// Whether the gateway must have had a surplus delivery before `receiver` was sent.
pub(super) fn early(history: &History, surplus: &Replied, receiver: ExchangeId) -> Proof {
    let sent_at = history.exchanges.get(&receiver).and_then(|receiver| receiver.sent.as_ref()).map(|sent| sent.at);
    let Some(sent_at) = sent_at else { return Proof::Race };
    if surplus.performed != Performed::Fully {
        return Proof::Race;
    }
    // RFC 9113 §5.1: frames name their stream. That is another's, whenever they came.
    if surplus.stream.is_some() {
        return Proof::EndedStream;
    }
    if came_with_what_was_received(history, surplus, sent_at) {
        return Proof::SameSegment;
    }
    if lay_acknowledged(history, surplus, sent_at) {
        return Proof::Acknowledged;
    }
    Proof::Race
}

/// In one write with bytes of the reply before it, which its client had received before the receiver was sent.
fn came_with_what_was_received(history: &History, surplus: &Replied, sent_at: Moment) -> bool {
    let Some(before) = surplus.same_write_as else { return false };
    let Some(replied) = find(history, before) else { return false };
    if replied.body_bytes + surplus.body_bytes + 2 * 1024 > SAME_SEGMENT_BYTES_MAX {
        return false;
    }
    let owner = history.exchanges.get(&before.exchange).and_then(|owner| owner.reading());
    owner.is_some_and(|received| {
        let carries = received.canaries.iter().any(|found| found.claim.delivery_id() == Some(before));
        carries && received.at < sent_at
    })
}

/// Acknowledged by the gateway's kernel before the receiver was sent, written while no request was in flight.
fn lay_acknowledged(history: &History, surplus: &Replied, sent_at: Moment) -> bool {
    let Some(acknowledged_at) = surplus.acknowledged_at else { return false };
    let in_flight = history.exchanges.values().any(|exchange| {
        let sent_before = exchange.sent.as_ref().is_some_and(|sent| sent.at <= surplus.done_at);
        sent_before && exchange.ended_at().is_none_or(|ended| ended > surplus.at)
    });
    !in_flight && acknowledged_at < sent_at && sent_at.since(surplus.done_at) >= ACKNOWLEDGED_GAP_MIN
}

/// Whether the client connection of an exchange is passed on as one upstream connection, with every head unchanged.
pub(super) fn is_passed_through(history: &History, exchange: ExchangeId) -> bool {
    let sent = |exchange: &ExchangeHistory| exchange.sent.clone();
    let Some(connection) = history.exchanges.get(&exchange).and_then(sent).map(|sent| sent.connection) else {
        return false;
    };
    let on_connection: Vec<&ExchangeHistory> = history
        .exchanges
        .values()
        .filter(|other| other.sent.as_ref().is_some_and(|sent| sent.connection == connection))
        .collect();
    let upstream = on_connection.first().and_then(|first| first.seen.first()).map(|seen| seen.connection);
    let Some(upstream) = upstream else { return false };
    let unchanged = on_connection.iter().all(|exchange| match (&exchange.sent, exchange.seen.as_slice()) {
        (Some(sent), [seen]) => (seen.connection, seen.ordinal, &seen.head) == (upstream, sent.ordinal, &sent.head),
        _ => false,
    });
    let arrivals = history.upstream.get(&upstream).map_or(0, |upstream| upstream.arrivals.len());
    unchanged && arrivals == on_connection.len()
}

fn surpluses(history: &History) -> impl Iterator<Item = &Replied> {
    let replied = history.exchanges.values().flat_map(|exchange| &exchange.replied);
    replied.filter(|replied| replied.kind == DeliveryKind::Surplus)
}

/// The exchange that arrived next on the surplus's connection: the one that a gateway in error gives it to.
fn next_on_connection(history: &History, surplus: &Replied) -> Option<ExchangeId> {
    let connection = history.upstream.get(&surplus.connection)?;
    let later = connection.arrivals.iter().filter(|(ordinal, _)| *ordinal > surplus.ordinal);
    later.min_by_key(|(ordinal, _)| *ordinal).and_then(|(_, exchange)| *exchange)
}

/// What the origin recorded of a delivery.
pub(super) fn find(history: &History, delivery: DeliveryId) -> Option<&Replied> {
    let own = history.exchanges.get(&delivery.exchange).map(|exchange| exchange.replied.as_slice()).unwrap_or_default();
    own.iter().chain(&history.others).find(|replied| replied.delivery == delivery)
}

#[cfg(test)]
mod tests {
    use super::super::notation::history;
    use super::*;

    fn proof(notation: &str, delivery: (u32, u16), receiver: u32) -> Proof {
        let history = history(notation);
        let delivery = DeliveryId { exchange: ExchangeId(delivery.0), number: delivery.1 };
        Doubt::of(&history).proof(&history, delivery, ExchangeId(receiver))
    }

    #[test]
    fn what_was_owed_is_always_proof() {
        assert_eq!(proof("c1:1,2 1<- 2<1", (1, 1), 2), Proof::Owed);
    }

    #[test]
    fn surplus_in_one_segment_with_a_received_reply_is_proof() {
        assert_eq!(proof("seq c1:1,2 1<1 segment:1.2 2<1.2", (1, 2), 2), Proof::SameSegment);
    }

    #[test]
    fn surplus_in_one_segment_is_none_if_its_reply_had_not_arrived_before_the_receiver_asked() {
        assert_eq!(proof("c1:1,2 1<1 segment:1.2 2<1.2", (1, 2), 2), Proof::Race, "both in flight at once");
        assert_eq!(proof("seq c1:1,2 1<- segment:1.2 2<1.2", (1, 2), 2), Proof::Race, "never received");
    }

    #[test]
    fn surplus_acknowledged_while_idle_is_proof_and_unacknowledged_is_not() {
        assert_eq!(proof("seq c1:1,2 1<1 acknowledged:1.2 2<1.2", (1, 2), 2), Proof::Acknowledged);
        assert_eq!(proof("seq c1:1,2 1<1 surplus:1.2 2<1.2", (1, 2), 2), Proof::Race);
        assert_eq!(proof("c1:1,2 1<1 acknowledged:1.2 2<1.2", (1, 2), 2), Proof::Race, "something was in flight");
    }

    #[test]
    fn surplus_on_an_ended_stream_is_nobody_elses_whenever_it_came_and_casts_no_doubt() {
        assert_eq!(proof("h2 c1:1,2 1<1 surplus:1.2 2<1.2", (1, 2), 2), Proof::EndedStream);
        assert_eq!(proof("h2 seq c1:1,2,3 1<1 surplus:1.2 2<1.2 3<2", (2, 1), 3), Proof::Owed);
        assert_eq!(proof("c1:1,2 1<1 surplus:1.2 2<1.2", (1, 2), 2), Proof::Race, "HTTP/1.1 has no streams");
    }

    #[test]
    fn after_an_unproven_surplus_everything_later_on_its_connection_is_a_race_too() {
        let shifted = "seq c1:1,2,3 1<1 surplus:1.2 2<1.2 3<2";
        assert_eq!(proof(shifted, (2, 1), 3), Proof::Race);
        assert_eq!(proof("seq c1:1,2,3 1<1 segment:1.2 2<1.2 3<2", (2, 1), 3), Proof::Owed);
        let elsewhere = "seq c1:1,2 c2:3,4 1<1 surplus:1.2 2<1.2 4<3";
        assert_eq!(proof(elsewhere, (3, 1), 4), Proof::Owed, "another connection");
    }
}
