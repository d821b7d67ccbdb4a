//! What HTTP/2 and HTTP/3 have in common: streams with requests on them, whichever way their frames go.

mod request;
pub(super) mod response;
mod toll;
mod track;
pub(super) mod websocket;

use std::time::Duration;

use http_body::SizeHint;
use propylon_h1::server::SendInterim;

use super::{Client, Deadline};

pub(super) use request::{awaits_continue, host_of, join_cookies};
pub(super) use toll::Toll;
pub(super) use track::Fate;
pub(crate) use track::Track;
pub(crate) use websocket::Key;

/// How long a client that is to ask for nothing more may take to have heard of it.
pub(super) const GOODBYE: Duration = Duration::from_secs(1);

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

/// Has `deadline`, of a stream, looked at in time: a connection has one for all of its streams.
pub(super) fn arm(client: &Client, deadline: &Deadline, after: Duration) {
    deadline.arm(after);
    client.body.arm_no_later(after);
}

/// Wakes those whose deadlines have passed: `each` shows every stream that is not over, if that is needed.
pub(super) fn look(client: &Client, each: impl FnOnce(&dyn Fn(&Track))) {
    if client.body.has_passed() {
        client.body.disarm();
        each(&|track| track.look(&client.body));
    }
}

/// How much of a body is to come.
pub(super) fn size_hint(is_over: bool, left: Option<u64>) -> SizeHint {
    match left {
        _ if is_over => SizeHint::with_exact(0),
        Some(left) => SizeHint::with_exact(left),
        None => SizeHint::default(),
    }
}
