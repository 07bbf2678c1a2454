//! Reading the evidence: the lines of a timeline as steps that can be drawn, and which of them is the wrong one.
//!
//! What a line is, its typed step says. Its prose is shown only where the step does not tell it all: why a client gave
//! up.

use std::collections::BTreeMap;

use vocabulary::finding::{Edge, End, ExchangeEvidence, Finding, Shape, TimelineEntry, TimelineStep};
use vocabulary::history::Closer;
use vocabulary::identity::{DeliveryId, ExchangeId, LaneId, Moment, TenantId};

use crate::wrap::counted;

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
    /// When.
    pub(crate) at: Moment,
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

    /// The exchange that the finding is about.
    pub(crate) fn accused(&self) -> ExchangeId {
        self.finding.subject
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
        if self.is_surplus(delivery) {
            return format!("{delivery}, owed to nobody");
        }
        let owner = self.exchanges.get(&delivery.exchange);
        match (owner, delivery.exchange.is_of_earlier_case()) {
            (Some(owner), _) => format!("{delivery}, owed to {}'s {}", owner.tenant, owner.exchange),
            (None, true) => format!("{} of an earlier case", delivery.to_string().trim_start_matches("earlier:")),
            (None, false) => format!("{delivery}, owed to {}", delivery.exchange),
        }
    }

    /// Whether nobody had asked for a delivery.
    fn is_surplus(&self, delivery: DeliveryId) -> bool {
        self.finding.evidence.timeline.iter().any(|entry| match entry.step {
            TimelineStep::Replies { delivery: written, surplus, .. } => surplus && written == delivery,
            _ => false,
        })
    }

    /// Where a request arrived first: `c1 #2`.
    pub(crate) fn arrival(&self, exchange: ExchangeId) -> Option<String> {
        let mut entries = self.finding.evidence.timeline.iter().filter(|entry| entry.exchange == Some(exchange));
        entries.find_map(|entry| match entry.step {
            TimelineStep::Sees { ordinal } => Some(format!("{} {ordinal}", connection(entry))),
            _ => None,
        })
    }

    /// From which moment picture and proof count.
    pub(crate) fn zero(&self) -> Moment {
        let told = self.finding.evidence.timeline.iter().map(|entry| entry.at);
        let proven = self.finding.chain.iter().map(|step| step.at);
        told.chain(proven).min().unwrap_or(Moment(0))
    }

    /// Whether the reply belonged to a later request on the receiver's own client connection: it came in the place of the one
    /// that was due, and from no store.
    pub(crate) fn came_before_its_turn(&self) -> bool {
        let Some(edge) = self.finding.edges.first() else { return false };
        let place = |exchange| {
            let mut exchanges = self.finding.evidence.exchanges.iter();
            let evidence = exchanges.find(|evidence| evidence.exchange == exchange)?;
            Some((evidence.client_connection, evidence.client_ordinal))
        };
        let (receiver, owner) = (place(edge.receiver), place(edge.delivery.exchange));
        receiver.zip(owner).is_some_and(|(receiver, owner)| receiver.0 == owner.0 && receiver.1 < owner.1)
    }

    /// Whether the receiver was sent while the reply that it got had not reached its owner: no store can have held it.
    pub(crate) fn was_in_flight(&self) -> bool {
        let Some(edge) = self.finding.edges.first() else { return false };
        let moment = |exchange, ends: bool| {
            let mut entries = self.finding.evidence.timeline.iter().filter(|entry| entry.exchange == Some(exchange));
            let is = |step: &TimelineStep| match ends {
                true => matches!(step, TimelineStep::Receives { .. } | TimelineStep::GivesUp),
                false => matches!(step, TimelineStep::Sends),
            };
            entries.find(|entry| is(&entry.step)).map(|entry| entry.at)
        };
        let (sent, ended) = (moment(edge.receiver, false), moment(edge.delivery.exchange, true));
        sent.zip(ended).is_some_and(|(sent, ended)| ended > sent)
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
            if step.act != Act::OriginNote || !steps.iter().any(again) {
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
        self.choose(steps, steps_max)
    }

    fn choose(&self, steps: Vec<Step>, steps_max: usize) -> (Vec<Step>, usize) {
        let left_out = steps.len().saturating_sub(steps_max);
        let mut order: Vec<usize> = (0..steps.len()).collect();
        order.sort_by_key(|index| {
            let step = &steps[*index];
            let rank = self.rank(step.exchange);
            let proves = self.finding.chain.iter().any(|proof| (proof.at, proof.exchange) == (step.at, step.exchange));
            (!(step.wrong && rank == 0), !proves, rank, !step.wrong, *index)
        });
        order.truncate(steps_max);
        order.sort();
        (order.into_iter().map(|index| steps[index].clone()).collect(), left_out)
    }

    fn step(&self, entry: &TimelineEntry) -> Option<Step> {
        let client = entry.exchange.and_then(|exchange| self.exchanges.get(&exchange));
        let client = client.map(|evidence| (evidence.tenant, evidence.lane));
        // A client that the evidence does not name has no place in the picture.
        let (act, label) = match &entry.step {
            TimelineStep::Sends => (Act::Sends(client?), self.request(entry)),
            TimelineStep::Receives { status, deliveries } => {
                (Act::Receives(client?), self.reply(entry, *status, deliveries))
            }
            TimelineStep::GivesUp => (Act::ClientNote(client?), entry.event.clone()),
            TimelineStep::Unasked { bytes, deliveries } => (Act::Receives(client?), unasked(*bytes, deliveries)),
            TimelineStep::Sees { ordinal } => {
                (Act::Sees, format!("{} · {} {ordinal}", self.arrived(entry), connection(entry)))
            }
            TimelineStep::Interim { status } => {
                let owner = entry.exchange.map(|exchange| format!(" for {exchange}")).unwrap_or_default();
                (Act::Writes, format!("{status} interim{owner} · {}", connection(entry)))
            }
            TimelineStep::Replies { delivery, status, surplus: true } => {
                (Act::Writes, format!("{status} {delivery}, unasked · {}", connection(entry)))
            }
            TimelineStep::Replies { delivery, status, surplus: false } => {
                (Act::Writes, format!("{status} {delivery} for {} · {}", delivery.exchange, connection(entry)))
            }
            TimelineStep::Closes { by } => {
                let who = match by {
                    Closer::Gateway => "the gateway",
                    Closer::Origin => "the origin",
                };
                (Act::OriginNote, format!("{who} closes {}", connection(entry)))
            }
        };
        Some(Step { at: entry.at, act, exchange: entry.exchange, label, wrong: self.is_wrong(entry) })
    }

    fn is_wrong(&self, entry: &TimelineEntry) -> bool {
        let Some(exchange) = entry.exchange else { return false };
        let accused = self.finding.edges.is_empty() && self.accused() == exchange;
        match entry.step {
            TimelineStep::Receives { .. } => {
                let in_reply = matches!(
                    self.finding.shape,
                    Shape::Fragment | Shape::StatusMismatch | Shape::TruncationAsComplete | Shape::Misdelivery
                );
                (in_reply && accused) || !self.wrong_deliveries(exchange).is_empty()
            }
            TimelineStep::Unasked { .. } => self.finding.shape == Shape::Desync && accused,
            TimelineStep::Sees { .. } => {
                (self.finding.shape == Shape::RequestSplice && accused) || self.is_ghost(exchange)
            }
            TimelineStep::Sends
            | TimelineStep::GivesUp
            | TimelineStep::Interim { .. }
            | TimelineStep::Replies { .. }
            | TimelineStep::Closes { .. } => false,
        }
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
        match entry.exchange.filter(|_| self.is_wrong(entry)) {
            Some(ghost) if self.is_ghost(ghost) => format!("{ghost}, never sent"),
            Some(exchange) => format!("{exchange} + foreign part"),
            None => self.request(entry),
        }
    }

    /// `200 d2`, or whose it really is.
    fn reply(&self, entry: &TimelineEntry, status: u16, deliveries: &[DeliveryId]) -> String {
        let wrong = entry.exchange.map(|receiver| self.wrong_deliveries(receiver)).unwrap_or_default();
        let Some(first) = wrong.first() else { return format!("{status}{}", carried(deliveries)) };
        let own: Vec<String> = deliveries.iter().filter(|id| !wrong.contains(id)).map(ToString::to_string).collect();
        let foreign: Vec<String> = match wrong.as_slice() {
            [_] => vec![self.owed(*first)],
            several => several.iter().map(ToString::to_string).collect(),
        };
        let others = if wrong.len() > 1 { ", owed to others" } else { "" };
        format!("{}{others}", [own, foreign].concat().join(" + "))
    }
}

