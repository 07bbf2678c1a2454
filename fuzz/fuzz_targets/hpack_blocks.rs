//! Feeds anything to the HPACK decoder, and what it reads through the encoder. The first byte chooses the table's size, and
//! a byte before each block its length.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| http2::fuzz_hpack(data));
