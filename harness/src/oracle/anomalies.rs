//! What is worth counting and no violation: the gateway's own errors, missing replies, retries, lawful sharing.
//!
//! Counted by name, so that people neither drown nor disable the tool. None of them changes a verdict.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::canary::{BodyState, Role};
use vocabulary::history::{ExchangeEnd, ExchangeHistory, History, Seen, UnaskedKind, Why};
use vocabulary::identity::ExchangeId;
use vocabulary::record::{
    CLOSED_WITHOUT_REPLY, FAULTY_REFUSED, GATEWAYS_OWN_ERROR, NO_REPLY, NOT_REACHED, REFUSED_BY_ORIGIN,
    REFUSED_WITHOUT_REPLY, REPEATED_ATTEMPT, RESET_WITHOUT_REPLY,
};

use super::deliveries::{self, DeliveryMap};

/// The anomalies of a case: names and how often each occurred.
pub(super) fn count(history: &History, map: &DeliveryMap) -> BTreeMap<String, u64> {
    let mut counted = Counted::default();
    // What the origin could not read is answered 400 by it, and not by the gateway that passed it on.
    let refused: BTreeSet<ExchangeId> = history.strangers.iter().flat_map(of_whom).collect();
    for (exchange, happened) in &history.exchanges {
        let planned = history.plan.stimulus(*exchange);
        let kind = Kind {
            optional: history.plan.speller(*exchange).is_some(),
            faulty: planned.is_some_and(|(_, stimulus)| stimulus.request.may_be_refused()),
            unread: refused.contains(exchange) && happened.seen.is_empty(),
        };
        exchange_anomalies(&mut counted, *exchange, happened, kind, map);
    }
    for unasked in &history.unasked {
        let behind_close = deliveries::is_owed_behind_close(history, unasked);
        counted.add("answered behind an announced close", u64::from(behind_close));
        match unasked.looks_like {
            UnaskedKind::ErrorBeforeClose => counted.add("unasked error before close", 1),
            UnaskedKind::EmptyLines => counted.add("unasked empty lines", 1),
            // RFC 9113 §5.1: frames that were under way when a stream was reset are to be ignored.
            UnaskedKind::AfterReset => {}
            UnaskedKind::LateFrames if unasked.canaries.is_empty() => {
                counted.add("frames of an ended stream without a canary", 1);
            }
            UnaskedKind::Garbage if unasked.canaries.is_empty() => counted.add("unasked bytes without a canary", 1),
            UnaskedKind::Garbage | UnaskedKind::LateFrames | UnaskedKind::Reply => {}
        }
    }
    let unread = history.strangers.iter().filter(|seen| of_whom(seen).next().is_some()).count() as u64;
    counted.add(REFUSED_BY_ORIGIN, unread);
    counted.add("request without a canary of this case", history.strangers.len() as u64 - unread);
    counted.add("gate opened early", history.gates.iter().filter(|gate| !gate.in_full()).count() as u64);
    counted.add("late delivery of an earlier case", history.others.len() as u64);
    counted.names
}

/// What must be known of a request before its end is counted.
#[derive(Clone, Copy)]
struct Kind {
    /// Nothing says that it has to be taken for a request.
    optional: bool,
    /// A gateway may rightly refuse it.
    faulty: bool,
    /// The origin could not read it.
    unread: bool,
}

fn exchange_anomalies(
    counted: &mut Counted,
    exchange: ExchangeId,
    happened: &ExchangeHistory,
    Kind { optional, faulty, unread }: Kind,
    map: &DeliveryMap,
) {
    counted.add(REPEATED_ATTEMPT, happened.seen.len().saturating_sub(1) as u64);
    counted.add("unverified canary in a request", happened.seen.iter().map(|seen| u64::from(seen.unverified)).sum());
    let Some(end) = &happened.end else {
        counted.add("exchange without an end", u64::from(happened.sent.is_some()));
        return;
    };
    if let ExchangeEnd::GaveUp(gave_up) = end {
        match gave_up.why {
            Why::Aborted => {}
            // Nothing says that a tail has to be taken for a request.
            Why::NoReply | Why::Closed | Why::Reset | Why::Refused if optional => {}
            Why::Closed | Why::Reset | Why::Refused if faulty => counted.add(FAULTY_REFUSED, 1),
            Why::NoReply => counted.add(NO_REPLY, 1),
            Why::Closed => counted.add(CLOSED_WITHOUT_REPLY, 1),
            Why::Reset => counted.add(RESET_WITHOUT_REPLY, 1),
            Why::Refused => counted.add(REFUSED_WITHOUT_REPLY, 1),
            Why::Malformed => counted.add("malformed reply", 1),
            Why::Unreachable => counted.add(NOT_REACHED, 1),
        }
    }
    let Some(received) = happened.reading() else { return };
    counted.add("unverified canary in a reply", u64::from(received.unverified));
    let Some(reading) = map.readings.get(&exchange) else { return };
    counted.add("lawfully shared reply", u64::from(!reading.lawful.is_empty()));
    let nobodys = reading.own.is_empty() && reading.lawful.is_empty() && !reading.is_foreign();
    if nobodys && reading.accepted {
        match received.status {
            400 if unread => {}
            400..=599 if faulty => counted.add(FAULTY_REFUSED, 1),
            400..=599 => counted.add(GATEWAYS_OWN_ERROR, 1),
            _ => counted.add("reply without a canary", 1),
        }
    }
    let own = !reading.own.is_empty() && !reading.is_foreign();
    counted.add("own body altered", u64::from(own && matches!(received.body, BodyState::Differs { .. })));
}

