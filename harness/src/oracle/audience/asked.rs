//! What the rules of sharing ask, taken from a history: who asked for what, and what the origin saw of it.

use vocabulary::canary::{Role, Site};
use vocabulary::directive::{Field, OriginAct};
use vocabulary::history::{ExchangeHistory, Found, History, Place, Seen};
use vocabulary::identity::{DeliveryId, ExchangeId};
use vocabulary::plan::{Absolute, Credential, Request, Target};

use super::super::proof;
use super::{Asked, Directives, Forbidden, Sharing, Use, Validation, shareable};

/// Whether `receiver` may lawfully be answered with a delivery that another exchange caused, as it was.
pub(in super::super) fn between(history: &History, delivery: DeliveryId, receiver: ExchangeId) -> Sharing {
    judged(history, delivery, receiver, handed_on(history, delivery, receiver))
}

/// Whether it might be answered so, with all fields: what a store may do with a request, done or not.
pub(in super::super) fn may_answer(history: &History, delivery: DeliveryId, receiver: ExchangeId) -> bool {
    let names = reply_fields(history, delivery).iter().map(|field| field.name.to_ascii_lowercase());
    judged(history, delivery, receiver, names.collect()) == Sharing::May
}

/// For how many seconds the planned reply to an exchange may be called fresh by a shared cache, where it says so.
pub(in super::super) fn lifetime(history: &History, owner: ExchangeId) -> Option<u64> {
    Directives::of(reply_fields(history, DeliveryId { exchange: owner, number: 1 })).lifetime()
}

/// Whether an exchange had not ended when another was sent: no store can have held its reply by then.
pub(in super::super) fn was_in_flight(history: &History, exchange: ExchangeId, when_sent: ExchangeId) -> bool {
    let ended = history.exchanges.get(&exchange).and_then(ExchangeHistory::ended_at);
    let sent = history.exchanges.get(&when_sent).and_then(|other| other.sent.as_ref()).map(|sent| sent.at);
    sent.is_some_and(|sent| ended.is_none_or(|ended| ended > sent))
}

fn judged(history: &History, delivery: DeliveryId, receiver: ExchangeId, handed_on: Vec<String>) -> Sharing {
    let owner = delivery.exchange;
    let (Some(sent), Some(mut asked)) = (asked_by(history, owner), asked_by(history, receiver)) else {
        return Sharing::MustNot(Forbidden::Unplanned);
    };
    let seen = filling_attempt(history, delivery);
    let authorization = tenant_secret(seen, Site::Authorization);
    let cookie = tenant_secret(seen, Site::Cookie);
    // What the gateway strips from one it strips from all: the origin has told nobody from another by it.
    if sent.authorization.is_some() && authorization.is_none() {
        asked.authorization = None;
    }
    if sent.cookie.is_some() && cookie.is_none() {
        asked.cookie = None;
    }
    let mut fill = Asked { authorization, cookie, ..sent };
    (fill.uri, asked.uri) = uris(history, owner, receiver);
    let usage = Use {
        asked,
        validation: validation(history, delivery, receiver),
        together: was_in_flight(history, owner, receiver),
        age: age(history, delivery, receiver),
        handed_on,
    };
    shareable(reply_fields(history, delivery), &fill, &usage)
}

fn reply_fields(history: &History, delivery: DeliveryId) -> &[Field] {
    let acts = history.plan.stimulus(delivery.exchange).map(|(_, stimulus)| stimulus.directive.acts.as_slice());
    let reply = acts.unwrap_or_default().iter().find_map(OriginAct::final_reply);
    reply.map(|reply| reply.fields.as_slice()).unwrap_or_default()
}

