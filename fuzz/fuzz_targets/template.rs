#![no_main]
#![allow(dead_code, reason = "each target takes one of the functions")]

#[path = "../../crates/vars/tests/fuzz/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::template(data));
