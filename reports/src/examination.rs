//! What is known of a gateway before it is tested: a line for each thing that was looked for, and JSON for programs.

use vocabulary::examination::{Examination, ExaminedLine, State};

use crate::Style;
use crate::ink::Ink;
use crate::json::escaped;
use crate::neutral::line;
use crate::wrap::{counted, wrapped};

/// Columns before what is said: the state and the topic.
const MARGIN: usize = 24;
/// Columns of the state.
const STATE: usize = 6;
/// Characters of a text: an answer of a gateway may be quoted in it.
const CHARS_MAX: usize = 1000;

/// The examination for programs: pretty, with a final newline.
pub fn examination_json(examination: &Examination) -> String {
    let text = serde_json::to_string_pretty(examination).expect("it has string keys only and no fallible serializer");
    escaped(&text) + "\n"
}

/// The examination for a person at a terminal.
pub fn examination_text(examination: &Examination, style: Style) -> String {
    let gateway = &examination.gateway;
    let version = gateway.version.as_ref().map(|version| format!(" ({version})")).unwrap_or_default();
    let mut lines = vec![line(&format!("{}{version}", gateway.name), CHARS_MAX), String::new()];
    lines.extend(examination.lines.iter().flat_map(|examined| told(examined, style)));
    lines.extend([String::new(), conclusion(examination)]);
    lines.join("\n") + "\n"
}

fn told(examined: &ExaminedLine, style: Style) -> Vec<String> {
    let ink = Ink::of(style);
    let room = style.columns().saturating_sub(MARGIN).max(MARGIN);
    let word = examined.state.to_string();
    let painted = match examined.state {
        State::Ok => ink.green(&word),
        State::Warn => ink.yellow(&word),
        State::Fail => ink.red(&word),
    };
    let state = format!("{painted}{}", " ".repeat(STATE - word.len()));
    let topic = format!("{:1$}", examined.topic.title(), MARGIN - STATE);
    let said = |text: &str| wrapped(&line(text, CHARS_MAX), room, 0);
    let fix = examined.fix.iter().flat_map(|fix| said(&format!("fix: {fix}")));
    let below = said(&examined.means).into_iter().map(|line| ink.dim(&line)).chain(fix);
    let all = said(&examined.found).into_iter().chain(below).enumerate();
    all.map(|(index, line)| match index {
        0 => format!("{state}{topic}{line}"),
        _ => format!("{}{line}", " ".repeat(MARGIN)),
    })
    .collect()
}

