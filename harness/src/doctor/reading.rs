//! What the answers say: a sealed history in, lines out. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use vocabulary::canary::{BodyState, CANARY_BYTES, MARKER, Site};
use vocabulary::examination::{ExaminedLine, State, Topic};
use vocabulary::history::{ExchangeEnd, ExchangeHistory, History, Place, Received, Seen};
use vocabulary::identity::{ConnectionId, ExchangeId};
use vocabulary::plan::EventKind;

use super::probes::{IN_A_ROW, INTERIMS, TOGETHER, carried};
use crate::case::BenchError;

fn line(topic: Topic, state: State, found: impl Into<String>, means: impl Into<String>) -> ExaminedLine {
    ExaminedLine { topic, state, found: found.into(), means: means.into(), fix: None }
}

fn with_fix(line: ExaminedLine, fix: impl Into<String>) -> ExaminedLine {
    ExaminedLine { fix: Some(fix.into()), ..line }
}

// ---- whether there is anything to ask ------------------------------------------------------------------------------

/// The gateway is there, and the origin behind it.
pub(super) fn reached(address: &str, after: Duration, verbatim: bool) -> [ExaminedLine; 2] {
    let gateway = line(Topic::Gateway, State::Ok, format!("it listens on {address}"), "clients can connect");
    let came = format!("a canary came back from the origin through it {} ms after the start", after.as_millis());
    let origin = match verbatim {
        true => {
            line(Topic::Origin, State::Ok, came, "the gateway forwards to the origin, and leaves replies as they are")
        }
        false => line(
            Topic::Origin,
            State::Warn,
            format!("{came}, with another status or body than the origin had sent"),
            "a reply that is cut off or spliced can be told only by its canaries, not by its length",
        ),
    };
    [gateway, origin]
}

/// There is nothing to ask.
pub(super) fn not_reached(error: &BenchError) -> Vec<ExaminedLine> {
    const NO_CHECK: &str = "no check can be made";
    match error {
        BenchError::NeverReady { origin, waited, reason, connected: true, .. } => vec![
            line(Topic::Gateway, State::Ok, "it takes connections", "clients can connect"),
            with_fix(
                line(
                    Topic::Origin,
                    State::Fail,
                    format!("no canary came back within {} s: {reason}", waited.as_secs()),
                    NO_CHECK,
                ),
                format!(
                    "let the gateway forward to {origin}, under every path, without asking for a login; what it needs from \
                     clients, give with --host and --header"
                ),
            ),
        ],
        BenchError::NeverReady { waited, reason, .. } => vec![with_fix(
            line(Topic::Gateway, State::Fail, format!("within {} s: {reason}", waited.as_secs()), NO_CHECK),
            "start it, and name the address on which it listens",
        )],
        other => vec![with_fix(
            line(Topic::Gateway, State::Fail, other.to_string(), NO_CHECK),
            "start it by hand with the same command, and see what it says",
        )],
    }
}

/// A question for which there was no time.
pub(super) fn not_asked(topic: Topic, within: Duration) -> ExaminedLine {
    let found = format!("not asked: the questions before it took all of {} s", within.as_secs());
    line(topic, State::Warn, found, "nothing is known of it")
}

/// What a handshake agreed on: nothing where there is none; where there is one, the protocol, if any was agreed on.
pub(super) fn tls(agreed: Option<Option<&str>>) -> ExaminedLine {
    match agreed {
        None => line(
            Topic::Tls,
            State::Ok,
            "clients speak to it in the clear",
            "nothing is agreed on beforehand: --protocol says whether HTTP/1.1 or HTTP/2 is spoken",
        ),
        Some(Some(protocol)) => {
            line(Topic::Tls, State::Ok, format!("it agrees on {protocol} (ALPN)"), "clients speak that to it")
        }
        Some(None) => line(
            Topic::Tls,
            State::Ok,
            "it agrees on no protocol (ALPN)",
            "clients speak HTTP/1.1 to it, which is older than the negotiation",
        ),
    }
}

// ---- what comes through --------------------------------------------------------------------------------------------

