//! Reading the evidence: the lines of a timeline as steps that can be drawn, and which of them is the wrong one.
//!
//! A timeline is kept as sentences. The five kinds of step that are arrows are known by their verb and their end; a
//! sentence with another verb is shown as it stands, so that a new one is never lost and never drawn as what it is not.

use std::collections::BTreeMap;

use vocabulary::finding::{Edge, End, ExchangeEvidence, Finding, Shape, TimelineEntry};
use vocabulary::identity::{DeliveryId, ExchangeId, LaneId, Moment, TenantId};

/// The verbs of the story, by which a sentence is known.
const SENDS: &str = " sends ";
const RECEIVES: &str = " receives ";
const SEES: &str = " sees ";
const WRITES: &str = " writes ";

/// A client as the sketch tells clients apart: one worker of one tenant.
pub(crate) type Client = (TenantId, LaneId);

/// What a step draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// A request, client to gateway.
    Sends(Client),
    /// A reply, gateway to client.
    Receives(Client),
    /// A request, gateway to origin.
    Sees,
    /// A reply, origin to gateway.
    Writes,
    /// Something else at a client.
    ClientNote(Client),
    /// Something else at the origin.
    OriginNote,
}

/// One line of the picture.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// When; none for what the evidence does not date.
    pub(crate) at: Option<Moment>,
    pub(crate) act: Act,
    pub(crate) exchange: Option<ExchangeId>,
    pub(crate) label: String,
    /// Whether this is what a correct gateway does not do.
    pub(crate) wrong: bool,
}

/// A finding's evidence, ready to be asked.
pub(crate) struct Case<'a> {
    finding: &'a Finding,
    exchanges: BTreeMap<ExchangeId, &'a ExchangeEvidence>,
}

