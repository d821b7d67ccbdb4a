//! Propylon's own HTTP/1 engine: no task, the connection moves through the exchange and comes back.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Method, Request, StatusCode, response};
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use propylon_h1::client::{self, Config, Counters, Progress, Unsent, Upgraded};
use propylon_h1::{
    BodyError, EncodeError, HeadErrorKind, Limits, Marks, Reason, ReceivedResponse, ResponseHead, Unwanted,
};

use crate::connect::Socket;
use crate::connection::{self, Answer, Content, Failure, Outbound};
use crate::idle::State;
use crate::interim::Listener;
use crate::outgoing::{Outgoing, may_repeat};
use crate::transport::Fingerprint;
use crate::{Error, HeadFault, head, http1};

/// A request as the engine wrote it.
pub(crate) type Encoded = Unsent<Outgoing>;

/// An established connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// While nothing is under way on it; else it is with whoever sends or reads, or has come back to its place.
    idle: Option<client::Connection<Socket>>,
    place: Arc<Place>,
    counters: Arc<Counters>,
}

/// Where the connection comes back to.
#[derive(Debug, Default)]
struct Place {
    connection: Mutex<Option<client::Connection<Socket>>>,
    /// Bytes of the interim heads of the exchange under way.
    interim: AtomicU64,
}

/// Brings the connection back when the engine is done with it, and sees no reason to close it.
pub(crate) struct Keeper {
    place: Arc<Place>,
    /// Who wants to hear of interim responses.
    listener: Option<Listener>,
}

impl client::Keeper<Socket> for Keeper {
    fn interim(&mut self, mut head: ResponseHead) {
        self.place.interim.fetch_add(head.head_len as u64, Relaxed);
        if let Some(listener) = &self.listener {
            listener.pass(head.status, &mut head.headers);
        }
    }

    fn give_back(self, connection: client::Connection<Socket>) {
        *self.place.connection.lock() = Some(connection);
    }
}

impl Connection {
    pub(crate) fn open(socket: Socket, settings: Fingerprint) -> Self {
        let mut limits = Limits::new();
        limits.first_line = settings.max_head;
        limits.header_line = settings.max_head;
        limits.head = settings.max_head;
        limits.fields = settings.max_fields as usize;
        limits.trailers = settings.max_head;
        limits.trailer_fields = settings.max_fields as usize;
        let mut config = Config::new();
        config.limits = limits;
        config.read_buffer = settings.read_buffer as usize;
        let connection = client::Connection::with_config(socket, Arc::new(config))
            .readable(Socket::poll_readable)
            .quiet(Socket::is_quiet);
        let counters = Arc::clone(connection.counters());
        Self { idle: Some(connection), place: Arc::default(), counters }
    }

    /// The engine looks again before it sends: that may be a while.
    pub(crate) fn state(&mut self) -> State {
        let reusable = self.idle().is_some_and(client::Connection::is_reusable);
        if reusable { State::Ready } else { State::Dead }
    }

    /// Ready when the peer has closed it or said something unasked, and when it did not come back.
    pub(crate) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.idle().map_or(Poll::Ready(()), |connection| connection.poll_idle(cx))
    }

    /// The connection, if nothing is under way on it.
    fn idle(&mut self) -> Option<&mut client::Connection<Socket>> {
        if self.idle.is_none() {
            self.idle = self.place.connection.lock().take();
        }
        self.idle.as_mut()
    }

    /// Bytes of the interim heads of the request under way.
    pub(crate) fn interim(&self) -> u64 {
        self.place.interim.load(Relaxed)
    }

    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// The connection for a request that was not sent before, if it is of any use.
    pub(crate) fn free(&mut self, method: &Method, body: &Outgoing, kept: bool) -> Option<Free> {
        let connection = self.take()?;
        let repeatable = may_repeat(method, body);
        // What cannot be repeated is worth a look at the socket before it is sent.
        let useful = !kept || repeatable || connection.io().is_silent();
        useful.then_some(Free { connection, kept, repeatable })
    }

    /// Sends that request, whose fields are taken, with `body` in the place of its own: the future of its answer.
    #[inline]
    pub(crate) fn begin<T>(
        &self,
        free: Free,
        request: &mut Request<T>,
        body: Outgoing,
        listener: Option<Listener>,
        without: Unwanted,
    ) -> Sending {
        let Free { connection, kept, repeatable } = free;
        let tunnel = request.method() == Method::CONNECT;
        let keeper = Keeper { place: Arc::clone(&self.place), listener };
        let inner = connection.send_with(request, body, keeper).without(without);
        Sending { inner, tunnel, kept, repeatable }
    }

    pub(crate) async fn send(
        &mut self,
        request: Outbound,
        kept: bool,
        listener: Option<Listener>,
    ) -> Result<Answer, Failure> {
        let request = match request {
            Outbound::Plain(request) => {
                let Some(free) = self.free(request.method(), request.body(), kept) else {
                    return Err(Failure::unsent(Outbound::Plain(request)));
                };
                let (head, body) = request.into_parts();
                let mut request = Request::from_parts(head, ());
                return self.begin(free, &mut request, body, listener, Unwanted::NONE).await;
            }
            Outbound::Encoded(request) => request,
        };
        let Some(connection) = self.take() else {
            return Err(Failure::unsent(Outbound::Encoded(request)));
        };
        let tunnel = *request.method() == Method::CONNECT;
        let keeper = Keeper { place: Arc::clone(&self.place), listener };
        let inner = connection.resend(request, keeper);
        Sending { inner, tunnel, kept, repeatable: false }.await
    }

    fn take(&mut self) -> Option<client::Connection<Socket>> {
        self.place.interim.store(0, Relaxed);
        self.idle()?;
        self.idle.take()
    }
}

