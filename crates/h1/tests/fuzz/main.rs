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
fn request_head() {
    replay("request_head", targets::request_head);
}

#[test]
fn response_head() {
    replay("response_head", targets::response_head);
}

#[test]
fn chunked_body() {
    replay("chunked_body", targets::chunked_body);
}

#[test]
fn server_connection() {
    replay("server_connection", targets::server_connection);
}
