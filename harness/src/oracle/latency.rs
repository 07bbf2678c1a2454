//! How long the gateway kept requests and replies: from the client's first byte to the origin, and from the origin back
//! to the client. What our ends wait for by plan is in neither.
//!
//! Both ends are one process with one clock, so the moments may be compared. Only plain exchanges are measured: verified,
//! without a body of the request, with one attempt and one delivery, and no fault of their own. It is never evidence:
//! findings rest on causality alone.

use vocabulary::history::{ExchangeHistory, History};
use vocabulary::identity::{ExchangeId, Moment};
use vocabulary::latency::Latency;
use vocabulary::plan::RequestBody;

use super::deliveries::DeliveryMap;

/// The latencies of a case's plain exchanges.
pub(super) fn measure(history: &History, map: &DeliveryMap) -> Latency {
    let mut latency = Latency::default();
    for (exchange, happened) in &history.exchanges {
        if is_plain(history, map, *exchange) {
            kept(happened).into_iter().for_each(|us| latency.record(us));
        }
    }
    latency
}

fn is_plain(history: &History, map: &DeliveryMap, exchange: ExchangeId) -> bool {
    let bare = |request: &RequestBody| *request == RequestBody::None;
    let planned = history.plan.stimulus(exchange).is_some_and(|(_, stimulus)| bare(&stimulus.request.body));
    let faulty = history.faults.iter().any(|fault| fault.exchange == exchange);
    planned && !faulty && map.verified.contains(&exchange)
}

/// Microseconds that the gateway had the request and then the reply; none unless each passed once.
fn kept(happened: &ExchangeHistory) -> Option<u64> {
    let (sent, received) = (happened.sent.as_ref()?, happened.reading()?);
    let ([seen], [replied]) = (&happened.seen[..], &happened.replied[..]) else { return None };
    let since = |earlier: Moment, later: Moment| later.0.saturating_sub(earlier.0);
    let there = since(sent.at, seen.at);
    // One that keeps a reply back until it has all of it is measured at its end: how long the origin took is our doing.
    let back = since(replied.at, received.first_at).min(since(replied.done_at, received.at));
    Some(there + back)
}

#[cfg(test)]
mod tests {
    use super::super::deliveries;
    use super::super::notation::history;
    use super::*;

    fn samples(notation: &str) -> u64 {
        let history = history(notation);
        let latency = measure(&history, &deliveries::map(&history));
        latency.quantiles().map_or(0, |quantiles| quantiles.samples)
    }

    #[test]
    fn plain_exchanges_are_measured() {
        assert_eq!(samples("1<1 2<2"), 2);
    }

    #[test]
    fn what_is_not_plain_is_left_out() {
        assert_eq!(samples("1<1 2<-"), 1, "it has no reply");
        assert_eq!(samples("1<2 2<1"), 0, "they are not verified");
        assert_eq!(samples("1<1 2<2 fault:1"), 1, "it met a fault");
        assert_eq!(samples("1<1 retry:1.2"), 0, "it arrived twice");
        assert_eq!(samples("same-url store:2 1<1 2<1"), 1, "it never arrived");
    }

    #[test]
    fn time_that_the_origin_takes_is_not_the_gateways() {
        let mut history = history("1<1");
        let Some(happened) = history.exchanges.get_mut(&ExchangeId(1)) else { panic!("there is one exchange") };
        let received = happened.reading().cloned().unwrap();
        happened.sent.as_mut().unwrap().at = Moment(received.at.0.saturating_sub(50));
        happened.seen[0].at = Moment(received.at.0.saturating_sub(40));
        happened.replied[0].at = Moment(received.first_at.0.saturating_sub(30));
        happened.replied[0].done_at = Moment(received.at.0.saturating_sub(5));
        let there = happened.seen[0].at.0 - happened.sent.as_ref().unwrap().at.0;
        assert_eq!(kept(happened), Some(there + 5));
    }
}
