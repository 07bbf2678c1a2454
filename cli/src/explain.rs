//! `crosswire explain`: the words of a report.

use std::fmt::Write;

use anyhow::bail;
use scenarios::glossary;
use vocabulary::finding::Shape;
use vocabulary::gate::Metric;

use crate::output::to_stdout;

/// A word, its kind, and what it means.
const WORDS: &[(&str, &str, &str)] = &[
    ("cross-tenant", "boundary", "receiver and owner belong to different tenants: somebody else's data."),
    ("same tenant", "boundary", "receiver and owner belong to one tenant, but to different client workers."),
    ("same lane", "boundary", "receiver and owner belong to one client worker."),
    ("request leg", "leg", "the mix-up happened on the way to the origin: the origin saw it in a request."),
    ("reply leg", "leg", "the mix-up happened on the way back: the receiver's own request reached the origin."),
    (
        "store leg",
        "leg",
        "no attempt of the receiver reached the origin: the gateway answered from its store, or let it share the reply to \
     a request in flight.",
    ),
    ("mint leg", "leg", "the gateway made the content itself."),
    (
        "Clean",
        "verdict",
        "nothing was wrong, every obligation was met or rightly prevented, and enough replies were verified. \
     It bounds the rate of wrong replies under these conditions (3/N); it does not prove that there are none.",
    ),
    ("Violated", "verdict", "a reply was delivered to the wrong request, with proof."),
    (
        "Gate failed",
        "verdict",
        "a requirement of level `should` was broken, a gate does not hold, or a suppression has expired.",
    ),
    (
        "Inconclusive",
        "verdict",
        "too little happened for silence to count: an obligation was unmet, no fault was performed, \
     or too few replies were verified.",
    ),
    ("Broken", "verdict", "crosswire itself failed. What was found before stays found."),
    (
        "obligation",
        "word",
        "what must have happened for silence to count. It ends met, prevented with a witness, or unmet.",
    ),
    (
        "exposure",
        "word",
        "a verified reply that came after a fault had been performed: a moment in which a defect would have shown.",
    ),
    (
        "observation",
        "word",
        "a foreign reply that cannot be held against the gateway, because nothing proves that it was early.",
    ),
    ("canary", "word", "a secret of 48 letters and digits that only one request, reply or tenant ever carried."),
    (
        "anomaly",
        "word",
        "something worth counting that no requirement forbids: an error of the gateway's own, a retry, a missing reply.",
    ),
    (
        "leak",
        "severity",
        "another tenant's secret. Worse than swap (the own tenant's), desync, corruption, truncation, staleness.",
    ),
    (
        "prevented",
        "word",
        "an obligation that something rightly kept from being met; the witness says what. Silence then bounds nothing.",
    ),
    (
        "proof",
        "word",
        "why a wrong reply cannot be the origin's own fault: it was owed to somebody else, or provably early.",
    ),
    (
        "race",
        "word",
        "an unasked reply that nothing proves to have come before the request it answered: HTTP/1.1 cannot tell. Observed only.",
    ),
    (
        "near miss",
        "word",
        "a further request on an upstream connection on which something was still owed: a reply, the rest of one, bytes that \
     nobody had asked for. No finding: pipelining does it lawfully (RFC 9112 section 9.3.2). It shows where one may begin.",
    ),
    (
        "counterfactual",
        "word",
        "what the plan of a finding does without its fault, or on the reference gateway. What differs is the cause.",
    ),
    (
        "tie",
        "word",
        "why a step of a proof is where it is: first, canary, same connection, same write, acknowledged by the gateway's \
     kernel, awaited by one of our ends, same clock of one process.",
    ),
    (
        "excuse",
        "word",
        "what would make a foreign reply lawful: a retry, a cache hit, a tunnel, … Each that fits a finding's shape is tried, \
     and stands in the finding with the fact that rules it out.",
    ),
    ("observed", "word", "what is counted and shown, and accuses nobody: an observation."),
    (
        "proof, step by step",
        "word",
        "what happened, in order, from both ends. The right column says what ties each step to what it follows from.",
    ),
    ("first", "tie", "the step with which the story begins."),
    ("canary", "tie", "the canary that was sent in a step before stands in what is seen here."),
    ("same connection", "tie", "both steps happened on one connection, whose bytes have an order."),
    ("same write", "tie", "both left the origin in one write."),
    ("acknowledged", "tie", "the gateway's kernel had acknowledged the bytes before this happened."),
    ("awaited", "tie", "one of our ends waited for the other step before it did this."),
    ("same clock", "tie", "both moments were read from one clock in one process."),
    ("owed", "proof", "the reply belonged to its owner, who had asked for it: nobody else may receive it."),
    (
        "same segment",
        "proof",
        "nobody had asked for the reply, and it left in one write with bytes of the reply before it, which the client has \
     received: it cannot be an answer to what was asked later.",
    ),
    (
        "acknowledged by the gateway's kernel",
        "proof",
        "nobody had asked for the reply, and it lay in the gateway's kernel before the next request was sent.",
    ),
    (
        "on an ended stream",
        "proof",
        "nobody had asked for the reply, and it came in HTTP/2 on a stream that had ended: the frames' own number says that it \
     is nobody else's (RFC 9113 section 5.1).",
    ),
    (
        "passed through",
        "proof",
        "the gateway passes connections through byte for byte and reads no HTTP: its client has to cope. Observed only.",
    ),
    ("swap", "severity", "another exchange's secret, of the same tenant."),
    ("desync", "severity", "a reply too many or too few on a connection."),
    ("corruption", "severity", "bytes that nobody sent like this."),
    ("truncation", "severity", "a part is missing and nothing says so."),
    ("staleness", "severity", "too old."),
    ("must", "level", "a finding makes the run Violated (exit code 10): a sentence of an RFC forbids it."),
    ("should", "level", "a finding makes the gate fail (exit code 11)."),
    ("observe", "level", "never a finding: what differs is counted as an observation."),
    ("verified", "word", "a reply whose canaries are all its receiver's own, or shared with it lawfully."),
    (
        "wrong below",
        "word",
        "with no finding among N exposures, fewer than 3/N replies are wrong under these conditions, with 95 % confidence.",
    ),
    (
        "faults",
        "word",
        "planned misbehaviours of our ends that were performed; `prevented` beside it counts those that the gateway rightly \
     kept from happening.",
    ),
    ("crossing", "word", "the protocols before and behind the gateway: h1→h1."),
    ("tenant", "word", "an identity whose data must never reach another."),
    ("exchange", "word", "one request and the reply that its client accepts for it: e1, e2, …"),
    ("attempt", "word", "one arrival of an exchange at the origin. A retry is a second one."),
    ("delivery", "word", "one reply that the origin emitted: d1, d2, …"),
    ("owner", "word", "the exchange whose request the origin answered with a reply."),
    (
        "smallest plan",
        "word",
        "what is left of a plan when nothing more can be left out without losing the finding: tenants, exchanges, faults.",
    ),
    (
        "script",
        "word",
        "the smallest plan as a program that needs nothing but Python 3: the origin and the clients, with the very bytes. It \
         ends with 1 where something reaches whom it must not reach, and with 0 where nothing does, as git bisect run wants it.",
    ),
    ("shrunk", "word", "how the smallest plan was found: from how large a plan, in how many runs, in how long."),
    (
        "reference gateway",
        "word",
        "a small gateway, part of crosswire, that does all this right. A finding that it shows as well is withdrawn.",
    ),
    ("bait", "word", "an owed reply is held until the next request arrives on its upstream connection."),
    ("gate", "word", "replies are held until others have arrived, and then released in a planned order."),
    (
        "gate",
        "expression",
        "what must hold beside isolation, like `error_rate < 1%` (--gate): a metric, one of < <= > >= ==, a bound. Shares are \
     written in per cent, times with their unit. One that does not hold fails the run (exit code 11); one without samples \
     makes it Inconclusive.",
    ),
    (
        "suppression",
        "word",
        "an entry of crosswire.ignore.toml: a finding that somebody answers for until a day. It stays in every report and fails \
     nothing; what reaches farther than it is not covered. Once its day is over the entry fails the run itself.",
    ),
    (
        "suppressed",
        "word",
        "found, and set aside by a suppression: it fails nothing, and its scenario's silence bounds nothing.",
    ),
    (
        "loosened",
        "word",
        "fewer verified replies were taken for enough (--min-verified, --cases) than the profile asks for by itself.",
    ),
    (
        "fingerprint",
        "word",
        "names a finding in every run, whatever its seed, ports and times: a hash of scenario, shape, boundary and leg. Two \
     defects that show alike under one scenario share it, and so do the shapes between which chance decides: shift and \
     splice, pair swap and rotation.",
    ),
    ("seed", "word", "the number that fixes the plans. The gateway's own scheduling is not ours to fix."),
    ("replay", "word", "a plan is run again, so many times; the rate says how often it failed."),
    (
        "finding",
        "word",
        "a wrong delivery with its evidence: f1, f2, … What has one cause has one fingerprint (cw…), in every run.",
    ),
    ("requirement", "word", "the sentence of an RFC that the gateway broke."),
    ("not excused", "word", "what would have made the reply lawful, and the fact that rules it out: an excuse each."),
    (
        "compared",
        "word",
        "how often the plan fails without its fault, on the reference gateway, and on this gateway: counterfactuals.",
    ),
    ("lane", "word", "one client worker of a plan; it sends its requests one after the other."),
    ("witness", "word", "what shows that an obligation was rightly prevented. A closed list."),
    (
        "http10-upstream",
        "witness",
        "the gateway speaks HTTP/1.0 to the origin, which forbids the fault; for nginx: proxy_http_version 1.1.",
    ),
    (
        "no-hit",
        "witness",
        "nothing came from a store: every request that a stored reply could have answered reached the origin.",
    ),
    (
        "hit",
        "word",
        "a reply that the gateway's store gave: no attempt of its request reached the origin, and it carries what the origin \
     had sent for another. Counted of the requests that a fresh reply could lawfully have answered.",
    ),
    (
        "body-buffered",
        "witness",
        "the gateway keeps a request back until it has its whole body, so that no reply to it is early.",
    ),
    (
        "reply-buffered",
        "witness",
        "the gateway keeps a reply back until it has it whole, so that no client can give up while it still comes from the origin.",
    ),
    (
        "own body altered",
        "anomaly",
        "the body of a client's own reply is not, byte for byte, what the origin sent it: compressed, rewritten, or damaged.",
    ),
    (
        "passed on although the origin cannot read it",
        "anomaly",
        "the gateway passed on a request that could be read in two ways, or not at all: two framings, two lengths, a head that \
         is too long. The origin answered 400 and closed. RFC 9112 section 6.3 asks the gateway to refuse it.",
    ),
    (
        "faulty request refused",
        "anomaly",
        "the gateway answered a request with an error, or closed or reset, whose head says two things of its body or has line \
         breaks where there are none. RFC 9112 section 6.3 and RFC 9113 section 8.1.1 ask it to; it is no error_rate.",
    ),
    ("timeout-unknown", "witness", "the gateway's reply timeout is not known; give it with --gateway-timeout."),
];

