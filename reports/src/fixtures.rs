//! Findings and records made by hand, in the words that the oracle uses, and how a text is compared to its golden.

use std::path::Path;

use vocabulary::directive::FaultKind;
use vocabulary::finding::{
    Boundary, Edge, End, Evidence, ExchangeEvidence, Finding, Leg, Proof, Reproduction, Severity, Shape, Size,
    TimelineEntry,
};
use vocabulary::identity::{ConnectionId, DeliveryId, ExchangeId, LaneId, Moment, Ordinal, TenantId};
use vocabulary::record::{
    CaseSummary, EvidenceRequired, GatewayRecord, JOURNAL_SCHEMA, JournalEntry, ObligationOutcome, ObservationRecord,
    RunEnd, RunRecord, RunStart, SelfTest, fingerprint,
};
use vocabulary::scenario::{Level, Obligation, ObligationState, Prevented};

/// Text that clears a screen, turns the reading direction, speaks to CI systems and ends lines.
pub(crate) const HOSTILE: &str = "\x1b[2J\u{202e}\0::error::x\r\n::warning::y ##[error]z \u{9b}31m\u{200b}";

/// Compares a text to `goldens/NAME`, or writes it there when UPDATE_GOLDENS is set.
pub(crate) fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens").join(name);
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let agreed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(agreed == text, "{name} differs from its golden; UPDATE_GOLDENS=1 accepts this:\n{text}");
}

/// No line of a text drives a terminal, an eye or a CI system.
pub(crate) fn assert_harmless(name: &str, text: &str) {
    for line in text.lines() {
        let harmful = |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
        assert!(!line.contains(harmful), "{name}: {line:?}");
        assert!(!line.contains("##["), "{name}: {line:?}");
        assert!(line.starts_with("replay: ") || !(line.contains("::error") || line.contains("::warning")), "{line:?}");
    }
}

// ---- how a finding is told -----------------------------------------------------------------------------------------

fn delivery(id: &str) -> DeliveryId {
    let (exchange, number) = id.split_once('.').unwrap_or((id, "1"));
    let exchange = match exchange.strip_prefix("earlier:") {
        Some(wire) => ExchangeId::of_earlier_case(wire.parse().unwrap()),
        None => ExchangeId(exchange.parse().unwrap()),
    };
    DeliveryId { exchange, number: number.parse().unwrap() }
}

/// A finding in the making: each call tells one thing that happened, about a millisecond after the last.
struct Tale {
    finding: Finding,
    now: u64,
}

impl Tale {
    fn new(shape: Shape, scenario: &str, requirement: &str, sentence: &str) -> Tale {
        let (boundary, leg) = (Boundary::CrossTenant, Leg::Reply);
        let finding = Finding {
            id: "f1".to_owned(),
            fingerprint: fingerprint(scenario, shape, boundary, leg),
            scenario: scenario.to_owned(),
            level: Level::Must,
            requirement: requirement.to_owned(),
            sentence: sentence.to_owned(),
            shape,
            shift: None,
            boundary,
            severity: Severity::Leak,
            leg,
            proof: Proof::Owed,
            edges: Vec::new(),
            evidence: Evidence::default(),
            cases: 3,
            shrunk: Size { tenants: 2, exchanges: 2, faults: 1 },
            reproduction: Reproduction { runs: 20, failed: 20 },
            plan: "plans/f1.json".to_owned(),
        };
        Tale { finding, now: 4_812_300 }
    }

    fn tell(mut self, end: End, exchange: u32, connection: u32, event: String) -> Tale {
        let (exchange, connection) = (Some(ExchangeId(exchange)), Some(ConnectionId(connection)));
        self.finding.evidence.timeline.push(TimelineEntry { at: Moment(self.now), end, event, exchange, connection });
        self.now += 137 + self.now % 811;
        self
    }

    fn wait(mut self, ms: u64) -> Tale {
        self.now += ms * 1000;
        self
    }