/// What an exchange asked for: a planned one, or a tail, which is a plain GET on a target of its own.
fn asked_by(history: &History, exchange: ExchangeId) -> Option<Asked> {
    if let Some((_, stimulus)) = history.plan.stimulus(exchange) {
        let (request, tenant) = (&stimulus.request, stimulus.tenant);
        let carries = |one: Credential| request.credential == Credential::Both || request.credential == one;
        return Some(Asked {
            method: request.method.clone(),
            uri: None,
            authorization: carries(Credential::Authorization).then(|| tenant.to_string()),
            cookie: carries(Credential::Cookie).then(|| tenant.to_string()),
            fields: request.fields.clone(),
        });
    }
    history.plan.speller(exchange)?;
    Some(Asked { method: "GET".to_owned(), ..Asked::default() })
}

/// The arrival that a delivery answers.
fn filling_attempt(history: &History, delivery: DeliveryId) -> Option<&Seen> {
    let owner = history.exchanges.get(&delivery.exchange)?;
    let attempt = owner.replied.iter().find(|replied| replied.delivery == delivery)?.attempt;
    owner.seen.iter().find(|seen| seen.attempt == attempt)
}

/// A shared delivery betrays a tenant only if the origin saw that tenant's secret in the request that caused it.
fn tenant_secret(seen: Option<&Seen>, site: Site) -> Option<String> {
    let is_it = |found: &&Found| found.claim.role == Role::Tenant && found.claim.site == site;
    Some(seen?.canaries.iter().find(is_it)?.claim.tenant.to_string())
}

/// The fields of a delivery that its receiver got, as far as they carry canaries.
fn handed_on(history: &History, delivery: DeliveryId, receiver: ExchangeId) -> Vec<String> {
    let received = history.exchanges.get(&receiver).and_then(ExchangeHistory::reading);
    let canaries = received.map(|received| received.canaries.as_slice()).unwrap_or_default();
    let of_it = canaries.iter().filter(|found| found.place == Place::Head);
    let sites = of_it.filter(|found| found.claim.delivery_id() == Some(delivery)).map(|found| found.claim.site);
    let named = [(Site::SetCookie, "set-cookie"), (Site::Etag, "etag")];
    let name = |site| named.iter().find(|(known, _)| *known == site).map_or("x-crosswire", |(_, name)| name);
    sites.map(|site| name(site).to_owned()).collect()
}

/// RFC 9111 §4.3.4: a 304 confirms the stored reply whose validator it carries, and no other. A gateway may also have
/// answered from its store at once, and asked the origin for next time: that it took a 304 for more than it says shows
/// only where the reply carries parts of both.
fn validation(history: &History, delivery: DeliveryId, receiver: ExchangeId) -> Validation {
    let stored = proof::find(history, delivery).and_then(|replied| validator(&replied.head));
    let carried = carried(history, receiver).filter(|other| *other != delivery);
    let mut carried = carried.filter_map(|other| proof::find(history, other));
    if carried.any(|other| other.status == 304 && validator(&other.head) != stored) {
        return Validation::Another;
    }
    // An answer that was followed by another was not taken for the last word.
    let last = history.exchanges.get(&receiver).and_then(|receiver| receiver.replied.last());
    match last.is_some_and(|last| last.status == 304 && validator(&last.head) == stored) {
        true => Validation::Confirms,
        false => Validation::None,
    }
}

/// The deliveries of which parts stand in the final reply that an exchange received.
fn carried(history: &History, receiver: ExchangeId) -> impl Iterator<Item = DeliveryId> {
    let received = history.exchanges.get(&receiver).and_then(ExchangeHistory::reading);
    let canaries = received.map(|received| received.canaries.as_slice()).unwrap_or_default();
    canaries.iter().filter(|found| found.place != Place::Interim).filter_map(|found| found.claim.delivery_id())
}

/// Whole seconds between a delivery and the request that it is used for.
fn age(history: &History, delivery: DeliveryId, receiver: ExchangeId) -> u64 {
    let sent = history.exchanges.get(&receiver).and_then(|receiver| receiver.sent.as_ref());
    let gone_out = proof::find(history, delivery).map(|replied| replied.done_at);
    gone_out.zip(sent).map_or(0, |(gone_out, sent)| sent.at.since(gone_out).as_secs())
}

