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
fn client_hello() {
    replay("client_hello", targets::client_hello);
}
