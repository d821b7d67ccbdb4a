//! What requests' spans tell, and what upstreams are told of them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod beside;
#[path = "../cgi_support/mod.rs"]
mod cgi_support;
mod context;
mod decisions;
#[path = "../fastcgi_support/mod.rs"]
mod fastcgi_support;
mod requests;
#[path = "../trace_support/mod.rs"]
mod trace_support;
mod tries;
