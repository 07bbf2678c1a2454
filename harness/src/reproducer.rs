//! The plan of a finding as a script that needs nothing but Python 3: for maintainers who do not have crosswire, and for
//! `git bisect run`.
//!
//! ```text
//! plan ──▶ what each client sends ──┐
//!      ──▶ what the origin does ────┼──▶ words for canaries ──▶ data of the script, before its runtime
//! finding ──▶ what counts as wrong ─┘
//! ```
//!
//! Pure. What is written is what the run's own ends would write, byte for byte, but for the canaries: in their place stand
//! words of the same length that say whose they are (`reply-1-to-e2-of-tenant-2`). The script judges by these words alone,
//! so it knows less than the oracle, and a plan whose finding cannot be seen by them has none.

use std::fmt::Write;

use mock_upstream::{Rehearsed, Step, rehearse};
use vocabulary::canary::{CANARY_BYTES, CanaryKey, Claim, Role, STRIPE_BYTES, Scanner, Site};
use vocabulary::crossing::Http;
use vocabulary::directive::{Close, Directive, Final, Hold, OriginAct};
use vocabulary::finding::{Boundary, Finding, Leg, Shape};
use vocabulary::identity::{Attempt, ExchangeId, GateId};
use vocabulary::plan::{AbortHow, AbortWhen, BodyPace, ConnectionUse, Event, EventKind, Plan, Stimulus};

use crate::client::{Target, spell};

mod literal;

use literal::bytes;

/// What performs the data.
const RUNTIME: &str = include_str!("reproducer/runtime.py");
/// What is added to the numbers of exchanges: the script puts another number in its place in each run, so that a store
/// does not answer from what it has learnt in the one before.
const BASE: u32 = 700_000_000;
/// Columns of its prose.
const COLUMNS: usize = 112;
/// Bytes of a script.
const SCRIPT_BYTES_MAX: usize = 256 * 1024;
/// Requests of a plan that a person can still read as a script.
const EXCHANGES_MAX: usize = 16;

/// Why there is no script of a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoScript {
    /// It needs what the script does not have.
    #[error("a script of it would need {0}")]
    Needs(&'static str),
    /// It is long.
    #[error("a script of it would have more than {EXCHANGES_MAX} requests, or {SCRIPT_BYTES_MAX} bytes")]
    TooLong,
}

/// Between which versions of HTTP a plan was run, and how its paths began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting<'a> {
    /// What the gateway spoke with its clients, and with the origin.
    pub(crate) http: (Http, Http),
    /// Whether its clients spoke TLS with it.
    pub(crate) over_tls: bool,
    /// What every path began with.
    pub(crate) base_path: &'a str,
}

/// The script of a plan that shows a finding.
pub(crate) fn script(plan: &Plan, finding: &Finding, setting: Setting<'_>) -> Result<String, NoScript> {
    let kind = kind(finding.shape)?;
    if setting.http != (Http::H1, Http::H1) {
        return Err(NoScript::Needs("HTTP/2"));
    }
    if setting.over_tls {
        return Err(NoScript::Needs("TLS"));
    }
    if plan.stimuli().count() > EXCHANGES_MAX {
        return Err(NoScript::TooLong);
    }
    let spoken = Spoken { plan, key: CanaryKey::new([0; 16], 0), scanner: Scanner::new(), setting };
    let mut script = heading(plan, finding);
    script.push_str(
        "import re\nimport select\nimport socket\nimport struct\nimport sys\nimport threading\nimport time\n\n",
    );
    spoken.origin(&mut script);
    spoken.lanes(&mut script)?;
    spoken.persons(&mut script);
    let cross_tenant = if finding.boundary == Boundary::CrossTenant { "True" } else { "False" };
    // A store may lawfully share much; what it must not share is what was found.
    let only = finding.edges.iter().filter(|_| finding.leg == Leg::Store);
    let only: Vec<String> =
        only.map(|edge| format!("(\"{}\", \"{}\")", edge.receiver, edge.delivery.exchange)).collect();
    let only = if only.is_empty() { "set()".to_owned() } else { format!("{{{}}}", only.join(", ")) };
    writeln!(script, "KIND, CROSS_TENANT, ONLY = \"{kind}\", {cross_tenant}, {only}").expect("a String takes all");
    write!(script, "TOKEN = b\"{BASE}\"  # another number in each run\n\n{RUNTIME}").expect("a String takes all");
    if script.len() > SCRIPT_BYTES_MAX { Err(NoScript::TooLong) } else { Ok(script) }
}

