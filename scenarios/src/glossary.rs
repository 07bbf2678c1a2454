//! The words of the language with what they mean, read from the tables of README.md, which tests keep equal to the types.

const README: &str = include_str!("../README.md");

/// A word of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// As scenarios and records write it.
    pub word: &'static str,
    /// What it is a word for, in the singular: `"knob"`, `"event"`, `"act"`, `"obligation"`, `"fault"`, `"witness"`.
    pub kind: &'static str,
    /// A sentence, without its period.
    pub means: &'static str,
}

/// Every word of every table, in the order of the page.
pub fn glossary() -> impl Iterator<Item = Word> {
    README.split("<!-- generated: ").skip(1).flat_map(|section| {
        let (plural, table) = section.split_once(" -->").unwrap_or((section, ""));
        let (table, _) = table.split_once("<!-- end -->").unwrap_or((table, ""));
        let kind = plural.strip_suffix("es").filter(|kind| kind.ends_with('s')).or(plural.strip_suffix('s'));
        table.lines().filter_map(move |line| {
            let (word, means) = line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | ")?;
            Some(Word { word, kind: kind.unwrap_or(plural), means })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_its_words() {
        let means = |word, kind| glossary().find(|of| (of.word, of.kind) == (word, kind)).map(|of| of.means);
        assert_eq!(means("chunked", "knob"), Some("Half of the replies are chunked"));
        assert_eq!(means("serialised", "witness").map(|means| means.starts_with("The gateway serialises")), Some(true));
        for (word, kind) in [("seen", "event"), ("hold", "act"), ("overlap", "obligation"), ("cut", "fault")] {
            assert!(means(word, kind).is_some_and(|means| !means.is_empty()), "{kind} {word}");
        }
    }
}
