//! Every format of a record against every other: each is read back by a parser that is not ours, and what it says of
//! the run must be what the record says, whatever stands in the record's texts.

use std::collections::BTreeSet;

use proptest::prelude::{ProptestConfig, proptest};
use pulldown_cmark::{Event, Options, Parser, Tag};
use roxmltree::{Document, Node};
use serde_json::Value;
use vocabulary::finding::Finding;
use vocabulary::record::RunRecord;
use vocabulary::suppression::SuppressionState;
use vocabulary::verdict::Verdict;

use crate::fixtures::{self, HOSTILE_PIECES, assert_harmless, hostile_text, replay};
use crate::worst::worst_first;
use crate::{annotations, json, jsonl, junit, neutral, step_summary};

const PAGE_BYTES_MAX: usize = 256 * 1024;

/// What every format says of a run.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    findings: u64,
    exchanges: u64,
    verified: u64,
    exposures: u64,
}

impl Counts {
    /// Of an object that has the run's totals.
    fn of(run: &Value, findings: usize) -> Counts {
        let count = |name: &str| run["totals"][name].as_u64().unwrap();
        let findings = findings as u64;
        Counts { findings, exchanges: count("exchanges"), verified: count("verified"), exposures: count("exposures") }
    }
}

/// Reads a record back from all its formats.
fn read_back(name: &str, record: &RunRecord) {
    let whole: Value = serde_json::from_str(&json(record)).unwrap();
    assert_eq!(serde_json::from_value::<RunRecord>(whole.clone()).unwrap(), *record, "{name}");
    let counts = Counts::of(&whole, whole["findings"].as_array().unwrap().len());
    assert_eq!(read_lines(record), counts, "{name}");
    assert_eq!(read_junit(name, record), counts, "{name}");
    assert_eq!(read_page(name, record), counts, "{name}");
    assert_eq!(read_annotations(record), counts.findings, "{name}");
}

fn read_lines(record: &RunRecord) -> Counts {
    let lines: Vec<Value> = jsonl(record).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| lines.iter().filter(|line| line["line"] == kind).count();
    assert_eq!(of("scenario"), record.scenarios.len());
    assert_eq!(of("suppressed"), record.suppressed.len());
    assert_eq!(lines.len(), 1 + of("scenario") + of("finding") + of("suppressed"));
    Counts::of(&lines[0], of("finding"))
}

// ---- JUnit ---------------------------------------------------------------------------------------------------------

