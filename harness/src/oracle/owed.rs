//! The owed ledger: what each side still owed on an upstream connection when a further request arrived on it.
//!
//! A gateway that gives a connection away while something is owed on it has done what a shift, a stale delivery or a
//! ghost request begins with; whether it comes to that depends on what it does with the bytes. Such a reuse is a *near
//! miss*: a number to aim plans by, never a finding. A gateway that pipelines upstream makes "a reply was owed" in every
//! case with two requests in flight, lawfully (RFC 9112 §9.3.2), and one that finishes a request body behind an early
//! reply makes "the rest of a request was owed" each time (RFC 9112 §9.3). The others have no such excuse, and bait makes
//! them visible: the origin writes an owed reply *because* the next request has arrived.

use std::collections::BTreeMap;

use vocabulary::directive::{ChunkDefect, FaultKind, Final, Framing, OriginAct};
use vocabulary::history::{DeliveryKind, ExchangeEnd, ExchangeHistory, History, Performed, Replied, Why};
use vocabulary::identity::{ConnectionId, ExchangeId, Moment, Ordinal};
use vocabulary::plan::EventKind;

/// What was owed on a connection, the most telling first: a reuse over several debts is named by the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Debt {
    /// A reply, while its client had given up.
    ReplyToGone,
    /// A reply, while its client had got something else: the gateway had given it up.
    ReplyToAnswered,
    /// The final reply, while an interim one had been written.
    FinalBehindInterim,
    /// A part of a reply, while its client had given up.
    RestToGone,
    /// A part of a reply.
    RestOfReply,
    /// Bytes that nobody had asked for, written and not yet followed by any request.
    UnaskedBytes,
    /// A part of a request whose reply had been written early.
    RestOfRequest,
    /// A reply. Pipelining does that.
    Reply,
}

impl Debt {
    fn words(self) -> &'static str {
        match self {
            Debt::ReplyToGone => "a reply was owed to a client that had gone",
            Debt::ReplyToAnswered => "a reply was owed to a client that had been answered already",
            Debt::FinalBehindInterim => "a final reply was owed behind an interim one",
            Debt::RestToGone => "the rest of a reply was owed to a client that had gone",
            Debt::RestOfReply => "the rest of a reply was owed",
            Debt::UnaskedBytes => "unasked bytes lay on it",
            Debt::RestOfRequest => "the rest of a request was owed",
            Debt::Reply => "a reply was owed",
        }
    }
}

/// One request as it arrived on a connection.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    ordinal: Ordinal,
    at: Moment,
    /// None for a request without a canary of this case. What the gateway owes for those nobody recorded.
    exchange: Option<ExchangeId>,
}

/// Uses of an upstream connection on which something was still owed, by what.
pub(super) fn near_misses(history: &History) -> BTreeMap<String, u64> {
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for (connection, arrivals) in arrivals(history) {
        for (index, next) in arrivals.iter().enumerate() {
            let before = &arrivals[..index];
            let debts = before.iter().filter_map(|earlier| debt(history, connection, *earlier, *next));
            let lay = before.last().and_then(|last| lay_unasked(history, connection, last.at, next.at));
            if let Some(debt) = debts.chain(lay).min() {
                *counted.entry(debt.words().to_owned()).or_default() += 1;
            }
        }
    }
    counted
}

/// What had arrived on each connection, in order.
fn arrivals(history: &History) -> BTreeMap<ConnectionId, Vec<Arrival>> {
    let mut by_connection: BTreeMap<ConnectionId, Vec<Arrival>> = BTreeMap::new();
    let of_the_plan = history.exchanges.values().flat_map(|exchange| &exchange.seen);
    // Streams are there to be open side by side (RFC 9113 §5): what one is owed says nothing of the next.
    for seen in of_the_plan.chain(&history.strangers).filter(|seen| seen.stream.is_none()) {
        let exchange = seen.exchange.filter(|exchange| !exchange.is_of_earlier_case());
        let arrival = Arrival { ordinal: seen.ordinal, at: seen.at, exchange };
        by_connection.entry(seen.connection).or_default().push(arrival);
    }
    for arrivals in by_connection.values_mut() {
        arrivals.sort_by_key(|arrival| arrival.ordinal);
    }
    by_connection
}

