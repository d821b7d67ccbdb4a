//! Connections whose bytes are passed on.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Exchange, Received};
use crate::{Connection, Place};

impl Exchange {
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
