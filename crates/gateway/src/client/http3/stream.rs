//! One request's stream, as those know it who do not read or write it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use propylon_h1::server::{InterimRefused, SendInterim};
use quinn::RecvStream;

use crate::client::Client;
use crate::client::multiplexed::{Multiplexed, Track, response};

/// One stream, from its first byte to the acknowledgment of the last one that the gateway sends on it.
pub(crate) struct Stream {
    pub(super) id: u64,
    pub(super) track: Track,
    /// Whoever sends what is said in between.
    pub(super) sender: AtomicWaker,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Interim responses that are to be sent.
    interim: Vec<Bytes>,
    count: u8,
    /// The final one has begun.
    late: bool,
    /// What of the request nobody wants to read.
    unread: Option<RecvStream>,
}

impl Stream {
    pub(super) fn new(id: u64, client: &Client) -> Arc<Self> {
        Arc::new(Self { id, track: Track::new(client), sender: AtomicWaker::new(), state: Mutex::default() })
    }

    /// Whether there are interim responses to be sent.
    pub(super) fn has_interim(&self) -> bool {
        !self.state.lock().interim.is_empty()
    }

    /// The interim responses that are to be sent.
    pub(super) fn take_interim(&self) -> Vec<Bytes> {
        std::mem::take(&mut self.state.lock().interim)
    }

    /// The same, for the last time.
    pub(super) fn take_last_interim(&self) -> Vec<Bytes> {
        let mut state = self.state.lock();
        state.late = true;
        std::mem::take(&mut state.interim)
    }
}

impl Stream {
    /// Nobody wants to read the rest of the request.
    pub(super) fn leave_unread(&self, receive: RecvStream) {
        self.state.lock().unread = Some(receive);
    }

    /// What nobody has wanted to read.
    pub(super) fn take_unread(&self) -> Option<RecvStream> {
        self.state.lock().unread.take()
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
        let headers = response::interim(status, headers, state.count)?;
        if state.late {
            return Err(InterimRefused::Late);
        }
        state.interim.push(propylon_h3::response(status, &headers));
        state.count += 1;
        drop(state);
        self.sender.wake();
        Ok(())
    }
}
