//! How often the gateway's store answered: isolation that costs every hit is no cache at all.
//!
//! A hit is proven at the origin, never by what a reply says of itself: no attempt of the exchange has arrived, and its
//! reply carries the canary of a delivery that the origin had emitted for another one.

use vocabulary::directive::Field;
use vocabulary::history::{DeliveryKind, ExchangeHistory, History, Performed, Replied};
use vocabulary::identity::ExchangeId;
use vocabulary::plan::{Request, Stimulus, Target};
use vocabulary::record::StoreUse;

use super::audience;
use super::deliveries::DeliveryMap;

/// How many requests the store has answered lawfully, of how many that it could have.
pub(super) fn usage(history: &History, map: &DeliveryMap) -> StoreUse {
    let exchanges = history.plan.stimuli().filter(|(_, stimulus)| history.exchanges.contains_key(&stimulus.exchange));
    let mut usage = StoreUse::default();
    for (_, stimulus) in exchanges {
        let hit = is_hit(history, map, stimulus.exchange);
        usage.hits += u64::from(hit);
        usage.possible += u64::from(hit || could_be_hit(history, stimulus));
    }
    usage
}

fn is_hit(history: &History, map: &DeliveryMap, exchange: ExchangeId) -> bool {
    let reached = history.exchanges.get(&exchange).is_some_and(|exchange| !exchange.seen.is_empty());
    let reading = map.readings.get(&exchange);
    !reached && reading.is_some_and(|reading| reading.accepted && !reading.is_foreign() && !reading.lawful.is_empty())
}

/// Whether a fresh reply had gone out when the request was sent that RFC 9111 lets answer it. What no lifetime was
/// declared for is left out: no cache has to guess one.
fn could_be_hit(history: &History, stimulus: &Stimulus) -> bool {
    let sent = history.exchanges.get(&stimulus.exchange).and_then(|exchange| exchange.sent.as_ref());
    let Some(sent) = sent.filter(|_| may_be_looked_up(&stimulus.request)) else { return false };
    let answers = |owner: &ExchangeId, replied: &Replied| {
        let fresh =
            lifetime_us(history, *owner).is_some_and(|lifetime| sent.at.since(replied.done_at).as_micros() < lifetime);
        let whole = replied.kind == DeliveryKind::Owed && replied.performed == Performed::Fully && !replied.cut;
        let usable = whole && replied.status == 200 && replied.done_at <= sent.at && fresh;
        usable && audience::may_answer(history, replied.delivery, stimulus.exchange)
    };
    let others = history.exchanges.iter().filter(|(owner, _)| **owner != stimulus.exchange);
    others.into_iter().any(|(owner, happened): (&ExchangeId, &ExchangeHistory)| {
        happened.replied.iter().any(|replied| answers(owner, replied))
    })
}

/// Conditions, ranges and wishes about freshness have rules of their own.
fn may_be_looked_up(request: &Request) -> bool {
    let special = |field: &Field| {
        let name = field.name.to_ascii_lowercase();
        name.starts_with("if-") || ["range", "cache-control", "pragma"].contains(&name.as_str())
    };
    let shared = matches!(request.target, Target::Shared(_));
    request.method == "GET" && shared && !request.fields.iter().any(special)
}

/// The lifetime that the reply to an exchange declares.
fn lifetime_us(history: &History, owner: ExchangeId) -> Option<u128> {
    let seconds = audience::lifetime(history, owner)?;
    Some(u128::from(seconds) * 1_000_000)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::deliveries;
    use super::super::notation::history;
    use super::*;
    use vocabulary::directive::OriginAct;

    /// The same, every reply fresh for a minute and for everybody.
    pub(in super::super) fn storable(mut history: History) -> History {
        for stimulus in history.plan.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli) {
            for act in &mut stimulus.directive.acts {
                if let OriginAct::Final(reply) = act {
                    reply.fields = vec![Field { name: "Cache-Control".into(), value: "public, max-age=60".into() }];
                }
            }
        }
        history
    }

    fn usage_of(history: &History) -> (u64, u64) {
        let StoreUse { hits, possible } = usage(history, &deliveries::map(history));
        (hits, possible)
    }

    #[test]
    fn hits_are_counted_of_the_requests_that_could_have_been_one() {
        assert_eq!(usage_of(&storable(history("seq same-url 1<1 2<2 3<3"))), (0, 2), "the first fills");
        assert_eq!(usage_of(&storable(history("seq same-url store:2 1<1 2<1 3<3"))), (1, 2));
        assert_eq!(usage_of(&storable(history("seq same-url store:2,3 1<1 2<1 3<1"))), (2, 2));
        assert_eq!(usage_of(&storable(history("same-url store:2 1<1 2<1"))), (1, 1), "collapsed with the first");
    }

    #[test]
    fn what_no_reply_allows_could_not_have_been_a_hit() {
        assert_eq!(usage_of(&history("seq same-url 1<1 2<2")), (0, 0), "no lifetime was declared");
        assert_eq!(usage_of(&storable(history("seq 1<1 2<2"))), (0, 0), "two targets");
        let mut private = storable(history("seq same-url 1<1 2<2"));
        for stimulus in private.plan.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli) {
            let [OriginAct::Final(reply)] = stimulus.directive.acts.as_mut_slice() else { panic!("a benign reply") };
            reply.fields[0].value = "private, max-age=60".to_owned();
        }
        assert_eq!(usage_of(&private), (0, 0));
    }

    #[test]
    fn an_unlawful_answer_is_a_finding_and_no_hit() {
        assert_eq!(usage_of(&history("seq same-url authorization store:2 1<1 2<1")), (0, 0));
    }
}
