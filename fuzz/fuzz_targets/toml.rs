#![no_main]
#![allow(dead_code)]

#[path = "../../crates/config/tests/fuzz/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::toml(data));