    fn evidence(&mut self, exchange: u32) -> &mut ExchangeEvidence {
        let exchanges = &mut self.finding.evidence.exchanges;
        exchanges.iter_mut().find(|evidence| evidence.exchange == ExchangeId(exchange)).unwrap()
    }

    /// Tenant `tenant` sends the exchange on a client connection of the same number.
    fn sends(mut self, tenant: u16, exchange: u32) -> Tale {
        self.finding.evidence.exchanges.push(ExchangeEvidence {
            exchange: ExchangeId(exchange),
            tenant: TenantId(tenant),
            lane: LaneId(exchange as u16 - 1),
            client_connection: ConnectionId(exchange),
            client_ordinal: Ordinal(1),
            upstream_connection: None,
            upstream_ordinal: None,
            request_sent: format!(
                "GET /r/cwxwire{exchange}aaeb7m3q HTTP/1.1\nHost: gateway.test\nAuthorization: Bearer cwxwiret{tenant}5kq\n\n"
            ),
            request_seen: None,
            emitted: Vec::new(),
            reply_received: None,
            deliveries: Vec::new(),
        });
        self.tell(
            End::Client,
            exchange,
            exchange,
            format!("t{tenant} sends e{exchange} on client connection {exchange}"),
        )
    }

    fn arrives(mut self, exchange: u32, connection: u32, ordinal: u32) -> Tale {
        if self.finding.evidence.exchanges.iter().any(|evidence| evidence.exchange == ExchangeId(exchange)) {
            let evidence = self.evidence(exchange);
            evidence.upstream_connection = Some(ConnectionId(connection));
            evidence.upstream_ordinal = Some(Ordinal(ordinal));
            evidence.request_seen = Some(evidence.request_sent.replace("gateway.test", "127.0.0.1:9000"));
        }
        let nth = ["0th", "1st", "2nd", "3rd", "4th", "5th", "6th", "7th"][ordinal as usize];
        let event = format!("the origin sees e{exchange} on upstream connection c{connection}, {nth} there");
        self.tell(End::Origin, exchange, connection, event)
    }

    fn interim(self, exchange: u32, connection: u32) -> Tale {
        self.tell(End::Origin, exchange, connection, format!("the origin writes an interim reply to e{exchange}"))
    }

    fn writes(mut self, id: &str, status: u16, connection: u32) -> Tale {
        let delivery = delivery(id);
        let head = "HTTP/1.1 200 OK\nContent-Length: 512\n\n";
        let (surplus, asked) = match delivery.number {
            1 => ("", ""),
            _ => (", surplus", ", which nobody asked for,"),
        };
        let emitted = format!("{delivery} {status} on c{connection}{surplus}: {head}");
        self.evidence(delivery.exchange.0).emitted.push(emitted);
        let event = format!("the origin writes {delivery}{asked} ({status}) on c{connection}");
        self.tell(End::Origin, delivery.exchange.0, connection, event)
    }

    /// The exchange's client receives parts of these deliveries.
    fn receives(mut self, exchange: u32, status: u16, ids: &[&str]) -> Tale {
        let deliveries: Vec<DeliveryId> = ids.iter().map(|id| delivery(id)).collect();
        let own = |id: &DeliveryId| id.exchange == ExchangeId(exchange);
        let edges = deliveries.iter().filter(|id| !own(id));
        let edges: Vec<Edge> =
            edges.map(|delivery| Edge { receiver: ExchangeId(exchange), delivery: *delivery }).collect();
        self.finding.edges.extend(edges);
        let words: Vec<String> = deliveries.iter().map(ToString::to_string).collect();
        let evidence = self.evidence(exchange);
        evidence.reply_received = Some(format!(
            "HTTP/1.1 {status} OK\nx-request-id: 7f3{exchange}\nx-crosswire: cwxwirereply{}\nContent-Length: 512\n\ncwxwire",
            words.join("and")
        ));
        evidence.deliveries = deliveries;
        let whose = if words.is_empty() { "no canary".to_owned() } else { words.join(" and ") };
        self.tell(End::Client, exchange, exchange, format!("e{exchange} receives {status} with {whose}"))
    }

