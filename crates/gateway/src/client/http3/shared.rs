//! What a connection's streams and its driver know of each other.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use propylon_exchange::clock;
use propylon_h3::{Fault, Opened};
use quinn::Connection;

use super::Stream;
use crate::client::multiplexed::{self, FRAME, Fate, OTHER, RESET, RESPONSE, Toll};
use crate::client::{Client, Engine, Http3};

/// How much of all fields may be held that have not all come: over HTTP/2 it is one head at a time that comes, here it is as many as there may be
/// requests.
const MOST_HELD: usize = 1024 * 1024;

/// A connection, as its parts share it.
pub(super) struct Shared {
    pub(super) quic: Connection,
    pub(super) client: Arc<Client>,
    pub(super) engine: Arc<Engine>,
    state: Mutex<State>,
}

struct State {
    /// The streams that are not over.
    open: HashMap<u64, Arc<Stream>, foldhash::fast::RandomState>,
    toll: Toll,
    /// How much of fields is held that have not all come.
    held: usize,
    /// For what the connection is to be closed.
    fault: Option<Fault>,
    /// The streams of one direction that the client has opened.
    opened: Opened,
}

impl Shared {
    pub(super) fn new(quic: Connection, client: Arc<Client>, engine: Arc<Engine>) -> Self {
        let state = State {
            open: HashMap::default(),
            toll: Toll::new(clock::now()),
            held: 0,
            fault: None,
            opened: Opened::default(),
        };
        Self { quic, client, engine, state: Mutex::new(state) }
    }

    /// How HTTP/3 is spoken.
    pub(super) fn config(&self) -> &Http3 {
        &self.engine.http3
    }

    /// A stream that the client has opened.
    pub(super) fn open(&self, id: u64) -> Arc<Stream> {
        let stream = Stream::new(id, &self.client);
        self.state.lock().open.insert(id, stream.clone());
        stream
    }

    /// It has ended.
    pub(super) fn ended(&self, stream: &Stream, fate: Fate) {
        let mut state = self.state.lock();
        if state.open.remove(&stream.id).is_none() {
            return;
        }
        match fate {
            Fate::Complete => state.toll.earn(RESPONSE),
            Fate::Cut => state.toll.charge(RESET, "refused streams"),
            Fate::Left => state.toll.charge(RESET, "cancelled streams"),
        }
        drop(state);
        stream.track.ended(fate);
    }

    /// A frame of a response has left.
    pub(super) fn frame_left(&self) {
        self.state.lock().toll.earn(FRAME);
    }

    /// Something came that asks for nothing.
    pub(super) fn wasted(&self, what: &'static str) {
        self.state.lock().toll.charge(OTHER, what);
    }

    /// Of the fields of a stream that have not all come more is held than before, or less.
    pub(super) fn holds(&self, before: usize, now: usize) {
        let mut state = self.state.lock();
        state.held = state.held.saturating_sub(before) + now;
        if state.held > MOST_HELD {
            state.toll.floods("incomplete request heads at the same time");
            drop(state);
            self.client.waker.wake();
        }
    }

    /// A window was so small that hardly anything could be sent.
    pub(super) fn starved(&self) {
        self.state.lock().toll.charge(OTHER + FRAME, "small windows");
    }

    /// The connection cannot go on.
    pub(super) fn fail(&self, fault: Fault) {
        self.state.lock().fault.get_or_insert(fault);
        self.client.waker.wake(); // whoever has read it may be no part of the connection's task
    }

    /// Reads with what is known of the streams of one direction.
    pub(super) fn with_opened<T>(&self, read: impl FnOnce(&mut Opened) -> T) -> T {
        read(&mut self.state.lock().opened)
    }

    /// That of which there was too much.
    pub(super) fn flood(&self) -> Option<&'static str> {
        self.state.lock().toll.flood()
    }

    /// For what the connection is to be closed.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.state.lock().fault
    }

    /// The connection is gone, and with it what it has not sent.
    pub(super) fn leave(&self) {
        let open = std::mem::take(&mut self.state.lock().open);
        for stream in open.into_values() {
            stream.track.ended(Fate::Left);
        }
    }

    /// How often the client has said that something has reached it.
    pub(super) fn acknowledged(&self) -> u64 {
        self.quic.stats().frame_rx.acks
    }

    /// Wakes those whose deadlines have passed.
    pub(super) fn look(&self) {
        multiplexed::look(&self.client, |look| {
            self.state.lock().open.values().for_each(|stream| look(&stream.track));
        });
    }
}