pub(crate) fn run(what: Option<&str>) -> anyhow::Result<u8> {
    let Some(what) = what else {
        let mut text = String::new();
        for shape in Shape::ALL {
            writeln!(text, "{:34} shape", shape.words())?;
        }
        for (word, kind, _) in WORDS {
            writeln!(text, "{word:34} {kind}")?;
        }
        for metric in Metric::ALL {
            writeln!(text, "{:34} metric", metric.name())?;
        }
        for of in glossary() {
            writeln!(text, "{:34} {}", of.word, of.kind)?;
        }
        to_stdout(&text)?;
        return Ok(0);
    };
    let meanings = meanings(what);
    if meanings.is_empty() {
        bail!("explain {what:?}: it is no word of a report; `crosswire explain` lists all");
    }
    to_stdout(&meanings.concat())?;
    Ok(0)
}

/// A line for each thing that is called so. Some words are a tie and a proof, or a fault and an act.
fn meanings(what: &str) -> Vec<String> {
    let asked = plain(what);
    let is_asked = |word: &str| plain(word) == asked;
    let shapes = Shape::ALL.into_iter().filter(|shape| is_asked(shape.words()));
    let shapes = shapes.map(|shape| format!("{} (shape): {}\n", shape.words(), shape_means(shape)));
    let words = WORDS.iter().filter(|(word, _, _)| is_asked(word));
    let words: Vec<String> = words.map(|(word, kind, means)| format!("{word} ({kind}): {means}\n")).collect();
    let told = |kind: &str| WORDS.iter().any(|(word, of, _)| is_asked(word) && *of == kind);
    let language = glossary().filter(|of| is_asked(of.word) && !told(of.kind));
    let language = language.map(|of| format!("{} ({}): {}.\n", of.word, of.kind, of.means));
    let metrics = Metric::ALL.into_iter().filter(|metric| is_asked(metric.name()));
    let metrics = metrics.map(|metric| format!("{metric} (metric): {}\n", metric.means()));
    shapes.chain(words).chain(metrics).chain(language).collect()
}