    fn at_client(self, exchange: u32, event: &str) -> Tale {
        self.tell(End::Client, exchange, exchange, format!("e{exchange} {event}"))
    }

    fn closes(self, exchange: u32, connection: u32) -> Tale {
        self.tell(End::Origin, exchange, connection, format!("the origin closes upstream connection c{connection}"))
    }

    fn told(self) -> Finding {
        self.finding
    }
}

// ---- findings ------------------------------------------------------------------------------------------------------

pub(crate) fn shift() -> Finding {
    let tale = Tale::new(
        Shape::Shift,
        "interim-100-late-final",
        "RFC 9110 section 15.2: a client must parse 1xx replies received before a final one, even if it did not expect them",
        "tenant 2's request e2 (GET, connection 2, 1st on it) received tenant 1's reply to e1: the origin had sent e1 a \
         100 with Content-Length: 0 before its final reply, and the gateway gave upstream connection c1 to e2 while that \
         reply was still owed.",
    );
    let tale = tale.sends(1, 1).arrives(1, 1, 1).interim(1, 1).wait(5).sends(2, 2).arrives(2, 1, 2).writes("1", 200, 1);
    let tale = tale.receives(2, 200, &["1"]).closes(1, 1).wait(900).at_client(1, "gives up: no reply came");
    Finding { shift: Some(1), ..tale.told() }
}

/// A shift that goes on for the life of its connection.
pub(crate) fn shift_of_many() -> Finding {
    let mut tale = Tale::new(
        Shape::Shift,
        "interim-102-then-final",
        "RFC 9110 section 15.2: a client must parse 1xx replies received before a final one",
        "tenant 2's request e2 (GET, connection 2, 1st on it) received tenant 1's reply to e1: the origin had sent e1 a \
         102 before its final reply, and the gateway gave upstream connection c1 to e2 while that reply was still owed.",
    );
    tale = tale.sends(1, 1).arrives(1, 1, 1).interim(1, 1).receives(1, 502, &[]);
    for exchange in 2..=6 {
        tale = tale.sends(exchange as u16, exchange).arrives(exchange, 1, exchange);
        tale = tale.writes(&(exchange - 1).to_string(), 200, 1).receives(exchange, 200, &[&(exchange - 1).to_string()]);
    }
    let mut finding = Finding { shift: Some(1), shrunk: Size { tenants: 6, exchanges: 9, faults: 1 }, ..tale.told() };
    for exchange in 7..=9 {
        finding.edges.push(Edge { receiver: ExchangeId(exchange), delivery: delivery(&(exchange - 1).to_string()) });
    }
    finding
}

pub(crate) fn pair_swap() -> Finding {
    let tale = Tale::new(
        Shape::PairSwap,
        "pair-release-reversed",
        "RFC 9112 section 9.3.2: a server must send its replies in the order of the requests",
        "tenant 1's request e1 (GET, connection 1, 1st on it) received tenant 2's reply to e2: both were in flight at \
         once, and e2 received the reply to e1.",
    );
    let tale = tale.sends(1, 1).sends(2, 2).arrives(1, 1, 1).arrives(2, 2, 1).writes("2", 200, 2).writes("1", 200, 1);
    tale.receives(1, 200, &["2"]).receives(2, 200, &["1"]).closes(1, 1).closes(2, 2).told()
}

pub(crate) fn rotation() -> Finding {
    let mut tale = Tale::new(
        Shape::Rotation,
        "burst-of-three",
        "RFC 9113 section 5: a stream carries one request and its reply",
        "tenant 1's request e1 (GET, connection 1, 1st on it) received tenant 2's reply to e2: 3 requests in flight at \
         once exchanged replies in a ring (e1 ← d2, e2 ← d3, e3 ← d1).",
    );
    for exchange in 1..=3 {
        tale = tale.sends(exchange as u16, exchange);
    }
    for exchange in 1..=3 {
        tale = tale.arrives(exchange, 1, exchange);
    }
    let tale = tale.writes("3", 200, 1).writes("2", 200, 1).writes("1", 200, 1);
    let tale = tale.receives(1, 200, &["2"]).receives(2, 200, &["3"]).receives(3, 200, &["1"]);
    Finding { shrunk: Size { tenants: 3, exchanges: 3, faults: 0 }, ..tale.told() }
}

