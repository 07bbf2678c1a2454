//! Fitting text into columns: wrapping prose, cutting what must stay on one line, padding cells.
//!
//! Columns are counted in characters. What reaches this module has been disarmed, so no character has width zero.

/// `text` in lines of at most `width` columns, the lines after the first indented by `hang`. A word longer than a line
/// is broken.
pub(crate) fn wrapped(text: &str, width: usize, hang: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let indent = if lines.is_empty() { 0 } else { hang };
            let (used, gap) = (columns(&line), usize::from(!line.trim_start().is_empty()));
            if used.max(indent) + gap + word.len() <= width {
                line = match gap {
                    0 => format!("{}{}", " ".repeat(indent), word.iter().collect::<String>()),
                    _ => format!("{line} {}", word.iter().collect::<String>()),
                };
                break;
            }
            if gap == 1 {
                lines.push(std::mem::take(&mut line));
                continue;
            }
            // Not even an empty line holds it.
            let rest = word.split_off(width.saturating_sub(indent).max(1).min(word.len()));
            lines.push(format!("{}{}", " ".repeat(indent), word.iter().collect::<String>()));
            word = rest;
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// `text`, or its beginning and an ellipsis, in at most `columns_max` columns.
pub(crate) fn cut(text: &str, columns_max: usize) -> String {
    match columns(text) > columns_max {
        false => text.to_owned(),
        true => text.chars().take(columns_max.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// How many columns a disarmed text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().count()
}

/// A count for people: thousands apart.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 fault`, `2 faults`: a count with its noun.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", grouped(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_wrapped_at_words_and_a_long_word_is_broken() {
        assert_eq!(wrapped("one two three", 7, 0), ["one two", "three"]);
        assert_eq!(wrapped("one two three", 7, 2), ["one two", "  three"]);
        assert_eq!(wrapped("a abcdefghij b", 4, 1), ["a", " abc", " def", " ghi", " j b"]);
        assert_eq!(wrapped("", 10, 0), Vec::<String>::new());
        for width in 1..30 {
            for line in wrapped("tenant 2's request e2 received whatever-this-long-word-is of e1", width, 0) {
                assert!(columns(&line) <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_204_551), "1,204,551");
        assert_eq!(counted(1, "fault"), "1 fault");
        assert_eq!(counted(0, "fault"), "0 faults");
    }
}
