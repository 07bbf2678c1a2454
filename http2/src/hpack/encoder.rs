//! Blocks out of fields, spelled as one pleases. RFC 7541 §6.

use super::table::{Known, Table};
use super::{huffman, integer};

/// The encoder of one direction of a connection: it knows what its peer's table has.
#[derive(Debug)]
pub struct Encoder {
    table: Table,
    /// Sizes that the next block has to say first: the smallest since the last block, and the last. RFC 7541 §4.2.
    resized: Option<(u32, u32)>,
}

/// How a field is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// What becomes of it in the table.
    pub indexing: Indexing,
    /// Whether its strings are Huffman codes.
    pub huffman: bool,
}

/// What becomes of a field in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indexing {
    /// It is added, and next time spelled by its index. RFC 7541 §6.2.1.
    Add,
    /// Nothing. RFC 7541 §6.2.2.
    Without,
    /// Nothing, and no intermediary may add it. RFC 7541 §6.2.3.
    Never,
}

/// A name, by itself or by its place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name<'a> {
    /// The name at this index, whatever is there.
    At(u32),
    /// The name.
    New(&'a [u8]),
}

impl Style {
    /// As most encoders spell most fields.
    pub const USUAL: Style = Style { indexing: Indexing::Add, huffman: true };
    /// That leaves no trace in any table.
    pub const PLAIN: Style = Style { indexing: Indexing::Without, huffman: false };
}

impl Encoder {
    /// For a peer whose settings offer a table of so many bytes.
    pub fn new(table_bytes_max: u32) -> Encoder {
        Encoder { table: Table::new(table_bytes_max), resized: None }
    }

    /// Uses another size from the next block on: at most what the peer's settings offer.
    pub fn resize(&mut self, table_bytes_max: u32) {
        let smallest = self.resized.map_or(table_bytes_max, |(smallest, _)| smallest.min(table_bytes_max));
        self.resized = Some((smallest, table_bytes_max));
        self.table.resize(table_bytes_max);
    }

    /// Appends the beginning of a block: what there is to say of the table's size.
    pub fn begin(&mut self, block: &mut Vec<u8>) {
        if let Some((smallest, last)) = self.resized.take() {
            if smallest < last {
                table_size(block, smallest);
            }
            table_size(block, last);
        }
    }

    /// Appends a field, as short as its style allows.
    pub fn encode(&mut self, block: &mut Vec<u8>, name: &[u8], value: &[u8], style: Style) {
        let name = match (self.table.find(name, value), style.indexing) {
            (Known::Field(index), Indexing::Add | Indexing::Without) => return indexed(block, index),
            (Known::Field(index) | Known::Name(index), _) => {
                if style.indexing == Indexing::Add {
                    self.table.add(name, value);
                }
                Name::At(index)
            }
            (Known::Nothing, _) => {
                if style.indexing == Indexing::Add {
                    self.table.add(name, value);
                }
                Name::New(name)
            }
        };
        literal(block, name, value, style);
    }

    /// The bytes that the table has room for.
    pub fn table_bytes_max(&self) -> usize {
        self.table.bytes_max()
    }
}

/// Appends the field at an index, whether there is one or not.
pub fn indexed(block: &mut Vec<u8>, index: u32) {
    integer::write(block, 0x80, 7, index);
}

/// Appends a field by its value. No encoder learns of it: what it adds, only the peer knows.
pub fn literal(block: &mut Vec<u8>, name: Name<'_>, value: &[u8], style: Style) {
    let (first, prefix_bits) = match style.indexing {
        Indexing::Add => (0x40, 6),
        Indexing::Without => (0, 4),
        Indexing::Never => (0x10, 4),
    };
    match name {
        Name::At(index) => integer::write(block, first, prefix_bits, index),
        Name::New(name) => {
            block.push(first);
            string(block, name, style.huffman);
        }
    }
    string(block, value, style.huffman);
}

/// Appends a size of the dynamic table, whether it is allowed or not.
pub fn table_size(block: &mut Vec<u8>, bytes: u32) {
    integer::write(block, 0x20, 5, bytes);
}

/// RFC 7541 §5.2. What Huffman codes would make longer is spelled without.
fn string(block: &mut Vec<u8>, string: &[u8], may_shorten: bool) {
    let shortened = huffman::length(string);
    if may_shorten && shortened <= string.len() {
        integer::write(block, 0x80, 7, shortened as u32);
        huffman::encode(block, string);
    } else {
        integer::write(block, 0, 7, string.len() as u32);
        block.extend_from_slice(string);
    }
}
