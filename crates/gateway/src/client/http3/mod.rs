//! HTTP/3 with a client: quinn's QUIC, our own HTTP/3 above it (the crate h3), and what neither times nor bounds.
//!
//! A connection is one task, as one of HTTP/2 is: each request is a future in it, and a panic ends no more than that connection. What a
//! client has the gateway do for nothing it pays for.

mod body;
mod control;
mod crypto;
mod driver;
mod endpoint;
mod exchange;
mod ids;
mod receiver;
mod request;
mod sender;
mod sending;
mod shared;
mod stream;

pub(crate) use body::RequestBody;
pub(crate) use endpoint::{Endpoint, Keys, Seat};
pub(crate) use request::PseudoHeaders;
pub(crate) use stream::Stream;

use propylon_h3::Code;
use quinn::VarInt;
use shared::Shared;

/// The name of HTTP/3 above QUIC (ALPN).
pub(crate) const ALPN: &str = "h3";

/// A code as QUIC has it.
fn code(code: Code) -> VarInt {
    VarInt::from_u64(code.value()).unwrap_or(VarInt::MAX)
}