fn read_junit(name: &str, record: &RunRecord) -> Counts {
    let xml = junit(record, &replay);
    assert_harmless(name, &xml);
    let document = Document::parse(&xml).unwrap_or_else(|error| panic!("{name}: {error}\n{xml}"));
    let root = document.root_element();
    let suite = child(root, "testsuite");
    assert_eq!((root.tag_name().name(), children(root, "testsuite").count()), ("testsuites", 1), "{name}");
    let cases: Vec<Node> = children(suite, "testcase").collect();
    for (attribute, element) in [("failures", "failure"), ("errors", "error"), ("skipped", "skipped")] {
        let count = cases.iter().filter(|case| children(**case, element).count() == 1).count().to_string();
        assert_eq!([root, suite].map(|node| node.attribute(attribute)), [Some(count.as_str()); 2], "{name}");
    }
    assert_eq!(suite.attribute("tests"), Some(cases.len().to_string().as_str()), "{name}");
    let names: BTreeSet<&str> = cases.iter().map(|case| case.attribute("name").unwrap()).collect();
    assert_eq!(names.len(), cases.len(), "{name}: a name stands twice\n{xml}");
    let applied = record.suppressions.iter().filter(|one| one.state == SuppressionState::Applied).count();
    assert_eq!(children_of_all(&cases, "skipped").count(), record.skipped.len() + applied, "{name}");
    let of = |class: &str| cases.iter().filter(|case| case.attribute("classname").unwrap().ends_with(class)).count();
    assert!(of(".gates") >= record.gates.len() && of(".suppressions") >= record.suppressions.len(), "{name}");
    for case in &cases {
        assert!(case.attribute("classname").is_some_and(|own| own.starts_with("crosswire.")), "{name}");
        assert!(case.attribute("time").is_some_and(|time| time.parse::<f64>().is_ok()), "{name}");
    }
    for out in children_of_all(&cases, "system-out").filter_map(|out| out.text()) {
        assert!(!out.contains("[["), "{name}: GitLab would follow it: {out}");
    }
    assert_no_green_where_data_is_missing(name, record, &cases);
    let properties: Vec<Node> = children(child(suite, "properties"), "property").collect();
    let property = |name: &str| {
        let property = properties.iter().find(|property| property.attribute("name") == Some(name)).unwrap();
        property.attribute("value").unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(property("findings"), record.findings.len() as u64, "{name}");
    assert_eq!(property("suppressed"), record.suppressed.len() as u64, "{name}");
    Counts {
        findings: children_of_all(&cases, "failure").map(findings_in).sum(),
        exchanges: property("exchanges"),
        verified: property("verified"),
        exposures: property("exposures"),
    }
}

/// The findings that a failure tells of: in its message, and in its text unless that was cut.
fn findings_in(failure: Node) -> u64 {
    let (message, text) = (failure.attribute("message").unwrap(), failure.text().unwrap_or_default());
    let replays = text.lines().filter(|line| line.starts_with("replay: ")).count() as u64;
    if replays == 0 {
        // A verdict without a finding.
        return 0;
    }
    let more = message.rsplit_once(" (and ").and_then(|(_, more)| more.split_once(" more finding"));
    let findings = 1 + more.map_or(0, |(more, _)| more.replace(',', "").parse::<u64>().unwrap());
    if !text.contains("\n… cut here") {
        let more = text.lines().find_map(|line| line.strip_prefix("… and ")?.strip_suffix(" more, in record.json"));
        assert_eq!(replays + more.map_or(0, |more| more.parse::<u64>().unwrap()), findings, "{message}\n{text}");
    }
    findings
}

/// Nothing passes that has not shown itself Clean.
fn assert_no_green_where_data_is_missing(name: &str, record: &RunRecord, cases: &[Node]) {
    let passed = |case: &Node| !["failure", "error", "skipped"].iter().any(|bad| children(*case, bad).count() > 0);
    let (run, scenarios) = cases.split_first().unwrap();
    let proven = record.verdict == Verdict::Clean || !record.findings.is_empty();
    assert!(proven || !passed(run), "{name}: the run passes as {}", record.verdict);
    for (scenario, case) in record.scenarios.iter().zip(scenarios) {
        assert!(scenario.verdict == Verdict::Clean || !passed(case), "{name}: {} passes", scenario.name);
    }
}

fn children<'a>(node: Node<'a, 'a>, element: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    node.children().filter(move |child| child.has_tag_name(element))
}

fn child<'a>(node: Node<'a, 'a>, element: &'a str) -> Node<'a, 'a> {
    children(node, element).next().unwrap()
}

fn children_of_all<'a>(nodes: &[Node<'a, 'a>], element: &'a str) -> impl Iterator<Item = Node<'a, 'a>> {
    nodes.iter().flat_map(move |node| children(*node, element))
}

// ---- GitHub's annotations ------------------------------------------------------------------------------------------

/// A line as the runner of GitHub Actions reads it (`ActionCommand.TryParseV2` in actions/runner): kind, title,
/// message.
fn read_command(line: &str) -> Option<(String, String, String)> {
    let (head, data) = line.trim_start().strip_prefix("::")?.split_once("::")?;
    let (kind, properties) = head.split_once(' ').unwrap_or((head, ""));
    let data = data.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%");
    let title = properties.trim().split(',').find_map(|pair| pair.split_once('=').filter(|(name, _)| *name == "title"));
    let title = title.map_or("", |(_, title)| title).replace("%0D", "\r").replace("%0A", "\n");
    let title = title.replace("%3A", ":").replace("%2C", ",").replace("%25", "%");
    Some((kind.to_owned(), title, data))
}

/// How many findings the annotations tell of.
fn read_annotations(record: &RunRecord) -> u64 {
    let text = annotations(record);
    let lines: Vec<(String, String, String)> = text.lines().map(|line| read_command(line).unwrap()).collect();
    assert!(lines.len() <= 9, "{text}");
    assert!(!text.contains(|c: char| c.is_control() && c != '\n') && !text.contains('\u{202e}'), "{text:?}");
    let silent = [record.findings.len(), record.suppressed.len(), record.warnings.len()] == [0; 3];
    assert_eq!(lines.is_empty(), record.verdict == Verdict::Clean && silent, "{text}");
    for (kind, title, _) in &lines {
        assert!(["error", "warning", "notice"].contains(&kind.as_str()), "{kind}");
        assert!(title.starts_with("crosswire"), "{title}");
    }
    // Read back, a line says what the record says, disarmed.
    let findings = neutral::record(record).findings;
    for (finding, (_, title, message)) in worst_first(&findings).into_iter().zip(lines.iter().take(5)) {
        assert!(title.contains(&finding.scenario), "{title}");
        assert!(
            message.starts_with(&format!("{}\n{}\n{} ", finding.sentence, finding.requirement, finding.id)),
            "{message}"
        );
    }
    if record.findings.is_empty() {
        return 0;
    }
    // The findings have the first lines, and one that counts the others; what else there is to tell has a title of its own.
    let own = |title: &str| {
        ["gate failed", "less was asked for", "suppressed"].iter().any(|own| title == format!("crosswire: {own}"))
    };
    let of_findings: Vec<_> = lines.iter().filter(|(_, title, _)| !own(title)).collect();
    let more = of_findings.last().filter(|(_, title, _)| title == "crosswire");
    let more = more.and_then(|(_, _, message)| message.strip_prefix("and ")?.split_once(" more, in the step"));
    match more {
        Some((more, _)) => of_findings.len() as u64 - 1 + more.parse::<u64>().unwrap(),
        None => of_findings.len() as u64,
    }
}