impl<'a> Case<'a> {
    pub(crate) fn of(finding: &'a Finding) -> Case<'a> {
        let exchanges = finding.evidence.exchanges.iter().map(|evidence| (evidence.exchange, evidence)).collect();
        Case { finding, exchanges }
    }

    /// What a client received that was not its to receive.
    pub(crate) fn wrong_deliveries(&self, receiver: ExchangeId) -> Vec<DeliveryId> {
        let edges = self.finding.edges.iter().filter(|edge| edge.receiver == receiver);
        edges.map(|edge| edge.delivery).collect()
    }

    /// The exchange that a finding without edges is about. The oracle tells it last.
    pub(crate) fn accused(&self) -> Option<ExchangeId> {
        match self.finding.edges.first() {
            Some(edge) => Some(edge.receiver),
            None => self.finding.evidence.exchanges.last().map(|evidence| evidence.exchange),
        }
    }

    /// Whether the origin saw a request that no client sent.
    pub(crate) fn is_ghost(&self, exchange: ExchangeId) -> bool {
        let mut sent = self.finding.evidence.timeline.iter().filter(|entry| entry.exchange == Some(exchange));
        self.finding.shape == Shape::GhostRequest && !sent.any(|entry| entry.end == End::Client)
    }

    /// Requests that no client sent, by the timeline.
    pub(crate) fn ghosts(&self) -> Vec<ExchangeId> {
        let seen = self.finding.evidence.timeline.iter().filter_map(|entry| entry.exchange);
        let mut ghosts: Vec<ExchangeId> = seen.filter(|exchange| self.is_ghost(*exchange)).collect();
        ghosts.sort();
        ghosts.dedup();
        ghosts
    }

    /// A delivery and whose it is, as far as the evidence tells: `d1, owed to t1's e1`.
    pub(crate) fn owed(&self, delivery: DeliveryId) -> String {
        let owner = self.exchanges.get(&delivery.exchange);
        let is_surplus = |emitted: &String| emitted.starts_with(&format!("{delivery} ")) && is_surplus(emitted);
        if owner.is_some_and(|owner| owner.emitted.iter().any(is_surplus)) {
            return format!("{delivery}, owed to nobody");
        }
        match (owner, delivery.exchange.is_of_earlier_case()) {
            (Some(owner), _) => format!("{delivery}, owed to {}'s {}", owner.tenant, owner.exchange),
            (None, true) => format!("{} of an earlier case", delivery.to_string().trim_start_matches("earlier:")),
            (None, false) => format!("{delivery}, owed to {}", delivery.exchange),
        }
    }

    /// Where a request arrived first: `c1 #2`.
    pub(crate) fn arrival(&self, exchange: ExchangeId) -> Option<String> {
        let mut entries = self.finding.evidence.timeline.iter().filter(|entry| entry.exchange == Some(exchange));
        entries.find(|entry| entry.end == End::Origin && entry.event.contains(SEES)).map(place)
    }

    /// How early the story needs an exchange: those of the first wrong delivery are needed first.
    fn rank(&self, exchange: Option<ExchangeId>) -> usize {
        let is_in = |edge: &Edge| Some(edge.receiver) == exchange || Some(edge.delivery.exchange) == exchange;
        let edges = &self.finding.edges;
        edges.iter().position(is_in).unwrap_or(edges.len())
    }

    /// The steps in order of time, at most `steps_max` of them, and how many were left out.
    pub(crate) fn steps(&self, steps_max: usize) -> (Vec<Step>, usize) {
        let mut steps: Vec<Step> = Vec::new();
        for entry in &self.finding.evidence.timeline {
            let Some(step) = self.step(entry) else { continue };
            // Exchanges on one connection share its end, and each of them tells of it.
            let again = |other: &Step| other.at == step.at && other.label == step.label && other.act == step.act;
            if !steps.iter().any(again) {
                steps.push(step);
            }
        }
        steps.sort_by_key(|step| step.at);
        if let Some(last) = steps.iter().rposition(|step| step.wrong) {
            // Connections end when a case ends; that explains nothing any more.
            let mut index = 0;
            steps.retain(|step| {
                index += 1;
                index - 1 <= last || step.act != Act::OriginNote
            });
        }
        steps.extend(self.undated());
        self.choose(steps, steps_max)
    }

    fn choose(&self, steps: Vec<Step>, steps_max: usize) -> (Vec<Step>, usize) {
        let left_out = steps.len().saturating_sub(steps_max);
        let mut order: Vec<usize> = (0..steps.len()).collect();
        order.sort_by_key(|index| {
            let step = &steps[*index];
            let rank = self.rank(step.exchange);
            (!(step.wrong && rank == 0), rank, !step.wrong, *index)
        });
        order.truncate(steps_max);
        order.sort();
        (order.into_iter().map(|index| steps[index].clone()).collect(), left_out)
    }

    fn step(&self, entry: &TimelineEntry) -> Option<Step> {
        let client = entry.exchange.and_then(|exchange| self.exchanges.get(&exchange));
        let client = client.map(|evidence| (evidence.tenant, evidence.lane));
        let event = entry.event.as_str();
        let after = |verb: &str| event.split_once(verb).map(|(_, what)| what);
        let (act, label) = match entry.end {
            End::Client => match (after(SENDS), after(RECEIVES), client) {
                (Some(_), _, Some(client)) => (Act::Sends(client), self.request(entry)),
                (_, Some(what), Some(client)) => (Act::Receives(client), self.reply(entry, what)),
                (_, _, Some(client)) => (Act::ClientNote(client), event.to_owned()),
                // A client that the evidence does not name has no place in the picture.
                (_, _, None) => return None,
            },
            End::Origin => match (after(SEES), after(WRITES)) {
                (Some(_), _) => (Act::Sees, format!("{} · {}", self.arrived(entry), place(entry))),
                (_, Some(what)) => (Act::Writes, format!("{} · {}", written(entry, what), connection(entry))),
                _ => (Act::OriginNote, event.replace("upstream connection ", "")),
            },
        };
        Some(Step { at: Some(entry.at), act, exchange: entry.exchange, label, wrong: self.is_wrong(act, entry) })
    }

    fn is_wrong(&self, act: Act, entry: &TimelineEntry) -> bool {
        let Some(exchange) = entry.exchange else { return false };
        match act {
            Act::Receives(_) if self.finding.edges.is_empty() => {
                let in_reply = matches!(
                    self.finding.shape,
                    Shape::Fragment | Shape::StatusMismatch | Shape::TruncationAsComplete | Shape::Misdelivery
                );
                in_reply && self.accused() == Some(exchange)
            }
            Act::Receives(_) => !self.wrong_deliveries(exchange).is_empty(),
            Act::Sees => {
                let spliced = self.finding.shape == Shape::RequestSplice && self.accused() == Some(exchange);
                spliced || self.is_ghost(exchange)
            }
            Act::Sends(_) | Act::Writes | Act::ClientNote(_) | Act::OriginNote => false,
        }
    }

    /// What the shape says and no line of the timeline dates.
    fn undated(&self) -> Option<Step> {
        let unasked = self.finding.shape == Shape::Desync && self.finding.edges.is_empty();
        let accused = self.exchanges.get(&self.accused()?).filter(|_| unasked)?;
        Some(Step {
            at: None,
            act: Act::Receives((accused.tenant, accused.lane)),
            exchange: Some(accused.exchange),
            label: "bytes of no request".to_owned(),
            wrong: true,
        })
    }

    /// `GET e1`, or `e1` where the method is not known.
    fn request(&self, entry: &TimelineEntry) -> String {
        let Some(exchange) = entry.exchange else { return "a request".to_owned() };
        let sent = self.exchanges.get(&exchange).map(|evidence| evidence.request_sent.as_str());
        let method = sent.and_then(|head| head.split(' ').next());
        match method.filter(|method| (1..=8).contains(&method.len()) && method.bytes().all(|b| b.is_ascii_uppercase()))
        {
            Some(method) => format!("{method} {exchange}"),
            None => exchange.to_string(),
        }
    }

    /// `GET e1`, or what is wrong with it.
    fn arrived(&self, entry: &TimelineEntry) -> String {
        match entry.exchange.filter(|_| self.is_wrong(Act::Sees, entry)) {
            Some(ghost) if self.is_ghost(ghost) => format!("{ghost}, never sent"),
            Some(exchange) => format!("{exchange} + foreign part"),
            None => self.request(entry),
        }
    }

    /// `200 d2`, or whose it really is.
    fn reply(&self, entry: &TimelineEntry, what: &str) -> String {
        let Some(receiver) = entry.exchange else { return what.to_owned() };
        let wrong = self.wrong_deliveries(receiver);
        let Some(first) = wrong.first() else {
            return what.replacen(" with no canary", ", no canary", 1).replacen(" with ", " ", 1);
        };
        let own = self.exchanges.get(&receiver).map(|evidence| evidence.deliveries.as_slice()).unwrap_or_default();
        let own: Vec<String> = own.iter().filter(|id| !wrong.contains(id)).map(ToString::to_string).collect();
        let foreign: Vec<String> = match wrong.as_slice() {
            [_] => vec![self.owed(*first)],
            several => several.iter().map(ToString::to_string).collect(),
        };
        let others = if wrong.len() > 1 { ", owed to others" } else { "" };
        format!("{}{others}", [own, foreign].concat().join(" + "))
    }
}

/// `c1 #2`: the upstream connection and the position there, as the sentence has them.
fn place(entry: &TimelineEntry) -> String {
    let there = entry.event.rsplit_once(", ").map(|(_, nth)| nth).unwrap_or_default();
    let digits: String = there.chars().take_while(char::is_ascii_digit).collect();
    match digits.is_empty() {
        true => connection(entry),
        false => format!("{} #{digits}", connection(entry)),
    }
}

fn connection(entry: &TimelineEntry) -> String {
    entry.connection.map_or("?".to_owned(), |connection| connection.to_string())
}

/// `200 d1 for e1`, `100-something for e1` as the sentence has it.
fn written(entry: &TimelineEntry, what: &str) -> String {
    let what = what.rsplit_once(" on ").map_or(what, |(what, _)| what);
    let owner = entry.exchange.map(|exchange| format!(" for {exchange}")).unwrap_or_default();
    let (first, rest) = what.split_once([' ', ',']).unwrap_or((what, ""));
    if !is_delivery(first) {
        let what = what.strip_prefix("an ").unwrap_or(what);
        return what.replacen(" reply to ", " for ", 1);
    }
    let status: String = rest.chars().filter(char::is_ascii_digit).collect();
    match rest.contains("nobody asked") {
        true => format!("{status} {first}, unasked").trim_start().to_owned(),
        false => format!("{status} {first}{owner}").trim_start().to_owned(),
    }
}

/// Whether a line of what the origin emitted tells of a reply that nobody had asked for.
pub(crate) fn is_surplus(emitted: &str) -> bool {
    emitted.split_once(':').map_or(emitted, |(what, _)| what).ends_with(", surplus")
}

fn is_delivery(word: &str) -> bool {
    let number = word.strip_prefix('d').unwrap_or_default();
    number.starts_with(|c: char| c.is_ascii_digit()) && number.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    fn labels(finding: &Finding, steps_max: usize) -> Vec<String> {
        let (steps, _) = Case::of(finding).steps(steps_max);
        let mark = |step: &Step| if step.wrong { "✗ " } else { "" };
        steps.iter().map(|step| format!("{}{}", mark(step), step.label)).collect()
    }

    #[test]
    fn sentences_become_labels_and_the_wrong_delivery_is_marked() {
        assert_eq!(
            labels(&fixtures::shift(), 99),
            [
                "GET e1",
                "GET e1 · c1 #1",
                "interim for e1 · c1",
                "GET e2",
                "GET e2 · c1 #2",
                "200 d1 for e1 · c1",
                "✗ d1, owed to t1's e1",
                "e1 gives up: no reply came",
            ]
        );
    }

    #[test]
    fn what_is_left_out_is_counted_and_is_never_the_first_wrong_delivery() {
        let finding = fixtures::shift_of_many();
        let (all, none) = Case::of(&finding).steps(99);
        assert_eq!(none, 0);
        let (few, left_out) = Case::of(&finding).steps(3);
        assert_eq!((few.len(), left_out), (3, all.len() - 3));
        let first = finding.edges[0].receiver;
        assert!(few.iter().any(|step| step.wrong && step.exchange == Some(first)));
    }

    #[test]
    fn a_sentence_that_is_not_known_is_kept_as_it_stands() {
        let mut finding = fixtures::shift();
        finding.evidence.timeline[1].event = "the origin ponders".to_owned();
        assert!(labels(&finding, 99).contains(&"the origin ponders".to_owned()));
    }

    #[test]
    fn nothing_is_marked_wrong_in_an_exchange_that_went_right() {
        let finding = fixtures::duplicate_from_store();
        let (steps, _) = Case::of(&finding).steps(99);
        let wrong: Vec<_> = steps.iter().filter(|step| step.wrong).map(|step| step.exchange).collect();
        assert_eq!(wrong, [Some(finding.edges[0].receiver)]);
    }
}