/// What the origin sees of requests, what clients see of replies.
pub(super) fn carriers(history: &History) -> Vec<ExaminedLine> {
    let requests = [
        ("path", at_site(history, Site::Path)),
        ("query", at_site(history, Site::Query)),
        ("x-crosswire", at_site(history, Site::Header)),
        ("authorization", at_site(history, Site::Authorization)),
        ("cookie", at_site(history, Site::Cookie)),
        ("text body", seen_in(history, carried::TEXT, Place::Body)),
        ("JSON body", seen_in(history, carried::JSON, Place::Body)),
        ("form body", seen_in(history, carried::FORM, Place::Body)),
        ("trailer", seen_in(history, carried::TRAILER, Place::Trailer)),
    ];
    let head = received(history, carried::HEAD);
    let replied = |site| head.is_some_and(|reply| reply.canaries.iter().any(|found| found.claim.site == site));
    let in_trailer = |reply: &Received| reply.canaries.iter().any(|found| found.claim.site == Site::ReplyTrailer);
    let replies = [
        ("x-crosswire", replied(Site::ReplyHeader)),
        ("etag", replied(Site::Etag)),
        ("set-cookie", replied(Site::SetCookie)),
        ("body", head.is_some_and(|reply| reply.body == BodyState::Intact)),
        ("trailer", received(history, carried::TRAILER).is_some_and(in_trailer)),
    ];
    vec![
        request(history),
        carrier_line(Topic::RequestCarriers, &requests, "reach the origin"),
        carrier_line(Topic::ReplyCarriers, &replies, "reach the client"),
    ]
}

fn carrier_line(topic: Topic, carriers: &[(&str, bool)], reach: &str) -> ExaminedLine {
    let named = |wanted: bool| -> Vec<&str> {
        carriers.iter().filter(|(_, survives)| *survives == wanted).map(|(name, _)| *name).collect()
    };
    let (kept, lost) = (named(true), named(false));
    match (kept.is_empty(), lost.is_empty()) {
        (_, true) => line(
            topic,
            State::Ok,
            format!("all {reach}: {}", kept.join(", ")),
            "whatever part of a message is mixed up, its canary tells",
        ),
        (true, false) => line(topic, State::Fail, format!("none {reach}"), "nothing can be told of any message"),
        (false, false) => line(
            topic,
            State::Warn,
            format!("these {reach}: {}; these do not: {}", kept.join(", "), lost.join(", ")),
            format!("messages are told by the rest; what happens to {} alone does not show", lost.join(" or ")),
        ),
    }
}

/// The line of a request and its authority, before the gateway and behind it.
fn request(history: &History) -> ExaminedLine {
    let topic = Topic::Request;
    let sent = history.exchanges.get(&carried::HEAD).and_then(|exchange| exchange.sent.as_ref());
    let (Some(sent), Some(seen)) = (sent, first_seen(history, carried::HEAD)) else {
        return line(topic, State::Warn, "a plain GET did not reach the origin", "nothing is known of it");
    };
    let (asked, came) = (Spelled::of(&sent.head), Spelled::of(&seen.head));
    let version = if seen.stream.is_some() { "HTTP/2" } else { came.version };
    let target = match asked.target == came.target {
        true => "the target unchanged".to_owned(),
        false => format!("the target {} for {}", elided(came.target), elided(asked.target)),
    };
    let host = match (host_of(&sent.head), seen.authority.as_deref()) {
        (Some(sent), Some(seen)) if sent == seen => format!("Host {seen} unchanged"),
        (_, Some(seen)) => format!("Host {seen}"),
        (_, None) => "no Host".to_owned(),
    };
    let found = format!("the origin sees {version}, {target}, {host}");
    if version == "HTTP/1.0" {
        let means = "HTTP/1.0 has neither interim replies nor chunks, and keeps no connection unless told to: most scenarios \
                     end as prevented (http10-upstream)";
        return with_fix(
            line(topic, State::Warn, found, means),
            "let it speak HTTP/1.1 to the origin (nginx: proxy_http_version 1.1)",
        );
    }
    line(topic, State::Ok, found, "the origin's faults can be performed")
}

