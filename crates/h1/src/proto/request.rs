use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Version};

use crate::{BodyKind, ConnectionOptions, HeadError, Limits, Marks, Target};

/// The head of a request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RequestHead {
    /// Its method.
    pub method: Method,
    /// Its target, exactly.
    pub target: Target,
    /// 1.0 or 1.1 (also for 1.2 and above).
    pub version: Version,
    /// All fields; none is hidden.
    pub headers: HeaderMap,
    /// Which fields of consequence there are.
    pub marks: Marks,
    /// Where the body ends: `Empty`, `Length` or `Chunked`.
    pub body: BodyKind,
    /// What `Connection` says.
    pub connection: ConnectionOptions,
    /// Whether the connection may serve another request after this one.
    pub keep_alive: bool,
    /// Whether the client waits for 100 before it sends its body (1.1, with a body).
    pub expect_continue: bool,
    /// The bytes of the head, first line to empty line: order and spelling of the fields are here.
    pub raw: Bytes,
    /// How many bytes were taken, empty lines before the head included.
    pub head_len: usize,
}

/// Reads request heads; keeps how far it has looked, so that a head that comes in many pieces is looked at once.
#[derive(Debug, Clone, Default)]
pub struct RequestParser {
    scanned: u32,
}

impl RequestParser {
    /// For a new connection; one serves all requests of it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next head off the front of `buf`; `None`: more bytes are needed. `buf` may only grow at its end between calls.
    ///
    /// # Errors
    /// See [`HeadErrorKind`](crate::HeadErrorKind). Nothing after an error can be trusted: answer and close.
    pub fn parse(&mut self, _buf: &mut BytesMut, _limits: &Limits) -> Result<Option<RequestHead>, HeadError> {
        Ok(None)
    }

    /// Whether nothing of a head has come (empty lines aside): then a closed or timed-out connection is no error.
    #[must_use]
    pub fn is_idle(&self, _buf: &BytesMut) -> bool {
        self.scanned == 0
    }

    /// The peer closed: `None` if that is in order.
    #[must_use]
    pub fn eof(&self, _buf: &BytesMut) -> Option<HeadError> {
        None
    }

    /// Time is up: `None` if nothing of a head has come.
    #[must_use]
    pub fn timed_out(&self, _buf: &BytesMut) -> Option<HeadError> {
        None
    }
}
