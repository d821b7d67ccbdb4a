#![no_main]
#![allow(dead_code)]

#[path = "../../crates/gateway/tests/fuzz/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::host(data));
