//! Feeds anything to the frame reader, and the blocks in it to the decoder.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| http2::fuzz_frames(data));
