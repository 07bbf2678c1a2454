//! The tables of README.md that list the words of the language, taken from the types and their doc comments.

use serde::Deserialize;
use vocabulary::directive::FaultKind;
use vocabulary::plan::EventKind;
use vocabulary::scenario::{Obligation, Prevented};

use super::compare;
use super::documented::comments;
use crate::origin::Act;
use crate::swarm::Knob;
use vocabulary::traced::words;

const README: &str = include_str!("../../README.md");
const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- end -->";

/// One row for each word, with what the source code says of it.
fn table<'de, T: Deserialize<'de>>(declaration: &str) -> String {
    let meanings = comments(declaration);
    assert_eq!(meanings.len(), words::<T>().len(), "{declaration}");
    let rows = words::<T>().iter().zip(meanings).map(|(word, meaning)| {
        // In a cell of a table a bar would end it.
        format!("| `{word}` | {} |\n", meaning.trim_end_matches('.').replace('|', "\\|"))
    });
    format!("\n| Word | Meaning |\n|---|---|\n{}\n", rows.collect::<String>())
}

fn generated(name: &str) -> String {
    match name {
        "acts" => table::<Act>("enum Act"),
        "events" => table::<EventKind>("enum EventKind"),
        "knobs" => table::<Knob>("enum Knob"),
        "obligations" => table::<Obligation>("enum Obligation"),
        "faults" => table::<FaultKind>("enum FaultKind"),
        "witnesses" => table::<Prevented>("enum Prevented"),
        other => panic!("README.md asks for a table of {other:?}"),
    }
}

#[test]
fn the_tables_of_the_readme_list_the_words_of_the_types_index() {
    let mut parts = README.split(BEGIN);
    let mut text = parts.next().unwrap().to_owned();
    let mut tables = 0;
    for part in parts {
        let (name, rest) = part.split_once(" -->").unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        text.push_str(&format!("{BEGIN}{name} -->\n{}{END}{after}", generated(name)));
        tables += 1;
    }
    assert_eq!(tables, 6);
    compare("README.md", &text);
}
