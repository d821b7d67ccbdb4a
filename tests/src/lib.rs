//! Helpers for the black-box tests: start the binary, real peers and raw sockets.
//!
//! Everything here speaks bytes over real sockets, so that nothing between a test and the wire mends what it sends or
//! hides what it gets. A helper that cannot go on panics: that is how a test fails.
//!
//! ```no_run
//! use propylon_tests::{Origin, Propylon, address, raw_request};
//!
//! let origin = Origin::echo();
//! let listen = address();
//! let _propylon = Propylon::start(&format!(
//!     "[[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{}\"\n",
//!     origin.address(),
//! ));
//! let answer = raw_request(listen, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
//! assert_eq!(answer.status, 200);
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr,
    clippy::missing_panics_doc,
    clippy::missing_errors_doc,
    reason = "test helpers: a panic is how a test fails, and it names the place; errors are those of the socket"
)]

mod address;
mod client;
mod control;
mod curl;
mod exporter;
mod fpm;
mod grpc;
mod haproxy;
mod head;
mod listener;
mod memcached;
mod nginx;
mod openssl;
mod origin;
mod otlp;
mod pair;
mod pebble;
mod process;
mod propylon;
mod ranges;
mod redis;
pub mod requests;
mod script;
pub mod soak;
mod stream;
mod successor;
mod talk;
mod text;
mod udp;
mod uwsgi;
mod wait;
mod wire;

pub use address::{BlackHole, Refusing, address, addresses};
pub use client::{Client, End, RawResponse, raw_request};
pub use control::Control;
pub use curl::curl;
pub use exporter::Exporter;
pub use fpm::Fpm;
pub use grpc::{GrpcServer, grpc_call, grpc_calls};
pub use haproxy::Haproxy;
pub use head::Head;
pub use listener::Listener;
pub use memcached::Memcached;
pub use nginx::Nginx;
pub use openssl::OpensslServer;
pub use origin::{Origin, Seen};
pub use otlp::Collector;
pub use pair::Pair;
pub use pebble::{Options as PebbleOptions, Pebble};
pub use process::{Process, Signal};
pub use propylon::{Propylon, binary, check, on_hyper, workspace};
pub use ranges::ranged;
pub use redis::{Answer, Redis};
pub use script::{fill, fixture};
pub use stream::Stream;
pub use successor::Successor;
pub use talk::{both_at_once, exactly, logged, silent};
pub use text::{gunzip, lossy, printable};
pub use udp::Udp;
pub use uwsgi::Uwsgi;
pub use wait::{LIMIT, now, until};
pub use wire::{Fate, Wire};
