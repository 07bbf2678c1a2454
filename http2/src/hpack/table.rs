//! The static and the dynamic table under one row of indices. RFC 7541 §2.3, Appendix A.

use std::collections::VecDeque;

/// Appendix A. Index 1 is the first.
const STATIC: [(&[u8], &[u8]); 61] = [
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
];

/// What an entry costs beside its bytes. RFC 7541 §4.1.
pub(super) const ENTRY_BYTES: usize = 32;

/// Both tables of one direction of a connection.
#[derive(Debug)]
pub(super) struct Table {
    /// The newest first.
    dynamic: VecDeque<Entry>,
    bytes: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Entry {
    name_bytes: usize,
    /// The name, and the value behind it.
    both: Box<[u8]>,
}

/// What a table has of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Name and value, at this index.
    Field(u32),
    /// The name, at this index.
    Name(u32),
    /// Nothing.
    Nothing,
}

impl Table {
    /// Of at most so many bytes.
    pub(super) fn new(bytes_max: u32) -> Table {
        Table { dynamic: VecDeque::new(), bytes: 0, bytes_max: bytes_max as usize }
    }

    /// The field at an index.
    pub(super) fn get(&self, index: u32) -> Option<(&[u8], &[u8])> {
        let index = (index as usize).checked_sub(1)?;
        match STATIC.get(index) {
            Some(field) => Some(*field),
            None => self.dynamic.get(index - STATIC.len()).map(|entry| entry.both.split_at(entry.name_bytes)),
        }
    }

    /// The lowest index with the field, or else the lowest with its name.
    pub(super) fn find(&self, name: &[u8], value: &[u8]) -> Known {
        let fixed = STATIC.iter().copied();
        let added = self.dynamic.iter().map(|entry| entry.both.split_at(entry.name_bytes));
        let mut known = Known::Nothing;
        for (index, (found, its_value)) in (1..).zip(fixed.chain(added)) {
            if found == name && its_value == value {
                return Known::Field(index);
            }
            if found == name && known == Known::Nothing {
                known = Known::Name(index);
            }
        }
        known
    }

    /// Adds a field in front of the dynamic ones. RFC 7541 §4.4: what is larger than the table empties it.
    pub(super) fn add(&mut self, name: &[u8], value: &[u8]) {
        let bytes = name.len() + value.len() + ENTRY_BYTES;
        self.evict(self.bytes_max.saturating_sub(bytes));
        if bytes <= self.bytes_max {
            self.dynamic.push_front(Entry { name_bytes: name.len(), both: [name, value].concat().into() });
            self.bytes += bytes;
        }
    }

    /// Changes the size of the dynamic table. RFC 7541 §4.3.
    pub(super) fn resize(&mut self, bytes_max: u32) {
        self.bytes_max = bytes_max as usize;
        self.evict(self.bytes_max);
    }

    /// The bytes that the dynamic table may have.
    pub(super) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    fn evict(&mut self, bytes: usize) {
        while self.bytes > bytes
            && let Some(oldest) = self.dynamic.pop_back()
        {
            self.bytes -= oldest.both.len() + ENTRY_BYTES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_static_table_stands_before_the_dynamic_one() {
        let mut table = Table::new(4096);
        assert_eq!(table.get(0), None);
        assert_eq!(table.get(1), Some((&b":authority"[..], &b""[..])));
        assert_eq!(table.get(61), Some((&b"www-authenticate"[..], &b""[..])));
        assert_eq!(table.get(62), None);
        table.add(b"x", b"1");
        table.add(b"x", b"2");
        assert_eq!(table.get(62), Some((&b"x"[..], &b"2"[..])));
        assert_eq!(table.find(b"x", b"1"), Known::Field(63));
        assert_eq!(table.find(b"x", b"3"), Known::Name(62));
        assert_eq!(table.find(b":status", b"404"), Known::Field(13));
        assert_eq!(table.find(b":status", b"418"), Known::Name(8));
        assert_eq!(table.find(b"y", b"1"), Known::Nothing);
    }

    #[test]
    fn the_oldest_goes_first_and_what_is_too_large_takes_all_with_it() {
        let mut table = Table::new(2 * (ENTRY_BYTES as u32 + 2));
        table.add(b"a", b"1");
        table.add(b"b", b"2");
        table.add(b"c", b"3");
        assert_eq!((table.find(b"a", b"1"), table.find(b"b", b"2")), (Known::Nothing, Known::Field(63)));
        table.resize(ENTRY_BYTES as u32 + 2);
        assert_eq!((table.find(b"b", b"2"), table.find(b"c", b"3")), (Known::Nothing, Known::Field(62)));
        table.add(b"d", &[0; 2]);
        assert_eq!(table.get(62), None);
        assert_eq!(table.bytes, 0);
    }
}