/// What counts as wrong, in the word of the runtime.
fn kind(shape: Shape) -> Result<&'static str, NoScript> {
    Ok(match shape {
        Shape::Splice
        | Shape::DuplicateDelivery
        | Shape::PairSwap
        | Shape::Rotation
        | Shape::Shift
        | Shape::StaleDelivery
        | Shape::Fragment
        | Shape::Misdelivery => "reply",
        Shape::GhostRequest => "ghost",
        Shape::RequestSplice => "request",
        Shape::Desync => "unasked",
        Shape::StatusMismatch | Shape::TruncationAsComplete => {
            return Err(NoScript::Needs("to know what a whole reply is"));
        }
    })
}

fn heading(plan: &Plan, finding: &Finding) -> String {
    let Finding { id, sentence, requirement, scenario, .. } = finding;
    let told = [sentence.clone(), format!("{}.", requirement.trim_end_matches('.'))];
    let told = told.iter().filter(|text| text.len() > 1);
    let told: Vec<String> = told.map(|text| wrapped(&text.replace(['\\', '"'], "'"))).collect();
    format!(
        "#!/usr/bin/env python3\n\"\"\"{}\n\n\
         This script is the origin behind the gateway, and the clients in front of it:\n\n    \
         python3 {id}.py GATEWAY_PORT ORIGIN_PORT [TIMES]\n\n\
         The gateway listens on 127.0.0.1:GATEWAY_PORT and forwards to 127.0.0.1:ORIGIN_PORT. Exit codes are those of\n\
         `git bisect run`: 1 if something reached whom it must not reach, 0 if nothing did, 125 if it could not be played.\n\n\
         Made by crosswire {} from scenario {scenario}, seed {}, case {}. It needs nothing but Python 3.8.\n\"\"\"\n",
        told.join("\n\n"),
        env!("CARGO_PKG_VERSION"),
        plan.seed,
        plan.case.0,
    )
}

/// A plan on its way into a script.
struct Spoken<'a> {
    plan: &'a Plan,
    key: CanaryKey,
    scanner: Scanner,
    setting: Setting<'a>,
}

