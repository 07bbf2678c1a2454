//! The questions: small plans, made by hand, without anything to hide.

use vocabulary::crossing::Http;
use vocabulary::directive::{
    Close, Directive, Field, Final, Framing, Interim, InterimLength, OriginAct, Segment, Writes,
};
use vocabulary::examination::{ExaminedLine, Topic};
use vocabulary::history::History;
use vocabulary::identity::{ExchangeId, TenantId};
use vocabulary::plan::{
    Audience, BodyPace, ConnectionUse, Credential, Event, EventKind, Form, Lane, OwnForm, Plan, Request, RequestBody,
    Start, Stimulus, Target,
};

use super::reading;

/// Microseconds between two halves of a message: far longer than any gateway needs to pass on the first.
const HALVES_GAP_US: u64 = 300_000;
/// Microseconds for which the origin keeps a reply back, so that equal requests are under way at the same time.
const TOGETHER_US: u64 = 300_000;
/// Equal requests that are sent at one time.
pub(super) const TOGETHER: u32 = 4;
/// Requests on one client connection, and then as many on connections of their own.
pub(super) const IN_A_ROW: u32 = 4;

/// A question: what is done, and what reads the answer.
pub(super) struct Probe {
    /// What it is about.
    pub(super) topics: &'static [Topic],
    pub(super) plan: Plan,
    pub(super) read: fn(&History) -> Vec<ExaminedLine>,
}

/// All of them, for clients that speak this. What may take longest comes last.
pub(super) fn all(down: Http) -> Vec<Probe> {
    let mut probes = vec![
        Probe {
            topics: &[Topic::Request, Topic::RequestCarriers, Topic::ReplyCarriers],
            plan: carriers(),
            read: reading::carriers,
        },
        Probe { topics: &[Topic::Pooling, Topic::ClientConnections], plan: connections(), read: reading::connections },
        Probe { topics: &[Topic::Retries], plan: retries(), read: reading::retries },
        Probe { topics: &[Topic::Collapsing], plan: collapsing(), read: reading::collapsing },
        Probe { topics: &[Topic::Cache], plan: cache(), read: reading::cache },
        Probe { topics: &[Topic::RequestBuffering], plan: slow_request(), read: reading::request_buffering },
        Probe { topics: &[Topic::ReplyBuffering], plan: slow_reply(), read: reading::reply_buffering },
        Probe { topics: &[Topic::InterimReplies], plan: interims(), read: reading::interims },
    ];
    for probe in &mut probes {
        probe.plan.down = down;
    }
    let get = Plan { down: Http::H2, ..plan(vec![vec![get(1)]]) };
    probes.push(Probe { topics: &[Topic::Http2], plan: get, read: reading::http2 });
    probes
}

/// One request for each place where a canary may travel.
pub(super) mod carried {
    use vocabulary::identity::ExchangeId;

    /// Without a body: in the target and in fields.
    pub(in super::super) const HEAD: ExchangeId = ExchangeId(1);
    /// In a body of text.
    pub(in super::super) const TEXT: ExchangeId = ExchangeId(2);
    /// In a string of JSON.
    pub(in super::super) const JSON: ExchangeId = ExchangeId(3);
    /// In a form.
    pub(in super::super) const FORM: ExchangeId = ExchangeId(4);
    /// In a trailer, both ways.
    pub(in super::super) const TRAILER: ExchangeId = ExchangeId(5);
}

