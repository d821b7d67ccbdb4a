//! The laws of HTTP/1 through the whole gateway, with raw sockets on both ends, on both engines: Propylon's own and hyper.
//!
//! The test is client and upstream at once, so that it sees every byte and says when it comes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

mod bodies;
mod connections;
mod interim;
mod messages;
mod support;