impl Spoken<'_> {
    /// What the origin does for each exchange.
    fn origin(&self, script: &mut String) {
        script.push_str("# What the origin does when a request arrives: for the first attempt, and where that is another thing, for\n");
        script.push_str("# later ones and for conditional ones.\nORIGIN = {\n");
        for (_, stimulus) in self.plan.stimuli() {
            let (name, request) = (stimulus.exchange, self.spelled(stimulus).concat());
            let steps = |attempt, conditional| {
                let exchange = ExchangeId(stimulus.exchange.0 + BASE);
                let asked = Rehearsed { request: &request, tenant: stimulus.tenant, exchange, attempt, conditional };
                self.steps(rehearse(&stimulus.directive, &self.key, asked))
            };
            let first = steps(Attempt(1), false);
            for (variant, other) in [(" again", steps(Attempt(2), false)), (" conditional", steps(Attempt(1), true))] {
                if other != first {
                    writeln!(script, "    \"{name}{variant}\": [{other}],").expect("a String takes all");
                }
            }
            writeln!(script, "    \"{name}\": [{first}],").expect("a String takes all");
        }
        // What only the bytes of another request spell is answered as the origin answers it.
        let acts = vec![OriginAct::Hold(Hold::Bait), OriginAct::Final(Final::ok(256))];
        let held = Directive { acts, every_attempt: true };
        for (_, stimulus) in self.plan.stimuli() {
            for spelled in stimulus.request.spelled() {
                let asked = Rehearsed {
                    request: b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                    tenant: stimulus.tenant,
                    exchange: ExchangeId(spelled.0 + BASE),
                    attempt: Attempt(1),
                    conditional: false,
                };
                let steps = self.steps(rehearse(&held, &self.key, asked));
                writeln!(script, "    \"{spelled}\": [{steps}],").expect("a String takes all");
            }
        }
        script.push_str(
            "}\nSTRANGER = [(\"body\",), (\"write\", b\"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n\")]\n\n",
        );
    }

    fn steps(&self, steps: Vec<Step>) -> String {
        // A canary may lie across two writes.
        let written = steps.iter().filter_map(|step| match step {
            Step::Write(bytes, _) => Some(bytes.as_slice()),
            _ => None,
        });
        let spoken = self.in_words(&written.collect::<Vec<_>>().concat());
        let mut rest = spoken.as_slice();
        let mut told = String::new();
        for step in steps {
            let step = match step {
                Step::Write(write, happens) => {
                    let (now, later) = rest.split_at(write.len());
                    rest = later;
                    let happens = happens.into_iter().map(|kind| format!(", \"{}\"", word(kind)));
                    format!("\"write\", {}{}", bytes(now, 18), happens.collect::<String>())
                }
                Step::AwaitBody => "\"body\",".to_owned(),
                Step::Pause(lasts) => format!("\"pause\", {}", lasts.as_secs_f64()),
                Step::Hold(Hold::Bait) => "\"bait\",".to_owned(),
                Step::Hold(Hold::Body) => "\"body\",".to_owned(),
                Step::Hold(Hold::Event(Event { exchange, kind })) => {
                    format!("\"event\", \"{exchange}\", \"{}\"", word(kind))
                }
                Step::Hold(Hold::Gate(gate)) => self.gate(gate),
                Step::AwaitAcknowledgement => "\"pause\", 0.02".to_owned(),
                Step::Close(Close::Fin) => "\"close\", \"fin\"".to_owned(),
                Step::Close(Close::Rst) => "\"close\", \"rst\"".to_owned(),
                Step::Swallow => "\"pause\", 5".to_owned(),
            };
            write!(told, "\n        ({step}),").expect("a String takes all");
        }
        if !told.is_empty() {
            told.push_str("\n    ");
        }
        told
    }

    fn gate(&self, id: GateId) -> String {
        let names = |exchanges: &[ExchangeId]| {
            let names = exchanges.iter().map(|exchange| format!("\"{exchange}\""));
            format!("[{}]", names.collect::<Vec<_>>().join(", "))
        };
        let gate = self.plan.gates.iter().find(|gate| gate.id == id);
        let (awaits, release) = gate.map_or((&[][..], &[][..]), |gate| (&gate.awaits, &gate.release));
        format!("\"gate\", {}, {}", names(awaits), names(release))
    }

    /// What the clients do.
    fn lanes(&self, script: &mut String) -> Result<(), NoScript> {
        script.push_str(
            "# What each client does, one after the other. A request is its head, and what follows that.\nLANES = [\n",
        );
        for lane in &self.plan.lanes {
            script.push_str("    [\n");
            for stimulus in &lane.stimuli {
                self.stimulus(stimulus, script)?;
            }
            script.push_str("    ],\n");
        }
        script.push_str("]\n");
        Ok(())
    }

    fn stimulus(&self, stimulus: &Stimulus, script: &mut String) -> Result<(), NoScript> {
        if stimulus.freeze.is_some() {
            return Err(NoScript::Needs("to stop the gateway's process"));
        }
        if stimulus.request.keep_cookies {
            return Err(NoScript::Needs("a jar for cookies"));
        }
        let mut told = vec![format!("\"exchange\": \"{}\"", stimulus.exchange)];
        if let Some(Event { exchange, kind }) = stimulus.start.after {
            told.push(format!("\"after\": (\"{exchange}\", \"{}\")", word(kind)));
        }
        if stimulus.start.delay_us > 0 {
            told.push(format!("\"delay\": {}", seconds(stimulus.start.delay_us)));
        }
        match stimulus.connection {
            ConnectionUse::Kept => {}
            ConnectionUse::Pipelined => told.push("\"use\": \"pipelined\"".to_owned()),
            // Which connection has affinity with which is not known without the oracle: the next best is a new one.
            ConnectionUse::Fresh | ConnectionUse::Affinity { .. } => told.push("\"use\": \"fresh\"".to_owned()),
        }
        if stimulus.request.method == "HEAD" {
            told.push("\"method\": \"HEAD\"".to_owned());
        }
        match stimulus.request.pace {
            BodyPace::AtOnce => {}
            BodyPace::Slow { writes, gap_us } => {
                told.push(format!("\"pace\": (\"slow\", {}, {})", writes.max(1), seconds(gap_us)));
            }
            BodyPace::AfterContinue { wait_us } => {
                told.push(format!("\"pace\": (\"after-continue\", {})", seconds(wait_us)));
            }
            BodyPace::AfterReply { wait_us } => {
                told.push(format!("\"pace\": (\"after-reply\", {})", seconds(wait_us)));
            }
            BodyPace::Withheld => told.push("\"pace\": (\"withheld\",)".to_owned()),
        }
        if let Some(abort) = stimulus.abort {
            let how = match abort.how {
                AbortHow::Fin => "fin",
                AbortHow::Rst => "rst",
                AbortHow::HalfClose => "half-close",
            };
            let when = match abort.when {
                AbortWhen::AfterSent { us } => format!("\"sent\", {}", seconds(us)),
                AbortWhen::AfterReplyBytes { bytes } => format!("\"bytes\", {bytes}"),
                AbortWhen::AfterEvent { event, us } => format!("\"{}\", {}", word(event), seconds(us)),
            };
            told.push(format!("\"abort\": (\"{how}\", {when})"));
        }
        if let Some(read) = stimulus.read {
            told.push(format!("\"read\": ({}, {})", read.bytes.max(1), seconds(read.gap_us)));
        }
        let [head, rest] = self.spelled(stimulus);
        let both = self.in_words(&[head.as_slice(), &rest].concat());
        let (head, rest) = both.split_at(head.len());
        told.push(format!(
            "\"request\": (\n            {},\n            {},\n        )",
            bytes(head, 12),
            bytes(rest, 12)
        ));
        writeln!(script, "        {{{}}},", told.join(", ")).expect("a String takes all");
        Ok(())
    }

    /// Who is whose.
    fn persons(&self, script: &mut String) {
        let [mut tenants, mut ghosts, mut tails, mut hosts] = [const { Vec::new() }; 4];
        for (exchange, _, stimulus) in self.plan.exchanges() {
            tenants.push(format!("\"{exchange}\": \"{}\"", stimulus.tenant.0));
        }
        for (_, stimulus) in self.plan.stimuli() {
            let speller = stimulus.exchange;
            ghosts.extend(stimulus.request.ghost().map(|ghost| format!("\"{ghost}\": \"{speller}\"")));
            hosts.extend(stimulus.request.host.as_ref().map(|host| format!("\"{speller}\": b\"{host}\"")));
            tails.extend(stimulus.request.tail.map(|tail| format!("\"{tail}\": \"{speller}\"")));
        }
        let dictionary = |name: &str, entries: &[String]| format!("{name} = {{{}}}\n", entries.join(", "));
        script.push_str("# Of whom each request is, which stand in the body of another, or behind it, and which are for other hosts.\n");
        script.push_str(&dictionary("TENANTS", &tenants));
        script.push_str(&dictionary("GHOSTS", &ghosts));
        script.push_str(&dictionary("TAILS", &tails));
        script.push_str(&dictionary("HOSTS", &hosts));
    }

    /// The head of a request, and what follows.
    fn spelled(&self, stimulus: &Stimulus) -> [Vec<u8>; 2] {
        let mut out = Vec::new();
        let target = Target::of_a_script(self.setting.base_path);
        let spelled = spell(stimulus, BASE, &self.key, &target, &mut out);
        let rest = out.split_off(spelled.body);
        [out, rest]
    }

    /// The same bytes with words for canaries, of the same length.
    fn in_words(&self, written: &[u8]) -> Vec<u8> {
        let mut spoken = written.to_vec();
        let hits = self.scanner.scan_plain(&self.key, written);
        for (index, hit) in hits.iter().enumerate() {
            let next = hits.get(index + 1).map_or(written.len(), |next| next.offset);
            let end = next.min(hit.offset + CANARY_BYTES);
            let stripe = next.min(hit.offset + STRIPE_BYTES);
            match hit.canary {
                Ok(claim) => {
                    spoken[hit.offset..end].copy_from_slice(&said(claim));
                    if matches!(claim.site, Site::BodyBegin | Site::Body | Site::Stripe | Site::BodyEnd)
                        && is_numbered(&written[end..stripe])
                    {
                        // What numbers a stripe: without it stripes are alike, and told once.
                        spoken[end..stripe].fill(b'.');
                    }
                }
                // The beginning of one that a length has cut off: what is no letter or digit is framing.
                Err(_) => {
                    let cut = written[hit.offset..end].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
                    spoken[hit.offset..hit.offset + cut].fill(b'.');
                }
            }
        }
        spoken
    }
}

