//! What HTTP/2 and HTTP/3 have in common: streams with requests on them, whichever way their frames go.

mod request;
pub(super) mod response;
mod toll;
mod track;
pub(super) mod websocket;

use propylon_h1::server::SendInterim;

pub(super) use request::{add_host, join_cookies};
pub(super) use toll::Toll;
pub(super) use track::Fate;
pub(crate) use track::Track;
pub(crate) use websocket::Key;

/// How many interim responses a request may have.
pub(super) const MOST_INTERIM: u8 = 8;

/// What settings cost: the windows of all streams may change.
pub(super) const SETTINGS: u32 = 5;
/// What a stream costs that the client, or its mistake, ends before it is answered.
pub(super) const RESET: u32 = 5;
/// What any other frame costs that asks for nothing.
pub(super) const OTHER: u32 = 1;
/// What a frame of a response brings: a client has updates of two windows to say of it, and may ask how long it took.
pub(super) const FRAME: u32 = 3;
/// What the end of a response brings.
pub(super) const RESPONSE: u32 = 5;

/// A window that is smaller is not worth a frame.
pub(super) const SMALL: usize = 256;

/// A stream with a request on it.
pub(crate) trait Multiplexed: SendInterim {
    /// What is known of it.
    fn track(&self) -> &Track;
}
