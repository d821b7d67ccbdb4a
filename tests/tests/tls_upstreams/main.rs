//! Upstreams over TLS that are not who they should be, or fail half way: nginx, OpenSSL's server, and peers that break off.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod certificates;
mod ends;
mod failures;
mod support;
