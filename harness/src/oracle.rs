//! The oracle: a sealed history in, findings out.
//!
//! It is a function of plain data and nothing else: no socket, clock or chance. The delivery map ([`deliveries`]) says
//! who received what; what the audience allows is taken out ([`audience`]); the rest is named ([`shapes`]), proven or
//! set aside ([`proof`]), and explained: in a sentence ([`story`]), step by step ([`chain`]), and by what does not excuse
//! it ([`excuses`]). [`obligations`] say whether silence counts, [`anomalies`] count what only looks like a violation,
//! [`owed`] how near it came to one, [`store`] how often a cache has spared the origin.

#![deny(clippy::wildcard_enum_match_arm)]

mod anomalies;
mod audience;
mod chain;
mod deliveries;
mod excuses;
mod latency;
pub(crate) mod notation;
mod obligations;
mod owed;
mod proof;
mod self_test;
mod shapes;
mod store;
mod story;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use vocabulary::crossing::{Crossing, Http};
use vocabulary::finding::{
    Boundary, Counterfactual, Edge, Finding, Leg, Proof, Reproduction, Severity, Shape, Shrinking,
};
use vocabulary::history::{History, Performed};
use vocabulary::identity::{ExchangeId, TenantId};
use vocabulary::record::{CaseSummary, ObservationRecord, fingerprint};
use vocabulary::scenario::Level;

use obligations::SERIALISED_GATES_MIN;
pub(crate) use self_test::self_test;

/// What is known of the gateway beyond the case's history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// The readiness probe saw statuses and bodies pass unchanged, so that a changed status means something.
    pub(crate) verbatim: bool,
    /// Earlier cases have shown that it lets one request through at a time: plans hold nothing at gates any more.
    pub(crate) serialised: bool,
    /// What the gateway spoke to the origin when it was ready.
    pub(crate) up: Http,
}

impl Known {
    /// Before the first probe.
    pub(crate) const NOTHING: Known = Known { verbatim: false, serialised: false, up: Http::H1 };
    /// Of most gateways, no more than this.
    pub(crate) const VERBATIM: Known = Known { verbatim: true, ..Known::NOTHING };
}

/// What a case came to.
#[derive(Debug, Clone)]
pub(crate) struct Judgement {
    pub(crate) summary: CaseSummary,
    /// Findings without an id, a plan path or a reproduction rate: those are the run's to give.
    pub(crate) findings: Vec<Finding>,
    /// The exchanges that the origin saw, in the order of their first arrival.
    pub(crate) arrivals: Vec<ExchangeId>,
    /// Gates for several exchanges: how many opened because all had come, and how many because they never came together.
    pub(crate) gates: GateTally,
}

/// How gates have opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct GateTally {
    pub(crate) in_full: u32,
    pub(crate) expired: u32,
}

impl GateTally {
    fn of(history: &History) -> GateTally {
        if history.exchanges.keys().any(|exchange| obligations::was_answered_by_gateway(history, *exchange)) {
            // What the gateway has answered itself never came: that says nothing of how many it lets through.
            return GateTally::default();
        }
        let several = history.gates.iter().filter(|gate| gate.awaited > 1);
        let (in_full, expired): (Vec<_>, Vec<_>) = several.partition(|gate| gate.in_full());
        GateTally { in_full: in_full.len() as u32, expired: expired.len() as u32 }
    }

    /// Takes in another case.
    pub(crate) fn add(&mut self, other: GateTally) {
        self.in_full += other.in_full;
        self.expired += other.expired;
    }

    /// Three of three expired: requests never come together, and waiting for them is not tried again.
    pub(crate) fn says_serialised(self) -> bool {
        self.in_full == 0 && self.expired >= SERIALISED_GATES_MIN as u32
    }
}

/// A rule of the oracle panicked: our bug, never the gateway's.
#[derive(Debug, thiserror::Error)]
#[error("judge case {case} of {scenario}: the oracle panicked: {panic}")]
pub(crate) struct OraclePanicked {
    scenario: String,
    case: u32,
    panic: String,
}

/// Judges a case. A panic in a rule becomes an error, so that the run can keep its record and call itself Broken.
pub(crate) fn judge(history: &History, known: Known) -> Result<Judgement, OraclePanicked> {
    guarded(history, || judge_case(history, known))
}