// ---- the page ------------------------------------------------------------------------------------------------------

fn read_page(name: &str, record: &RunRecord) -> Counts {
    let page = step_summary(record, &replay);
    assert_harmless(name, &page);
    assert!(page.len() <= PAGE_BYTES_MAX, "{name}: {} bytes", page.len());
    assert!(page.starts_with(&format!("## crosswire: {}\n", record.verdict.title())), "{name}");
    assert_unlinked(name, &page);
    // All that GitHub knows and more, but for quotation marks and dashes, which it leaves alone.
    let options = Options::all() - Options::ENABLE_SMART_PUNCTUATION;
    let mut tables: Vec<Vec<Vec<String>>> = Vec::new();
    let (mut blocks, mut opened, mut closed, mut more) = (0, 0, 0, 0);
    for event in Parser::new_ext(&page, options) {
        match event {
            Event::Start(Tag::Table(_)) => tables.push(Vec::new()),
            Event::Start(Tag::TableHead | Tag::TableRow) => tables.last_mut().unwrap().push(Vec::new()),
            Event::Start(Tag::TableCell) => tables.last_mut().unwrap().last_mut().unwrap().push(String::new()),
            Event::Start(Tag::CodeBlock(_)) => blocks += 1,
            Event::Start(Tag::Heading { .. } | Tag::Paragraph | Tag::HtmlBlock) | Event::End(_) => {}
            Event::Text(text) => {
                // What stands behind the tables is a paragraph or a block, and no cell grows by it.
                if let Some(rest) = text.strip_prefix("… and ") {
                    more = rest.strip_suffix(" more, in record.json").map_or(more, |more| more.parse().unwrap());
                } else if let Some(cell) = open_cell(&mut tables, blocks) {
                    cell.push_str(&text);
                }
            }
            Event::InlineHtml(html) => assert!(["<code>", "</code>"].contains(&html.as_ref()), "{name}: {html}"),
            Event::Html(html) => {
                opened += usize::from(html.starts_with("<details><summary>"));
                closed += usize::from(html.trim() == "</details>");
                let own = ["<details>", "<summary>", "</summary>", "</details>", "<code>", "</code>"];
                let rest = own.iter().fold(html.to_string(), |rest, tag| rest.replace(tag, ""));
                assert!(!rest.contains('<'), "{name}: {html}");
            }
            Event::SoftBreak => {}
            other => panic!("{name}: a text of the record is markup: {other:?}\n{page}"),
        }
    }
    assert_eq!((blocks, closed), (opened, opened), "{name}: a block is not closed\n{page}");
    let table = |head: &str| tables.iter().find(|table| table[0][0] == head);
    let findings = table("finding").map_or(0, |findings| {
        assert_rows(name, record, &findings[1..]);
        findings.len() as u64 - 1 + more
    });
    let rows = |head: &str| table(head).map_or(0, |table| table.len() - 1);
    assert_eq!(rows("gate"), record.gates.len().min(20), "{name}");
    assert_eq!(rows("suppressed"), record.suppressed.len().min(10), "{name}");
    let (head, numbers) = (&tables[0][0], &tables[0][1]);
    let count = |column: &str| {
        let index = head.iter().position(|name| name == column).unwrap();
        numbers[index].parse::<u64>().unwrap()
    };
    assert_eq!(count("findings"), findings, "{name}");
    assert_eq!(count("suppressed"), record.suppressed.len() as u64, "{name}");
    assert_eq!(count("skipped"), record.skipped.len() as u64, "{name}");
    Counts { findings, exchanges: count("exchanges"), verified: count("verified"), exposures: count("exposures") }
}

/// The cell that is being read; none once the blocks have begun.
fn open_cell(tables: &mut [Vec<Vec<String>>], blocks: usize) -> Option<&mut String> {
    if blocks > 0 { None } else { tables.last_mut()?.last_mut()?.last_mut() }
}

