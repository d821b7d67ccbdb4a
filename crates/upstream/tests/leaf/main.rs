//! The leaf against peers that follow a script, over real sockets: with Propylon's own engine.
//! `leaf_hyper.rs` runs them with hyper.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test code: a panic is how a check fails"
)]

mod failures;
mod pool;
mod record;
mod requests;
mod responses;
mod reuse;
mod support;
mod upgrades;

/// The engine under test.
const ENGINE: propylon_upstream::Engine = propylon_upstream::Engine::H1;
