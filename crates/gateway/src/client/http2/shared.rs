//! What a connection's frames, its streams and its driver know of each other.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use propylon_exchange::clock;

use super::frames::{HEAD, Head, Passing, kind};
use super::stream::Stream;
use crate::client::multiplexed::{self, FRAME, Fate, OTHER, RESET, RESPONSE, SETTINGS, Toll};
use crate::client::{Client, Engine};

/// REFUSED_STREAM (RFC 9113 7): the client opened more streams than it may, perhaps before it knew.
const REFUSED: u32 = 7;

/// A connection, as its parts share it.
pub(super) struct Shared {
    pub(super) client: Arc<Client>,
    pub(super) engine: Arc<Engine>,
    state: Mutex<State>,
}

struct State {
    /// The streams that are not over.
    open: HashMap<u32, Arc<Stream>, foldhash::fast::RandomState>,
    /// The last one that the client opened.
    last: u32,
    toll: Toll,
    /// The error for which the client was sent away.
    fault: Option<u32>,
    /// Whether nothing more is sent.
    shut: bool,
    /// What ended without that anybody but the engine had seen it.
    unseen: Vec<(u32, Arc<Stream>, Unseen)>,
}

/// What the engine did to a stream by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unseen {
    /// It has answered: the head was much too large.
    Answered,
    /// It has refused it with this code.
    Refused(u32),
}

impl Shared {
    pub(super) fn new(client: Arc<Client>, engine: Arc<Engine>) -> Self {
        let state = State {
            open: HashMap::default(),
            last: 0,
            toll: Toll::new(clock::now()),
            fault: None,
            shut: false,
            unseen: Vec::new(),
        };
        Self { client, engine, state: Mutex::new(state) }
    }

    /// The client sends a frame.
    pub(super) fn receives(&self, passing: Passing) {
        let mut state = self.state.lock();
        match passing {
            Passing::Begins(head) if head.kind == kind::HEADERS && head.stream > state.last => {
                state.last = head.stream;
                let stream = Arc::new(Stream::new(&self.client));
                stream.track.block_came(u64::from(head.length));
                state.open.insert(head.stream, stream);
            }
            Passing::Begins(head) if head.kind == kind::CONTINUATION => {
                if let Some(stream) = state.open.get(&head.stream) {
                    stream.track.block_came(u64::from(head.length));
                }
            }
            Passing::Begins(_) => {}
            Passing::Ends(head, _) => {
                state.charge(head);
                if head.kind == kind::RST_STREAM
                    && let Some(stream) = state.open.remove(&head.stream)
                {
                    drop(state);
                    stream.ended(Fate::Left);
                }
            }
        }
    }

    /// The kernel has taken a frame.
    pub(super) fn sends(&self, passing: Passing) {
        let Passing::Ends(head, word) = passing else { return };
        // Of RST_STREAM it is all, of GOAWAY what follows the number of a stream.
        let code = u32::try_from(word & u64::from(u32::MAX)).unwrap_or_default();
        let mut state = self.state.lock();
        match head.kind {
            kind::DATA | kind::HEADERS | kind::CONTINUATION => state.toll.earn(FRAME),
            kind::RST_STREAM if code != 0 => {
                state.toll.charge(if code == REFUSED { OTHER } else { RESET }, "refused streams")
            }
            kind::GOAWAY if code != 0 => state.fault = Some(code),
            _ => {}
        }
        let body = if head.kind == kind::DATA { u64::from(head.length) } else { 0 };
        if let Some(stream) = state.open.get(&head.stream) {
            stream.track.sends(u64::from(head.length) + HEAD as u64, body);
        }
        let fate = match head.kind {
            kind::RST_STREAM if code == 0 => return, // the response is over: what it answers is not wanted any more
            kind::RST_STREAM => Fate::Cut,
            _ if head.ends_stream() => Fate::Complete,
            _ => return,
        };
        let Some(stream) = state.open.remove(&head.stream) else { return };
        state.toll.earn(if fate == Fate::Complete { RESPONSE } else { 0 });
        drop(state);
        if stream.ended(fate) {
            let unseen = if fate == Fate::Complete { Unseen::Answered } else { Unseen::Refused(code) };
            self.state.lock().unseen.push((head.stream, stream, unseen));
        }
    }

    /// A window was so small that hardly anything could be sent.
    pub(super) fn starved(&self) {
        self.state.lock().toll.charge(OTHER + FRAME, "small windows");
    }

    /// The stream with this number, which the client has opened.
    pub(super) fn stream(&self, id: u32) -> Arc<Stream> {
        let mut state = self.state.lock();
        let unseen = state.unseen.iter().position(|(known, ..)| *known == id);
        let known = match unseen {
            Some(place) => Some(state.unseen.swap_remove(place).1),
            None => state.open.get(&id).cloned(),
        };
        drop(state);
        // The client may have reset it by now: then nobody waits for its end.
        known.unwrap_or_else(|| {
            let stream = Stream::new(&self.client);
            stream.ended(Fate::Left);
            Arc::new(stream)
        })
    }

    /// The next stream that the engine has ended by itself.
    pub(super) fn take_unseen(&self) -> Option<(Arc<Stream>, Unseen)> {
        self.state.lock().unseen.pop().map(|(_, stream, unseen)| (stream, unseen))
    }

    /// Frames of which there were too many.
    pub(super) fn flood(&self) -> Option<&'static str> {
        self.state.lock().toll.flood()
    }

    /// The error for which the client was sent away, once.
    pub(super) fn take_fault(&self) -> Option<u32> {
        self.state.lock().fault.take()
    }

    /// Nothing more is sent.
    pub(super) fn shut(&self) {
        self.state.lock().shut = true;
    }

    /// Whether nothing more is sent.
    pub(super) fn is_shut(&self) -> bool {
        self.state.lock().shut
    }

    /// Whether all that was to be sent has left.
    pub(super) fn is_idle(&self) -> bool {
        self.state.lock().open.is_empty()
    }

    /// The connection is gone, and with it what it has not sent.
    pub(super) fn leave(&self) {
        let open = std::mem::take(&mut self.state.lock().open);
        for stream in open.into_values() {
            stream.ended(Fate::Left);
        }
    }

    /// Wakes those whose deadlines have passed.
    pub(super) fn look(&self) {
        multiplexed::look(&self.client, |look| {
            self.state.lock().open.values().for_each(|stream| look(&stream.track));
        });
    }
}

impl State {
    /// What a frame of the client's costs.
    fn charge(&mut self, head: Head) {
        match head.kind {
            kind::DATA | kind::HEADERS | kind::CONTINUATION => {} // the engine counts those that are empty or too many
            _ if head.is_ack() => {}
            // A stream that is over is not ended by it.
            kind::RST_STREAM if !self.open.contains_key(&head.stream) => {
                self.toll.charge(OTHER, "RST_STREAM frames")
            }
            kind::RST_STREAM => self.toll.charge(RESET, "RST_STREAM frames"),
            kind::SETTINGS => self.toll.charge(SETTINGS, "SETTINGS frames"),
            kind::PING => self.toll.charge(OTHER, "PING frames"),
            kind::WINDOW_UPDATE => self.toll.charge(OTHER, "WINDOW_UPDATE frames"),
            kind::PRIORITY => self.toll.charge(OTHER, "PRIORITY frames"),
            kind::GOAWAY => self.toll.charge(OTHER, "GOAWAY frames"),
            _ => self.toll.charge(OTHER, "unknown frames"),
        }
    }
}
