#![no_main]
#![allow(dead_code, reason = "each target takes one of the functions")]

#[path = "../../crates/h1/tests/fuzz/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::response_head(data));