fn conclusion(examination: &Examination) -> String {
    let warnings = examination.lines.iter().filter(|line| line.state == State::Warn).count() as u64;
    match examination.state() {
        State::Ok => "A check of this gateway can show everything.".to_owned(),
        State::Warn => {
            format!(
                "A check of this gateway can be made; {} what it can show.",
                match warnings {
                    1 => "1 line above limits".to_owned(),
                    _ => format!("{} above limit", counted(warnings, "line")),
                }
            )
        }
        State::Fail => "No check of this gateway can be made.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{HOSTILE, assert_harmless, golden};
    use crate::schema_tests::Schema;
    use vocabulary::examination::{EXAMINATION_SCHEMA, Topic};
    use vocabulary::record::GatewayRecord;
    use vocabulary::traced::{keys, words};

    const SCHEMA: &str = include_str!("../schemas/examination.schema.json");

    fn examination(last: State) -> Examination {
        let line = |topic, state, found: &str, means: &str, fix: Option<&str>| ExaminedLine {
            topic,
            state,
            found: found.to_owned(),
            means: means.to_owned(),
            fix: fix.map(str::to_owned),
        };
        let pooling = "each request has an upstream connection of its own: defects of pools cannot show, and scenarios that need \
                       one end as prevented (no-upstream-reuse)";
        Examination {
            schema: EXAMINATION_SCHEMA.to_owned(),
            crosswire_version: "0.1.0".to_owned(),
            gateway: GatewayRecord {
                kind: "recipe".to_owned(),
                name: "nginx".to_owned(),
                version: Some("nginx/1.22.1".to_owned()),
                variant: None,
            },
            lines: vec![
                line(Topic::Gateway, State::Ok, "it listens on 127.0.0.1:8080", "clients can connect", None),
                line(
                    Topic::Pooling,
                    last,
                    "8 requests on 8 upstream connections, up to 1 on one",
                    pooling,
                    Some("configure keep-alive to the origin"),
                ),
            ],
        }
    }

    #[test]
    fn a_person_reads_state_topic_meaning_and_fix() {
        golden("examination.txt", &examination_text(&examination(State::Warn), Style::default()));
    }

    #[test]
    fn the_last_line_says_whether_there_can_be_a_check() {
        let last = |state| examination_text(&examination(state), Style::default()).lines().last().map(str::to_owned);
        for (state, says) in
            [(State::Ok, "can show everything"), (State::Warn, "1 line above limits"), (State::Fail, "No check")]
        {
            assert!(last(state).is_some_and(|last| last.contains(says)), "{state}");
        }
    }

    #[test]
    fn programs_read_back_what_was_found() {
        let examination = examination(State::Fail);
        let text = examination_json(&examination);
        assert_eq!(serde_json::from_str::<Examination>(&text).unwrap(), examination);
        assert!(text.contains("\"schema\": \"crosswire.examination/1\""), "{text}");
    }

    #[test]
    fn the_published_schema_takes_what_is_written_and_nothing_else() {
        let schema = Schema::of(SCHEMA);
        for state in [State::Ok, State::Warn, State::Fail] {
            let written: serde_json::Value = serde_json::from_str(&examination_json(&examination(state))).unwrap();
            assert_eq!(schema.refuses(&written), None);
            for place in ["", "/gateway", "/lines/1"] {
                let mut more = written.clone();
                more.pointer_mut(place).unwrap()["surplus"] = "surplus".into();
                assert!(schema.refuses(&more).is_some(), "{place}");
            }
        }
    }

    #[test]
    fn the_published_schema_has_the_members_and_words_of_the_types() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let members = |place: &str| {
            let members = schema.pointer(place).and_then(|members| members.as_object()).unwrap();
            members.keys().cloned().collect::<std::collections::BTreeSet<_>>()
        };
        let of =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(members("/properties"), of(keys::<Examination>()));
        assert_eq!(members("/properties/gateway/properties"), of(keys::<GatewayRecord>()));
        let line = "/properties/lines/items/properties";
        assert_eq!(members(line), of(keys::<ExaminedLine>()));
        for (member, known) in [("topic", words::<Topic>()), ("state", words::<State>())] {
            let listed = schema.pointer(&format!("{line}/{member}/enum")).and_then(|words| words.as_array()).unwrap();
            let listed: Vec<&str> = listed.iter().filter_map(|word| word.as_str()).collect();
            assert_eq!(listed, known, "{member}");
        }
    }

    #[test]
    fn hostile_text_is_disarmed_and_color_changes_no_word() {
        let mut hostile = examination(State::Fail);
        hostile.gateway.name = HOSTILE.to_owned();
        for line in &mut hostile.lines {
            (line.found, line.means, line.fix) = (HOSTILE.to_owned(), HOSTILE.to_owned(), Some(HOSTILE.to_owned()));
        }
        assert_harmless("text", &examination_text(&hostile, Style::default()));
        assert_harmless("json", &examination_json(&hostile));
        let color = examination_text(&examination(State::Warn), Style { color: true, width: 100 });
        let without = ["\x1b[1;32m", "\x1b[1;33m", "\x1b[2m", "\x1b[0m"];
        let plain = without.iter().fold(color, |text, code| text.replace(code, ""));
        assert_eq!(plain, examination_text(&examination(State::Warn), Style::default()));
    }
}