fn guarded<T>(history: &History, rule: impl FnOnce() -> T) -> Result<T, OraclePanicked> {
    catch_unwind(AssertUnwindSafe(rule)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        OraclePanicked {
            scenario: history.plan.scenario.name.clone(),
            case: history.plan.case.0,
            panic: text.unwrap_or_else(|| "without a message".to_owned()),
        }
    })
}

fn judge_case(history: &History, known: Known) -> Judgement {
    let map = deliveries::map(history);
    let suspicions = shapes::classify(history, &map, known);
    let mut findings = Vec::new();
    let mut observations: Vec<ObservationRecord> = Vec::new();
    for suspicion in suspicions {
        match level_of(history, &suspicion) {
            Level::Observe => {
                let observation = observe(history, &suspicion);
                if !observations.contains(&observation) {
                    observations.push(observation);
                }
            }
            level @ (Level::Must | Level::Should) => findings.push(accuse(history, &map, &suspicion, level)),
        }
    }
    // Which of them is told, made small and replayed first should not be chance.
    findings.sort_by_key(|finding| (finding.level, finding.severity, Reverse(finding.boundary)));
    let summary = CaseSummary {
        scenario: history.plan.scenario.name.clone(),
        family: history.plan.scenario.family.clone(),
        level: Some(history.plan.scenario.level),
        crossing: crossing(history, known).to_string(),
        case: history.plan.case.0,
        exchanges: history.exchanges.values().filter(|exchange| exchange.sent.is_some()).count() as u64,
        verified: map.verified.len() as u64,
        exposures: exposures(history, &map),
        faults_performed: faults(history, |performed| performed == Performed::Fully),
        faults_prevented: faults(history, |performed| performed == Performed::PeerClosedFirst)
            + obligations::answered_by_gateway(history, &map),
        obligations: obligations::outcomes(history, &map, known),
        anomalies: anomalies::count(history, &map),
        near_misses: owed::near_misses(history),
        store: store::usage(history, &map),
        latency: latency::measure(history, &map),
        duration_us: 0,
        findings: findings.iter().map(|finding| finding.fingerprint.clone()).collect(),
        observations,
    };
    Judgement { summary, findings, arrivals: arrivals(history), gates: GateTally::of(history) }
}

/// What was spoken on either side. Where nothing has arrived at the origin, what the gateway had spoken before.
fn crossing(history: &History, known: Known) -> Crossing {
    let seen = history.exchanges.values().flat_map(|exchange| &exchange.seen).next();
    let up = seen.map_or(known.up, |seen| if seen.stream.is_some() { Http::H2 } else { Http::H1 });
    Crossing { down: history.plan.down, up }
}

fn arrivals(history: &History) -> Vec<ExchangeId> {
    let first = history.exchanges.iter().filter_map(|(id, exchange)| Some((exchange.seen.first()?.at, *id)));
    let mut arrivals: Vec<_> = first.collect();
    arrivals.sort_unstable();
    arrivals.into_iter().map(|(_, exchange)| exchange).collect()
}

/// Something that a correct gateway does not do, unless its proof or its level says otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Suspicion {
    pub(crate) shape: Shape,
    pub(crate) shift: Option<u32>,
    pub(crate) boundary: Boundary,
    pub(crate) leg: Leg,
    pub(crate) proof: Proof,
    /// The wrong deliveries, in the order in which they were received; for shapes of the request leg, empty.
    pub(crate) edges: Vec<Edge>,
    /// Every exchange of the story, owners and receivers.
    pub(crate) exchanges: Vec<ExchangeId>,
    /// The exchange that it is about: of the first edge, the receiver.
    pub(crate) subject: ExchangeId,
    /// Beside whose request or reply, and whose secret.
    pub(crate) receiver_tenant: TenantId,
    pub(crate) owner_tenant: TenantId,
    /// What was seen, where the story cannot be told from edges: the second half of a sentence.
    pub(crate) fact: Option<String>,
    /// Why it is nobody's fault though it was seen: a cache has shared what it may.
    pub(crate) observed: Option<audience::Observed>,
    /// Whether it is about what follows a CONNECT, on its client's own connection.
    pub(crate) of_connect: bool,
}

