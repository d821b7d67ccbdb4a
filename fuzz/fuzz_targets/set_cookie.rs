#![no_main]
#![allow(dead_code)]

#[path = "../../crates/cookie/tests/fuzz/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::set_cookie(data));
