//! Fields out of a block. RFC 7541 §3.

use super::table::Table;
use super::{HpackError, huffman, integer};

/// Bytes of names and values that one list keeps: a field of one byte can stand for thousands. RFC 7541 §7.3.
pub const LIST_BYTES_MAX: usize = 64 * 1024;
/// Fields that one list keeps.
pub const LIST_FIELDS_MAX: usize = 1024;

/// The decoder of one direction of a connection. Every block must pass through it, in order.
#[derive(Debug)]
pub struct Decoder {
    table: Table,
    table_bytes_max: u32,
    scratch: Vec<u8>,
}

/// The fields of a block, in their order. It is used again for the next one.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct FieldList {
    bytes: Vec<u8>,
    fields: Vec<Spelled>,
    left_out: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Spelled {
    name: usize,
    value: usize,
    end: usize,
    spelling: Spelling,
}

/// One field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name: in lower case, if the peer keeps to RFC 9113 §8.2.
    pub name: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// How the block spelled it.
    pub spelling: Spelling,
}

/// How a block spells a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// By an index, of name and value. RFC 7541 §6.1. From 62 on it is what an earlier block has left.
    Indexed(u32),
    /// By its value, and is added to the table. RFC 7541 §6.2.1.
    Added,
    /// By its value. RFC 7541 §6.2.2.
    Literal,
    /// By its value, and no intermediary may spell it otherwise. RFC 7541 §6.2.3.
    NeverIndexed,
}

impl Decoder {
    /// Of a connection whose settings offer a table of so many bytes.
    pub fn new(table_bytes_max: u32) -> Decoder {
        Decoder { table: Table::new(table_bytes_max), table_bytes_max, scratch: Vec::new() }
    }

    /// The settings offer another size now: the peer has acknowledged them, and will say so in its next block.
    pub fn offer(&mut self, table_bytes_max: u32) {
        self.table_bytes_max = table_bytes_max;
    }

    /// Replaces the list by the block's fields. After an error nothing of the connection can be decoded any more.
    pub fn decode(&mut self, block: &[u8], list: &mut FieldList) -> Result<(), HpackError> {
        list.clear();
        let mut rest = block;
        let mut is_first = true;
        while let Some(first) = rest.first() {
            rest = match first {
                0x80.. => self.indexed(rest, list)?,
                0x40.. => self.literal(rest, 6, Spelling::Added, list)?,
                0x20.. if is_first => {
                    rest = self.table_size(rest)?;
                    continue;
                }
                0x20.. => return Err(HpackError::LateTableSize),
                0x10.. => self.literal(rest, 4, Spelling::NeverIndexed, list)?,
                _ => self.literal(rest, 4, Spelling::Literal, list)?,
            };
            is_first = false;
        }
        Ok(())
    }

    fn indexed<'a>(&mut self, block: &'a [u8], list: &mut FieldList) -> Result<&'a [u8], HpackError> {
        let (index, rest) = integer::read(block, 7)?;
        let (name, value) = self.table.get(index).ok_or(HpackError::Index(index))?;
        list.push(name, value, Spelling::Indexed(index));
        Ok(rest)
    }

    fn literal<'a>(
        &mut self,
        block: &'a [u8],
        prefix_bits: u32,
        spelling: Spelling,
        list: &mut FieldList,
    ) -> Result<&'a [u8], HpackError> {
        let (index, rest) = integer::read(block, prefix_bits)?;
        self.scratch.clear();
        let rest = match index {
            0 => string(&mut self.scratch, rest)?,
            index => {
                let (name, _) = self.table.get(index).ok_or(HpackError::Index(index))?;
                self.scratch.extend_from_slice(name);
                rest
            }
        };
        let name_bytes = self.scratch.len();
        let rest = string(&mut self.scratch, rest)?;
        let (name, value) = self.scratch.split_at(name_bytes);
        list.push(name, value, spelling);
        if spelling == Spelling::Added {
            self.table.add(name, value);
        }
        Ok(rest)
    }

    fn table_size<'a>(&mut self, block: &'a [u8]) -> Result<&'a [u8], HpackError> {
        let (bytes, rest) = integer::read(block, 5)?;
        if bytes > self.table_bytes_max {
            return Err(HpackError::TableSize { bytes, max: self.table_bytes_max });
        }
        self.table.resize(bytes);
        Ok(rest)
    }
}

/// Appends a string, and gives what stands behind it. RFC 7541 §5.2.
fn string<'a>(out: &mut Vec<u8>, block: &'a [u8]) -> Result<&'a [u8], HpackError> {
    let is_huffman = block.first().ok_or(HpackError::Cut)? & 0x80 != 0;
    let (length, rest) = integer::read(block, 7)?;
    let (string, rest) = rest.split_at_checked(length as usize).ok_or(HpackError::Cut)?;
    match is_huffman {
        true => huffman::decode(out, string)?,
        false => out.extend_from_slice(string),
    }
    Ok(rest)
}

impl FieldList {
    /// The fields, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Field<'_>> {
        self.fields.iter().map(|spelled| Field {
            name: &self.bytes[spelled.name..spelled.value],
            value: &self.bytes[spelled.value..spelled.end],
            spelling: spelled.spelling,
        })
    }

    /// The value of the first field of this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|field| field.name == name.as_bytes()).map(|field| field.value)
    }

    /// How many fields were more than a list keeps: they were decoded, and dropped.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.fields.clear();
        self.left_out = 0;
    }

    fn push(&mut self, name: &[u8], value: &[u8], spelling: Spelling) {
        let start = self.bytes.len();
        if start + name.len() + value.len() > LIST_BYTES_MAX || self.fields.len() == LIST_FIELDS_MAX {
            self.left_out += 1;
            return;
        }
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        let value = start + name.len();
        self.fields.push(Spelled { name: start, value, end: self.bytes.len(), spelling });
    }
}
