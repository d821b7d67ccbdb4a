//! HTTP/1.1 with a client: hyper's engine, driven so that nothing is answered behind the gateway's back.
//!
//! Kept beside our own engine for comparison (`runtime.http1 = "hyper"`).

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1::{Builder, Connection};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use propylon_h1::server::Upgraded;
use propylon_stack::BoxError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{Client, ClientEnd, HandOver, Io, Phase, Received, Rejected, Service, Stream, bytes_of, upgrade};

/// How long a connection that is being closed is read from, so that the client gets what was said (`lingering_time`).
const LINGER: Duration = Duration::from_secs(5);

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
    let Some(engine) = service.engine() else { return };
    let (timeouts, keepalive) = (engine.timeouts, engine.keepalive);
    client.reading.arm(timeouts.header);
    let io = TokioIo::new(Io::new(stream, client.clone(), timeouts));
    // Who waits for the connection, if its last request asked for another protocol.
    let taker = Arc::<Mutex<Option<oneshot::Sender<Upgraded>>>>::default();
    let calls = hyper::service::service_fn({
        let (client, service, taker) = (client.clone(), service.clone(), taker.clone());
        move |mut request: Request<Incoming>| {
            if upgrade::asks(request.version(), request.headers()) {
                let (sender, receiver) = oneshot::channel();
                *taker.lock() = Some(sender);
                request.extensions_mut().insert(ClientEnd::new(HandOver::Hyper(receiver)));
            }
            let (head, body) = request.into_parts();
            Box::pin(service.call(&client, head, Received::Hyper(body), None))
        }
    });
    let mut http = Builder::new()
        .keep_alive(keepalive.is_some())
        .title_case_headers(true)
        .max_header_size(engine.head.size.max(8192))
        .max_headers(engine.head.fields)
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
        End::Malformed(error) => {
            Some(Rejected::Malformed(refusal(&error, io.kept_back(), &parts.read_buf, engine.head.line)))
        }
    };
    let unread = client.phase() == Phase::Busy;
    let mut stream = io.into_stream();
    // Nobody waits unless the response was a 101: the request and its future are gone.
    if let Some(taker) = taker.lock().take().filter(|taker| why.is_none() && !taker.is_closed()) {
        client.switched();
        client.settle();
        let _ = taker.send(Upgraded::new(stream, parts.read_buf)); // else it is closed
        return;
    }
    if let Some(why) = why {
        let head = &parts.read_buf;
        let line = head.split(|&byte| byte == b'\r' || byte == b'\n').next().unwrap_or_default();
        let answer = service
            .rejected(&client, why, Bytes::copy_from_slice(line), client.head_bytes())
            .map(|answer| bytes_of(&answer));
        if let Some(answer) = answer {
            client.sent_raw(answer.len() as u64);
            // Best effort: the client may be gone, and its log line is written.
            let _ = tokio::time::timeout(timeouts.send, stream.write_all(&answer)).await;
        }
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
        match client.phase() {
            // One that has just been accepted is owed an answer to its first request, as in nginx.
            Phase::Idle if client.requests() == 0 => return Poll::Pending,
            Phase::Idle => return Poll::Ready(End::Closed),
            Phase::Head | Phase::Busy => {}
        }
        std::pin::Pin::new(http).graceful_shutdown();
    }
    Poll::Pending
}

/// The status of a refused head: the engine's own, but for what is too large.
fn refusal(error: &hyper::Error, answer: &[u8], head: &[u8], longest: usize) -> StatusCode {
    if error.is_parse_too_large() {
        let line = memchr::memchr(b'\n', head).unwrap_or(head.len());
        return if line > longest { StatusCode::URI_TOO_LONG } else { StatusCode::BAD_REQUEST };
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