/// A request line, in its parts.
struct Spelled<'a> {
    target: &'a str,
    version: &'a str,
}

impl Spelled<'_> {
    fn of(head: &str) -> Spelled<'_> {
        let mut words = head.lines().next().unwrap_or_default().split(' ').skip(1);
        Spelled { target: words.next().unwrap_or_default(), version: words.next().unwrap_or_default() }
    }
}

fn host_of(head: &str) -> Option<&str> {
    let field = |line: &'_ str| line.split_once(':').is_some_and(|(name, _)| name.eq_ignore_ascii_case("host"));
    head.lines().skip(1).find(|line| field(line)).and_then(|line| line.split_once(':')).map(|(_, host)| host.trim())
}

/// A target without its canaries, which say nothing to a reader.
fn elided(target: &str) -> String {
    let mut text = String::new();
    let mut rest = target;
    while let Some(at) = rest.find(MARKER) {
        text.push_str(&rest[..at]);
        text.push('…');
        rest = rest.get(at + CANARY_BYTES..).unwrap_or_default();
    }
    text + rest
}

// ---- connections ---------------------------------------------------------------------------------------------------

/// How the gateway treats connections, those of clients and its own.
pub(super) fn connections(history: &History) -> Vec<ExaminedLine> {
    vec![pooling(history), client_connections(history)]
}

fn pooling(history: &History) -> ExaminedLine {
    let seen_on = |exchange| first_seen(history, ExchangeId(exchange)).map(|seen| seen.connection);
    let kept: Vec<ConnectionId> = (1..=IN_A_ROW).filter_map(seen_on).collect();
    let fresh: Vec<ConnectionId> = (IN_A_ROW + 1..=2 * IN_A_ROW).filter_map(seen_on).collect();
    let (of_one, all) = (distinct(&kept), distinct(&[&kept[..], &fresh[..]].concat()));
    let (requests, used) = (kept.len() + fresh.len(), all.len());
    let most = all.iter().map(|one| kept.iter().chain(&fresh).filter(|connection| *connection == one).count()).max();
    let most = most.unwrap_or(0);
    let found = format!("{requests} requests on {}, up to {most} on one", counted(used, "upstream connection"));
    // Those on a client connection of their own have met somebody else's upstream connection.
    let shared = fresh.iter().any(|connection| of_one.contains(connection)) || distinct(&fresh).len() < fresh.len();
    match (requests > 0 && used == requests, shared) {
        (true, _) => with_fix(
            line(
                Topic::Pooling,
                State::Warn,
                found,
                "each request has an upstream connection of its own: defects of pools cannot show, and scenarios that need \
                 one end as prevented (no-upstream-reuse)",
            ),
            "configure keep-alive to the origin, if that is what runs in production (nginx: keepalive in the upstream, \
             proxy_http_version 1.1, an empty Connection field)",
        ),
        (false, false) => line(
            Topic::Pooling,
            State::Warn,
            format!("{found}; none is shared between client connections"),
            "replies can be mixed up only within one client connection: scenarios about several end as prevented \
             (no-upstream-sharing)",
        ),
        (false, true) => line(
            Topic::Pooling,
            State::Ok,
            format!("{found}; client connections share them"),
            "what one client leaves on a connection can reach the next, if the gateway lets it",
        ),
    }
}