pub(crate) fn duplicate_from_store() -> Finding {
    let tale = Tale::new(
        Shape::DuplicateDelivery,
        "cache-authorization-ignored",
        "RFC 9111 section 3.5: a shared cache must not use a stored reply to a request with Authorization for another",
        "tenant 2's request e2 (GET, connection 2, 1st on it) received tenant 1's reply to e1: no attempt of e2 reached \
         the origin, the gateway answered from its store (RFC 9111 section 3.5).",
    );
    let tale = tale.sends(1, 1).arrives(1, 1, 1).writes("1", 200, 1).receives(1, 200, &["1"]);
    Finding { leg: Leg::Store, ..tale.wait(20).sends(2, 2).receives(2, 200, &["1"]).told() }
}

pub(crate) fn stale() -> Finding {
    let tale = Tale::new(
        Shape::StaleDelivery,
        "abort-then-reuse",
        "RFC 9112 section 9.3: a connection with a reply still owed on it must not serve another request",
        "tenant 2's request e2 (GET, connection 2, 1st on it) received tenant 1's reply to e1: the client of e1 had given \
         up (RST) while its reply was owed, and the gateway gave upstream connection c1 to e2 while that reply was still \
         owed.",
    );
    let tale = tale.sends(1, 1).arrives(1, 1, 1).at_client(1, "aborts, as planned").wait(3);
    tale.sends(2, 2).arrives(2, 1, 2).writes("1", 200, 1).receives(2, 200, &["1"]).told()
}

/// The owner belongs to a case that is over; only its number on the wire is known.
pub(crate) fn stale_of_an_earlier_case() -> Finding {
    let tale = Tale::new(
        Shape::StaleDelivery,
        "abort-then-reuse",
        "RFC 9112 section 9.3: a connection with a reply still owed on it must not serve another request",
        "tenant 2's request e4 (GET, connection 4, 1st on it) received tenant 3's reply to a request of an earlier case.",
    );
    tale.sends(2, 4).receives(4, 200, &["earlier:7"]).told()
}

pub(crate) fn splice() -> Finding {
    let tale = Tale::new(
        Shape::Splice,
        "cut-half-a-body",
        "RFC 9112 section 8: a reply that ends before its declared length is incomplete",
        "tenant 2's request e2 (GET, connection 2, 1st on it) received, within one reply, a part of tenant 1's reply to \
         e1: the origin had cut its reply to e1 off, and from then on each reply on upstream connection c1 went to the \
         request after its own.",
    );
    let tale =
        tale.sends(1, 1).arrives(1, 1, 1).writes("1", 200, 1).at_client(1, "ends: the gateway closed the connection");
    tale.sends(2, 2).arrives(2, 1, 2).writes("2", 200, 1).receives(2, 200, &["2", "1"]).told()
}

pub(crate) fn ghost_request() -> Finding {
    let tale = Tale::new(
        Shape::GhostRequest,
        "smuggle-cl-te",
        "RFC 9112 section 6.1: a request with both Content-Length and Transfer-Encoding ends where the chunks end",
        "tenant 1's request e1 (POST, connection 1, 1st on it) was framed, but what its body spelled arrived at the origin \
         as a request of its own (e3).",
    );
    let mut finding =
        tale.sends(1, 1).arrives(1, 1, 1).arrives(3, 1, 2).writes("1", 200, 1).receives(1, 200, &["1"]).told();
    finding.evidence.exchanges[0].request_sent = finding.evidence.exchanges[0].request_sent.replace("GET", "POST");
    Finding { boundary: Boundary::SameTenant, severity: Severity::Desync, leg: Leg::Request, ..finding }
}

