//! What an HTTP engine serves, and what it is told: the seam between engines and the edge.

use std::future::Future;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode, request};
use http_body::Body;
use propylon_h1::server::{Context, ResponseTimeouts};
use propylon_stack::{BoxError, FilePart};

use super::{Client, Engine, Received, Track};

/// What serves a client's requests.
pub(crate) trait Service: Clone + Unpin + Send + Sync + 'static {
    /// The body of its responses.
    type Body: Body<Data = Bytes, Error = BoxError> + Unpin + Send + 'static;
    /// Serves one request.
    type Future: Future<Output = Result<Response<Self::Body>, Closed>> + Send + 'static;

    /// Serves one request; `context` is what our own engine tells besides. `Err` closes the connection without an answer.
    fn call(
        &self,
        client: &Arc<Client>,
        head: request::Parts,
        body: Received,
        context: Option<Context>,
    ) -> Self::Future;

    /// A head was refused, of which `bytes` had come, and `line` of its first line: what to answer with, if there is
    /// somebody to answer. Its log line is written when the answer has left.
    fn rejected(
        &self,
        client: &Arc<Client>,
        why: Rejected,
        line: Bytes,
        bytes: u64,
    ) -> Option<Response<Bytes>>;

    /// Takes the next part of a body, if it is one of a file that the kernel may send.
    fn take_file(body: &mut Self::Body) -> Option<FilePart>;

    /// A part of a file that was taken of a body cannot be sent: the file has become shorter, or cannot be read. The message is cut.
    fn unreadable(body: &mut Self::Body, error: io::Error);

    /// How long the client may take with a response that has this body, and how long the connection is idle after it.
    fn timeouts(body: &Self::Body) -> ResponseTimeouts;

    /// An engine of streams has refused one by itself, with this status or as good as that: its log line is to be written.
    fn refused(&self, client: &Arc<Client>, status: StatusCode, track: &Track);

    /// How the engine is set up; none if nobody listens there any more.
    fn engine(&self) -> Option<Arc<Engine>>;
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer")]
pub(crate) struct Closed;

/// Why a request never had a head.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(crate) enum Rejected {
    /// What came is no request head.
    #[error("client sent a malformed request head")]
    Malformed(StatusCode),
    /// The head did not come in time.
    #[error("client timed out while sending its request head")]
    Timeout,
    /// The client left in the middle of it.
    #[error("client closed the connection in the middle of its request head")]
    Left,
}

impl Rejected {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Malformed(status) => status,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Left => StatusCode::BAD_REQUEST,
        }
    }

    /// Whether the client sent what it wanted to.
    pub(crate) fn is_complete(self) -> bool {
        matches!(self, Self::Malformed(_))
    }

    /// Whether the client is there to be answered.
    pub(crate) fn is_heard(self) -> bool {
        !matches!(self, Self::Left)
    }
}

/// A whole answer as bytes, for a connection that no engine writes to.
pub(crate) fn bytes_of(answer: &Response<Bytes>) -> Vec<u8> {
    let status = answer.status();
    let reason = status.canonical_reason().unwrap_or("Unknown");
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in answer.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(answer.body());
    bytes
}
