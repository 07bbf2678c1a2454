//! The bytes of the exchange that went wrong, as far as they tell the story: what was asked, what came.
//!
//! A head is shown by its first line and by the fields that carry a canary, frame the body, or let a maintainer find
//! the exchange in the gateway's own logs. Other fields stay in the record: a card ends up in CI logs, and what a user
//! adds to every request is often a real credential.

use vocabulary::canary::MARKER;
use vocabulary::finding::{Finding, Leg, Shape};

use crate::Style;
use crate::steps::Case;
use crate::wrap::{cut, wrapped};

/// Columns of what is quoted: `e2 received`.
const MARGIN: usize = 15;
/// Lines of one quotation at most.
const LINES_MAX: usize = 3;
/// Fields that are shown whatever they say, in lower case.
const FIELDS: [&str; 15] = [
    "age",
    "cache-control",
    "cf-ray",
    "connection",
    "content-length",
    "request-id",
    "server",
    "transfer-encoding",
    "vary",
    "via",
    "x-cache",
    "x-litellm-call-id",
    "x-portkey-trace-id",
    "x-request-id",
    "x-served-by",
];

/// Those of them that say where a request ends: all that tells anything when a part of it was taken for another, and the
/// field in which a scenario breaks a line.
const FRAMING: [&str; 5] = ["connection", "content-length", "expect", "transfer-encoding", "x-more"];

/// The quotations of a finding; none when no exchange was kept.
pub(crate) fn quotations(finding: &Finding, style: Style) -> Vec<String> {
    let accused = Case::of(finding).accused();
    let Some(evidence) = finding.evidence.exchanges.iter().find(|evidence| evidence.exchange == accused) else {
        return Vec::new();
    };
    let on_request_leg = finding.leg == Leg::Request;
    // What was asked is told by its first line, unless it was changed on its way, or its fields (a credential, what Vary
    // names) forbade the answer.
    let fields_matter = on_request_leg || finding.leg == Leg::Store;
    let is_ghost = finding.shape == Shape::GhostRequest;
    let asked = |head: &str| match (is_ghost, fields_matter) {
        (true, _) => framing(head),
        (false, true) => telling(head),
        (false, false) => telling(first_line(head)),
    };
    let exchange = evidence.exchange;
    let mut lines = Vec::new();
    lines.extend(quoted(&format!("{exchange} sent"), &asked(&evidence.request_sent), style));
    if let Some(seen) = evidence.request_seen.as_deref().filter(|_| on_request_leg) {
        lines.extend(quoted("origin saw", &asked(seen), style));
    }
    if let Some(reply) = evidence.reply_received.as_deref().filter(|_| !is_ghost) {
        lines.extend(quoted(&format!("{exchange} received"), &telling(reply), style));
    }
    if let Some(bytes) = evidence.came_unasked.as_deref().filter(|_| finding.shape == Shape::Desync) {
        lines.extend(quoted("then unasked", &telling(bytes), style));
    }
    lines
}

/// What of a request's head says where it ends, on one line.
fn framing(head: &str) -> String {
    let frames = |field: &&str| {
        let name = field.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
        FRAMING.contains(&name.as_str())
    };
    let fields = head.lines().skip(1).take_while(|line| !line.is_empty()).filter(frames);
    let parts: Vec<&str> = std::iter::once(first_line(head)).chain(fields).collect();
    parts.join(" ⏎ ")
}

fn first_line(head: &str) -> &str {
    head.lines().next().unwrap_or_default()
}

/// What of a head, and of the body behind it, is worth a reader's time, on one line.
fn telling(head: &str) -> String {
    let (fields, body) = head.split_once("\n\n").unwrap_or((head, ""));
    let tells = |field: &&str| {
        let name = field.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
        FIELDS.contains(&name.as_str()) || field.to_ascii_lowercase().contains(MARKER)
    };
    let body = body.trim();
    let body = (!body.is_empty()).then(|| format!("body {body}"));
    let fields = std::iter::once(first_line(fields)).chain(fields.lines().skip(1).filter(tells)).map(str::to_owned);
    let parts: Vec<String> = fields.chain(body).filter(|part| !part.trim().is_empty()).collect();
    parts.join(" ⏎ ")
}

fn quoted(what: &str, text: &str, style: Style) -> Vec<String> {
    let room = style.columns() - MARGIN;
    let mut lines = wrapped(text, room, 0);
    if lines.len() > LINES_MAX {
        lines.truncate(LINES_MAX);
        if let Some(last) = lines.last_mut() {
            *last = cut(&format!("{last} …"), room);
        }
    }
    let margin = |index: usize| if index == 0 { format!("  {what}") } else { String::new() };
    lines.iter().enumerate().map(|(index, line)| format!("{:MARGIN$}{line}", margin(index))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn a_users_credential_is_not_shown_and_a_canary_is() {
        let head =
            format!("GET /a HTTP/1.1\nAuthorization: Bearer real\nCookie: s={MARKER}abc\nVia: 1.1 gw\n\n{MARKER}");
        let shown = telling(&head);
        assert_eq!(shown, format!("GET /a HTTP/1.1 ⏎ Cookie: s={MARKER}abc ⏎ Via: 1.1 gw ⏎ body {MARKER}"));
        assert!(!shown.contains("real"));
    }

    #[test]
    fn of_a_request_that_was_split_all_is_shown_that_says_where_it_ends() {
        let head = format!(
            "POST /a HTTP/1.1\nHost: h\nx-crosswire: {MARKER}\nTransfer-Encoding : chunked\nContent-Length: 9\n\n{MARKER}"
        );
        assert_eq!(framing(&head), "POST /a HTTP/1.1 ⏎ Transfer-Encoding : chunked ⏎ Content-Length: 9");
    }

    #[test]
    fn what_the_origin_saw_is_shown_when_the_request_was_changed_and_only_then() {
        let shows = |finding: &Finding| quotations(finding, Style::default()).join("\n").contains("origin saw");
        assert!(shows(&fixtures::request_splice()));
        assert!(!shows(&fixtures::shift()));
    }

    #[test]
    fn a_quotation_is_bounded() {
        let mut finding = fixtures::shift();
        finding.evidence.exchanges[1].reply_received = Some(format!("HTTP/1.1 200 OK\nVia: {}\n\n", "v ".repeat(900)));
        let lines = quotations(&finding, Style::default());
        assert_eq!(lines.len(), 1 + LINES_MAX);
        assert!(lines[LINES_MAX].ends_with('…'));
    }
}