impl Suspicion {
    /// Whether the parts of a splice are replies to several attempts of one exchange.
    fn is_of_attempts(&self) -> bool {
        self.shape == Shape::Splice && self.edges.is_empty()
    }
}

/// Levels are computed per occurrence, not per file. Without proof, it is an observation. In a scenario that only
/// observes, what passed on an upstream connection without any fault is the gateway's doing all the same.
fn level_of(history: &History, suspicion: &Suspicion) -> Level {
    if suspicion.observed.is_some() {
        return Level::Observe;
    }
    if matches!(suspicion.proof, Proof::Race | Proof::PassedThrough) {
        return Level::Observe;
    }
    match (suspicion.shape, history.plan.scenario.level) {
        _ if suspicion.of_connect => Level::Observe,
        (Shape::StatusMismatch | Shape::TruncationAsComplete, Level::Observe) => Level::Observe,
        // RFC 9112 §8: an incomplete reply is to be recognisable as one; that it was made to look whole harms nobody else.
        (Shape::StatusMismatch | Shape::TruncationAsComplete, _) => Level::Should,
        (_, Level::Observe) if owners_met_a_fault(history, suspicion) => Level::Observe,
        (_, Level::Observe) => Level::Must,
        (_, Level::Must) if suspicion.proof == Proof::Acknowledged && met_a_freeze(history, suspicion) => Level::Should,
        (_, level) => level,
    }
}

/// Whether the gateway was stopped for one of the exchanges: its kernel had what it could not read yet. RFC 9112 §9.2 says
/// what the bytes are, not how late a program may look.
fn met_a_freeze(history: &History, suspicion: &Suspicion) -> bool {
    let stopped =
        |exchange: &ExchangeId| history.plan.stimulus(*exchange).is_some_and(|(_, stimulus)| stimulus.freeze.is_some());
    suspicion.exchanges.iter().any(stopped)
}

fn owners_met_a_fault(history: &History, suspicion: &Suspicion) -> bool {
    let faulty = |exchange: &ExchangeId| history.faults.iter().any(|fault| fault.exchange == *exchange);
    let connections: Vec<_> = history.faults.iter().filter_map(|fault| fault.connection).collect();
    let on_faulty_connection = |exchange: &ExchangeId| {
        let seen = history.exchanges.get(exchange).map(|exchange| exchange.seen.as_slice()).unwrap_or_default();
        seen.iter().any(|seen| connections.contains(&seen.connection))
    };
    suspicion.exchanges.iter().any(|exchange| faulty(exchange) || on_faulty_connection(exchange))
}

fn severity_of(history: &History, suspicion: &Suspicion) -> Severity {
    let shared = suspicion.leg == Leg::Store || suspicion.shape == Shape::DuplicateDelivery;
    if shared && !suspicion.edges.is_empty() && suspicion.edges.iter().all(|edge| is_merely_old(history, edge)) {
        return Severity::Staleness;
    }
    match suspicion.shape {
        Shape::StatusMismatch => Severity::Corruption,
        Shape::TruncationAsComplete => Severity::Truncation,
        Shape::GhostRequest => Severity::Desync,
        _ if suspicion.boundary == Boundary::CrossTenant => Severity::Leak,
        Shape::Desync => Severity::Desync,
        // All of it is the receiver's own.
        Shape::Splice if suspicion.is_of_attempts() => Severity::Corruption,
        Shape::Splice
        | Shape::DuplicateDelivery
        | Shape::PairSwap
        | Shape::Rotation
        | Shape::Shift
        | Shape::StaleDelivery
        | Shape::Fragment
        | Shape::Misdelivery
        | Shape::RequestSplice => Severity::Swap,
    }
}

/// Whether a store's answer is wrong by its age alone: the receiver might have had it while it was fresh.
fn is_merely_old(history: &History, edge: &Edge) -> bool {
    let sharing = audience::between(history, edge.delivery, edge.receiver);
    sharing == audience::Sharing::MustNot(audience::Forbidden::Stale)
}