fn carriers() -> Plan {
    let mut head = get(carried::HEAD.0);
    head.directive = Directive { acts: vec![OriginAct::Final(with_cookie(Final::ok(256)))], every_attempt: false };
    let text = post(carried::TEXT.0, RequestBody::Sized { bytes: 256, declared_off_by: 0 });
    let mut json = post(carried::JSON.0, RequestBody::None);
    json.request.form = own("/cw/json", r#"{"text":"{canary}"}"#);
    let mut form = post(carried::FORM.0, RequestBody::None);
    form.request.form = own("/cw/form", "text={canary}&end=1");
    form.request.fields = vec![field("Content-Type", "application/x-www-form-urlencoded")];
    let mut trailer = post(carried::TRAILER.0, RequestBody::Chunked { bytes: 256, chunk: 128 });
    trailer.request.trailers = true;
    // RFC 9110 §6.5.1: without it whoever passes a reply on may leave its trailer out.
    trailer.request.fields = vec![field("TE", "trailers")];
    let chunked = Final { framing: Framing::Chunked { chunk: 128 }, trailers: true, ..Final::ok(256) };
    trailer.directive = Directive { acts: vec![OriginAct::Final(chunked)], every_attempt: false };
    plan(vec![vec![head, text, json, form, trailer]])
}

/// Some requests on one client connection, then some on a new one each.
fn connections() -> Plan {
    let kept = (1..=IN_A_ROW).map(get);
    let mut fresh: Vec<Stimulus> = (IN_A_ROW + 1..=2 * IN_A_ROW).map(get).collect();
    fresh.iter_mut().for_each(|stimulus| stimulus.connection = ConnectionUse::Fresh);
    fresh[0].start = after(IN_A_ROW);
    plan(vec![kept.collect(), fresh])
}

/// The origin closes without a reply: to the first request that it sees on a connection, and to one behind another.
fn retries() -> Plan {
    let silent = |exchange| {
        let mut stimulus = get(exchange);
        stimulus.directive = Directive { acts: vec![OriginAct::Close(Close::Fin)], every_attempt: true };
        stimulus
    };
    plan(vec![vec![silent(1), get(2), silent(3)]])
}

fn collapsing() -> Plan {
    let one = |exchange| {
        let mut stimulus = public(exchange, "together");
        stimulus.directive.acts.insert(0, OriginAct::Wait { us: TOGETHER_US });
        vec![stimulus]
    };
    plan((1..=TOGETHER).map(one).collect())
}

fn cache() -> Plan {
    plan(vec![vec![public(1, "stored"), public(2, "stored")]])
}

fn slow_request() -> Plan {
    let mut slow = post(1, RequestBody::Sized { bytes: 512, declared_off_by: 0 });
    slow.request.pace = BodyPace::Slow { writes: 2, gap_us: HALVES_GAP_US };
    plan(vec![vec![slow]])
}

fn slow_reply() -> Plan {
    let mut slow = get(1);
    let writes = Writes { count: 2, gap_us: HALVES_GAP_US, acknowledged: false };
    let reply = Final { writes, ..Final::ok(512) };
    slow.directive = Directive { acts: vec![OriginAct::Final(reply)], every_attempt: true };
    plan(vec![vec![slow]])
}

/// The interim replies that are tried, each with its exchange.
pub(super) const INTERIMS: [(ExchangeId, u16); 2] = [(ExchangeId(1), 103), (ExchangeId(2), 100)];

fn interims() -> Plan {
    let lanes = INTERIMS.map(|(exchange, status)| {
        let interim = Interim { status, length: InterimLength::Absent, fields: Vec::new(), segment: Segment::Own };
        let mut stimulus = get(exchange.0);
        stimulus.directive.acts.insert(0, OriginAct::Interim(interim));
        // One after the other: a gateway that takes the first for a final reply must not spoil the second.
        if exchange.0 > 1 {
            stimulus.start = after(exchange.0 - 1);
            stimulus.connection = ConnectionUse::Fresh;
        }
        vec![stimulus]
    });
    plan(lanes.into())
}

fn plan(lanes: Vec<Vec<Stimulus>>) -> Plan {
    let named = lanes.into_iter().map(|stimuli| Lane { name: "doctor".to_owned(), stimuli, until: None });
    Plan::bare("doctor", named.collect())
}

fn get(exchange: u32) -> Stimulus {
    Stimulus::get(ExchangeId(exchange), TenantId(1))
}

fn post(exchange: u32, body: RequestBody) -> Stimulus {
    let mut stimulus = get(exchange);
    stimulus.request = Request { method: "POST".to_owned(), body, ..Request::get() };
    stimulus
}

/// A request without a credential for what everybody may have, under one target.
fn public(exchange: u32, name: &str) -> Stimulus {
    let mut stimulus = get(exchange);
    stimulus.request.target = Target::Shared(name.to_owned());
    stimulus.request.credential = Credential::None;
    stimulus.audience = Audience::Public;
    let reply = Final { fields: vec![field("Cache-Control", "public, max-age=60")], ..Final::ok(256) };
    stimulus.directive = Directive { acts: vec![OriginAct::Final(reply)], every_attempt: true };
    stimulus
}

fn with_cookie(reply: Final) -> Final {
    Final { fields: vec![field("Set-Cookie", "cw={canary}; Path=/")], ..reply }
}

fn own(path: &str, body: &str) -> Form {
    Form::Own(OwnForm { path: path.to_owned(), fields: Vec::new(), body: body.to_owned(), reply: None })
}

fn after(exchange: u32) -> Start {
    let event = Event { exchange: ExchangeId(exchange), kind: EventKind::Concluded };
    Start { after: Some(event), delay_us: 0 }
}

fn field(name: &str, value: &str) -> Field {
    Field { name: name.to_owned(), value: value.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_can_be_asked_and_no_topic_is_asked_twice() {
        for down in [Http::H1, Http::H2] {
            let mut topics: Vec<Topic> = Vec::new();
            for probe in all(down) {
                assert_eq!(probe.plan.defect(), None, "{:?}", probe.topics);
                topics.extend(probe.topics);
            }
            let asked = topics.len();
            topics.sort();
            topics.dedup();
            assert_eq!(asked, topics.len());
        }
    }
}
