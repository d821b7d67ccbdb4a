//! HTTP/1.1 with a client: our own engine.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use propylon_exchange::{End, clock};
use propylon_h1::HeadErrorKind;
use propylon_h1::server::{
    self, Connection, Context, FilePart, Observer, Outcome, RequestBody, ResponseTimeouts, Ticker,
};
use tokio_util::sync::CancellationToken;

use super::{Client, ClientEnd, Closed, HandOver, Received, Rejected, Service, Stream};

/// Serves a client's requests until the connection is over.
pub(crate) async fn serve<S: Service>(
    stream: Stream,
    client: Arc<Client>,
    service: S,
    ticker: &Ticker,
    drain: CancellationToken,
) {
    let Some(engine) = service.engine() else { return };
    let served = Served { client, service };
    let sends_files = stream.sends_files();
    let connection =
        Connection::new(stream, &served, &served).config(engine.h1.clone()).readable(Stream::poll_readable);
    let connection = if sends_files { connection.send_files(Stream::poll_send_file) } else { connection };
    let connection = connection.deadlines(ticker.deadlines());
    let handle = connection.handle();
    if drain.is_cancelled() {
        handle.drain();
    }
    served.client.drained_by(handle);
    // All that is recorded in one poll happens at one time.
    let mut running = pin!(connection.run());
    let closed = poll_fn(|cx| clock::hold(|| running.as_mut().poll(cx))).await;
    // A response that ends with the connection would look complete if the connection ended in order.
    if closed.cut.is_some_and(|end| end != server::End::Unanswered)
        && !closed.shows
        && let Some(stream) = closed.io
    {
        stream.reset();
    }
}

/// What the engine serves, and tells.
struct Served<S> {
    client: Arc<Client>,
    service: S,
}

impl<S: Service> server::Service for Served<S> {
    type Body = S::Body;
    type Error = Closed;

    fn take_file(body: Pin<&mut S::Body>) -> Option<FilePart> {
        S::take_file(body.get_mut())
    }

    fn unreadable(body: Pin<&mut S::Body>, error: io::Error) {
        S::unreadable(body.get_mut(), error);
    }

    fn timeouts(body: &S::Body) -> Option<ResponseTimeouts> {
        Some(S::timeouts(body))
    }

    fn call(
        &self,
        mut request: Request<RequestBody>,
        context: Context,
    ) -> impl Future<Output = Result<Response<S::Body>, Closed>> + Send {
        if let Some(on_upgrade) = context.on_upgrade() {
            request.extensions_mut().insert(ClientEnd::new(HandOver::H1(on_upgrade)));
        }
        let (head, body) = request.into_parts();
        self.service.call(&self.client, head, Received::H1(body), Some(context))
    }
}

impl<S: Service> Observer for Served<S> {
    fn head_began(&self) {
        self.client.head_begins();
    }

    fn head_rejected(&self, rejected: server::Rejected<'_>) -> Option<Response<Bytes>> {
        let error = rejected.error;
        let why = match error.kind() {
            HeadErrorKind::Truncated => Rejected::Left,
            HeadErrorKind::TimedOut => Rejected::Timeout,
            _ => Rejected::Malformed(error.status()),
        };
        self.service.rejected(&self.client, why, error.first_line().clone(), rejected.head_bytes)
    }

    fn finished(&self, outcome: &Outcome) {
        let end = match outcome.end {
            server::End::Complete | server::End::Unanswered => End::Complete,
            server::End::Truncated => End::Truncated,
            _ => End::ClientClosed,
        };
        self.client.finishes(outcome.sent, outcome.sent_head, end);
    }
}
