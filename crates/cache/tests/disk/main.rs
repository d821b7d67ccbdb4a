//! A zone on disk, through its public face and through its files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

mod directories;
mod entries;
mod fills;
#[path = "../on_disk/mod.rs"]
mod on_disk;
mod purges;
mod room;
mod threads;
