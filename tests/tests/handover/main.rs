//! A new binary without a lost connection (SIGUSR2), and sockets that systemd opened.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test"
)]

mod load;
mod support;
mod systemd;
mod upgrades;
