#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| propylon_fuzz::client_hello(data));