pub(crate) fn request_splice() -> Finding {
    let tale = Tale::new(
        Shape::RequestSplice,
        "colliding-request-ids",
        "RFC 9110 section 7.6: an intermediary forwards a message's own fields",
        "tenant 2's request e2 (GET, connection 2, 1st on it) arrived at the origin with a part of tenant 1's credential \
         in it.",
    );
    let tale = tale.sends(2, 2).arrives(2, 1, 1).writes("2", 200, 1).receives(2, 200, &["2"]);
    Finding { leg: Leg::Request, ..tale.told() }
}

pub(crate) fn desync() -> Finding {
    let tale = Tale::new(
        Shape::Desync,
        "surplus-after-204",
        "RFC 9112 section 6.3: a 204 has no body, so the next byte starts the next reply",
        "tenant 1's request e1 (GET, connection 1, 1st on it) was over when 64 bytes of d1.2 (tenant 1) came on its \
         connection unasked.",
    );
    let tale = tale.sends(1, 1).arrives(1, 1, 1).writes("1", 204, 1).writes("1.2", 200, 1).receives(1, 204, &["1"]);
    let finding = tale.closes(1, 1).told();
    Finding { boundary: Boundary::SameLane, severity: Severity::Desync, proof: Proof::SameSegment, ..finding }
}

pub(crate) fn status_mismatch() -> Finding {
    let tale = Tale::new(
        Shape::StatusMismatch,
        "status-599",
        "RFC 9110 section 15: a client must treat an unknown status as the x00 of its class",
        "tenant 1's request e1 (GET, connection 1, 1st on it) was answered 599 by the origin and received 200.",
    );
    let tale = tale.sends(1, 1).arrives(1, 1, 1).writes("1", 599, 1).receives(1, 200, &["1"]);
    let finding = Finding { level: Level::Should, severity: Severity::Corruption, ..tale.told() };
    Finding { boundary: Boundary::SameLane, reproduction: Reproduction { runs: 20, failed: 3 }, ..finding }
}

/// The same tenant has several clients, so that lanes must be told apart.
pub(crate) fn swap_of_one_tenant() -> Finding {
    let tale = Tale::new(
        Shape::PairSwap,
        "pair-release-reversed",
        "RFC 9112 section 9.3.2: a server must send its replies in the order of the requests",
        "tenant 1's request e1 (GET, connection 1, 1st on it) received tenant 1's reply to e2: both were in flight at \
         once, and e2 received the reply to e1.",
    );
    let tale = tale.sends(1, 1).sends(1, 2).arrives(1, 1, 1).arrives(2, 1, 2).writes("1", 200, 1).writes("2", 200, 1);
    let finding = tale.receives(2, 200, &["1"]).receives(1, 200, &["2"]).told();
    Finding { boundary: Boundary::SameTenant, severity: Severity::Swap, ..finding }
}

/// Nothing but edges is left as evidence.
pub(crate) fn thin() -> Finding {
    Finding { evidence: Evidence::default(), ..shift() }
}

/// One finding of each kind that is told differently.
pub(crate) fn all() -> Vec<(String, Finding)> {
    let all = [
        ("shift", shift()),
        ("shift-of-many", shift_of_many()),
        ("pair-swap", pair_swap()),
        ("swap-of-one-tenant", swap_of_one_tenant()),
        ("rotation", rotation()),
        ("duplicate-from-store", duplicate_from_store()),
        ("stale", stale()),
        ("stale-of-an-earlier-case", stale_of_an_earlier_case()),
        ("splice", splice()),
        ("ghost-request", ghost_request()),
        ("request-splice", request_splice()),
        ("desync", desync()),
        ("status-mismatch", status_mismatch()),
        ("thin", thin()),
    ];
    all.map(|(name, finding)| (name.to_owned(), finding)).into()
}

