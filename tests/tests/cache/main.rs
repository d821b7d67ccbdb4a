//! The cache from TOML: RFC 9111 by default, zones in memory and on disk, locks, updates beside requests, reloads.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

mod fills;
mod rules;
mod settings;
mod support;
mod zones;