/// Whose request it was that the origin has seen and could answer for nobody.
fn of_whom(seen: &Seen) -> impl Iterator<Item = ExchangeId> + '_ {
    let requests = seen.canaries.iter().map(|found| found.claim).filter(|claim| claim.role == Role::Request);
    requests.map(|claim| claim.exchange)
}

#[derive(Default)]
struct Counted {
    names: BTreeMap<String, u64>,
}

impl Counted {
    fn add(&mut self, name: &str, count: u64) {
        if count > 0 {
            *self.names.entry(name.to_owned()).or_default() += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::notation::history;
    use super::*;
    use vocabulary::canary::{Claim, Encoding};
    use vocabulary::history::{Found, Place};
    use vocabulary::plan::RequestBody;

    fn anomalies(notation: &str) -> Vec<(String, u64)> {
        let history = history(notation);
        count(&history, &deliveries::map(&history)).into_iter().collect()
    }

    #[test]
    fn a_plain_exchange_has_none() {
        assert_eq!(anomalies("1<1 2<2"), []);
    }

    #[test]
    fn what_the_origin_could_not_read_is_not_held_to_be_the_gateways_error() {
        let mut passed_on = history("1<1 store:2 error:2=400");
        assert_eq!(count(&passed_on, &deliveries::map(&passed_on))[GATEWAYS_OWN_ERROR], 1);
        let claim = Claim { exchange: ExchangeId(2), ..passed_on.exchanges[&ExchangeId(1)].seen[0].canaries[0].claim };
        let found = Found { claim, place: Place::Head, encoding: Encoding::Plain };
        let seen =
            Seen { exchange: None, canaries: vec![found], ..passed_on.exchanges[&ExchangeId(1)].seen[0].clone() };
        passed_on.strangers.push(seen);
        let counted = count(&passed_on, &deliveries::map(&passed_on));
        assert_eq!((counted.get(GATEWAYS_OWN_ERROR), counted.get(REFUSED_BY_ORIGIN)), (None, Some(&1)));
        passed_on.strangers[0].canaries.clear();
        let counted = count(&passed_on, &deliveries::map(&passed_on));
        assert_eq!(
            (counted.get(GATEWAYS_OWN_ERROR), counted.get(REFUSED_BY_ORIGIN)),
            (Some(&1), None),
            "a health check"
        );
    }

    #[test]
    fn a_refusal_of_a_faulty_request_is_no_error_of_the_gateways() {
        let mut refused = history("1<1 store:2 error:2=400");
        let stimuli = refused.plan.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli);
        let faulty = stimuli.filter(|stimulus| stimulus.exchange == ExchangeId(2));
        faulty.for_each(|stimulus| stimulus.request.body = RequestBody::Sized { bytes: 1, declared_off_by: 1 });
        let counted = count(&refused, &deliveries::map(&refused));
        assert_eq!((counted.get(GATEWAYS_OWN_ERROR), counted.get(FAULTY_REFUSED)), (None, Some(&1)));
    }

    #[test]
    fn a_missing_reply_and_a_408_are_counted_by_name() {
        assert_eq!(anomalies("1<-"), [("no reply".to_owned(), 1)]);
        assert_eq!(anomalies("1<1 timeout:1"), [("unasked error before close".to_owned(), 1)]);
    }

    #[test]
    fn a_tail_without_a_reply_is_none_and_one_behind_an_announced_close_is_counted() {
        assert_eq!(anomalies("1<1 tail:1>3 3<- store:3"), []);
        let answered = "answered behind an announced close".to_owned();
        assert_eq!(anomalies("1<1 tail:1>3 closed:3 3<- unasked:3<3"), [(answered, 1)]);
        assert_eq!(anomalies("1<1 2<-"), [("no reply".to_owned(), 1)], "a planned one");
        let counts = anomalies("pipe:1,2,3 1<1 closed:2,3 2<- 3<- unasked:3<2");
        assert!(counts.contains(&("answered behind an announced close".to_owned(), 1)), "{counts:?}");
    }

    #[test]
    fn a_lawful_share_is_counted_and_a_foreign_reply_is_not_one() {
        assert_eq!(anomalies("same-url store:2 1<1 2<1"), [("lawfully shared reply".to_owned(), 1)]);
        assert_eq!(anomalies("1<2 2<1"), []);
    }
}
