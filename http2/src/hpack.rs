//! Field compression: HPACK, RFC 7541.
//!
//! The encoder is told how to spell each field, down to an index that does not exist; the decoder is safe on any input and
//! says how each field was spelled, for a gateway that mixes up two streams often does it in here.

pub mod decoder;
pub mod encoder;
mod huffman;
mod integer;
mod table;
#[cfg(test)]
mod tests;

pub use decoder::{Decoder, Field, FieldList};
pub use encoder::{Encoder, Indexing, Name, Style};

/// Bytes of a dynamic table before any setting changes them. RFC 9113 §6.5.2.
pub const TABLE_BYTES_DEFAULT: u32 = 4096;

/// Why a block cannot be decoded. The connection's compression state is lost with it: RFC 9113 §4.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HpackError {
    /// The block ends amid a field.
    #[error("the block ends amid a field")]
    Cut,
    /// RFC 7541 §5.1: a number of more than 32 bits, or one that is spelled longer than that.
    #[error("a number of more than 32 bits")]
    Number,
    /// RFC 7541 §2.3.3, §6.1: there is nothing at this index.
    #[error("there is no field at index {0}")]
    Index(u32),
    /// RFC 7541 §5.2: a string that no symbols spell, or with other padding than ones.
    #[error("a string that is no Huffman code")]
    Huffman,
    /// RFC 7541 §4.2: a table larger than the decoder offers.
    #[error("a dynamic table of {bytes} bytes, where {max} are offered")]
    TableSize {
        /// What the encoder wants.
        bytes: u32,
        /// What the decoder has announced.
        max: u32,
    },
    /// RFC 7541 §4.2: a table's size changes at the beginning of a block only.
    #[error("a change of the dynamic table's size behind the first field")]
    LateTableSize,
}
