#![no_main]
#![allow(dead_code)]

#[path = "../../crates/nginx-conf/tests/fuzz/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::nginx_conf(data));
