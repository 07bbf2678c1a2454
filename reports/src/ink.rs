//! Colour by plain ANSI codes, or none at all.
//!
//! Colour only ever repeats what the words and signs already say, so that a text without it loses nothing.

/// What colours a text, if anything does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ink {
    color: bool,
}

impl Ink {
    pub(crate) fn of(style: crate::Style) -> Ink {
        Ink { color: style.color }
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("1;33", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.paint("1;32", text)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.color && !text.is_empty() {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Style;

    #[test]
    fn color_is_used_when_it_is_wanted_and_only_then() {
        assert_eq!(Ink::of(Style { color: true, width: 80 }).red("✗"), "\x1b[1;31m✗\x1b[0m");
        assert_eq!(Ink::of(Style { color: false, width: 80 }).red("✗"), "✗");
    }
}