/// Whether this stands behind the canary of a stripe.
fn is_numbered(tail: &[u8]) -> bool {
    tail.len() == STRIPE_BYTES - CANARY_BYTES && tail.iter().all(u8::is_ascii_alphanumeric)
}

/// What a canary says, in words of its length: `reply-1-to-e2-of-tenant-2.............700000000`.
fn said(claim: Claim) -> [u8; CANARY_BYTES] {
    let (exchange, tenant) = (claim.exchange.0.saturating_sub(BASE), claim.tenant.0);
    let words = match claim.role {
        Role::Tenant => format!("secret-of-tenant-{tenant}"),
        Role::Request => format!("request-e{exchange}-of-tenant-{tenant}"),
        Role::Reply => format!("reply-{}-to-e{exchange}-of-tenant-{tenant}", claim.delivery),
    };
    // A credential is the same in every run.
    let end = if claim.role == Role::Tenant { String::new() } else { BASE.to_string() };
    let padded = format!("{words:.<width$}{end}", width = CANARY_BYTES - end.len());
    padded.as_bytes().try_into().expect("words are shorter than a canary")
}

/// An event as the runtime calls it.
fn word(kind: EventKind) -> String {
    serde_json::to_value(kind).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Text in lines of at most [`COLUMNS`].
fn wrapped(text: &str) -> String {
    let (mut told, mut column) = (String::new(), 0);
    for word in text.split_whitespace() {
        let breaks = column + word.len() >= COLUMNS;
        told.push_str(if told.is_empty() {
            ""
        } else if breaks {
            "\n"
        } else {
            " "
        });
        column = if breaks { word.len() } else { column + 1 + word.len() };
        told.push_str(word);
    }
    told
}

#[expect(clippy::cast_precision_loss, reason = "times of a plan are below a minute")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::{Known, judge, notation::history};
    use vocabulary::canary::MARKER;
    use vocabulary::directive::{Final, Framing};
    use vocabulary::identity::TenantId;
    use vocabulary::plan::{Freeze, RequestBody};

    const PLAIN: Setting<'static> = Setting { http: (Http::H1, Http::H1), over_tls: false, base_path: "/api" };

    /// A shift by one, cross-tenant, and its plan.
    fn shift() -> (Plan, Finding) {
        let history = history("c1:1,2 fault:1 1<- 2<1");
        let finding = judge(&history, Known::NOTHING).unwrap().findings.remove(0);
        (history.plan.clone(), Finding { id: "f1".to_owned(), ..finding })
    }

    #[test]
    fn a_script_says_what_it_shows_and_has_words_for_canaries() {
        let (plan, finding) = shift();
        let script = script(&plan, &finding, PLAIN).unwrap();
        assert!(script.starts_with("#!/usr/bin/env python3\n\"\"\"tenant 2's request e2"), "{script}");
        assert!(!script.contains(MARKER), "{script}");
        for part in [
            "python3 f1.py GATEWAY_PORT ORIGIN_PORT [TIMES]",
            "b\"GET /api/cw/request-e1-of-tenant-1.................700000000",
            "b\"x-crosswire: reply-1-to-e2-of-tenant-2..............700000000\\r\\n\"",
            "TENANTS = {\"e1\": \"1\", \"e2\": \"2\"}",
            "KIND, CROSS_TENANT, ONLY = \"reply\", True, set()",
        ] {
            assert!(script.contains(part), "{part} in {script}");
        }
    }

    #[test]
    fn what_a_script_cannot_play_has_none() {
        let (plan, finding) = shift();
        let in_streams = Setting { http: (Http::H1, Http::H2), ..PLAIN };
        assert_eq!(script(&plan, &finding, in_streams), Err(NoScript::Needs("HTTP/2")));
        let over_tls = Setting { over_tls: true, ..PLAIN };
        assert_eq!(script(&plan, &finding, over_tls), Err(NoScript::Needs("TLS")));
        let truncated = Finding { shape: Shape::TruncationAsComplete, ..finding.clone() };
        assert_eq!(script(&plan, &truncated, PLAIN), Err(NoScript::Needs("to know what a whole reply is")));
        let mut stopped = plan.clone();
        let until = Event { exchange: ExchangeId(1), kind: EventKind::Sent };
        stopped.lanes[0].stimuli[0].freeze = Some(Freeze { until, delay_us: 0, begun: false });
        assert_eq!(script(&stopped, &finding, PLAIN), Err(NoScript::Needs("to stop the gateway's process")));
        let mut logged_in = plan.clone();
        logged_in.lanes[0].stimuli[0].request.keep_cookies = true;
        assert_eq!(script(&logged_in, &finding, PLAIN), Err(NoScript::Needs("a jar for cookies")));
        let mut crowded = plan;
        crowded.lanes[0].stimuli = (3..30).map(|id| Stimulus::get(ExchangeId(id), TenantId(1))).collect();
        assert_eq!(script(&crowded, &finding, PLAIN), Err(NoScript::TooLong));
    }

    /// Words have the length of canaries, and what frames them stays as it was: also where chunks are cut amid a stripe.
    #[test]
    fn words_change_no_length_and_no_framing() {
        let (mut plan, _) = shift();
        let stimulus = &mut plan.lanes[0].stimuli[0];
        stimulus.request.body = RequestBody::Chunked { bytes: 1_000, chunk: 47 };
        stimulus.directive = Directive {
            acts: vec![OriginAct::Final(Final { framing: Framing::Chunked { chunk: 111 }, ..Final::ok(1_000) })],
            every_attempt: false,
        };
        let stimulus = plan.lanes[0].stimuli[0].clone();
        let spoken = Spoken { plan: &plan, key: CanaryKey::new([0; 16], 0), scanner: Scanner::new(), setting: PLAIN };
        let written = spoken.spelled(&stimulus).concat();
        let told = spoken.in_words(&written);
        assert_eq!(told.len(), written.len());
        for (before, after) in written.iter().zip(&told) {
            let is_framing = |byte: &u8| !byte.is_ascii_alphanumeric() && *byte != b'.' && *byte != b'-';
            assert_eq!(is_framing(before), is_framing(after), "{}", String::from_utf8_lossy(&told));
        }
    }

    #[test]
    fn prose_is_wrapped_and_keeps_its_words() {
        let text = "word ".repeat(60);
        let told = wrapped(&text);
        assert!(told.lines().all(|line| line.len() <= COLUMNS) && told.lines().count() == 3, "{told}");
        assert_eq!(told.split_whitespace().count(), 60);
    }
}