/// The same finding, hostile in every text.
pub(crate) fn hostile(mut finding: Finding) -> Finding {
    for text in [&mut finding.id, &mut finding.fingerprint, &mut finding.scenario, &mut finding.plan] {
        *text = HOSTILE.to_owned();
    }
    for text in [&mut finding.requirement, &mut finding.sentence] {
        *text = HOSTILE.to_owned();
    }
    for evidence in &mut finding.evidence.exchanges {
        evidence.request_sent = HOSTILE.to_owned();
        evidence.request_seen = Some(HOSTILE.to_owned());
        evidence.reply_received = Some(HOSTILE.to_owned());
        evidence.emitted = vec![HOSTILE.to_owned()];
    }
    for (index, entry) in finding.evidence.timeline.iter_mut().enumerate() {
        // Some keep the verb by which they are known, some lose it.
        entry.event = if index % 2 == 0 { format!("{}{HOSTILE}", entry.event) } else { HOSTILE.to_owned() };
    }
    finding
}

// ---- records -------------------------------------------------------------------------------------------------------

fn start() -> JournalEntry {
    JournalEntry::RunStarted(RunStart {
        schema: JOURNAL_SCHEMA.to_owned(),
        crosswire_version: "0.1.0".to_owned(),
        run_id: "0198c5d2-7b1e-7aa0-9c55-2f6f0c1d2e3f".to_owned(),
        seed: 7,
        started_at: "2026-03-02T10:11:12Z".to_owned(),
        profile: "default".to_owned(),
        evidence: EvidenceRequired { verified_min: 5000, verified_per_scenario_min: 1 },
        gateway: GatewayRecord {
            kind: "recipe".to_owned(),
            name: "nginx".to_owned(),
            version: Some("1.27.3".to_owned()),
            variant: Some("keepalive".to_owned()),
        },
        self_test: SelfTest { planted: 64, found: 64, correct: 32, silent: 32 },
    })
}

fn case(scenario: &str, family: &str, exposures: u64) -> CaseSummary {
    CaseSummary {
        scenario: scenario.to_owned(),
        family: family.to_owned(),
        level: Some(Level::Must),
        crossing: "h1→h1".to_owned(),
        exchanges: exposures + exposures / 20,
        verified: exposures + exposures / 50,
        exposures,
        faults_performed: exposures / 9,
        obligations: vec![ObligationOutcome {
            obligation: Obligation::FaultPerformed(FaultKind::Interim),
            state: ObligationState::Met,
            count: exposures / 9,
        }],
        ..CaseSummary::default()
    }
}

fn prevented(scenario: &str, family: &str, exposures: u64) -> CaseSummary {
    let mut case = case(scenario, family, exposures);
    case.faults_prevented = 64;
    case.obligations.push(ObligationOutcome {
        obligation: Obligation::FaultPerformed(FaultKind::Surplus),
        state: ObligationState::Prevented(Prevented::PeerClosedFirst),
        count: 64,
    });
    case.anomalies = [("no reply".to_owned(), 64), ("attempt repeated by the gateway".to_owned(), 1041)].into();
    case
}

fn skipped(name: &str, reason: &str) -> JournalEntry {
    JournalEntry::ScenarioSkipped { name: name.to_owned(), reason: reason.to_owned() }
}

fn record(entries: impl IntoIterator<Item = JournalEntry>) -> RunRecord {
    RunRecord::from_journal(std::iter::once(start()).chain(entries)).unwrap()
}

const END: JournalEntry = JournalEntry::RunEnded { duration_ms: 41_234, how: RunEnd::Completed };

pub(crate) fn clean() -> RunRecord {
    let unknown = "the gateway's reply timeout is not known (--gateway-timeout)";
    record([
        skipped("timeout-late-final", unknown),
        skipped("timeout-late-chunk", unknown),
        skipped("h2-reset-then-data", "it needs the protocol h2"),
        JournalEntry::CaseJudged(case("interim-100-late-final", "interim", 5208)),
        JournalEntry::CaseJudged(prevented("surplus-after-204", "surplus", 4100)),
        JournalEntry::CaseJudged(CaseSummary {
            level: Some(Level::Observe),
            ..case("a-scenario-with-a-name-that-is-longer-than-usual", "interim", 4)
        }),
        END,
    ])
}

