//! HTTP/3 with clients.

use crate::args::flag;
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop, different, refuse};
use crate::document::{Section, Value};
use crate::frame::Frame;
use crate::tree::Directive;

pub(super) const HQ: &str =
    "HTTP/0.9 over QUIC, which only QUIC interoperability tests use, is not supported";
pub(super) const IDS: &str = "the QUIC engine chooses the number itself";
pub(super) const HOST_KEY: &str =
    "a new key is generated at each start, so tokens issued before a restart become invalid";

/// It is on where a `listen` says `quic`.
pub(super) fn http3(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    flag(directive, 0)?;
    if directive.arg(0) == "on" {
        return Ok(Done::AsWritten);
    }
    if convert.frame().context == Contexts::HTTP {
        return different("only has an effect inside `server`: a `listen` with `quic` speaks HTTP/3");
    }
    convert.frame_mut().collect("http3", directive.args());
    Ok(Done::AsWritten)
}

/// Whether a server does not speak it.
pub(super) fn is_off(frame: &Frame) -> bool {
    !frame.collected("http3").is_empty()
}

/// Leaves out the addresses of UDP.
pub(super) fn leave_out(server: &mut Section) -> Result<(), Stop> {
    let Some(Value::List(addresses)) = server.value_mut(&["listen"]) else { return Ok(()) };
    addresses.retain(|address| !is_quic(address));
    if addresses.is_empty() {
        return refuse("the server listens only on UDP, but `http3` is off").map(|_: Done| ());
    }
    Ok(())
}

/// Whether it is an address of UDP.
pub(super) fn is_quic(address: &Value) -> bool {
    address.as_text().is_some_and(|text| text.split(' ').any(|word| word == "http3"))
}
