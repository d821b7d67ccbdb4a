//! HTTP/1.1 with a client: hyper's engine, driven so that nothing is answered behind the gateway's back.
//!
//! The seam to another engine is this module: it is given a stream and a [`Service`], and serves requests until the
//! connection is over.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1::{Builder, Connection};
use hyper_util::rt::TokioIo;
use propylon_stack::BoxError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::io::Timeouts;
use super::{Client, Io, Phase, Stream};

/// The largest request head: nginx's `large_client_header_buffers 4 8k`.
pub(crate) const MAX_HEAD: usize = 32 * 1024;

/// The longest request line: one buffer of nginx's `large_client_header_buffers 4 8k`.
pub(crate) const MAX_LINE: usize = 8 * 1024;

/// The most fields of a head; more than a hundred cost the engine an allocation a request.
pub(crate) const MAX_FIELDS: usize = 256;

/// How long a connection that is being closed is read from, so that the client gets what was said (`lingering_time`).
const LINGER: Duration = Duration::from_secs(5);

/// What serves a client's requests.
pub(crate) trait Service: Clone + Unpin + Send + Sync + 'static {
    /// The body of its responses.
    type Body: Body<Data = Bytes, Error = BoxError> + Send + 'static;

    /// Serves one request. `Err` closes the connection without an answer.
    fn call(
        self,
        client: Arc<Client>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Self::Body>, Closed>> + Send + 'static;

    /// A head was refused: the bytes to answer with, or none. Writes the log line.
    fn rejected(&self, client: &Arc<Client>, why: Rejected, head: &[u8]) -> Vec<u8>;

    /// How long the client may take, and rest between requests (`None`: it may not).
    fn timeouts(&self) -> (Timeouts, Option<Duration>);
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

/// Why a connection is over.
enum End {
    /// It was closed by either side, or broke.
    Closed,
    /// What came was no request head.
    Malformed(hyper::Error),
    /// The head did not come in time.
    HeadTimeout,
    /// The client left in the middle of a head.
    Left,
}

/// Serves a client's requests until the connection is over.
pub(crate) async fn serve<S: Service>(
    stream: Stream,
    client: Arc<Client>,
    service: S,
    drain: CancellationToken,
) {
    let (timeouts, keepalive) = service.timeouts();
    client.reading.arm(timeouts.header);
    let io = TokioIo::new(Io::new(stream, client.clone(), timeouts));
    let calls = hyper::service::service_fn({
        let (client, service) = (client.clone(), service.clone());
        move |request| Box::pin(service.clone().call(client.clone(), request))
    });
    let mut http = Builder::new()
        .keep_alive(keepalive.is_some())
        .title_case_headers(true)
        .max_header_size(MAX_HEAD)
        .max_headers(MAX_FIELDS)
        .serve_connection(io, calls);

    let end = poll_fn(|cx| {
        client.waker.register(cx.waker());
        let polled = client.polling(|| http.poll_without_shutdown(cx));
        if let Poll::Ready(result) = polled {
            return Poll::Ready(match result {
                Err(error) if error.is_parse() && client.phase() != Phase::Busy => End::Malformed(error),
                _ if client.phase() == Phase::Head => End::Left,
                _ => End::Closed,
            });
        }
        if !client.writing.is_armed() {
            client.rest_if_settled(keepalive.unwrap_or_default());
        }
        look(&client, &drain, &mut http)
    })
    .await;

    let parts = http.into_parts();
    let io = parts.io.into_inner();
    let why = match end {
        End::Closed => None,
        End::HeadTimeout => Some(Rejected::Timeout),
        End::Left => Some(Rejected::Left),
        End::Malformed(error) => Some(Rejected::Malformed(refusal(&error, io.kept_back(), &parts.read_buf))),
    };
    let unread = client.phase() == Phase::Busy;
    let mut stream = io.into_stream();
    if let Some(why) = why {
        let answer = service.rejected(&client, why, &parts.read_buf);
        // Best effort: the client may be gone, and its log line is written.
        let _ = tokio::time::timeout(timeouts.send, stream.write_all(&answer)).await;
    }
    client.settle();
    linger(stream, why.is_some_and(Rejected::is_heard) || unread).await;
}

/// What the worker or the time says to a connection that waits.
fn look<S, B>(client: &Client, drain: &CancellationToken, http: &mut Connection<TokioIo<Io>, S>) -> Poll<End>
where
    S: hyper::service::HttpService<Incoming, ResBody = B> + Unpin,
    S::Future: Unpin,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes, Error = BoxError> + 'static,
{
    if client.reading.has_passed() {
        // A connection that never said anything is closed in silence, as in nginx.
        return Poll::Ready(if client.phase() == Phase::Head { End::HeadTimeout } else { End::Closed });
    }
    if drain.is_cancelled() {
        if client.phase() == Phase::Idle {
            return Poll::Ready(End::Closed);
        }
        std::pin::Pin::new(http).graceful_shutdown();
    }
    Poll::Pending
}

/// The status of a refused head: the engine's own, but for what is too large.
fn refusal(error: &hyper::Error, answer: &[u8], head: &[u8]) -> StatusCode {
    if error.is_parse_too_large() {
        let line = memchr::memchr(b'\n', head).unwrap_or(head.len());
        return if line > MAX_LINE { StatusCode::URI_TOO_LONG } else { StatusCode::BAD_REQUEST };
    }
    answer.get(9..12).and_then(|code| StatusCode::from_bytes(code).ok()).unwrap_or(StatusCode::BAD_REQUEST)
}

/// Closes the stream. If the client may still be sending, what it sends is read for a while: a reset would otherwise
/// overtake the answer (`lingering_close`).
async fn linger(mut stream: Stream, sending: bool) {
    // Both can only fail because the client is gone.
    let _ = stream.shutdown().await;
    if sending {
        let mut sink = [0; 4096];
        let _ = tokio::time::timeout(LINGER, async {
            while matches!(stream.read(&mut sink).await, Ok(n) if n > 0) {}
        })
        .await;
    }
}
