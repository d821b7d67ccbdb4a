//! What was received of a request; or of a connection whose bytes are passed on, which is none.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::Exchange;
use crate::{Connection, Head, Place};

/// What was received of the request: a head, or something that was refused before it was one.
#[derive(Clone)]
pub(super) enum Received {
    Head(Head),
    Rejected {
        line: Bytes,
        bytes: u64,
    },
    /// Bytes that nobody here reads anything into.
    Stream,
}

impl Exchange {
    /// The request's head, unless it was refused before it was one.
    #[must_use]
    pub fn head(&self) -> Option<&Head> {
        match &self.0.received {
            Received::Head(head) => Some(head),
            Received::Rejected { .. } | Received::Stream => None,
        }
    }

    /// The request line as it came, without its line end (`$request`).
    #[must_use]
    pub fn request_line(&self) -> Bytes {
        match &self.0.received {
            Received::Head(head) => head.line().into(),
            Received::Rejected { line, .. } => line.clone(),
            Received::Stream => Bytes::new(),
        }
    }

    /// Bytes received from the client: head and body (`$request_length`).
    #[must_use]
    pub fn request_length(&self) -> u64 {
        let head = match &self.0.received {
            Received::Head(head) => head.bytes,
            Received::Rejected { bytes, .. } => *bytes,
            Received::Stream => 0,
        };
        head + self.0.facts.body_received.get()
    }

    /// An exchange that is a connection whose bytes are passed on as they are: it has no head, and all that its client sends is
    /// [its body](Self::body_received). `server`: what logs call whoever listens there.
    #[must_use]
    pub fn stream(server: Arc<str>, connection: Arc<Connection>, started: Instant) -> Self {
        let place = Place { server_name: Some(server), ..Place::default() };
        Self::begin(place, connection, 1, started, Received::Stream)
    }

    /// Whether this is a connection whose bytes are passed on, and no request.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        matches!(self.0.received, Received::Stream)
    }
}