/// The `ETag` of a head.
fn validator(head: &str) -> Option<&str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(name, _)| name.eq_ignore_ascii_case("etag")).map(|(_, value)| value.trim())
}

/// The URIs that two exchanges ask for, as the origin gets them. A gateway that rewrites hosts or targets makes one of
/// two lawfully; what it makes of a spelling is shown by any request of the case that was spelled so and has arrived.
fn uris(history: &History, owner: ExchangeId, receiver: ExchangeId) -> (Option<String>, Option<String>) {
    let request = |exchange| history.plan.stimulus(exchange).map(|(_, stimulus)| &stimulus.request);
    let own = |exchange: ExchangeId| Some(format!("own of {exchange}"));
    match (request(owner), request(receiver)) {
        (Some(one), Some(other)) if is_shared(one) && is_shared(other) => {
            // Spelled alike, they are one for whoever stands between.
            if (spelled_host(one), &one.target) == (spelled_host(other), &other.target) {
                return (Some("alike".to_owned()), Some("alike".to_owned()));
            }
            (arrived(history, one), arrived(history, other))
        }
        _ => (own(owner), own(receiver)),
    }
}

fn is_shared(request: &Request) -> bool {
    matches!(request.target, Target::Shared(_))
}

/// Everything of a request that names an authority.
fn spelled_host(request: &Request) -> (Option<&str>, Option<&Absolute>) {
    (request.host.as_deref(), request.absolute.as_ref())
}

/// The URI that requests of these spellings have arrived with.
fn arrived(history: &History, request: &Request) -> Option<String> {
    let seen = |alike: &dyn Fn(&Request) -> bool| {
        let alike = history.plan.stimuli().filter(|(_, stimulus)| alike(&stimulus.request));
        alike.filter_map(|(_, stimulus)| history.exchanges.get(&stimulus.exchange)?.seen.first()).next()
    };
    let authority = seen(&|other| spelled_host(other) == spelled_host(request))?.authority.clone()?;
    let target = target(&seen(&|other| other.target == request.target)?.head)?;
    Some(format!("http://{authority}{target}"))
}

