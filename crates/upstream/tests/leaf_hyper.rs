//! The leaf against peers that follow a script, over real sockets: the tests of `leaf`, with hyper.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test code: a panic is how a check fails"
)]

#[path = "leaf/failures.rs"]
mod failures;
#[path = "leaf/pool.rs"]
mod pool;
#[path = "leaf/record.rs"]
mod record;
#[path = "leaf/requests.rs"]
mod requests;
#[path = "leaf/responses.rs"]
mod responses;
#[path = "leaf/reuse.rs"]
mod reuse;
#[path = "leaf/support.rs"]
mod support;
#[path = "leaf/upgrades.rs"]
mod upgrades;

/// The engine under test.
const ENGINE: propylon_upstream::Engine = propylon_upstream::Engine::Hyper;