/// Milliseconds between two moments, as pictures and proofs write them.
pub(crate) fn since(at: Moment, zero: Moment) -> String {
    let offset = at.since(zero).as_micros();
    format!("{}.{:03}", offset / 1000, offset % 1000)
}

fn connection(entry: &TimelineEntry) -> String {
    entry.connection.map_or("?".to_owned(), |connection| connection.to_string())
}

/// ` d1 + d2`, or that there is none.
fn carried(deliveries: &[DeliveryId]) -> String {
    match deliveries.is_empty() {
        true => ", no canary".to_owned(),
        false => format!(" {}", joined(deliveries)),
    }
}

fn joined(deliveries: &[DeliveryId]) -> String {
    deliveries.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ")
}

/// `d1.2 unasked, 64 bytes`: where there is little room, the number of bytes is cut off first.
fn unasked(bytes: u64, deliveries: &[DeliveryId]) -> String {
    let bytes = counted(bytes, "byte");
    match deliveries.is_empty() {
        true => format!("{bytes} unasked"),
        false => format!("{} unasked, {bytes}", joined(deliveries)),
    }
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
    fn steps_become_labels_and_the_wrong_delivery_is_marked() {
        assert_eq!(
            labels(&fixtures::shift(), 99),
            [
                "GET e1",
                "GET e1 · c1 #1",
                "100 interim for e1 · c1",
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
    fn arrows_do_not_depend_on_the_prose() {
        let mut finding = fixtures::shift();
        for entry in &mut finding.evidence.timeline {
            entry.event = "something happens".to_owned();
        }
        let (told, reworded) = (labels(&fixtures::shift(), 99), labels(&finding, 99));
        assert_eq!(told[..7], reworded[..7]);
        assert_eq!(reworded[7..], ["something happens"], "why a client gives up is told in prose");
    }

    #[test]
    fn unasked_bytes_are_wrong_in_a_desync_and_only_there() {
        let mut finding = fixtures::desync();
        assert!(labels(&finding, 99).contains(&"✗ d1.2 unasked, 64 bytes".to_owned()));
        finding.shape = Shape::StatusMismatch;
        assert!(labels(&finding, 99).contains(&"d1.2 unasked, 64 bytes".to_owned()));
    }

    #[test]
    fn nothing_is_marked_wrong_in_an_exchange_that_went_right() {
        let finding = fixtures::duplicate_from_store();
        let (steps, _) = Case::of(&finding).steps(99);
        let wrong: Vec<_> = steps.iter().filter(|step| step.wrong).map(|step| step.exchange).collect();
        assert_eq!(wrong, [Some(finding.edges[0].receiver)]);
    }
}
