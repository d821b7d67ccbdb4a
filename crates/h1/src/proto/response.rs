use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode, Version};

use crate::{BodyKind, ConnectionOptions, HeadError, Limits, Marks, Reason};

/// The head of a response.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ResponseHead {
    /// 100 to 999.
    pub status: StatusCode,
    /// The reason phrase, `None` if it is empty or the usual one of its status.
    pub reason: Option<Reason>,
    /// 1.0 or 1.1.
    pub version: Version,
    /// All fields; none is hidden.
    pub headers: HeaderMap,
    /// Which fields of consequence there are.
    pub marks: Marks,
    /// Where the body ends.
    pub body: BodyKind,
    /// `Content-Length`, also where it does not frame (HEAD, 304).
    pub content_length: Option<u64>,
    /// What `Connection` says.
    pub connection: ConnectionOptions,
    /// Whether the connection may be used again once the body has been read.
    pub keep_alive: bool,
    /// The bytes of the head, status line to empty line.
    pub raw: Bytes,
    /// How many bytes were taken.
    pub head_len: usize,
}

impl ResponseHead {
    /// 1xx other than 101: the response is still to come.
    #[must_use]
    pub fn is_interim(&self) -> bool {
        self.status.is_informational() && self.status != StatusCode::SWITCHING_PROTOCOLS
    }
}

/// Reads response heads; keeps how far it has looked.
#[derive(Debug, Clone, Default)]
pub struct ResponseParser {
    scanned: u32,
}

impl ResponseParser {
    /// For a new connection; one serves all responses of it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next head, the answer to a request of `method`, off the front of `buf`; `None`: more bytes are needed.
    ///
    /// # Errors
    /// See [`HeadErrorKind`](crate::HeadErrorKind). The connection is in doubt: drop it.
    pub fn parse(
        &mut self,
        _buf: &mut BytesMut,
        _method: &Method,
        _limits: &Limits,
    ) -> Result<Option<ResponseHead>, HeadError> {
        Ok(None)
    }

    /// The peer closed before the head was complete.
    #[must_use]
    pub fn eof(&self, buf: &BytesMut) -> HeadError {
        HeadError::new(crate::HeadErrorKind::Truncated, Bytes::copy_from_slice(buf))
    }

    /// Whether no byte of a head has come.
    #[must_use]
    pub fn is_idle(&self, buf: &BytesMut) -> bool {
        self.scanned == 0 && buf.is_empty()
    }
}
