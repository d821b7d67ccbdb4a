//! What an upstream's failures mean for its clients: who gets the request next, and who never gets it twice.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod faults;
mod messages;
mod names;
mod peers;
mod support;