fn observe(history: &History, suspicion: &Suspicion) -> ObservationRecord {
    ObservationRecord {
        scenario: history.plan.scenario.name.clone(),
        shape: suspicion.shape,
        boundary: suspicion.boundary,
        leg: suspicion.leg,
        proof: suspicion.proof,
        sentence: story::sentence(history, suspicion),
        cases: 1,
    }
}

fn accuse(history: &History, map: &deliveries::DeliveryMap, suspicion: &Suspicion, level: Level) -> Finding {
    let scenario = &history.plan.scenario;
    let severity = severity_of(history, suspicion);
    Finding {
        id: String::new(),
        fingerprint: fingerprint(&scenario.name, suspicion.shape, suspicion.boundary, suspicion.leg, severity),
        scenario: scenario.name.clone(),
        level,
        requirement: scenario.requirement.clone(),
        sentence: story::sentence(history, suspicion),
        shape: suspicion.shape,
        shift: suspicion.shift,
        boundary: suspicion.boundary,
        severity,
        leg: suspicion.leg,
        proof: suspicion.proof,
        edges: suspicion.edges.clone(),
        subject: suspicion.subject,
        evidence: story::evidence(history, suspicion),
        cases: 1,
        shrunk: history.plan.size(),
        reproduction: Reproduction::default(),
        counterfactual: Counterfactual::default(),
        shrinking: Shrinking::default(),
        chain: chain::chain(history, suspicion),
        excuses: excuses::excuses(history, map, suspicion),
        plan: String::new(),
        script: String::new(),
    }
}

/// Verified replies that came after the first fault had been performed.
fn exposures(history: &History, map: &deliveries::DeliveryMap) -> u64 {
    let performed = history.faults.iter().filter(|fault| fault.performed == Performed::Fully);
    let Some(first) = performed.map(|fault| fault.at).min() else { return 0 };
    let after = |exchange: &&ExchangeId| {
        history.exchanges.get(exchange).and_then(|exchange| exchange.ended_at()).is_some_and(|at| at > first)
    };
    map.verified.iter().filter(after).count() as u64
}

fn faults(history: &History, which: impl Fn(Performed) -> bool) -> u64 {
    history.faults.iter().filter(|fault| which(fault.performed)).count() as u64
}

/// The tenant of every exchange that a client may receive a reply to.
fn tenants(history: &History) -> BTreeMap<ExchangeId, TenantId> {
    history.plan.exchanges().map(|(exchange, _, stimulus)| (exchange, stimulus.tenant)).collect()
}

/// The method of an exchange that a client may receive a reply to. A tail spells a GET.
fn method(history: &History, exchange: ExchangeId) -> Option<&str> {
    let planned = history.plan.stimulus(exchange).map(|(_, stimulus)| stimulus.request.method.as_str());
    planned.or_else(|| history.plan.speller(exchange).map(|_| "GET"))
}

#[cfg(test)]
mod tests {
    use super::notation::history;
    use super::*;
    use vocabulary::plan::{Event, EventKind, Freeze};

    #[test]
    fn a_rule_that_panics_is_our_failure_and_keeps_its_message() {
        let history = history("1<1");
        let error = guarded(&history, || panic!("no such exchange")).unwrap_err();
        assert!(error.to_string().contains("no such exchange"), "{error}");
        assert!(guarded(&history, || 7).is_ok());
    }

    #[test]
    fn the_worst_finding_of_a_case_comes_first() {
        let judged = judge(&history("1<1 segment:1.2 unasked:1<1.2 c2:4,5 fault:4 4<- 5<4"), Known::VERBATIM).unwrap();
        let severities: Vec<Severity> = judged.findings.iter().map(|finding| finding.severity).collect();
        assert_eq!(severities, [Severity::Leak, Severity::Desync]);
    }

    #[test]
    fn an_observing_scenario_still_accuses_what_met_no_fault() {
        let mut swapped = history("1<2 2<1");
        swapped.plan.scenario.level = Level::Observe;
        let judged = judge(&swapped, Known::VERBATIM).unwrap();
        assert_eq!(judged.findings.len(), 1, "both owners were answered without any fault");

        let mut shifted = history("c1:1,2 fault:1 1<- 2<1");
        shifted.plan.scenario.level = Level::Observe;
        let judged = judge(&shifted, Known::VERBATIM).unwrap();
        assert_eq!((judged.findings.len(), judged.summary.observations.len()), (0, 1));
    }

