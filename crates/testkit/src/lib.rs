//! Scripted bodies, services and peers, and the body laws: test support for the other crates.
//!
//! One line checks a body wrapper:
//!
//! ```
//! use propylon_testkit::laws;
//!
//! laws::check_all(|script| script); // the identity obeys every law
//! ```
//!
//! A body that waits for the test, and reports what became of it:
//!
//! ```
//! use propylon_testkit::{body::Script, gate::Gate};
//!
//! let gate = Gate::new();
//! let body = Script::new().data("first").wait(&gate).data("second").exact();
//! let watch = body.watch();
//! drop(body);
//! assert!(watch.dropped_early());
//! ```
#![expect(clippy::panic, clippy::expect_used, reason = "test code: a panic is how a failed check reports")]

pub mod body;
pub mod certificates;
pub mod dns;
pub mod gate;
pub mod http2;
pub mod laws;
pub mod peer;
pub mod service;
pub mod tokens;