/// The path and query of a request's head, printed.
fn target(head: &str) -> Option<&str> {
    let target = head.split(' ').nth(1)?;
    match target.split_once("://") {
        Some((_, rest)) => Some(&rest[rest.find('/')?..]),
        None => Some(target),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::notation;
    use super::super::Observed;
    use super::*;

    const D1: DeliveryId = DeliveryId { exchange: ExchangeId(1), number: 1 };

    fn with(line: &str, fields: &[(&str, &str)], change: impl Fn(&mut History)) -> Sharing {
        let mut history = notation::history(line);
        let fields = fields.iter().map(|(name, value)| Field { name: (*name).to_owned(), value: (*value).to_owned() });
        let fields: Vec<Field> = fields.collect();
        for lane in &mut history.plan.lanes {
            for act in &mut lane.stimuli[0].directive.acts {
                if let OriginAct::Final(reply) = act {
                    reply.fields.clone_from(&fields);
                }
            }
        }
        change(&mut history);
        between(&history, D1, ExchangeId(2))
    }

    fn request(history: &mut History, exchange: usize) -> &mut Request {
        &mut history.plan.lanes[exchange - 1].stimuli[0].request
    }

    #[test]
    fn a_credential_that_the_origin_never_saw_makes_nothing_private() {
        let stored = "seq same-url authorization store:2 1<1 2<1";
        let fields = [("Cache-Control", "public"), ("Vary", "Authorization")];
        assert_eq!(with(stored, &fields, |_| ()), Sharing::MustNot(Forbidden::Vary));
        let stripped = |history: &mut History| {
            history.exchanges.get_mut(&ExchangeId(1)).unwrap().seen[0].canaries.truncate(1);
        };
        assert_eq!(with(stored, &fields, stripped), Sharing::May);
    }

    #[test]
    fn only_a_304_with_the_stored_validator_confirms() {
        let etags = |own: &'static str| {
            move |history: &mut History| {
                for (exchange, etag) in [(1, "\"a\""), (2, own)] {
                    let replied = &mut history.exchanges.get_mut(&ExchangeId(exchange)).unwrap().replied[0];
                    replied.head.push_str(&format!("\nETag: {etag}"));
                }
            }
        };
        let (line, fields) = ("seq same-url status:2=304 1<1 2<2+1", [("Cache-Control", "no-cache")]);
        assert_eq!(with(line, &fields, etags("\"a\"")), Sharing::May);
        assert_eq!(with(line, &fields, etags("\"b\"")), Sharing::MustNot(Forbidden::Unconfirmed));
        let at_once = "seq same-url status:2=304 1<1 2<1";
        assert_eq!(with(at_once, &fields, etags("\"b\"")), Sharing::MustNot(Forbidden::NoCache), "it asked beside it");
        let answered = "seq same-url 1<1 2<2+1";
        assert_eq!(
            with(answered, &fields, etags("\"a\"")),
            Sharing::MustNot(Forbidden::NoCache),
            "a 200 confirms nothing"
        );
    }

    #[test]
    fn hosts_that_the_gateway_rewrites_are_one_and_what_nobody_saw_is_not_known() {
        // The third asks for the second's host, and arrives.
        let line = "seq same-url store:2 1<1 2<1 3<3";
        let hosts = |seen: [&'static str; 2]| {
            move |history: &mut History| {
                for (exchange, host) in [(1, "a.test"), (2, "b.test"), (3, "b.test")] {
                    request(history, exchange).host = Some(host.to_owned());
                }
                for (exchange, authority) in [(1, seen[0]), (3, seen[1])] {
                    let seen = &mut history.exchanges.get_mut(&ExchangeId(exchange)).unwrap().seen[0];
                    (seen.authority, seen.head) = (Some(authority.to_owned()), "GET /a HTTP/1.1".to_owned());
                }
            }
        };
        assert_eq!(with(line, &[], hosts(["a.test", "b.test"])), Sharing::MustNot(Forbidden::Target));
        assert_eq!(with(line, &[], hosts(["inner", "inner"])), Sharing::May);
        let unseen = |history: &mut History| {
            hosts(["a.test", "b.test"])(history);
            history.exchanges.get_mut(&ExchangeId(3)).unwrap().seen.clear();
        };
        assert_eq!(with(line, &[], unseen), Sharing::Observe(Observed::UriUnseen));
    }

    #[test]
    fn targets_are_compared_as_they_arrive() {
        let line = "seq same-url store:2 1<1 2<1 3<3";
        let targets = |seen: &'static str| {
            move |history: &mut History| {
                request(history, 1).target = Target::Shared("x?a=1&b=2".to_owned());
                for exchange in [2, 3] {
                    request(history, exchange).target = Target::Shared("x?b=2&a=1".to_owned());
                }
                for (exchange, target) in [(1, "/x?a=1&b=2"), (3, seen)] {
                    let seen = &mut history.exchanges.get_mut(&ExchangeId(exchange)).unwrap().seen[0];
                    (seen.authority, seen.head) = (Some("h".to_owned()), format!("GET {target} HTTP/1.1"));
                }
            }
        };
        assert_eq!(with(line, &[], targets("/x?b=2&a=1")), Sharing::MustNot(Forbidden::Target));
        assert_eq!(with(line, &[], targets("/x?a=1&b=2")), Sharing::May, "the gateway sorts queries");
        assert_eq!(with(line, &[], targets("http://h/x?a=1&b=2")), Sharing::May, "in absolute form");
    }
}
