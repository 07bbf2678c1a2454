//! What plans hold: sound, the same for the same seed, every word of every choice reached, followers after each fault.

use std::collections::{BTreeMap, BTreeSet};

use scenarios::{DrawContext, Draws, Scenario, catalogue};
use vocabulary::crossing::Http;
use vocabulary::directive::{FaultKind, Framing, Hold, InterimLength, OriginAct, SurplusTiming};
use vocabulary::identity::{CaseNumber, ExchangeId};
use vocabulary::plan::{AbortHow, AbortWhen, EventKind, Plan, Stimulus};
use vocabulary::scenario::{Level, Obligation};

fn plans(name: &str, cases: u32) -> Vec<Plan> {
    plans_for(Http::H1, name, cases)
}

fn plans_for(down: Http, name: &str, cases: u32) -> Vec<Plan> {
    let scenario = catalogue().find(name).unwrap_or_else(|| panic!("there is no scenario {name}"));
    let context = DrawContext { down, ..DrawContext::default() };
    (0..cases).map(|case| scenario.plan(7, CaseNumber(case), &context)).collect()
}

/// Every scenario, once for each kind of clients that it is told to.
fn all() -> impl Iterator<Item = (&'static Scenario, Http)> {
    let each = catalogue().all().iter().flat_map(|scenario| [(scenario, Http::H1), (scenario, Http::H2)]);
    each.filter(|(scenario, down)| scenario.head.down.is_none_or(|only| only == *down))
}

fn acts(plans: &[Plan]) -> impl Iterator<Item = &OriginAct> {
    plans.iter().flat_map(Plan::stimuli).flat_map(|(_, stimulus)| &stimulus.directive.acts)
}

