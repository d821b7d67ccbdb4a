//! HTTP/2 with clients.

use crate::args::flag;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target, different};
use crate::document::{Section, Value};
use crate::frame::Frame;
use crate::row::As;
use crate::tree::Directive;

use super::http3;

pub(super) const OBSOLETE_HEADS: &str = "obsolete in nginx too: `large_client_header_buffers` applies";
pub(super) const OBSOLETE_REQUESTS: &str = "obsolete in nginx too: `keepalive_requests` applies";
pub(super) const OBSOLETE_IDLE: &str = "obsolete in nginx too: `keepalive_timeout` applies";
pub(super) const OBSOLETE_RECV: &str = "obsolete in nginx too: `client_header_timeout` applies";
pub(super) const PUSH: &str = "server push is not supported; nginx has removed it too";

/// `http2 on` is known to the addresses when the block ends.
pub(super) fn http2(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    flag(directive, 0)?;
    convert.frame_mut().collect("http2", directive.args());
    Ok(Done::AsWritten)
}

/// What a block says of it, if it says anything.
pub(super) fn said(frame: &Frame) -> Option<bool> {
    frame.collected("http2").first().map(|word| word.text == "on")
}

/// Has all addresses of a server speak it.
pub(super) fn speak(server: &mut Section) {
    match server.value_mut(&["listen"]) {
        Some(Value::List(addresses)) => {
            let tcp = addresses.iter_mut().filter(|address| !http3::is_quic(address));
            tcp.for_each(|address| address.add_word("http2"));
        }
        _ => server.set(&["listen"], Value::List(vec![Value::text("80 http2")]), None),
    }
}

pub(super) fn chunk_size(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let size = convert.value(directive, 0, As::Size)?;
    if convert.frame().context == Contexts::LOCATION {
        return different("ignored in a location: the server's value applies");
    }
    convert.set(Target::Here, &["http2", "chunk_size"], size, &directive.place);
    Ok(Done::AsWritten)
}