fn client_connections(history: &History) -> ExaminedLine {
    let topic = Topic::ClientConnections;
    let sent = (1..=IN_A_ROW).filter_map(|exchange| history.exchanges.get(&ExchangeId(exchange))?.sent.as_ref());
    let connections: Vec<ConnectionId> = sent.map(|sent| sent.connection).collect();
    let (requests, used) = (connections.len(), distinct(&connections).len());
    let found = format!("{requests} requests in a row took {}", counted(used, "client connection"));
    match used {
        1 => line(topic, State::Ok, found, "replies can be mixed up on a client's own connection too"),
        _ => line(
            topic,
            State::Warn,
            found,
            "the gateway closes client connections early: pipelines, and bytes that come unasked, have little room to show",
        ),
    }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn distinct(connections: &[ConnectionId]) -> BTreeSet<ConnectionId> {
    connections.iter().copied().collect()
}

// ---- requests that become more or fewer ----------------------------------------------------------------------------

/// How often a GET without a reply is sent.
pub(super) fn retries(history: &History) -> Vec<ExaminedLine> {
    let attempts = |exchange| history.exchanges.get(&ExchangeId(exchange)).map_or(0, |exchange| exchange.seen.len());
    let (fresh, used) = (attempts(1), attempts(3));
    let found = format!(
        "a GET that the origin left without a reply came {} on a fresh connection, {} on a used one",
        times(fresh),
        times(used)
    );
    let means = match fresh > 1 || used > 1 {
        true => "it sends requests again: what an attempt leaves behind can meet the next one",
        false => "it sends no request again: scenarios about retries verify little",
    };
    vec![line(Topic::Retries, State::Ok, found, means)]
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        other => format!("{other} times"),
    }
}

/// How many of some equal requests at one time reach the origin.
pub(super) fn collapsing(history: &History) -> Vec<ExaminedLine> {
    let arrived = (1..=TOGETHER).filter(|exchange| first_seen(history, ExchangeId(*exchange)).is_some()).count();
    let found = format!("of {TOGETHER} equal GETs at one time {arrived} reached the origin");
    let means = match arrived < TOGETHER as usize {
        true => "it makes one of equal requests: who waits for another's reply can be given what is not public",
        false => "it passes equal requests on one by one: nobody waits for another's reply",
    };
    vec![line(Topic::Collapsing, State::Ok, found, means)]
}

/// Whether the second of two equal GETs is answered without the origin.
pub(super) fn cache(history: &History) -> Vec<ExaminedLine> {
    let stored = ExchangeId(1);
    let from_store = first_seen(history, ExchangeId(2)).is_none()
        && received(history, ExchangeId(2)).is_some_and(|reply| {
            reply
                .canaries
                .iter()
                .filter_map(|found| found.claim.delivery_id())
                .any(|delivery| delivery.exchange == stored)
        });
    let answered = match from_store {
        true => line(
            Topic::Cache,
            State::Ok,
            "the second of two equal GETs was answered from a store: the origin had seen the first only",
            "scenarios of the family cache can show who is given whose reply",
        ),
        false => line(
            Topic::Cache,
            State::Ok,
            "both of two equal GETs for a public reply reached the origin",
            "there is no cache, or it keeps what it should not need to ask for: scenarios of the family cache end as \
             prevented (no-hit)",
        ),
    };
    vec![answered]
}

// ---- messages that come in pieces ----------------------------------------------------------------------------------

/// Whether the origin sees a request before its client has sent the last of it.
pub(super) fn request_buffering(history: &History) -> Vec<ExaminedLine> {
    let topic = Topic::RequestBuffering;
    let exchange = history.exchanges.get(&ExchangeId(1));
    let last_sent = exchange
        .and_then(|exchange| exchange.events.iter().find(|(kind, _)| *kind == EventKind::BodySent).map(|(_, at)| *at));
    let seen = exchange.and_then(|exchange| exchange.seen.first()).map(|seen| seen.at);
    let read = match (seen, last_sent) {
        (Some(seen), Some(sent)) if seen < sent => line(
            topic,
            State::Ok,
            "the origin saw the request before its client had sent the last of its body",
            "the origin can answer early, and clients can leave bodies unfinished",
        ),
        (Some(_), Some(_)) => with_fix(
            line(
                topic,
                State::Warn,
                "the origin saw nothing of the request before its client had sent all of its body",
                "the gateway keeps requests back until they are whole: scenarios about early replies and unfinished bodies end \
                 as prevented (body-buffered)",
            ),
            "turn the buffering of requests off, if that is how it runs in production (nginx: proxy_request_buffering off)",
        ),
        _ => line(
            topic,
            State::Warn,
            "a POST with a body did not reach the origin",
            "requests with bodies verify nothing",
        ),
    };
    vec![read]
}