    #[test]
    fn what_becomes_of_a_connects_body_is_observed_until_it_reaches_another() {
        let judged = |notation: &str, method: &str| {
            let mut history = history(notation);
            history.plan.lanes[0].stimuli[0].request.method = method.to_owned();
            let judged = judge(&history, Known::VERBATIM).unwrap();
            (judged.findings.len(), judged.summary.observations.len())
        };
        assert_eq!(judged("1<1 2<2 ghost:1>3", "CONNECT"), (0, 1));
        assert_eq!(judged("1<1 2<2 ghost:1>3 ghost:2>4", "CONNECT"), (1, 1), "another's ghost is another's defect");
        assert_eq!(judged("1<1 2<2 ghost:1>3", "POST"), (1, 0));
        assert_eq!(judged("1<1 2<2 tail:1>3 3<3 unasked:3<3", "CONNECT"), (0, 1));
        assert_eq!(judged("c1:1,3,2 1<1 tail:1>3 3<- 2<3", "CONNECT"), (1, 0), "another tenant has the reply");
    }

    #[test]
    fn bytes_of_two_attempts_are_corruption_at_the_scenarios_level() {
        for level in [Level::Must, Level::Should] {
            let mut retried = history("retry:1.2 1<1+1.2");
            retried.plan.scenario.level = level;
            let judged = judge(&retried, Known::VERBATIM).unwrap();
            let [finding] = judged.findings.as_slice() else { panic!("{:?}", judged.findings) };
            let named = (finding.shape, finding.severity, finding.boundary, finding.level);
            assert_eq!(named, (Shape::Splice, Severity::Corruption, Boundary::SameLane, level));
        }
        let retried = judge(&history("retry:1.2 1<1.2"), Known::VERBATIM).unwrap();
        assert_eq!((retried.findings.len(), retried.summary.verified), (0, 1));
    }

    #[test]
    fn what_lay_acknowledged_while_the_gateway_stood_still_fails_a_gate_at_most() {
        let level = |frozen: bool| {
            let mut history = history("seq c1:1,2 1<1 acknowledged:1.2 2<1.2");
            if frozen {
                let until = Event { exchange: ExchangeId(1), kind: EventKind::SurplusWritten };
                let receiver = history.plan.lanes.iter_mut().flat_map(|lane| &mut lane.stimuli);
                let mut receiver = receiver.filter(|stimulus| stimulus.exchange == ExchangeId(2));
                receiver.next().unwrap().freeze = Some(Freeze { until, delay_us: 0, begun: false });
            }
            let judged = judge(&history, Known::VERBATIM).unwrap();
            judged.findings.iter().map(|finding| (finding.proof, finding.level)).collect::<Vec<_>>()
        };
        assert_eq!(level(false), [(Proof::Acknowledged, Level::Must)]);
        assert_eq!(level(true), [(Proof::Acknowledged, Level::Should)]);
    }

    #[test]
    fn the_crossing_is_what_the_clients_speak_and_what_has_arrived() {
        let crossing = |notation: &str, down, up| {
            let mut history = history(notation);
            history.plan.down = down;
            judge(&history, Known { up, ..Known::NOTHING }).unwrap().summary.crossing
        };
        assert_eq!(crossing("1<1", Http::H1, Http::H1), "h1→h1");
        assert_eq!(crossing("h2 1<1", Http::H1, Http::H1), "h1→h2");
        assert_eq!(crossing("1<1", Http::H2, Http::H2), "h2→h1", "what arrives counts");
        assert_eq!(crossing("store:1 error:1=504", Http::H2, Http::H2), "h2→h2", "nothing has");
    }

    #[test]
    fn exposures_are_the_verified_replies_after_a_performed_fault() {
        let with = judge(&history("seq fault:1 1<1 2<2 3<3"), Known::VERBATIM).unwrap();
        assert_eq!((with.summary.verified, with.summary.exposures), (3, 3));
        let without = judge(&history("seq 1<1 2<2 3<3"), Known::VERBATIM).unwrap();
        assert_eq!((without.summary.verified, without.summary.exposures), (3, 0));
    }
}
