//! The picture of a finding: clients, gateway and origin as lifelines, each message an arrow, in order of time.
//!
//! ```text
//!       ms     client t1     client t2                      gateway                           origin
//!    6.500         │             │                             │◀─── 200 d1 for e1 · c1 ───────┤
//!    6.700         │            ✗│◀━━━ d1, owed to t1's e1 ━━━━┥                               │
//! ```
//!
//! What was asked is read from left to right, what was answered from right to left. The wrong message is heavy and has a
//! cross, so that it shows without colour. Where columns or clients do not allow a picture, the steps become a list.

use std::ops::Range;

use vocabulary::finding::Finding;
use vocabulary::identity::{LaneId, Moment, TenantId};

use crate::Style;
use crate::ink::Ink;
use crate::steps::{Act, Case, Client, Step, since};
use crate::wrap::{columns, cut};

/// Steps drawn at most.
pub(crate) const STEPS_MAX: usize = 14;
/// Columns that the picture takes at most, however wide the terminal.
const COLUMNS_MAX: usize = 100;
/// Columns of the time, with the margin before it.
const TIME: usize = 9;
/// Where the first client's lifeline stands: behind the time, with room for half its name.
const FIRST: usize = TIME + 6;
/// The lines on both sides of a label, with its blanks, and the arrow's head.
const AROUND_LABEL: usize = 7;

/// The sketch of at most so many steps, line by line; empty when the evidence has no timeline.
pub(crate) fn sketch(finding: &Finding, style: Style, steps_max: usize) -> Vec<String> {
    let case = Case::of(finding);
    let (mut steps, mut left_out) = case.steps(steps_max);
    if steps.is_empty() {
        return Vec::new();
    }
    let clients = clients(&steps);
    let ink = Ink::of(style);
    let zero = case.zero();
    let mut lines = match Lanes::lay(clients, style.columns().min(COLUMNS_MAX)) {
        Some(lanes) => {
            let before = steps.len();
            steps.retain(|step| lanes.has(step));
            left_out += before - steps.len();
            let mut lines = vec![lanes.header()];
            lines.extend(steps.iter().map(|step| lanes.row(step, zero, ink)));
            lines
        }
        None => steps.iter().map(|step| listed(step, zero, style.columns(), ink)).collect(),
    };
    if left_out > 0 {
        lines.push(format!("{}… and {left_out} more events", " ".repeat(TIME + 1)));
    }
    lines
}

/// The clients in the order in which they come up.
fn clients(steps: &[Step]) -> Vec<Client> {
    let mut clients = Vec::new();
    for step in steps {
        if let Some(client) = client_of(step).filter(|client| !clients.contains(client)) {
            clients.push(client);
        }
    }
    clients
}

fn client_of(step: &Step) -> Option<Client> {
    match step.act {
        Act::Sends(client) | Act::Receives(client) | Act::ClientNote(client) => Some(client),
        Act::Sees | Act::Writes | Act::OriginNote => None,
    }
}

/// Where the lifelines stand.
struct Lanes {
    clients: Vec<(Client, String, usize)>,
    gateway: usize,
    origin: usize,
}

impl Lanes {
    /// Lays the lifelines out, those of as many clients as there is room for; none if there is not even for two.
    fn lay(clients: Vec<Client>, width: usize) -> Option<Lanes> {
        // The gaps that hold labels: from the last client to the gateway, from there to the origin. Narrower ones cut
        // the longest labels.
        let (upstream_gap, client_gap) = match (width, clients.len()) {
            (100.., ..=2) => (34, 32),
            (92.., _) => (31, 29),
            (78.., ..=2) => (27, 25),
            _ => return None,
        };
        let room = width - 4 - upstream_gap - client_gap - FIRST;
        let names = names(&clients, room);
        let longest = names.iter().map(|name| columns(name)).max().unwrap_or(0);
        let fitting = 1 + room / (longest + 1);
        let count = clients.len().min(fitting);
        let gap = if count > 1 { (room / (count - 1)).min(18) } else { 0 };
        let placed = clients.into_iter().zip(names).take(count).enumerate();
        let clients = placed.map(|(index, (client, name))| (client, name, FIRST + gap * index)).collect();
        let gateway = FIRST + gap * count.saturating_sub(1) + client_gap;
        Some(Lanes { clients, gateway, origin: gateway + upstream_gap })
    }