/// Whether a client sees a reply before the origin has sent the last of it.
pub(super) fn reply_buffering(history: &History) -> Vec<ExaminedLine> {
    let topic = Topic::ReplyBuffering;
    let exchange = history.exchanges.get(&ExchangeId(1));
    let last_sent = exchange.and_then(|exchange| exchange.replied.first()).map(|replied| replied.done_at);
    let first_read = exchange.and_then(ExchangeHistory::reading).map(|received| received.first_at);
    let read = match (first_read, last_sent) {
        (Some(read), Some(sent)) if read < sent => line(
            topic,
            State::Ok,
            "the client saw the reply before the origin had sent the last of it",
            "streams reach clients as they come, and a reply that breaks off shows as that",
        ),
        (Some(_), Some(_)) => with_fix(
            line(
                topic,
                State::Warn,
                "the client saw nothing of the reply before the origin had sent all of it",
                "the gateway keeps replies back until they are whole: streams come late, clients cannot give up amid a reply",
            ),
            "turn the buffering of replies off, if that is how it runs in production (nginx: proxy_buffering off)",
        ),
        _ => line(topic, State::Warn, "no reply came to a plain GET", "nothing is known of it"),
    };
    vec![read]
}

/// What becomes of interim replies.
pub(super) fn interims(history: &History) -> Vec<ExaminedLine> {
    let mut fates = Vec::new();
    let mut harmless = true;
    for (exchange, status) in INTERIMS {
        let (fate, is_harmless) = match received(history, exchange) {
            Some(reply) if reply.status == status => ("comes as if it were the final reply", false),
            Some(reply) if reply.interims.contains(&status) => ("reaches the client", true),
            Some(_) => ("does not reach the client", true),
            None => ("keeps the final reply from the client", false),
        };
        fates.push(format!("{status} {fate}"));
        harmless &= is_harmless;
    }
    let found = fates.join("; ");
    vec![match harmless {
        true => line(
            Topic::InterimReplies,
            State::Ok,
            found,
            "a gateway may drop or pass on what it has not asked for; whether it counts replies rightly is tried in both cases",
        ),
        false => with_fix(
            line(
                Topic::InterimReplies,
                State::Warn,
                found,
                "RFC 9110 section 15.2: a reply with 1xx is never the final one; what is still owed may be the next client's",
            ),
            "see what comes of it: crosswire check --scenario 'interim-*'",
        ),
    }]
}

/// Whether HTTP/2 is spoken with clients.
pub(super) fn http2(history: &History) -> Vec<ExaminedLine> {
    let spoken = received(history, ExchangeId(1)).is_some() && first_seen(history, ExchangeId(1)).is_some();
    vec![match spoken {
        true => line(
            Topic::Http2,
            State::Ok,
            "clients may speak HTTP/2 to it",
            "scenarios about streams can be run: --protocol h2c in the clear, h2 over TLS",
        ),
        false => line(
            Topic::Http2,
            State::Ok,
            "it does not answer clients that begin with HTTP/2",
            "scenarios about streams between client and gateway are skipped",
        ),
    }]
}

// ---- reading a history ---------------------------------------------------------------------------------------------

fn first_seen(history: &History, exchange: ExchangeId) -> Option<&Seen> {
    history.exchanges.get(&exchange)?.seen.first()
}

/// The whole reply that an exchange has received.
fn received(history: &History, exchange: ExchangeId) -> Option<&Received> {
    match history.exchanges.get(&exchange)?.end.as_ref()? {
        ExchangeEnd::Received(received) => Some(received),
        ExchangeEnd::GaveUp(_) => None,
    }
}

/// Whether a canary that was planted at this site of the plain request has reached the origin.
fn at_site(history: &History, site: Site) -> bool {
    let seen = first_seen(history, carried::HEAD);
    seen.is_some_and(|seen| seen.canaries.iter().any(|found| found.claim.site == site))
}

