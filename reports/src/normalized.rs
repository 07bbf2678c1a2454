//! A card that is the same each time the same defect is told: for snapshot tests.
//!
//! It has what does not depend on the run: the fact, the delivery map, why it counts. Connections are numbered anew, in the
//! order of the exchanges. It leaves out times, canaries, rates, how small the plan has become and what that has cost, and
//! the steps between, whose order is the gateway's own affair.

use std::collections::BTreeMap;

use vocabulary::finding::{End, Finding};
use vocabulary::identity::ConnectionId;

use crate::Style;
use crate::card::{leg, proof, wrapped_fact};
use crate::delivery_map::delivery_map;
use crate::neutral;
use crate::wrap::wrapped;

/// What is the same of a finding in every run that shows it.
pub fn normalized_card(finding: &Finding) -> String {
    let finding = &renumbered(neutral::finding(finding));
    let style = Style::default();
    let shape = match finding.shift {
        Some(k) => format!("{} by {k}", finding.shape),
        None => finding.shape.to_string(),
    };
    let mut head = vec![format!("{} · {shape} · {} · {}", finding.severity, finding.boundary, finding.scenario)];
    head.extend(wrapped(&finding.sentence, style.columns(), 0));
    let facts = [
        ("requirement", finding.requirement.clone()),
        ("proof", format!("{} · {}", proof(finding), leg(finding))),
        ("fingerprint", finding.fingerprint.clone()),
    ];
    let facts = facts.iter().filter(|(_, fact)| !fact.is_empty());
    let facts = facts.flat_map(|(what, fact)| wrapped_fact(what, fact, style.columns())).collect();
    let parts: [Vec<String>; 3] = [head, delivery_map(finding, style), facts];
    let parts: Vec<String> = parts.iter().filter(|part| !part.is_empty()).map(|part| part.join("\n")).collect();
    format!("{}\n", parts.join("\n\n"))
}

/// Connections of one side, numbered in the order in which they are asked for.
#[derive(Default)]
struct Numbers(BTreeMap<u32, u32>);

impl Numbers {
    fn of(&mut self, number: u32) -> u32 {
        let next = self.0.len() as u32 + 1;
        *self.0.entry(number).or_insert(next)
    }

    fn renumber(&mut self, connection: &mut ConnectionId) {
        connection.0 = self.of(connection.0);
    }
}

fn renumbered(mut finding: Finding) -> Finding {
    let (mut clients, mut upstreams) = (Numbers::default(), Numbers::default());
    finding.evidence.exchanges.sort_by_key(|evidence| evidence.exchange);
    for evidence in &mut finding.evidence.exchanges {
        clients.renumber(&mut evidence.client_connection);
        if let Some(connection) = &mut evidence.upstream_connection {
            upstreams.renumber(connection);
        }
        for emitted in &mut evidence.emitted {
            upstreams.renumber(&mut emitted.connection);
        }
    }
    for entry in &mut finding.evidence.timeline {
        // The map reads from it who arrived where, and never a time.
        if let Some(connection) = &mut entry.connection {
            match entry.end {
                End::Client => clients.renumber(connection),
                End::Origin => upstreams.renumber(connection),
            }
        }
    }
    finding.sentence = in_words(&finding.sentence, &mut clients, &mut upstreams);
    finding
}

/// A sentence with the numbers of its connections: `connection 267` is a client's, `c198` one to the origin.
fn in_words(sentence: &str, clients: &mut Numbers, upstreams: &mut Numbers) -> String {
    let mut before = "";
    let words = sentence.split(' ').map(|word| {
        let digits_from = word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len());
        let (prefix, rest) = word.split_at(digits_from);
        let (digits, suffix) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
        let was = std::mem::replace(&mut before, word);
        match (prefix.trim_start_matches('('), was, digits.parse()) {
            ("", "connection", Ok(number)) => format!("{prefix}{}{suffix}", clients.of(number)),
            ("c", _, Ok(number)) => format!("{prefix}{}{suffix}", upstreams.of(number)),
            _ => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    /// The same finding with other connections, at other times, with other luck.
    fn in_another_run(finding: &Finding) -> Finding {
        let mut finding = finding.clone();
        let moved = |by: u32| Numbers((0..1000).map(|number| (number, number + by)).collect());
        finding.sentence = in_words(&finding.sentence, &mut moved(300), &mut moved(70));
        for evidence in &mut finding.evidence.exchanges {
            evidence.client_connection.0 += 300;
            if let Some(connection) = &mut evidence.upstream_connection {
                connection.0 += 70;
            }
            evidence.emitted.iter_mut().for_each(|emitted| emitted.connection.0 += 70);
        }
        for entry in &mut finding.evidence.timeline {
            entry.at.0 += 12_345;
            if let Some(connection) = &mut entry.connection {
                connection.0 += if entry.end == End::Client { 300 } else { 70 };
            }
        }
        finding.reproduction.failed = 7;
        finding.shrinking.duration_ms += 1;
        finding
    }

    #[test]
    fn the_same_defect_gives_the_same_card() {
        for (name, finding) in fixtures::all() {
            let card = normalized_card(&finding);
            assert_eq!(normalized_card(&in_another_run(&finding)), card, "{name}");
            assert!(card.lines().count() <= 60 && card.contains(&finding.fingerprint), "{name}:\n{card}");
        }
    }

    #[test]
    fn another_defect_gives_another() {
        let cards: std::collections::BTreeSet<String> =
            fixtures::all().iter().map(|(_, finding)| normalized_card(finding)).collect();
        assert_eq!(cards.len(), fixtures::all().len());
    }

    #[test]
    fn connections_are_numbered_anew_in_sentences_and_nothing_else_is() {
        let (mut clients, mut upstreams) = (Numbers::default(), Numbers::default());
        clients.of(9);
        let told = in_words(
            "e2 (GET, connection 267, 1st on it) came on connection c197, and e4 on (c198); 502, connection 9",
            &mut clients,
            &mut upstreams,
        );
        assert_eq!(told, "e2 (GET, connection 2, 1st on it) came on connection c1, and e4 on (c2); 502, connection 1");
    }

    #[test]
    fn hostile_text_is_disarmed() {
        for (name, finding) in fixtures::all() {
            fixtures::assert_harmless(&name, &normalized_card(&fixtures::hostile(finding)));
        }
    }
}
