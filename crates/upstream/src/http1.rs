//! The HTTP/1 engine: the only place that knows hyper.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Method, Request, response};
use http_body::{Body, Frame, SizeHint};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;

use crate::connect::Socket;
use crate::idle::State;
use crate::outgoing::Outgoing;
use crate::task::Task;
use crate::transport::{DEFAULT_MAX_FIELDS, Fingerprint};
use crate::wire::{Metered, Wire};
use crate::{Error, HeadFault, head};

/// An established connection: dropping it closes it, whatever is under way.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Outgoing>,
    wire: Arc<Wire>,
    _task: Task,
}

/// A request that brought no response.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// The request, if provably nothing of it was sent.
    pub(crate) unsent: Option<Request<Outgoing>>,
    /// Whether any byte of a response came.
    pub(crate) answered: bool,
}

impl Connection {
    /// Speaks HTTP/1 over `socket`; `closed` is called when the connection ends by itself.
    pub(crate) async fn open(
        socket: Socket,
        settings: Fingerprint,
        closed: impl FnOnce() + Send + 'static,
    ) -> Result<Self, Error> {
        let wire = Arc::<Wire>::default();
        let mut builder = Builder::new();
        builder.title_case_headers(true).max_header_size(settings.max_head);
        if settings.max_fields != DEFAULT_MAX_FIELDS {
            builder.max_headers(settings.max_fields);
        }
        let io = TokioIo::new(Metered::new(socket, Arc::clone(&wire)));
        let (sender, connection) = builder.handshake(io).await.map_err(|_| Error::Closed { sent: false })?;
        let task = Task::spawn(async move {
            // Whoever uses the connection has the error too; an idle one has nobody to tell.
            let _ = connection.await;
            closed();
        });
        Ok(Self { sender, wire, _task: task })
    }

    /// Whether another request may be sent.
    pub(crate) fn state(&self) -> State {
        if self.sender.is_closed() {
            State::Dead
        } else if self.sender.is_ready() {
            State::Ready
        } else {
            State::Settling
        }
    }

    pub(crate) fn wire(&self) -> &Arc<Wire> {
        &self.wire
    }

    /// Sends `request` and waits for the head of the response, which has been judged. `probe`: looks first whether the peer
    /// has closed the connection, so that the request comes back unsent rather than lost.
    pub(crate) async fn send(
        &mut self,
        mut request: Request<Outgoing>,
        probe: bool,
    ) -> Result<(response::Parts, Incoming), Failure> {
        let (sent, received) = (self.wire.sent(), self.wire.received());
        self.wire.begin(probe);
        let wire = Arc::clone(&self.wire);
        hyper::ext::on_informational(&mut request, move |_| wire.interim());
        let tunnel = request.method() == Method::CONNECT;
        let progress = request.body().progress();

        let (error, unsent) = match self.sender.try_send_request(request).await {
            Ok(response) => {
                let (mut parts, body) = response.into_parts();
                let judged = if self.wire.flooded() {
                    Err(HeadFault::TooManyInterim)
                } else if tunnel && parts.status.is_success() {
                    Err(HeadFault::UnexpectedUpgrade)
                } else {
                    head::check(&mut parts)
                };
                match judged {
                    Ok(()) => return Ok((parts, Incoming(body))),
                    Err(fault) => (Error::InvalidHead(fault), None),
                }
            }
            Err(mut refused) => {
                let unsent = refused.take_message();
                let sent = self.wire.sent() > sent;
                let error = match progress.and_then(|progress| progress.take_error()) {
                    Some(source) => Error::RequestBody { source },
                    None if self.wire.flooded() => Error::InvalidHead(HeadFault::TooManyInterim),
                    None => head_error(&refused.into_error(), sent),
                };
                (error, unsent)
            }
        };
        Err(Failure { error, unsent, answered: self.wire.received() > received })
    }
}

/// A response body as the engine reads it.
#[derive(Debug)]
pub(crate) struct Incoming(hyper::body::Incoming);

impl Body for Incoming {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.0).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map_err(|e| body_error(&e))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

fn head_error(error: &hyper::Error, sent: bool) -> Error {
    if error.is_parse_too_large() {
        return Error::InvalidHead(HeadFault::TooLarge);
    }
    if error.is_parse() {
        return Error::InvalidHead(HeadFault::Syntax);
    }
    match io_source(error) {
        Some(source) => Error::Io { sent, source },
        None => Error::Closed { sent },
    }
}

fn body_error(error: &hyper::Error) -> Error {
    match io_source(error) {
        Some(source) => match source.kind() {
            io::ErrorKind::UnexpectedEof => Error::Truncated,
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => Error::InvalidBody,
            _ => Error::BodyIo { source },
        },
        None => Error::Truncated,
    }
}

/// The I/O error beneath, as far as it can be had again.
fn io_source(error: &hyper::Error) -> Option<io::Error> {
    let source = error.source()?.downcast_ref::<io::Error>()?;
    Some(source.raw_os_error().map_or_else(|| source.kind().into(), io::Error::from_raw_os_error))
}
