//! nginx Plus' REST API in a location (`api`), read by an exporter that was written for nginx, beside the API of `[admin]`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

#[path = "../admin_support/mod.rs"]
mod admin_support;
mod changes;
mod numbers;
mod paths;
mod resets;
mod streams;
mod support;
mod who;