/// A connection that a request can be sent on.
pub(crate) struct Free {
    connection: client::Connection<Socket>,
    kept: bool,
    repeatable: bool,
}

/// A request on its way, and then its answer.
pub(crate) struct Sending {
    inner: client::Sending<Socket, Outgoing, Keeper>,
    tunnel: bool,
    kept: bool,
    /// Whether it does no harm if the peer gets it twice.
    repeatable: bool,
}

impl Future for Sending {
    type Output = Result<Answer, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let failure = match ready!(Pin::new(&mut self.inner).poll(cx)) {
            Ok(response) => {
                let (mut parts, body) = response.into_parts();
                let Judged { head, encoded } = match judge(&mut parts, body.received(), self.tunnel) {
                    Ok(judged) => judged,
                    Err(fault) => return Poll::Ready(Err(Failure::fatal(Error::InvalidHead(fault)))),
                };
                let content = if parts.status == StatusCode::SWITCHING_PROTOCOLS {
                    take_over(body, encoded)
                } else {
                    content(body, encoded)
                };
                return Poll::Ready(Ok(Answer { parts, content, heads: Some(head) }));
            }
            Err(failure) => failure,
        };
        let harmless = match failure.progress {
            Progress::Nothing => true,
            Progress::Written => self.repeatable,
            Progress::Answered => false,
        };
        let again = failure.unsent.filter(|_| self.kept && harmless).map(Outbound::Encoded);
        let arrived = failure.progress != Progress::Nothing;
        Poll::Ready(Err(Failure { error: head_error(failure.error, arrived), again, arrived }))
    }
}

fn content(body: client::Body<Socket, Keeper>, encoded: bool) -> Content {
    let body = if encoded { Err(body) } else { body.into_bytes() };
    match body {
        Ok(bytes) => Content::Whole(bytes),
        Err(body) => Content::streaming(connection::Incoming::H1(Incoming { body, encoded })),
    }
}

#[cold]
fn take_over(body: client::Body<Socket, Keeper>, encoded: bool) -> Content {
    match body.into_upgraded() {
        Ok(Upgraded { io, read, .. }) => Content::switched(crate::Upgraded::new(io, read)),
        Err(body) => content(body, encoded),
    }
}

struct Judged {
    /// Bytes of the head.
    head: u64,
    /// Whether there is a `Transfer-Encoding`.
    encoded: bool,
}

/// Judges what the engine leaves to be judged.
fn judge(
    parts: &mut response::Parts,
    received: &ReceivedResponse,
    tunnel: bool,
) -> Result<Judged, HeadFault> {
    if tunnel && parts.status.is_success() {
        return Err(HeadFault::UnexpectedUpgrade);
    }
    let (encoded, head) = (received.marks.contains(Marks::TRANSFER_ENCODING), received.raw.len() as u64);
    if encoded || matches!(parts.status, StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT) {
        head::check(parts)?;
    }
    if let Some(reason) = parts.extensions.get::<Reason>() {
        let reason = reason.as_bytes().to_vec();
        http1::set_reason(&mut parts.extensions, reason);
    }
    Ok(Judged { head, encoded })
}

/// A response body as the engine reads it.
#[derive(Debug)]
pub(crate) struct Incoming {
    body: client::Body<Socket, Keeper>,
    encoded: bool,
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(cx).map_err(body_error)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // The peer announced no length, and trailers may follow: that all of it is here already changes nothing.
        if self.encoded { SizeHint::default() } else { self.body.size_hint() }
    }
}

fn head_error(error: client::Error, sent: bool) -> Error {
    match error {
        client::Error::Request(EncodeError::LengthRequired) => Error::LengthRequired,
        client::Error::Request(_) => Error::InvalidTarget,
        client::Error::Io(source) => Error::Io { sent, source },
        client::Error::Head(error) => Error::InvalidHead(head_fault(error.kind())),
        client::Error::TooManyInterim => Error::InvalidHead(HeadFault::TooManyInterim),
        client::Error::UnexpectedUpgrade => Error::InvalidHead(HeadFault::UnexpectedUpgrade),
        client::Error::RequestBody(source) => Error::RequestBody { source },
        // Closed; also what came unasked, before anything was sent.
        _ => Error::Closed { sent },
    }
}

fn head_fault(kind: HeadErrorKind) -> HeadFault {
    match kind {
        HeadErrorKind::FirstLineTooLong
        | HeadErrorKind::HeaderLineTooLong
        | HeadErrorKind::HeadTooLarge
        | HeadErrorKind::TooManyFields => HeadFault::TooLarge,
        HeadErrorKind::ContentLength => HeadFault::InvalidLength,
        HeadErrorKind::LengthAndEncoding | HeadErrorKind::EncodingInHttp10 => HeadFault::ConflictingFraming,
        HeadErrorKind::TransferEncoding | HeadErrorKind::CodingUnsupported => HeadFault::UnknownEncoding,
        _ => HeadFault::Syntax,
    }
}

fn body_error(error: client::Error) -> Error {
    match error {
        client::Error::InvalidBody(BodyError::Truncated) => Error::Truncated,
        client::Error::InvalidBody(_) => Error::InvalidBody,
        client::Error::BodyIo(source) => Error::BodyIo { source },
        client::Error::RequestBody(source) => Error::RequestBody { source },
        _ => Error::Truncated,
    }
}