/// What was owed for `earlier` when `next` arrived.
fn debt(history: &History, connection: ConnectionId, earlier: Arrival, next: Arrival) -> Option<Debt> {
    let exchange = earlier.exchange?;
    let happened = history.exchanges.get(&exchange)?;
    let replied = happened.replied.iter().find(|replied| {
        let place = (replied.connection, replied.ordinal) == (connection, earlier.ordinal);
        place && replied.kind == DeliveryKind::Owed
    });
    let gone = client_at(happened, next.at);
    match replied {
        // Written in the moment of the arrival or later: whichever of the two came first, it was not there before.
        None => Some(reply_owed(happened, gone, earlier, next)),
        Some(replied) if replied.at >= next.at && replied.done_at > next.at => {
            Some(reply_owed(happened, gone, earlier, next))
        }
        Some(replied) if replied.done_at > next.at || never_whole(history, exchange, replied) => match gone {
            Client::Gone => Some(Debt::RestToGone),
            Client::Waits | Client::Answered => Some(Debt::RestOfReply),
        },
        Some(_) => was_early(history, exchange, connection).then_some(Debt::RestOfRequest),
    }
}

fn reply_owed(happened: &ExchangeHistory, client: Client, earlier: Arrival, next: Arrival) -> Debt {
    let interim = happened
        .events
        .iter()
        .any(|(kind, at)| *kind == EventKind::InterimWritten && (earlier.at..=next.at).contains(at));
    match (client, interim) {
        (Client::Gone, _) => Debt::ReplyToGone,
        (Client::Answered, _) => Debt::ReplyToAnswered,
        (Client::Waits, true) => Debt::FinalBehindInterim,
        (Client::Waits, false) => Debt::Reply,
    }
}

/// How it stood at the client's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Waits,
    /// It had given up by itself.
    Gone,
    /// The gateway had answered it, or had ended its connection.
    Answered,
}

fn client_at(happened: &ExchangeHistory, at: Moment) -> Client {
    match &happened.end {
        Some(ExchangeEnd::Received(received)) if received.at < at => Client::Answered,
        Some(ExchangeEnd::GaveUp(gave_up)) if gave_up.at < at => match gave_up.why {
            Why::Aborted | Why::NoReply => Client::Gone,
            Why::Closed | Why::Reset | Why::Refused | Why::Malformed | Why::Unreachable => Client::Answered,
        },
        Some(ExchangeEnd::Received(_) | ExchangeEnd::GaveUp(_)) | None => Client::Waits,
    }
}

/// Whether a reply had been written before the request's body was there.
fn was_early(history: &History, exchange: ExchangeId, connection: ConnectionId) -> bool {
    history.faults.iter().any(|fault| {
        let here = fault.exchange == exchange && fault.connection == Some(connection);
        here && fault.kind == FaultKind::EarlyFinal && fault.performed == Performed::Fully
    })
}

/// Whether a part of a reply that its head declares never comes.
fn never_whole(history: &History, exchange: ExchangeId, replied: &Replied) -> bool {
    let declares_more = |reply: &Final| match reply.framing {
        Framing::LengthLong { .. } | Framing::ChunkedBroken(ChunkDefect::NoLastChunk) => true,
        Framing::LengthTwice { off_by } => off_by > 0,
        Framing::Length
        | Framing::LengthShort { .. }
        | Framing::Chunked { .. }
        | Framing::LengthAndChunked
        | Framing::ChunkedBroken(_)
        | Framing::Close
        | Framing::BodyWhereNone => false,
    };
    replied.cut || final_reply(history, exchange).is_some_and(declares_more)
}

