//! Replays what `fuzz/` has found and been given: every file of its corpus, through the same functions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

#[path = "../../../../fuzz/replay.rs"]
mod replay;
#[path = "targets.rs"]
mod targets;

use replay::replay;

#[test]
fn http3_request() {
    replay("http3_request", targets::http3_request);
}

#[test]
fn http3_one_way() {
    replay("http3_one_way", targets::http3_one_way);
}

#[test]
fn http3_fields() {
    replay("http3_fields", targets::http3_fields);
}
