//! The delivery map of a finding, as a table: who was owed what, on which connection, and what came.
//!
//! It answers the first question of a reader, who got whose reply, and it stands even when the timeline is thin.

use vocabulary::finding::{Emitted, ExchangeEvidence, Finding, Shape};
use vocabulary::identity::ExchangeId;

use crate::Style;
use crate::ink::Ink;
use crate::steps::Case;
use crate::wrap::{columns, cut};

/// Rows at most. The oracle keeps as many exchanges as evidence.
const ROWS_MAX: usize = 6;
/// Columns of a cell at most, the last one's excepted.
const CELL_MAX: usize = 24;

/// The margin of what was received, where it stands below its exchange.
const UNDER: &str = "          ";

const HEADER: [&str; 4] = ["exchange", "client", "upstream", "owed"];

struct Row {
    exchange: ExchangeId,
    cells: [String; 4],
    received: String,
    wrong: bool,
}

/// The table, line by line; empty when the finding has neither evidence nor edges.
pub(crate) fn delivery_map(finding: &Finding, style: Style) -> Vec<String> {
    let rows = rows(finding);
    if rows.is_empty() {
        return Vec::new();
    }
    let ink = Ink::of(style);
    let width = |cell: usize| {
        let cells = rows.iter().map(|row| columns(&row.cells[cell])).chain([columns(HEADER[cell])]);
        cells.max().unwrap_or(0).min(CELL_MAX)
    };
    let widths = [width(0), width(1), width(2), width(3)];
    let set = |cells: [&str; 4]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{:width$}  ", cut(cell, width)));
        format!("  {}", cells.collect::<String>())
    };
    let header = cut(&format!("{}  received", set(HEADER)), style.columns());
    let mut lines = vec![ink.dim(&header)];
    let longest = rows.iter().map(|row| columns(&row.received)).max().unwrap_or(0);
    let beside = columns(&set(HEADER)) + 2 + longest <= style.columns();
    for row in rows.iter().take(ROWS_MAX) {
        let line = set(row.cells.each_ref().map(String::as_str));
        let received = format!("{}{}", if row.wrong { "✗ " } else { "  " }, row.received);
        let paint = |received: &str| if row.wrong { ink.red(received) } else { received.to_owned() };
        match beside {
            true => lines.push(format!("{line}{}", paint(&received))),
            // What was received is the point of the table; where it does not fit beside the rest, it stands below.
            false => {
                lines.push(cut(&line, style.columns()));
                lines.push(format!("{UNDER}{}", paint(&cut(&received, style.columns() - UNDER.len()))));
            }
        }
    }
    let told: Vec<ExchangeId> = finding.evidence.exchanges.iter().map(|evidence| evidence.exchange).collect();
    let untold = finding.edges.iter().filter(|edge| !told.contains(&edge.receiver)).count();
    let hidden = rows.iter().skip(ROWS_MAX).filter(|row| row.wrong).count();
    let more = if told.is_empty() { hidden } else { untold + hidden };
    if more > 0 {
        lines.push(format!("  … and {more} more wrong {}", if more == 1 { "delivery" } else { "deliveries" }));
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

fn rows(finding: &Finding) -> Vec<Row> {
    let case = Case::of(finding);
    if finding.evidence.exchanges.is_empty() {
        return finding.edges.iter().map(|edge| bare(&case, edge.receiver)).collect();
    }
    let mut rows: Vec<Row> = finding.evidence.exchanges.iter().map(|evidence| row(finding, &case, evidence)).collect();
    rows.sort_by_key(|row| row.exchange);
    rows.extend(case.ghosts().into_iter().map(|exchange| ghost(&case, exchange)));
    rows
}

/// All that edges say of an exchange for which no evidence was kept.
fn bare(case: &Case, receiver: ExchangeId) -> Row {
    let unknown = || "?".to_owned();
    Row {
        exchange: receiver,
        cells: [receiver.to_string(), unknown(), unknown(), unknown()],
        received: received_wrongly(case, receiver, None),
        wrong: true,
    }
}

/// A request that no client sent.
fn ghost(case: &Case, exchange: ExchangeId) -> Row {
    let arrival = case.arrival(exchange).unwrap_or_else(|| "?".to_owned());
    Row {
        exchange,
        cells: [exchange.to_string(), "nobody sent it".to_owned(), arrival, "–".to_owned()],
        received: "part of another, taken for a request".to_owned(),
        wrong: true,
    }
}

fn row(finding: &Finding, case: &Case, evidence: &ExchangeEvidence) -> Row {
    let client = match evidence.client_ordinal.0 {
        0 => evidence.tenant.to_string(),
        _ => format!("{}, connection {} {}", evidence.tenant, evidence.client_connection.0, evidence.client_ordinal),
    };
    let upstream = match (evidence.upstream_connection, evidence.upstream_ordinal) {
        (Some(connection), Some(ordinal)) => format!("{connection} {ordinal}"),
        (Some(connection), None) => connection.to_string(),
        (None, _) => "never arrived".to_owned(),
    };
    let cells = [evidence.exchange.to_string(), client, upstream, owed(evidence)];
    let exchange = evidence.exchange;
    if !case.wrong_deliveries(exchange).is_empty() {
        return Row { exchange, cells, received: received_wrongly(case, exchange, Some(evidence)), wrong: true };
    }
    let accused = finding.edges.is_empty() && case.accused() == exchange && case.ghosts().is_empty();
    match flaw(finding.shape).filter(|_| accused) {
        Some(flaw) => Row { exchange, cells, received: format!("{}, {flaw}", received(evidence)), wrong: true },
        // Not what the finding is about, but not the exchange's own either: a reader must not take it for right.
        None => {
            let wrong = evidence.deliveries.iter().any(|delivery| delivery.exchange != exchange);
            Row { exchange, cells, received: received(evidence), wrong }
        }
    }
}

/// `200 d1, surplus d1.2`: what the origin emitted for the exchange.
fn owed(evidence: &ExchangeEvidence) -> String {
    let short = |emitted: &Emitted| match emitted.surplus {
        false => format!("{} {}", emitted.status, emitted.delivery),
        true => format!("surplus {}", emitted.delivery),
    };
    match evidence.emitted.is_empty() {
        true => "–".to_owned(),
        false => evidence.emitted.iter().map(short).collect::<Vec<_>>().join(", "),
    }
}

/// What came and was the client's own, or nobody's.
fn received(evidence: &ExchangeEvidence) -> String {
    let Some(reply) = &evidence.reply_received else { return "nothing".to_owned() };
    let deliveries: Vec<String> = evidence.deliveries.iter().map(ToString::to_string).collect();
    match (status(reply), deliveries.is_empty()) {
        (Some(status), false) => format!("{status} {}", deliveries.join(" + ")),
        (Some(status), true) => format!("{status} without a canary"),
        (None, false) => deliveries.join(" + "),
        // A head with a final status would have been read: only interim ones came.
        (None, true) => "no final reply".to_owned(),
    }
}

/// What came and was somebody else's.
fn received_wrongly(case: &Case, receiver: ExchangeId, evidence: Option<&ExchangeEvidence>) -> String {
    let wrong = case.wrong_deliveries(receiver);
    let status = evidence.and_then(|evidence| status(evidence.reply_received.as_deref()?));
    let foreign: Vec<String> = wrong.iter().map(|delivery| case.owed(*delivery)).collect();
    let all = evidence.map(|evidence| evidence.deliveries.as_slice()).unwrap_or_default();
    let own: Vec<String> = all.iter().filter(|id| !wrong.contains(id)).map(ToString::to_string).collect();
    let status = status.map(|status| format!("{status} ")).unwrap_or_default();
    let with = if own.is_empty() { String::new() } else { format!(" (together with {})", own.join(" + ")) };
    format!("{status}{}{with}", foreign.join("; "))
}

/// The status of a reply's head.
fn status(head: &str) -> Option<&str> {
    let status = head.split_whitespace().nth(1)?;
    (status.len() == 3 && status.bytes().all(|b| b.is_ascii_digit())).then_some(status)
}

/// What is wrong with an exchange when no delivery went astray.
fn flaw(shape: Shape) -> Option<&'static str> {
    match shape {
        Shape::Fragment => Some("with a foreign piece in it"),
        Shape::RequestSplice => Some("foreign part in its request"),
        Shape::Desync => Some("then bytes of no request"),
        Shape::StatusMismatch => Some("not the status sent"),
        Shape::TruncationAsComplete => Some("cut off, shown as whole"),
        Shape::Splice
        | Shape::DuplicateDelivery
        | Shape::PairSwap
        | Shape::Rotation
        | Shape::Shift
        | Shape::StaleDelivery
        | Shape::Misdelivery
        | Shape::GhostRequest => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn every_wrong_delivery_has_its_row_or_is_counted() {
        let lines = delivery_map(&fixtures::shift_of_many(), Style::default());
        let crosses = lines.iter().filter(|line| line.contains('✗')).count();
        let more = lines.last().and_then(|line| line.trim().strip_prefix("… and ")?.split(' ').next()?.parse().ok());
        assert_eq!(crosses + more.unwrap_or(0), fixtures::shift_of_many().edges.len(), "{lines:#?}");
    }

    #[test]
    fn edges_alone_still_name_receiver_and_owner() {
        let mut finding = fixtures::shift();
        finding.evidence.exchanges.clear();
        let lines = delivery_map(&finding, Style::default());
        assert!(lines[1].starts_with("  e2") && lines[1].ends_with("✗ d1, owed to e1"), "{lines:#?}");
    }

    #[test]
    fn an_exchange_that_went_right_has_no_cross() {
        let lines = delivery_map(&fixtures::duplicate_from_store(), Style::default());
        let crosses: Vec<_> = lines.iter().map(|line| line.contains('✗')).collect();
        assert_eq!(crosses, [false, false, true]);
    }
}
