//! Variables against nginx: one log format with every variable, the same exchanges, and the same values in the log.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test"
)]

mod differences;
mod exchanges;
mod support;
mod times;
mod values;
mod variables;
