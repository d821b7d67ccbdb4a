#![no_main]
#![allow(dead_code)]

#[path = "../../crates/h1/tests/fuzz/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::chunked_body(data));