    fn x(&self, client: Client) -> Option<usize> {
        self.clients.iter().find(|(other, ..)| *other == client).map(|(.., x)| *x)
    }

    fn has(&self, step: &Step) -> bool {
        client_of(step).is_none_or(|client| self.x(client).is_some())
    }

    fn lifelines(&self) -> impl Iterator<Item = usize> {
        self.clients.iter().map(|(.., x)| *x).chain([self.gateway, self.origin])
    }

    fn header(&self) -> String {
        let mut line = Line::blank();
        line.write(TIME - 2, "ms");
        let names = self.clients.iter().map(|(_, name, x)| (name.as_str(), *x));
        for (name, x) in names.chain([("gateway", self.gateway), ("origin", self.origin)]) {
            line.write(x - (columns(name) - 1) / 2, name);
        }
        line.text(0..0, |text| text.to_owned())
    }

    fn row(&self, step: &Step, zero: Moment, ink: Ink) -> String {
        let mut line = Line::blank();
        let time = since(step.at, zero);
        line.write(TIME.saturating_sub(columns(&time)), &time);
        for x in self.lifelines() {
            line.write(x, "│");
        }
        let painted = match step.act {
            Act::Sends(client) => self.arrow(&mut line, self.x(client), self.gateway, step, Heading::Right),
            Act::Receives(client) => self.arrow(&mut line, self.x(client), self.gateway, step, Heading::Left),
            Act::Sees => self.arrow(&mut line, Some(self.gateway), self.origin, step, Heading::Right),
            Act::Writes => self.arrow(&mut line, Some(self.gateway), self.origin, step, Heading::Left),
            Act::ClientNote(client) => {
                let start = self.x(client).unwrap_or(FIRST) + 2;
                line.write(start, &format!("{} ", cut(&step.label, self.origin - 2 - start)));
                0..0
            }
            Act::OriginNote => {
                let label = cut(&step.label, self.origin - self.gateway - 4);
                line.write(self.origin - 2 - columns(&label), &format!(" {label}"));
                0..0
            }
        };
        line.text(painted, |text| ink.red(text))
    }

