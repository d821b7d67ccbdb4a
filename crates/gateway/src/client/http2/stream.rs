//! One stream as HTTP/2's engine has it: what answers it, until that is done.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use http::{HeaderMap, Response, StatusCode};
use parking_lot::Mutex;
use propylon_h1::server::{InterimRefused, SendInterim};

use crate::client::Client;
use crate::client::multiplexed::{Fate, Multiplexed, Track, response};

/// One stream, from its HEADERS to the last frame that the gateway sends on it.
pub(crate) struct Stream {
    pub(super) track: Track,
    /// Whether a request was made of it.
    accepted: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What answers it, until its final response.
    respond: Option<SendResponse<Bytes>>,
    interim: u8,
}

impl Stream {
    pub(super) fn new(client: &Client) -> Self {
        Self { track: Track::new(client), accepted: AtomicBool::new(false), state: Mutex::default() }
    }

    /// A request was made of it, which is answered by `respond`.
    pub(super) fn accepted(&self, respond: SendResponse<Bytes>) {
        self.accepted.store(true, Relaxed);
        self.state.lock().respond = Some(respond);
    }

    /// Ready when the client does not want a response any more.
    pub(super) fn poll_reset(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.state.lock().respond {
            Some(respond) => respond.poll_reset(cx).map(drop),
            None => Poll::Ready(()),
        }
    }

    /// What answers it, for the final response.
    pub(super) fn take_respond(&self) -> Option<SendResponse<Bytes>> {
        self.state.lock().respond.take()
    }

    /// Ends it without a response.
    pub(super) fn reset(&self, reason: Reason) {
        if let Some(mut respond) = self.take_respond() {
            respond.send_reset(reason);
        }
    }

    /// It has ended. Whether nobody has made a request of it.
    pub(super) fn ended(&self, fate: Fate) -> bool {
        self.track.ended(fate) && !self.accepted.load(Relaxed)
    }
}

impl Multiplexed for Stream {
    fn track(&self) -> &Track {
        &self.track
    }
}

impl SendInterim for Stream {
    fn send_interim(&self, status: StatusCode, headers: &HeaderMap) -> Result<(), InterimRefused> {
        let mut state = self.state.lock();
        let headers = response::interim(status, headers, state.interim)?;
        let Some(respond) = &mut state.respond else { return Err(InterimRefused::Late) };
        let mut interim = Response::new(());
        (*interim.status_mut(), *interim.headers_mut()) = (status, headers);
        respond.send_informational(interim).map_err(|_| InterimRefused::Late)?;
        state.interim += 1;
        Ok(())
    }
}
