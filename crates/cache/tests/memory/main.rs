//! A zone in memory, through its public face.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

mod entries;
mod fills;
mod purges;
mod room;
mod support;
mod threads;
