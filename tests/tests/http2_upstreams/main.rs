//! HTTP/2 to upstreams: nginx as a peer, in clear text and over TLS, and peers that do what nginx would not.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod faults;
mod nginx;
mod scripts;
mod settings;
mod support;