/// Whether a canary of an exchange has reached the origin in this part of its request.
fn seen_in(history: &History, exchange: ExchangeId, place: Place) -> bool {
    first_seen(history, exchange).is_some_and(|seen| seen.canaries.iter().any(|found| found.place == place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocabulary::history::{Observation, Sent};
    use vocabulary::identity::{Attempt, LaneId, Moment, Ordinal, TenantId};
    use vocabulary::plan::{Lane, Plan, Stimulus};

    /// A history in which a GET was sent with one head and seen with another.
    fn passed(sent: &str, seen: &str, authority: &str) -> History {
        let exchange = carried::HEAD;
        let lane = Lane { name: "doctor".to_owned(), stimuli: vec![Stimulus::get(exchange, TenantId(1))], until: None };
        let sent = Observation::Sent(Sent {
            exchange,
            lane: LaneId(0),
            tenant: TenantId(1),
            connection: ConnectionId(1),
            ordinal: Ordinal(1),
            stream: None,
            at: Moment(1),
            head: sent.to_owned(),
        });
        let seen = Observation::Seen(Seen {
            exchange: Some(exchange),
            attempt: Attempt(1),
            connection: ConnectionId(1),
            ordinal: Ordinal(1),
            stream: None,
            at: Moment(2),
            canaries: Vec::new(),
            unverified: 0,
            in_flight: 1,
            authority: Some(authority.to_owned()),
            head: seen.to_owned(),
        });
        History::seal(Plan::bare("doctor", vec![lane]), 0, vec![sent, seen])
    }

    const SENT: &str = "GET /base/cw/a HTTP/1.1\nHost: gw.test\n\n";

    #[test]
    fn a_target_and_a_host_that_were_rewritten_are_shown_without_canaries() {
        let canary = format!("{MARKER}{}", "a".repeat(CANARY_BYTES - MARKER.len()));
        let sent = format!("GET /base/cw/{canary}?cw={canary} HTTP/1.1\nHost: gw.test\n\n");
        let seen = format!("GET /cw/{canary}?cw={canary} HTTP/1.1\nHost: origin.test\n\n");
        let line = request(&passed(&sent, &seen, "origin.test"));
        assert_eq!(line.state, State::Ok);
        assert_eq!(line.found, "the origin sees HTTP/1.1, the target /cw/…?cw=… for /base/cw/…?cw=…, Host origin.test");
        let same = request(&passed(SENT, SENT, "gw.test")).found;
        assert_eq!(same, "the origin sees HTTP/1.1, the target unchanged, Host gw.test unchanged");
    }

    #[test]
    fn http_1_0_behind_the_gateway_is_a_warning_with_a_fix() {
        let line = request(&passed(SENT, "GET /base/cw/a HTTP/1.0\nHost: gw.test\n\n", "gw.test"));
        assert!(line.state == State::Warn && line.means.contains("http10-upstream"), "{line:?}");
        assert!(line.fix.is_some_and(|fix| fix.contains("proxy_http_version 1.1")));
    }

    #[test]
    fn carriers_that_are_lost_are_named_and_none_at_all_is_a_failure() {
        let told = |carriers: &[(&str, bool)]| carrier_line(Topic::RequestCarriers, carriers, "reach the origin");
        assert_eq!(told(&[("path", true), ("query", true)]).state, State::Ok);
        let some = told(&[("path", true), ("cookie", false), ("trailer", false)]);
        assert!(some.state == State::Warn && some.means.contains("cookie or trailer"), "{some:?}");
        assert_eq!(told(&[("path", false)]).state, State::Fail);
    }

    #[test]
    fn a_handshake_says_what_it_agreed_on() {
        assert!(tls(None).found.contains("in the clear"));
        assert!(tls(Some(Some("h2"))).found.contains("agrees on h2"));
        assert!(tls(Some(None)).means.contains("HTTP/1.1"));
    }

    #[test]
    fn what_was_not_asked_is_no_answer() {
        let line = not_asked(Topic::Cache, Duration::from_secs(12));
        assert!(line.state == State::Warn && line.found.contains("12 s"), "{line:?}");
        assert_eq!(interims(&passed(SENT, SENT, "gw.test"))[0].state, State::Warn);
    }
}
