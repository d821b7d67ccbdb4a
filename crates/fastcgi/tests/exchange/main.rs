//! A client and a scripted application, record by record, over a pipe in memory.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod connections;
mod early;
mod requests;
mod responses;
mod support;
