//! Did you mean: the nearest of several words, by edit distance.

/// The word nearest to `found`, if one is near enough to be what was meant.
pub fn nearest<'a>(found: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bound = (found.chars().count() / 3).max(1);
    let scored = words.into_iter().map(|word| (distance(found, word), word));
    scored.filter(|(edits, _)| *edits <= bound).min_by_key(|(edits, _)| *edits).map(|(_, word)| word)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut edits = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                edits = edits.min(rows[i - 2][j - 2] + 1);
            }
            row.push(edits);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        assert_eq!(nearest("interm", ["hold", "interim", "final"]), Some("interim"));
        assert_eq!(nearest("frist", ["first", "next"]), Some("first"));
    }

    #[test]
    fn another_word_is_not_guessed_at() {
        assert_eq!(nearest("banana", ["hold", "interim", "final"]), None);
        assert_eq!(nearest("", ["hold"]), None);
    }
}