/// A word as it is compared: people write pair-swap, pair_swap and Pair swap, copy `shift by 1` and `follow-ups(3)`, and
/// ask for near misses.
fn plain(word: &str) -> String {
    let word = word.to_lowercase().replace(['-', '_'], " ");
    let word = word.split(['(', ',']).next().unwrap_or_default();
    let word = word.split(" by ").next().unwrap_or_default().trim();
    let plural = |ending: &str| word.strip_suffix(ending).filter(|word| word.len() > 3);
    match (plural("ies"), plural("sses"), plural("s").filter(|word| !word.ends_with('s'))) {
        (Some(stem), _, _) => format!("{stem}y"),
        (None, Some(stem), _) => format!("{stem}ss"),
        (None, None, Some(stem)) => stem.to_owned(),
        (None, None, None) => word.to_owned(),
    }
}

fn shape_means(shape: Shape) -> &'static str {
    match shape {
        Shape::Splice => {
            "parts of two owners stand in one reply. Think of a shared buffer, or a body read on after its end."
        }
        Shape::DuplicateDelivery => {
            "the same delivery was accepted by two exchanges. Think of a cache or collapsing key without the principal."
        }
        Shape::PairSwap => {
            "two exchanges received each other's replies. Think of a map from requests to replies that two tasks share."
        }
        Shape::Rotation => {
            "more than two exchanges received each other's replies in a ring. Think of a queue that is off by one."
        }
        Shape::Shift => {
            "receiver and owner arrived on the same upstream connection, the receiver k requests later. Think of a connection \
             that returned to the pool with a reply still owed, or with bytes left over. It goes on for the connection's life."
        }
        Shape::StaleDelivery => {
            "the owner had finished or given up before the receiver was sent. Think of a late reply that found a new request."
        }
        Shape::Fragment => {
            "a piece of foreign data stands in a reply that is otherwise the receiver's own. Think of a buffer that was not cleared."
        }
        Shape::Misdelivery => "a whole foreign reply that none of the other shapes explains.",
        Shape::GhostRequest => {
            "what existed only inside a framed body arrived at the origin as a request of its own. Think of a body that was not drained."
        }
        Shape::RequestSplice => "the origin saw a foreign credential, authority, field or body part in a request.",
        Shape::Desync => {
            "reply bytes came on a client connection on which nothing was asked. The next request there would have got them."
        }
        Shape::StatusMismatch => {
            "the client received another status than the origin emitted, and no lawful conversion of it."
        }
        Shape::TruncationAsComplete => "a reply that the origin cut off was presented as complete.",
    }
}

