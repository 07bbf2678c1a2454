//! Feeds anything to the client's reply parser. The first byte chooses the request's method.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| crosswire::fuzz_reply_parser(data));
