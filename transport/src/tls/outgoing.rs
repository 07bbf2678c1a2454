//! Records on their way to the kernel, and what of them counts as written.
//!
//! Pure. A record of which the kernel has taken a part is worth nothing to the peer, and cannot be taken back: its
//! bytes count as written when the kernel has taken all of it, and until then whoever writes them hears that there is
//! no room.

use std::collections::VecDeque;

/// Records that were made and that the kernel has not taken.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    /// How many of those the kernel has taken.
    taken: usize,
    /// Those in which somebody's bytes stand.
    records: VecDeque<Record>,
    /// What stands in them, as it was before.
    owed: Vec<u8>,
}

/// A record with somebody's bytes.
#[derive(Debug, Clone, Copy)]
struct Record {
    /// Where it ends.
    end: usize,
    /// How many bytes stand in it.
    holds: usize,
}

impl Outgoing {
    /// Where records go.
    pub(super) fn room(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The record that was added last holds these bytes.
    pub(super) fn holds(&mut self, bytes: &[u8]) {
        self.owed.extend_from_slice(bytes);
        self.records.push_back(Record { end: self.bytes.len(), holds: bytes.len() });
    }

    /// The bytes that stand in records and do not count as written.
    pub(super) fn owed(&self) -> &[u8] {
        &self.owed
    }

    /// What the kernel has not taken.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// The kernel has taken so many bytes of the rest.
    pub(super) fn take(&mut self, count: usize) {
        self.taken += count;
    }

    /// How many bytes count as written from now on, at most so many.
    pub(super) fn settle(&mut self, at_most: usize) -> usize {
        let mut written = 0;
        while written < at_most
            && let Some(record) = self.records.front_mut().filter(|record| record.end <= self.taken)
        {
            let counted = record.holds.min(at_most - written);
            record.holds -= counted;
            written += counted;
            if record.holds == 0 {
                self.records.pop_front();
            }
        }
        self.owed.drain(..written);
        if self.rest().is_empty() && self.records.is_empty() {
            self.bytes.clear();
            self.taken = 0;
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records that hold these bytes, each two bytes longer than what it holds.
    fn outgoing(held: &[&[u8]]) -> Outgoing {
        let mut outgoing = Outgoing::default();
        for bytes in held {
            outgoing.room().extend_from_slice(&[b"<", *bytes, b">"].concat());
            outgoing.holds(bytes);
        }
        outgoing
    }

    #[test]
    fn a_record_counts_when_all_of_it_is_taken() {
        let mut outgoing = outgoing(&[b"abc", b"de"]);
        assert_eq!((outgoing.rest(), outgoing.owed()), (b"<abc><de>".as_slice(), b"abcde".as_slice()));
        outgoing.take(4);
        assert_eq!(outgoing.settle(5), 0);
        outgoing.take(1);
        assert_eq!(outgoing.settle(5), 3);
        assert_eq!((outgoing.rest(), outgoing.owed()), (b"<de>".as_slice(), b"de".as_slice()));
        outgoing.take(4);
        assert_eq!((outgoing.settle(5), outgoing.settle(5)), (2, 0));
        assert_eq!((outgoing.rest(), outgoing.owed()), (b"".as_slice(), b"".as_slice()));
    }

    #[test]
    fn who_asks_for_less_hears_of_the_others_later() {
        let mut outgoing = outgoing(&[b"abc", b"de"]);
        outgoing.take(9);
        assert_eq!((outgoing.settle(2), outgoing.settle(2), outgoing.settle(9)), (2, 2, 1));
        assert!(outgoing.rest().is_empty() && outgoing.owed().is_empty());
    }

    #[test]
    fn a_record_that_holds_nothing_of_anybody_counts_for_nobody() {
        let mut outgoing = Outgoing::default();
        outgoing.room().extend_from_slice(b"alert");
        outgoing.take(2);
        assert_eq!((outgoing.settle(5), outgoing.rest()), (0, b"ert".as_slice()));
        outgoing.take(3);
        assert_eq!((outgoing.settle(5), outgoing.rest()), (0, b"".as_slice()));
    }
}
