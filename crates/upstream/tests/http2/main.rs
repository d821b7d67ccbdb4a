//! HTTP/2 against peers that behave, and peers that do not, over real sockets.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test code: a panic is how a check fails")]

mod failures;
mod flow;
mod messages;
mod refusals;
mod sharing;
mod support;
