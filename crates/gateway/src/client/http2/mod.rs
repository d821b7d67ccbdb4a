//! HTTP/2 with a client: the crate h2's engine, with what it does not tell, time or bound by itself.
//!
//! A connection is one task. Its [`Io`] sees every frame that passes: how many bytes a stream took, and when its last one left, are
//! known to the byte, and a client that keeps the gateway busy with frames that ask for nothing is told to calm down.

mod body;
mod driver;
mod exchange;
mod frames;
mod io;
mod nudge;
mod preface;
mod request;
mod sending;
mod shared;
mod stream;
mod tunnel;

pub(crate) use body::RequestBody;
pub(crate) use driver::serve;
pub(crate) use preface::is_spoken;
pub(crate) use stream::Stream;
pub(crate) use tunnel::Pipe;

use io::Io;
use shared::Shared;

/// The name of HTTP/2 above TLS (ALPN).
pub(crate) const ALPN: &str = "h2";