/// Each row has its eight cells, and in them what the record says, disarmed.
fn assert_rows(name: &str, record: &RunRecord, rows: &[Vec<String>]) {
    let findings = neutral::record(record).findings;
    for row in rows {
        assert_eq!(row.len(), 8, "{name}: {row:?}");
        let shown = |finding: &&Finding| row[0] == finding.id && row[5] == finding.scenario && row[7] == finding.plan;
        assert!(findings.iter().any(|finding| shown(&finding)), "{name}: {row:?}");
    }
}

/// Outside its blocks a page has nothing that GitHub would make a link or a mention of after rendering it.
fn assert_unlinked(name: &str, page: &str) {
    let mut fence: Option<String> = None;
    for line in page.lines() {
        match &fence {
            Some(end) if line == end => fence = None,
            Some(_) => {}
            None if line.starts_with("```") => fence = Some(line.trim_end_matches("text").to_owned()),
            None => {
                let link = ["@", "www.", "://", "!["].iter().find(|link| line.contains(**link));
                assert_eq!(link, None, "{name}: {line}");
            }
        }
    }
    assert_eq!(fence, None, "{name}");
}

// ---- what is read back ---------------------------------------------------------------------------------------------

#[test]
fn records_of_every_verdict_are_told_alike() {
    for (name, record) in fixtures::records() {
        read_back(&name, &record);
        read_back(&name, &fixtures::hostile_record(record));
    }
}

#[test]
fn many_findings_are_bounded_and_counted() {
    for count in [1, 2, 5, 6, 7, 20, 21, 22, 300] {
        let own = fixtures::all().into_iter().map(|(_, finding)| finding).cycle().take(count).zip(1..);
        let findings = own.map(|(finding, number)| Finding { id: format!("f{number}"), ..finding }).collect();
        read_back(&format!("{count} findings"), &RunRecord { findings, ..fixtures::violated() });
        let one_scenario = (1..=count).map(|number| Finding { id: format!("f{number}"), ..fixtures::shift() });
        let findings = one_scenario.collect();
        read_back(&format!("{count} findings of one scenario"), &RunRecord { findings, ..fixtures::violated() });
    }
}

/// Sets one text after the other, names of members included, and gives what reads back as a record: a word of a closed
/// enum cannot be set.
fn with_each_text_set(value: &Value, text: &str, give: &mut dyn FnMut(Value)) {
    match value {
        Value::String(_) => give(text.into()),
        Value::Array(items) => {
            for index in 0..items.len() {
                with_each_text_set(&items[index], text, &mut |changed| {
                    let mut items = items.clone();
                    items[index] = changed;
                    give(items.into());
                });
            }
        }
        Value::Object(members) => {
            for name in members.keys() {
                with_each_text_set(&members[name], text, &mut |changed| {
                    let mut members = members.clone();
                    members[name] = changed;
                    give(members.into());
                });
                let mut renamed = members.clone();
                let value = renamed.remove(name).unwrap();
                renamed.insert(text.to_owned(), value);
                give(renamed.into());
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn every_text_of_a_record_may_be_hostile() {
    let mut record = fixtures::violated();
    record.skipped = fixtures::clean().skipped;
    record.findings = vec![fixtures::desync()];
    let agreed = fixtures::gated();
    (record.warnings, record.gates) = (agreed.warnings, agreed.gates);
    (record.suppressions, record.suppressed) = (agreed.suppressions, agreed.suppressed);
    let (mut tried, value) = (0, serde_json::to_value(&record).unwrap());
    with_each_text_set(&value, &hostile_text(), &mut |changed| {
        // A member that is gone, or an enum's word that is none, is no record.
        if let Ok(record) = serde_json::from_value::<RunRecord>(changed) {
            read_back("one hostile text", &record);
            tried += 1;
        }
    });
    assert!(tried > 80, "{tried} texts were tried");
}

#[test]
fn every_hostile_text_may_stand_in_every_place_at_once() {
    for piece in HOSTILE_PIECES {
        let with = |text: &str| {
            let mut record = fixtures::hostile_record(fixtures::violated());
            let armed = serde_json::to_string(&record).unwrap();
            let (old, new) = (serde_json::to_string(fixtures::HOSTILE).unwrap(), serde_json::to_string(text).unwrap());
            record = serde_json::from_str(&armed.replace(&old, &new)).unwrap();
            record
        };
        read_back(piece, &with(piece));
        read_back(piece, &with(&format!("{piece}\n{piece} {piece}")));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_record_is_told_alike(record in fixtures::any_record()) {
        read_back("any", &record);
    }
}