#[cfg(test)]
mod tests {
    use vocabulary::finding::{Boundary, Leg, Proof, Severity, Tie};
    use vocabulary::scenario::Level;
    use vocabulary::verdict::Verdict;

    use super::*;

    #[test]
    fn what_a_card_or_a_summary_prints_is_explained() {
        let mut printed: Vec<String> = Shape::ALL.map(|shape| shape.words().to_owned()).to_vec();
        printed.extend([Boundary::CrossTenant, Boundary::SameTenant, Boundary::SameLane].map(|word| word.to_string()));
        printed.extend([Leg::Request, Leg::Reply, Leg::Store, Leg::Mint].map(|word| word.to_string()));
        let ties = [Tie::First, Tie::Canary, Tie::SameConnection, Tie::SameWrite, Tie::Acknowledged, Tie::Awaited];
        printed.extend(ties.into_iter().chain([Tie::SameClock]).map(|word| word.to_string()));
        let proofs = [Proof::Owed, Proof::SameSegment, Proof::Acknowledged, Proof::PassedThrough, Proof::Race];
        let proofs = proofs.into_iter().chain([Proof::EndedStream]);
        printed.extend(proofs.map(|word| word.to_string()));
        let severities = [Severity::Leak, Severity::Swap, Severity::Desync, Severity::Corruption, Severity::Truncation];
        printed.extend(severities.into_iter().chain([Severity::Staleness]).map(|word| word.to_string()));
        printed.extend([Level::Must, Level::Should, Level::Observe].map(|word| word.to_string()));
        let verdicts = [Verdict::Clean, Verdict::Violated, Verdict::Inconclusive, Verdict::Broken, Verdict::GateFailed];
        printed.extend(verdicts.map(|word| word.to_string()));
        let columns =
            "verified|exposures|faults|prevented|wrong below|near misses|anomalies|observations|crossing|seed";
        let rows = "smallest plan|script|shrunk|proof|not excused|compared|requirement|finding";
        printed.extend(columns.split('|').chain(rows.split('|')).map(str::to_owned));
        printed.extend(["shift by 1", "follow-ups(3, other tenant)", "fault-performed(interim)"].map(str::to_owned));
        printed.extend(Metric::ALL.map(|metric| metric.name().to_owned()));
        printed.extend(["loosened", "suppressed", "gates", "fingerprint"].map(str::to_owned));
        let missing: Vec<&String> = printed.iter().filter(|word| meanings(word).is_empty()).collect();
        assert_eq!(missing, Vec::<&String>::new());
        assert_eq!(meanings("canary").len(), 2, "a secret, and what ties two steps");
        assert!(meanings("nothing").is_empty());
    }
}
