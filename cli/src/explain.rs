//! `crosswire explain`: the words of a report.

use std::fmt::Write;

use anyhow::bail;
use vocabulary::finding::Shape;

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
    ("Gate failed", "verdict", "a requirement of level `should` was broken."),
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
    ("lane", "word", "one client worker of a plan; it sends its requests one after the other."),
    ("witness", "word", "what shows that an obligation was rightly prevented. A closed list."),
    ("peer-closed-first", "witness", "the gateway closed the connection before the fault could be performed."),
    ("no-upstream-reuse", "witness", "the gateway opens a new upstream connection for each request."),
    ("answered-by-gateway", "witness", "the gateway answered itself: the origin saw no attempt."),
    ("serialised", "witness", "the gateway lets one request at a time through."),
    ("carrier-stripped", "witness", "the gateway strips what the fault needs."),
    ("method-refused", "witness", "the gateway refuses the method."),
    (
        "http10-upstream",
        "witness",
        "the gateway speaks HTTP/1.0 to the origin, which forbids the fault; for nginx: proxy_http_version 1.1.",
    ),
    (
        "body-buffered",
        "witness",
        "the gateway keeps a request back until it has its whole body, so that no reply to it is early.",
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
        to_stdout(&text)?;
        return Ok(0);
    };
    let asked = plain(what);
    let shape = Shape::ALL.into_iter().find(|shape| plain(shape.words()) == asked);
    let word = WORDS.iter().find(|(word, _, _)| plain(word) == asked);
    match (shape, word) {
        (Some(shape), _) => to_stdout(&format!("{} (shape): {}\n", shape.words(), shape_means(shape)))?,
        (None, Some((word, kind, means))) => to_stdout(&format!("{word} ({kind}): {means}\n"))?,
        (None, None) => bail!("explain {what:?}: it is no word of a report; `crosswire explain` lists all"),
    }
    Ok(0)
}

/// A word as it is compared: people write pair-swap, pair_swap and Pair swap.
fn plain(word: &str) -> String {
    word.to_lowercase().replace(['-', '_'], " ")
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
        Shape::RequestSplice => "the origin saw a foreign credential, field or body part in a request.",
        Shape::Desync => {
            "reply bytes came on a client connection on which nothing was asked. The next request there would have got them."
        }
        Shape::StatusMismatch => {
            "the client received another status than the origin emitted, and no lawful conversion of it."
        }
        Shape::TruncationAsComplete => "a reply that the origin cut off was presented as complete.",
    }
}