pub(crate) fn violated() -> RunRecord {
    let (first, second) = (shift(), Finding { id: "f2".to_owned(), ..status_mismatch() });
    let observed = ObservationRecord {
        scenario: "surplus-after-204".to_owned(),
        shape: Shape::Shift,
        boundary: Boundary::CrossTenant,
        leg: Leg::Reply,
        proof: Proof::Race,
        sentence: "tenant 2's request e5 (GET, connection 5, 1st on it) received a reply that nobody had asked for, \
                   which followed tenant 1's reply to e4."
            .to_owned(),
        cases: 2,
    };
    let found =
        |case: CaseSummary, finding: &Finding| CaseSummary { findings: vec![finding.fingerprint.clone()], ..case };
    record([
        JournalEntry::FindingFound(Box::new(first.clone())),
        JournalEntry::CaseJudged(found(case("interim-100-late-final", "interim", 5208), &first)),
        JournalEntry::CaseJudged(CaseSummary {
            observations: vec![observed],
            ..prevented("surplus-after-204", "surplus", 4104)
        }),
        JournalEntry::FindingFound(Box::new(second.clone())),
        JournalEntry::CaseJudged(CaseSummary {
            level: Some(Level::Should),
            ..found(case("status-599", "status", 720), &second)
        }),
        END,
    ])
}

pub(crate) fn inconclusive() -> RunRecord {
    let mut few = case("interim-100-late-final", "interim", 12);
    few.obligations.push(ObligationOutcome {
        obligation: Obligation::FollowUps(3),
        state: ObligationState::Unmet,
        count: 1,
    });
    record([JournalEntry::CaseJudged(few), END])
}

pub(crate) fn broken() -> RunRecord {
    let what = "judge case 4 of surplus-after-204: the oracle panicked: index out of bounds".to_owned();
    let judged = JournalEntry::CaseJudged(case("interim-100-late-final", "interim", 5208));
    record([judged, JournalEntry::RunBroken { what }])
}

/// A run that ended before anything happened.
pub(crate) fn interrupted() -> RunRecord {
    record([JournalEntry::RunEnded { duration_ms: 80, how: RunEnd::Interrupted }])
}

pub(crate) fn records() -> Vec<(String, RunRecord)> {
    let all = [
        ("clean", clean()),
        ("violated", violated()),
        ("inconclusive", inconclusive()),
        ("broken", broken()),
        ("interrupted", interrupted()),
    ];
    all.map(|(name, record)| (name.to_owned(), record)).into()
}

/// The same record, hostile in every text.
pub(crate) fn hostile_record(mut record: RunRecord) -> RunRecord {
    let text = || HOSTILE.to_owned();
    for field in [
        &mut record.schema,
        &mut record.crosswire_version,
        &mut record.run_id,
        &mut record.started_at,
        &mut record.profile,
        &mut record.gateway.kind,
        &mut record.gateway.name,
    ] {
        *field = text();
    }
    (record.gateway.version, record.gateway.variant) = (Some(text()), Some(text()));
    record.reasons.iter_mut().for_each(|reason| *reason = text());
    for scenario in &mut record.scenarios {
        (scenario.name, scenario.family, scenario.crossing) = (text(), text(), text());
        scenario.obligations.iter_mut().for_each(|obligation| obligation.name = text());
        scenario.anomalies = [(text(), 3)].into();
    }
    for skipped in &mut record.skipped {
        (skipped.name, skipped.reason) = (text(), text());
    }
    record.findings = record.findings.into_iter().map(hostile).collect();
    for observation in &mut record.observations {
        (observation.scenario, observation.sentence) = (text(), text());
    }
    record
}