    /// Draws a message between two lifelines and gives the columns to paint, which are none for one that is right.
    fn arrow(&self, line: &mut Line, left: Option<usize>, right: usize, step: &Step, heading: Heading) -> Range<usize> {
        let Some(left) = left else { return 0..0 };
        // Labels stand in the last gap that the arrow crosses, one below the other.
        let label_from = self.lifelines().filter(|x| *x < right).max().unwrap_or(left);
        let strokes = if step.wrong { HEAVY } else { LIGHT };
        let crossed: Vec<usize> = self.lifelines().collect();
        for x in left + 1..right {
            line.write(x, if crossed.contains(&x) { strokes.crossing } else { strokes.line });
        }
        let label = cut(&step.label, right - label_from - AROUND_LABEL - 1);
        line.write(label_from + 5, &format!(" {label} "));
        match heading {
            Heading::Right => {
                line.write(left, strokes.from_left);
                line.write(right - 1, "▶");
            }
            Heading::Left => {
                line.write(right, strokes.from_right);
                line.write(left + 1, "◀");
            }
        }
        match (step.wrong, heading) {
            (false, _) => 0..0,
            (true, Heading::Left) => {
                line.write(left - 1, "✗");
                left - 1..right + 1
            }
            (true, Heading::Right) => {
                line.write(right + 1, "✗");
                left..right + 2
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Heading {
    Right,
    Left,
}

/// How a message is drawn.
struct Strokes {
    line: &'static str,
    crossing: &'static str,
    from_left: &'static str,
    from_right: &'static str,
}

const LIGHT: Strokes = Strokes { line: "─", crossing: "┼", from_left: "├", from_right: "┤" };
const HEAVY: Strokes = Strokes { line: "━", crossing: "┿", from_left: "┝", from_right: "┥" };

/// Names of lifelines: `client t1` where there is room, `t1`, or `t1 lane 0` when a tenant has several clients.
fn names(clients: &[Client], room: usize) -> Vec<String> {
    let alone = |tenant: TenantId| clients.iter().filter(|(other, _)| *other == tenant).count() == 1;
    let name = |(tenant, lane): &(TenantId, LaneId)| match alone(*tenant) {
        true if clients.len() * 12 <= room + 12 => format!("client {tenant}"),
        true => tenant.to_string(),
        false => format!("{tenant} {lane}"),
    };
    clients.iter().map(name).collect()
}

/// A step without a picture.
fn listed(step: &Step, zero: Moment, width: usize, ink: Ink) -> String {
    let who = |(tenant, _): Client| format!("client {tenant}");
    let told = match step.act {
        Act::Sends(client) => format!("{} → gateway: {}", who(client), step.label),
        Act::Receives(client) => format!("{} ← gateway: {}", who(client), step.label),
        Act::Sees => format!("gateway → origin: {}", step.label),
        Act::Writes => format!("gateway ← origin: {}", step.label),
        Act::ClientNote(_) | Act::OriginNote => step.label.clone(),
    };
    let mark = if step.wrong { "✗" } else { " " };
    let line = cut(&format!("{:>TIME$} {mark} {told}", since(step.at, zero)), width);
    if step.wrong { ink.red(&line) } else { line }
}

/// One line of the picture, drawn on column by column.
struct Line {
    cells: Vec<char>,
}

impl Line {
    fn blank() -> Line {
        Line { cells: vec![' '; COLUMNS_MAX] }
    }

    fn write(&mut self, x: usize, text: &str) {
        for (cell, c) in self.cells.iter_mut().skip(x).zip(text.chars()) {
            *cell = c;
        }
    }

    /// The line without its trailing blanks, the columns of `painted` through `paint`.
    fn text(&self, painted: Range<usize>, paint: impl Fn(&str) -> String) -> String {
        let piece = |range: Range<usize>| self.cells[range].iter().collect::<String>();
        let (before, inside) = (piece(0..painted.start), piece(painted.clone()));
        let line = format!("{before}{}{}", paint(&inside), piece(painted.end..self.cells.len()));
        line.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn the_picture_keeps_to_its_columns_and_lines() {
        for (name, finding) in fixtures::all() {
            for width in [40, 60, 78, 80, 91, 92, 99, 100, 160] {
                let lines = sketch(&finding, Style { color: false, width }, STEPS_MAX);
                assert!(lines.len() <= STEPS_MAX + 2, "{name}");
                for line in &lines {
                    assert!(columns(line) <= width.min(COLUMNS_MAX), "{name} at {width}: {line}");
                }
            }
        }
    }

    #[test]
    fn the_wrong_delivery_shows_at_every_width() {
        for (name, finding) in fixtures::all() {
            for width in [40, 80, 100] {
                let lines = sketch(&finding, Style { color: false, width }, STEPS_MAX);
                assert!(lines.is_empty() || lines.iter().any(|line| line.contains('✗')), "{name} at {width}");
            }
        }
    }

    #[test]
    fn red_is_the_wrong_delivery_and_nothing_else() {
        let lines = sketch(&fixtures::shift(), Style { color: true, width: 100 }, STEPS_MAX);
        let red: Vec<&String> = lines.iter().filter(|line| line.contains('\x1b')).collect();
        assert_eq!(red.len(), 1);
        assert!(red[0].contains("\x1b[1;31m✗│◀━"), "{}", red[0]);
    }

    #[test]
    fn without_a_timeline_there_is_no_picture() {
        let mut finding = fixtures::shift();
        finding.evidence.timeline.clear();
        assert_eq!(sketch(&finding, Style::default(), STEPS_MAX), Vec::<String>::new());
    }
}