/// Bytes that were written between the arrivals of two requests and that the first of them had not asked for. They may
/// be gone by now: the gateway takes them off the connection or closes it, or else the next request there meets them.
fn lay_unasked(history: &History, connection: ConnectionId, since: Moment, until: Moment) -> Option<Debt> {
    let exceeds = |reply: &Final| match reply.framing {
        Framing::LengthShort { .. } | Framing::BodyWhereNone => true,
        Framing::Length
        | Framing::LengthLong { .. }
        | Framing::LengthTwice { .. }
        | Framing::Chunked { .. }
        | Framing::LengthAndChunked
        | Framing::ChunkedBroken(_)
        | Framing::Close => false,
    };
    let all = history.exchanges.values().flat_map(|exchange| &exchange.replied).chain(&history.others);
    let mut written =
        all.filter(|replied| replied.connection == connection && (since..until).contains(&replied.done_at));
    let lay = written.any(|replied| match replied.kind {
        DeliveryKind::Surplus => true,
        DeliveryKind::Owed => final_reply(history, replied.delivery.exchange).is_some_and(exceeds),
    });
    lay.then_some(Debt::UnaskedBytes)
}

fn final_reply(history: &History, exchange: ExchangeId) -> Option<&Final> {
    let (_, stimulus) = history.plan.stimulus(exchange)?;
    stimulus.directive.acts.iter().find_map(OriginAct::final_reply)
}

#[cfg(test)]
mod tests {
    use super::super::notation::history;
    use super::*;

    fn counted(notation: &str) -> Vec<(String, u64)> {
        near_misses(&history(notation)).into_iter().collect()
    }

    fn check(notation: &str, what: Debt) {
        assert_eq!(counted(notation), [(what.words().to_owned(), 1)], "{notation}");
    }

    fn silent(notation: &str) {
        assert_eq!(counted(notation), [], "{notation}");
    }

    #[test]
    fn a_connection_on_which_everything_was_paid_is_no_near_miss() {
        silent("seq c1:1,2,3 1<1 2<2 3<3");
        silent("1<1 2<2 late:1>2");
        silent("seq 1<1 2<2");
    }

    #[test]
    fn a_second_request_before_the_reply_to_the_first_is_counted_and_is_no_finding() {
        check("c1:1,2 1<1 2<2", Debt::Reply);
        let pipelining = history("c1:1,2,3 1<1 2<2 3<3");
        let judged = super::super::judge(&pipelining, super::super::Known::VERBATIM).unwrap();
        assert!(judged.findings.is_empty() && judged.summary.observations.is_empty());
        assert_eq!(judged.summary.near_misses, [("a reply was owed".to_owned(), 2)].into(), "once for each reuse");
    }

    #[test]
    fn streams_are_open_side_by_side_and_near_nothing() {
        silent("h2 c1:1,2,3 1<1 2<2 3<3");
        silent("h2 seq c1:1,2 late:1>2 aborted:1 1<- 2<1");
    }

    #[test]
    fn bait_shows_who_the_reply_was_owed_to() {
        check("seq c1:1,2 late:1>2 aborted:1 1<- 2<1", Debt::ReplyToGone);
        check("seq c1:1,2 late:1>2 error:1=504 2<1", Debt::ReplyToAnswered);
        check("c1:1,2 interim-written:1 late:1>2 1<1 2<2", Debt::FinalBehindInterim);
        silent("seq c1:1,2 aborted:1 1<- 2<2");
        silent("seq c1:1,2 interim-written:1 1<1 2<2");
    }

    #[test]
    fn a_reply_of_which_a_part_was_missing_is_told_from_a_whole_one() {
        check("seq c1:1,2 cut:1 1<1 2<2", Debt::RestOfReply);
        check("seq c1:1,2 cut:1 aborted:1 1<- 2<2", Debt::RestToGone);
        silent("seq cut:1 1<1 2<2");
    }

    #[test]
    fn surplus_lies_on_a_connection_until_the_next_request_and_no_longer() {
        check("seq c1:1,2,3 1<1 surplus:1.2 2<2 3<3", Debt::UnaskedBytes);
        silent("seq c1:1 c2:2 1<1 surplus:1.2 2<2");
    }

    #[test]
    fn a_reply_before_the_whole_request_leaves_the_rest_of_it_owed() {
        check("seq c1:1,2 early-final:1 1<1 2<2", Debt::RestOfRequest);
        silent("seq early-final:1 1<1 2<2");
    }

    #[test]
    fn the_most_telling_debt_names_a_reuse() {
        check("seq c1:1,2 late:1>2 aborted:1 early-final:1 surplus:1.2 1<- 2<1", Debt::ReplyToGone);
    }
}
