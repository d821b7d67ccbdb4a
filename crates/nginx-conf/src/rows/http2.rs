//! HTTP/2 with clients.

use crate::args::flag;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Target, different};
use crate::document::{Section, Value};
use crate::frame::Frame;
use crate::row::As;
use crate::tree::Directive;

use super::http3;

pub(super) const OBSOLETE_HEADS: &str = "as in nginx, `large_client_header_buffers` says it";
pub(super) const OBSOLETE_REQUESTS: &str = "as in nginx, `keepalive_requests` says it";
pub(super) const OBSOLETE_IDLE: &str = "as in nginx, `keepalive_timeout` says it";
pub(super) const OBSOLETE_RECV: &str = "as in nginx, `client_header_timeout` says it";
pub(super) const PUSH: &str = "nginx has given up server push as well";

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
        return different("in a location it does not count: the server's does");
    }
    convert.set(Target::Here, &["http2", "chunk_size"], size, &directive.place);
    Ok(Done::AsWritten)
}
