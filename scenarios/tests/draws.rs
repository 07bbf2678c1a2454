//! How seeds are drawn: what a seed means never changes, and both styles touch as many requests, only spread otherwise.

use std::hash::Hasher;

use scenarios::{DrawContext, Draws, Scenario};
use vocabulary::directive::{Framing, OriginAct};
use vocabulary::identity::CaseNumber;
use vocabulary::plan::{ConnectionUse, Credential, Plan, RequestBody, Stimulus};

/// A scenario of the test's own, so that a change of the catalogue does not change what is compared.
const OPEN: &str = r#"
name = "x"
family = "test"
title = "t"
story = "s"
incidents = []
requirement = "RFC 9112 section 9.2"
level = "should"
may_reveal = []
must_exercise = []
may_be_prevented_by = []
swarm = [
  "fresh", "bodies", "head", "chunked", "trailers", "several-writes", "connection-close", "boundary-sizes", "cookies", "delays",
]
rounds = "1..=2"
gate = { order = ["fifo", "lifo", "random"], gap = ["0ms", "1ms"] }

[[lane]]
name = "first"
tenants = "1..=3"
copies = [1, 1, 2]
plain_after = 1
origin = [{ interim = { status = [100, "102..=199"], count = "1..=2", length = ["absent", { bytes = "1..=9" }] } }, { hold = "gate" }, { final = {} }]

[[lane]]
name = "next"
requests = "10..=30"
start = { after = "first.interim-written", within = ["0ms", "0ms..=2ms"] }
abort = { how = ["fin", "rst"], when = [{ after-sent = "0ms..=4ms" }, { after-event = { event = "seen" } }] }
"#;

fn plans(draws: Draws, cases: u32) -> Vec<Plan> {
    plans_of("x.toml", OPEN, &DrawContext { draws, ..DrawContext::default() }, cases)
}

fn plans_of(path: &str, text: &str, context: &DrawContext, cases: u32) -> Vec<Plan> {
    let scenario = Scenario::parse(path, text).expect("the lines are sound");
    (0..cases).map(|case| scenario.plan(7, CaseNumber(case), context)).collect()
}

fn hashed(plans: &[Plan]) -> u64 {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    for plan in plans {
        hash.write(serde_json::to_string(plan).expect("a plan has a JSON form").as_bytes());
    }
    hash.finish()
}

/// Everything that depends on what the clients speak: what is pipelined, given up, old, in absolute form, behind the end.
const OPEN_IN_H1: &str = r#"
name = "y"
family = "test"
title = "t"
story = "s"
incidents = []
requirement = "RFC 9112 section 9.3.2"
level = "should"
may_reveal = []
must_exercise = []
may_be_prevented_by = []
down = "h1"
swarm = ["fresh", "bodies", "connection-close", "pipelining", "conditional", "hosts", "aborts", "expect", "bimodal-delays"]

[[variant]]
name = "often"
weight = 3
rounds = "1..=2"
[[variant.lane]]
name = "first"
tenants = "1..=3"
in_turn = true
requests = "2..=6"
connection = ["2*kept", "pipelined"]
request = { version = ["http11", "http10"], tail = true, absolute = "host", fields = [[], ["Connection: close"]], body = { chunked = { bytes = "1..=99" } }, trailers = true }
abort = { how = ["fin", "half-close"], when = { after-sent = "0ms..=4ms" } }
origin = [{ hold = "gate" }, { final = { trailers = true, framing = ["length", "chunked"] } }]
[[variant.lane]]
name = "next"
tenants = 2
requests = "8..=16"
read = { bytes = "1..=99", gap = "1ms" }
start = { after = "first.aborted" }

[[variant]]
name = "rarely"
gate = { order = "random" }
[[variant.lane]]
name = "only"
tenants = 3
requests = "8..=16"
login = { path = "/in", cookie = "sid" }
"#;

/// FNV-1a, so that the number below can be computed by anybody.
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A seed that somebody wrote into an issue must draw the same plan after an upgrade.
#[test]
fn what_a_seed_draws_never_changes() {
    assert_eq!(hashed(&plans(Draws::Swarm, 200)), 0x8ca6_aee6_06bf_cfa4);
}

/// The number is that of the build before plans were drawn for HTTP/2.
#[test]
fn what_a_seed_draws_for_http_1_1_is_what_it_drew_before_http_2() {
    assert_eq!(hashed(&plans_of("y.toml", OPEN_IN_H1, &DrawContext::default(), 200)), 0x93bc_9116_eec4_a0eb);
}

/// Something that a knob does to an exchange.
type Touched = fn(&Stimulus) -> bool;

fn chunked(stimulus: &Stimulus) -> bool {
    let replies = stimulus.directive.acts.iter().filter_map(OriginAct::final_reply);
    replies.into_iter().any(|reply| matches!(reply.framing, Framing::Chunked { .. }))
}

const TOUCHED: [(&str, Touched); 7] = [
    ("fresh", |stimulus| stimulus.connection == ConnectionUse::Fresh),
    ("bodies", |stimulus| stimulus.request.body != RequestBody::None),
    ("head", |stimulus| stimulus.request.method == "HEAD"),
    ("chunked", chunked),
    ("connection-close", |stimulus| stimulus.request.fields.iter().any(|field| field.name == "Connection")),
    ("cookies", |stimulus| stimulus.request.credential != Credential::Both),
    ("delays", |stimulus| matches!(stimulus.directive.acts[0], OriginAct::Wait { .. })),
];

/// The share of the exchanges of lane `next` that are touched, over all plans, and the plans without any.
fn share(plans: &[Plan], touched: Touched) -> (f64, usize) {
    let of_next = |plan: &Plan| {
        let lanes = plan.lanes.iter().filter(|lane| lane.name == "next");
        let stimuli: Vec<bool> = lanes.flat_map(|lane| &lane.stimuli).map(touched).collect();
        (stimuli.iter().filter(|touched| **touched).count(), stimuli.len())
    };
    let counts: Vec<(usize, usize)> = plans.iter().map(of_next).collect();
    let (touched, all) = counts.iter().fold((0, 0), |(touched, all), (one, of)| (touched + one, all + of));
    (touched as f64 / all as f64, counts.iter().filter(|(touched, _)| *touched == 0).count())
}

#[test]
fn uniform_draws_touch_as_many_requests_as_the_swarm_but_in_every_case() {
    let (swarm, uniform) = (plans(Draws::Swarm, 1500), plans(Draws::Uniform, 1500));
    for (knob, touched) in TOUCHED {
        let ((concentrated, without), (spread, rarely_without)) = (share(&swarm, touched), share(&uniform, touched));
        assert!((concentrated - spread).abs() < 0.025, "{knob}: {concentrated:.3} and {spread:.3}");
        assert!(without > 600, "{knob}: the swarm leaves out {without} of 1500 cases");
        assert!(rarely_without < without, "{knob}: {rarely_without} of 1500 uniform cases have none");
    }
    let (_, without_body) = share(&uniform, TOUCHED[1].1);
    assert!(without_body < 30, "{without_body} of 1500 uniform cases have no body");
}