#[test]
fn every_plan_can_be_run() {
    for (scenario, down) in all() {
        for plan in plans_for(down, scenario.name(), 200) {
            assert_eq!((plan.defect(), plan.down), (None, down), "{} {}", scenario.name(), plan.case);
            assert!(plan.lanes.len() <= 256 && plan.stimuli().count() <= 1000);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_another_plan() {
    for (scenario, down) in all() {
        let context = DrawContext { down, ..DrawContext::default() };
        let json = |seed, case| serde_json::to_string(&scenario.plan(seed, CaseNumber(case), &context)).unwrap();
        for case in 0..20 {
            assert_eq!(json(1, case), json(1, case));
            let exchanges = |json: &str| json.split_once("\"tenants\"").unwrap().1.to_owned();
            assert_ne!(exchanges(&json(1, case)), exchanges(&json(2, case)), "{} case {case}", scenario.name());
            assert_ne!(exchanges(&json(1, case)), exchanges(&json(1, case + 20)));
        }
    }
}

/// A regression would be a scenario whose fault is spelt, but never drawn.
#[test]
fn the_faults_that_must_be_performed_are_planned_in_every_case_or_in_most() {
    for (scenario, down) in all() {
        for obligation in &scenario.head.must_exercise {
            let Obligation::FaultPerformed(kind) = obligation else { continue };
            let plans = plans_for(down, scenario.name(), 70);
            let with = plans.iter().filter(|plan| plan.faults().iter().any(|(_, fault)| fault == kind)).count();
            // plain-concurrency has free-running cases, which hold nothing.
            let least = if *kind == FaultKind::Reorder { 40 } else { 70 };
            assert!(with >= least, "{}: {kind:?} is planned in {with} of 70 cases for {down}", scenario.name());
        }
    }
}

/// Those who come after a fault: exchanges of other tenants in a lane that waits for an event of a faulty exchange.
#[test]
fn every_fault_has_three_followers_of_other_tenants_on_fresh_connections() {
    let follows = |obligation: &Obligation| matches!(obligation, Obligation::FollowUps(_));
    // Where the only fault is an order nobody comes after it, all are in it.
    let has_trigger =
        |obligation: &Obligation| matches!(obligation, Obligation::FaultPerformed(kind) if *kind != FaultKind::Reorder);
    let faulty = all().filter(|(scenario, _)| {
        let must = &scenario.head.must_exercise;
        // A store is asked on whatever connection a request comes.
        scenario.family() != "cache" && must.iter().any(follows) && must.iter().any(has_trigger)
    });
    for (scenario, down) in faulty {
        for plan in plans_for(down, scenario.name(), 200) {
            let triggers: BTreeMap<ExchangeId, &Stimulus> =
                plan.stimuli().filter(|(_, stimulus)| is_trigger(stimulus)).map(|(_, s)| (s.exchange, s)).collect();
            assert!(!triggers.is_empty(), "{} {}", scenario.name(), plan.case);
            let mut followers = 0;
            for lane in &plan.lanes {
                let mut awaited = None;
                for stimulus in &lane.stimuli {
                    let event = stimulus.start.after.map(|event| event.exchange);
                    awaited = event.filter(|exchange| triggers.contains_key(exchange)).or(awaited);
                    let other = awaited.is_some_and(|trigger| triggers[&trigger].tenant != stimulus.tenant);
                    followers += u32::from(other && stimulus.connection == vocabulary::plan::ConnectionUse::Fresh);
                }
            }
            assert!(followers >= 3, "{} {} for {down}: {followers} followers", scenario.name(), plan.case);
        }
    }
}

fn is_trigger(stimulus: &Stimulus) -> bool {
    let faults = stimulus.faults().into_iter().chain(stimulus.directive.faults());
    faults.into_iter().any(|fault| fault != FaultKind::Reorder)
}

#[test]
fn the_trigger_of_an_interim_or_surplus_goes_on_on_its_own_connection() {
    for name in ["interim-100-late-final", "interim-103-split", "surplus-same-segment"] {
        for plan in plans(name, 50) {
            for lane in plan.lanes.iter().filter(|lane| lane.name == "first") {
                let story = lane.stimuli.iter().position(is_trigger).unwrap();
                for pair in lane.stimuli[story..].chunks(2) {
                    assert!(is_trigger(&pair[0]) && !is_trigger(&pair[1]));
                    assert_eq!(pair[1].connection, vocabulary::plan::ConnectionUse::Kept);
                    assert_eq!(pair[0].tenant, pair[1].tenant);
                }
            }
        }
    }
}

#[test]
fn lanes_of_the_story_have_tenants_of_their_own() {
    for plan in plans("interim-100-late-final", 50) {
        let of = |name: &str| -> BTreeSet<_> {
            let lanes = plan.lanes.iter().filter(|lane| lane.name == name);
            lanes.flat_map(|lane| &lane.stimuli).map(|stimulus| stimulus.tenant).collect()
        };
        assert!(of("first").is_disjoint(&of("next")));
        assert!(of("more").is_subset(&of("next")));
    }
}

#[test]
fn every_interim_is_reached() {
    let plans = plans("interim-100-late-final", 300);
    let interims: BTreeSet<_> = acts(&plans)
        .filter_map(|act| match act {
            OriginAct::Interim(interim) => Some((interim.status, length(interim.length))),
            _ => None,
        })
        .collect();
    let expected = [100, 102, 199]
        .into_iter()
        .flat_map(|status| ["absent", "bytes", "chunked", "zero"].map(|word| (status, word)));
    assert_eq!(interims, expected.collect());
    let bait = acts(&plans).filter(|act| **act == OriginAct::Hold(Hold::Bait)).count();
    assert!(bait > 300, "{bait} replies are baited");
}

fn length(length: InterimLength) -> &'static str {
    match length {
        InterimLength::Absent => "absent",
        InterimLength::Zero => "zero",
        InterimLength::Bytes(_) => "bytes",
        InterimLength::Chunked => "chunked",
    }
}

#[test]
fn every_abort_is_reached() {
    let plans = plans("client-abort-before-headers", 300);
    let (mut how, mut sweep, mut after_seen) = (BTreeMap::new(), BTreeSet::new(), 0);
    for plan in &plans {
        let aborts: Vec<_> = plan.stimuli().filter_map(|(_, stimulus)| stimulus.abort).collect();
        assert!(aborts.len() >= 8, "{} aborts in {}", aborts.len(), plan.case);
        for abort in aborts {
            *how.entry(format!("{:?}", abort.how)).or_insert(0) += 1;
            match abort.when {
                AbortWhen::AfterSent { us } => _ = sweep.insert(us),
                AbortWhen::AfterEvent { event, .. } => after_seen += u32::from(event == EventKind::Seen),
                AbortWhen::AfterReplyBytes { .. } => panic!("aborts come before the reply"),
            }
        }
    }
    for us in [0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000] {
        assert!(sweep.contains(&us), "{us} us is never drawn");
    }
    let share = |word: &str| f64::from(how[word]) / f64::from(how.values().sum::<i32>());
    assert!(share("Fin") > 0.3 && share("Rst") > 0.3 && share("HalfClose") < 0.2 && after_seen > 300);
    let _ = AbortHow::Fin;
}

#[test]
fn surplus_in_the_same_segment_fits_into_one_write() {
    let plans = plans("surplus-same-segment", 300);
    let mut sizes = BTreeSet::new();
    for (_, stimulus) in plans.iter().flat_map(Plan::stimuli) {
        let [OriginAct::Final(reply), OriginAct::Surplus(surplus)] = stimulus.directive.acts.as_slice() else {
            continue;
        };
        assert_eq!(surplus.when, SurplusTiming::SameSegment);
        assert_eq!((reply.framing, reply.segment), (Framing::Length, vocabulary::directive::Segment::Shared));
        let vocabulary::directive::SurplusKind::Reply { bytes, .. } = surplus.what else {
            panic!("a reply was planned")
        };
        assert!(reply.bytes + bytes <= 15 * 1024, "two heads more than 16 KiB");
        sizes.insert(bytes);
    }
    assert!(sizes.len() > 100);
}

/// What a client of HTTP/2 would have to leave out is not planned for it.
#[test]
fn nothing_is_asked_of_clients_of_http_2_that_their_protocol_has_no_words_for() {
    use vocabulary::plan::{RequestBody, Version};
    for (scenario, down) in all().filter(|(_, down)| *down == Http::H2) {
        for plan in plans_for(down, scenario.name(), 100) {
            for request in plan.stimuli().map(|(_, stimulus)| &stimulus.request) {
                let plain = (request.version, &request.absolute, request.tail) == (Version::Http11, &None, None);
                let misframed =
                    matches!(request.body, RequestBody::Misframed { by, .. } if by.spoken() == Some(Http::H1));
                let names = request.fields.iter().map(|field| field.name.to_ascii_lowercase());
                // RFC 8441 §4: `Upgrade` is said by a CONNECT.
                let of_connection = names.into_iter().find(|name| name == "connection");
                assert!(plain && !misframed && of_connection.is_none(), "{} {}", scenario.name(), plan.case);
            }
        }
    }
}

/// What the gateway speaks to the origin is not known when a plan is drawn, unless the scenario asks for it.
#[test]
fn acts_of_one_version_only_are_planned_where_the_scenario_says_so() {
    for (scenario, down) in all() {
        for act in acts(&plans_for(down, scenario.name(), 100)) {
            let needs = match act {
                OriginAct::Reset(_) | OriginAct::GoAway(_) | OriginAct::Settings(_) => Some(Http::H2),
                OriginAct::Tunnel { .. } => Some(Http::H1),
                OriginAct::Final(reply) => match reply.framing {
                    Framing::LengthAndChunked | Framing::ChunkedBroken(_) => Some(Http::H1),
                    _ => (reply.status == 101).then_some(Http::H1),
                },
                _ => None,
            };
            assert!(needs.is_none() || scenario.head.up == needs, "{}: {act:?}", scenario.name());
        }
    }
}

/// Otherwise a gateway's streams would never lie beside each other on a client's connection.
#[test]
fn clients_of_http_2_use_streams_in_half_of_the_cases_of_any_scenario_that_lets_them() {
    let streams = |plan: &Plan| {
        let pipelined = |stimulus: &Stimulus| stimulus.connection == vocabulary::plan::ConnectionUse::Pipelined;
        plan.stimuli().filter(|(_, stimulus)| pipelined(stimulus)).count()
    };
    for name in ["plain-concurrency", "cache-auth-unkeyed", "retry-duplicate-body", "client-abort-before-headers"] {
        assert!(plans(name, 60).iter().all(|plan| streams(plan) == 0), "{name}");
        let with = plans_for(Http::H2, name, 60).iter().filter(|plan| streams(plan) > 0).count();
        assert!((18..=42).contains(&with), "{name}: {with} of 60 cases");
    }
    let uniform = DrawContext { down: Http::H2, draws: Draws::Uniform, ..DrawContext::default() };
    let crowd = catalogue().find("crowd").unwrap();
    let with = (0..60).filter(|case| streams(&crowd.plan(7, CaseNumber(*case), &uniform)) > 0).count();
    assert!(with > 40, "{with} of 60 cases");
}

/// A round ends before the next one begins, whoever asks without awaiting replies.
#[test]
fn a_batch_of_streams_begins_with_a_request_that_awaits_those_of_the_round_before() {
    for plan in plans_for(Http::H2, "crowd", 60) {
        for lane in &plan.lanes {
            let pipelined = |stimulus: &Stimulus| stimulus.connection == vocabulary::plan::ConnectionUse::Pipelined;
            let rounds = if lane.name == "eager" { 4 } else { 1 };
            assert!(!lane.stimuli.iter().step_by(rounds).any(pipelined), "{} of case {}", lane.name, plan.case);
        }
    }
}

#[test]
fn sixteen_streams_and_more_of_four_tenants_are_released_in_reverse() {
    for down in [Http::H1, Http::H2] {
        let mut reversed = 0;
        let plans = plans_for(down, "h2-reverse-completion", 100);
        let gates = || plans.iter().flat_map(|plan| plan.gates.iter().map(move |gate| (plan, gate)));
        for (plan, gate) in gates() {
            let tenant = |exchange: &ExchangeId| plan.stimulus(*exchange).unwrap().1.tenant;
            let tenants: BTreeSet<_> = gate.awaits.iter().map(tenant).collect();
            assert!(gate.awaits.len() >= 16 && tenants.len() >= 4, "{} tenants", tenants.len());
            reversed += usize::from(gate.awaits.iter().rev().eq(&gate.release));
        }
        assert!(reversed * 2 > gates().count());
        let of_one_client = |plan: &&Plan| {
            plan.gates.iter().any(|gate| {
                let lanes: BTreeSet<_> = gate.awaits.iter().map(|held| plan.stimulus(*held).unwrap().0).collect();
                lanes.len() == 1
            })
        };
        let on_one_connection = plans.iter().filter(of_one_client).count();
        assert_eq!(on_one_connection > 20, down == Http::H2, "{on_one_connection} of 100 cases");
    }
}

#[test]
fn the_control_is_never_a_finding() {
    let control = catalogue().find("surplus-in-flight-control").unwrap();
    assert_eq!(control.head.level, Level::Observe);
}

#[test]
fn every_private_reply_is_asked_for_with_authorization() {
    let plans = plans("same-url-other-tenant", 100);
    let mut fields = BTreeSet::new();
    for (_, stimulus) in plans.iter().flat_map(Plan::stimuli) {
        use vocabulary::plan::{Audience, Credential, Target};
        assert!(matches!(stimulus.request.credential, Credential::Authorization | Credential::Both));
        assert!(
            matches!(&stimulus.request.target, Target::Shared(path) if path.starts_with("/account/") && !path.contains('{'))
        );
        assert_eq!(stimulus.audience, Audience::Tenant);
        let replies = stimulus.directive.acts.iter().filter_map(|act| match act {
            OriginAct::Final(reply) => Some(reply),
            _ => None,
        });
        fields.extend(replies.map(|reply| reply.fields.clone()));
    }
    assert_eq!(fields.len(), 6);
}

/// A private reply on a target of its own would be offered to nobody else.
#[test]
fn every_private_reply_is_on_a_shared_target_beside_requests_of_other_tenants() {
    let cache = catalogue().all().iter().filter(|scenario| scenario.family() == "cache");
    let mut seen = 0;
    for plan in cache.flat_map(|scenario| plans(scenario.name(), 60)) {
        let private = |stimulus: &&Stimulus| {
            let mut finals = stimulus.directive.acts.iter().filter_map(OriginAct::final_reply);
            finals.any(|reply| reply.private)
        };
        for (_, owner) in plan.stimuli().filter(|(_, stimulus)| private(stimulus)) {
            assert!(matches!(owner.request.target, vocabulary::plan::Target::Shared(_)), "{}", plan.scenario.name);
            let others =
                plan.stimuli().filter(|(_, other)| other.tenant != owner.tenant && other.request.method == "GET");
            assert!(others.count() > 0, "{}", plan.scenario.name);
            seen += 1;
        }
    }
    assert!(seen > 1000);
}

/// Release orders as the gates of `every-order` spell them: all of two and of three exchanges, over its first cases.
#[test]
fn consecutive_cases_cover_every_release_order_of_two_and_three() {
    let mut orders: BTreeSet<Vec<usize>> = BTreeSet::new();
    for plan in
        plans("plain-concurrency", 21).iter().filter(|plan| plan.lanes.iter().any(|lane| lane.name == "anybody"))
    {
        for gate in &plan.gates {
            let place = |exchange: &ExchangeId| gate.awaits.iter().position(|awaited| awaited == exchange).unwrap();
            orders.insert(gate.release.iter().map(place).collect());
        }
    }
    for order in [vec![0, 1], vec![1, 0], vec![0], vec![1]] {
        assert!(orders.contains(&order), "{order:?} is never released");
    }
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        assert!(orders.contains(order.as_slice()), "{order:?} is never released");
    }
}

#[test]
fn bursts_are_released_in_every_manner() {
    let plans = plans("plain-concurrency", 70);
    let mut seen = BTreeSet::new();
    for gate in
        plans.iter().filter(|plan| plan.lanes.iter().any(|lane| lane.name == "burst")).flat_map(|plan| &plan.gates)
    {
        assert!((2..=16).contains(&gate.awaits.len()));
        let reversed: Vec<_> = gate.awaits.iter().rev().copied().collect();
        let order = if gate.release == gate.awaits {
            "fifo"
        } else if gate.release == reversed {
            "lifo"
        } else {
            "random"
        };
        seen.insert((order, gate.gap_us));
    }
    for order in ["fifo", "lifo", "random"] {
        for gap in [0, 1_000, 4_000] {
            assert!(seen.contains(&(order, gap)), "{order} with {gap} us never happens");
        }
    }
}

#[test]
fn a_scenario_of_the_catalogue_needs_a_timeout_if_one_stands_in_it_and_only_then() {
    for scenario in catalogue().all() {
        let path = format!("{}/catalogue/{}/{}.toml", env!("CARGO_MANIFEST_DIR"), scenario.family(), scenario.name());
        let text = std::fs::read_to_string(path).unwrap();
        let counts_from_it = text.lines().any(|line| !line.starts_with('#') && line.contains("\"timeout+"));
        assert_eq!(scenario.needs_gateway_timeout(), counts_from_it, "{}", scenario.name());
    }
}
