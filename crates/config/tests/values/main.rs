//! The final values of `good/everything.toml`, which holds every key.
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "helpers of tests"
)]

mod caches;
mod process;
mod servers;
mod streams;
mod support;
mod texts;
mod upstreams;
