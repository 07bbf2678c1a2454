//! Control runs: the origin is a server that nobody here wrote (wiremock, on hyper), so that an error which our client and
//! our origin had in common would show. A control that could not fail would prove nothing: two of these must.

use std::net::SocketAddr;
use std::time::Duration;

use crosswire::{Asked, Controlled, ForeignOrigin, Gateway, Minted, Recipe};
use specimens::Decisions;
use vocabulary::finding::{Boundary, Leg, Shape};
use vocabulary::identity::{ExchangeId, TenantId};
use vocabulary::plan::{ConnectionUse, Lane, Plan, RequestBody, Stimulus};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::specimen;

/// Client workers. Even: each has a partner.
const LANES: u32 = 4;
/// Requests of each.
const REQUESTS: u32 = 10;
/// How often the plan is run.
const TIMES: u32 = 5;
/// The plan's exchanges are numbered from here on. The one that asks whether the gateway is ready is below, and has no
/// partner.
const FIRST: u32 = LANES;
/// How long the server takes: all lanes are then in flight together.
const DELAY: Duration = Duration::from_millis(5);

/// Answers with what our codec mints: each request with its own reply, or each with that of the partner of its exchange.
struct Answers {
    origin: ForeignOrigin,
    swaps: bool,
}

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let Some(asked) = self.origin.take_in(&head(request), &request.body) else {
            return ResponseTemplate::new(404);
        };
        let swaps = self.swaps && asked.exchange.0 > FIRST;
        let Minted { fields, body } = self.origin.reply(if swaps { partner(asked) } else { asked });
        let reply = ResponseTemplate::new(200).set_body_bytes(body).set_delay(DELAY);
        fields.into_iter().fold(reply, |reply, (name, value)| reply.insert_header(name, value.as_str()))
    }
}

/// The request as the server tells of it, spelled again.
fn head(request: &Request) -> String {
    let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut head = format!("{} {}{query} HTTP/1.1\r\n", request.method, request.url.path());
    for (name, value) in &request.headers {
        head += &format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()));
    }
    head
}

/// The other exchange of a pair: the same request of the neighbouring lane, which is another tenant's.
fn partner(asked: Asked) -> Asked {
    let other = |number: u32| if number.is_multiple_of(2) { number - 1 } else { number + 1 };
    let Asked { exchange, tenant } = asked;
    Asked { exchange: ExchangeId(other(exchange.0)), tenant: TenantId(other(tenant.0.into()) as u16) }
}

/// Lanes of a tenant each: plain requests, some with a body, on kept and on fresh connections.
fn plain() -> Plan {
    let stimulus = |lane: u32, request: u32| {
        let exchange = ExchangeId(FIRST + request * LANES + lane + 1);
        let mut stimulus = Stimulus::get(exchange, TenantId(lane as u16 + 1));
        if request % 3 == 1 {
            stimulus.connection = ConnectionUse::Fresh;
        }
        if request % 4 == 2 {
            "POST".clone_into(&mut stimulus.request.method);
            stimulus.request.body = RequestBody::Sized { bytes: 500, declared_off_by: 0 };
        }
        stimulus
    };
    let lane = |lane: u32| Lane {
        name: format!("lane-{lane}"),
        stimuli: (0..REQUESTS).map(|request| stimulus(lane, request)).collect(),
        until: None,
    };
    Plan::bare("plain", (0..LANES).map(lane).collect())
}

/// Runs the plan through a gateway, in front of such a server.
fn control(gateway: Gateway, plan: Plan, swaps: bool) -> Result<Controlled, crosswire::RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let origin = ForeignOrigin::default();
    let answers = Answers { origin: origin.clone(), swaps };
    // The server has threads of its own and ends when it is dropped.
    let server = runtime.block_on(async {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(answers).mount(&server).await;
        server
    });
    let address: SocketAddr = *server.address();
    origin.run_blocking(gateway, address, plan, TIMES)
}

fn must_be_clean(gateway: Gateway) {
    let controlled = control(gateway, plain(), false).unwrap();
    assert!(controlled.findings.is_empty(), "{:#?}", controlled.findings);
    let all = u64::from(LANES * REQUESTS * TIMES);
    assert_eq!((controlled.exchanges, controlled.verified), (all, all));
}

#[test]
fn the_reference_gateway_is_clean_in_front_of_a_server_that_is_not_ours() {
    must_be_clean(specimen("reference", Decisions::reference()));
    must_be_clean(specimen("reference:cache", Decisions::caching()));
}

#[test]
fn real_gateways_are_clean_in_front_of_a_server_that_is_not_ours() {
    let installed: Vec<Recipe> = ["nginx", "haproxy"].into_iter().filter_map(crate::real::installed).collect();
    for recipe in installed {
        must_be_clean(Gateway::recipe(recipe, None).unwrap());
    }
}

#[test]
fn a_server_that_swaps_the_replies_of_two_tenants_is_found() {
    let mut gateways = vec![specimen("reference", Decisions::reference())];
    gateways.extend(crate::real::installed("haproxy").map(|recipe| Gateway::recipe(recipe, None).unwrap()));
    for gateway in gateways {
        let controlled = control(gateway, plain(), true).unwrap();
        assert_eq!(controlled.verified, 0, "each has received its partner's");
        assert!(!controlled.findings.is_empty());
        for finding in &controlled.findings {
            let way = (finding.shape, finding.boundary, finding.leg);
            assert_eq!(way, (Shape::PairSwap, Boundary::CrossTenant, Leg::Reply), "{}", finding.sentence);
        }
    }
}

#[test]
fn a_gateway_that_swaps_is_found_in_front_of_a_server_that_does_not() {
    let mutant = specimens::mutant("replies-swapped-under-load").unwrap();
    let controlled = control(specimen(mutant.name, (mutant.decisions)()), plain(), false).unwrap();
    let declared = (mutant.shape, mutant.boundary, mutant.leg);
    let ways = controlled.findings.iter().map(|finding| (finding.shape, finding.boundary, finding.leg));
    assert!(ways.clone().any(|way| way == declared), "{:?}", ways.collect::<Vec<_>>());
    assert!(controlled.verified > 0 && controlled.verified < controlled.exchanges, "some of them, not all");
}

#[test]
fn a_server_that_knows_no_canaries_proves_nothing_and_says_so() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(MockServer::start());
    let gateway = Gateway::command("exit 3");
    let error = ForeignOrigin::default().run_blocking(gateway, *server.address(), plain(), 1).unwrap_err();
    assert!(error.to_string().contains("no canary came back: it exited with 3"), "{error}");
}

#[test]
fn a_plan_that_such_a_server_cannot_perform_is_refused() {
    let scenario = scenarios::catalogue().find("interim-100-late-final").unwrap();
    let plan = scenario.plan(1, vocabulary::identity::CaseNumber(0), &scenarios::DrawContext::default());
    let error = control(specimen("reference", Decisions::reference()), plan, false).unwrap_err();
    assert!(error.to_string().contains("has a fault (interim)"), "{error}");
}
