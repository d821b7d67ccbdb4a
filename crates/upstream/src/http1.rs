//! hyper as the HTTP/1 engine: the only place that knows it.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::UPGRADE;
use http::{Extensions, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::ext::ReasonPhrase;
use hyper_util::rt::TokioIo;

use crate::connect::Socket;
use crate::connection::{self, Answer, Content, Failure, Outbound};
use crate::idle::State;
use crate::outgoing::{Outgoing, copy_head, may_repeat};
use crate::task::Task;
use crate::transport::{DEFAULT_MAX_FIELDS, Fingerprint};
use crate::wire::{Metered, Wire};
use crate::{Error, HeadFault, Upgraded, head};

/// An established connection.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Outgoing>,
    wire: Arc<Wire>,
    _task: Task,
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
            builder.max_headers(settings.max_fields as usize);
        }
        let io = TokioIo::new(Metered::new(socket, Arc::clone(&wire)));
        let (sender, connection) = builder.handshake(io).await.map_err(|_| Error::Closed { sent: false })?;
        let task = Task::spawn(async move {
            // Whoever uses the connection has the error too; an idle one has nobody to tell.
            let _ = connection.with_upgrades().await;
            closed();
        });
        Ok(Self { sender, wire, _task: task })
    }

    /// Whether another request may be sent.
    pub(crate) fn state(&self) -> State {
        if self.has_ended() {
            State::Dead
        } else if self.sender.is_ready() {
            State::Ready
        } else {
            State::Settling
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.sender.is_closed() || self.wire.broken()
    }

    pub(crate) fn wire(&self) -> &Arc<Wire> {
        &self.wire
    }

    pub(crate) async fn send(
        &mut self,
        mut request: Request<Outgoing>,
        kept: bool,
    ) -> Result<Answer, Failure> {
        let spare = (kept && may_repeat(request.method(), request.body())).then(|| copy_head(&request));
        // What cannot be repeated is worth a look at the socket before it is sent: it comes back unsent rather than lost.
        let probe = kept && spare.is_none();
        let (sent, received) = (self.wire.sent(), self.wire.received());
        self.wire.begin(probe);
        let wire = Arc::clone(&self.wire);
        hyper::ext::on_informational(&mut request, move |_| wire.interim());
        let tunnel = request.method() == Method::CONNECT;
        let asked = request.headers().contains_key(UPGRADE);

        match self.sender.try_send_request(request).await {
            Ok(response) => {
                let (mut parts, body) = response.into_parts();
                let switches = parts.status == StatusCode::SWITCHING_PROTOCOLS;
                let judged = if self.wire.flooded() {
                    Err(HeadFault::TooManyInterim)
                } else if tunnel && parts.status.is_success() || switches && !asked {
                    Err(HeadFault::UnexpectedUpgrade)
                } else {
                    head::check(&mut parts)
                };
                judged.map_err(|fault| Failure::fatal(Error::InvalidHead(fault)))?;
                let content = if switches {
                    let mut response = Response::from_parts(parts, body);
                    let upgraded = take_over(&mut response).await;
                    (parts, _) = response.into_parts();
                    Content::switched(upgraded.map_err(Failure::fatal)?)
                } else {
                    Content::streaming(connection::Incoming::Hyper(Incoming(body)))
                };
                Ok(Answer { parts, content, heads: None })
            }
            Err(mut refused) => {
                let unsent = refused.take_message();
                let arrived = unsent.is_none();
                let answered = self.wire.received() > received;
                let again = unsent.filter(|_| kept).or(spare.filter(|_| !answered)).map(Outbound::Plain);
                let error = if self.wire.flooded() {
                    Error::InvalidHead(HeadFault::TooManyInterim)
                } else {
                    head_error(&refused.into_error(), self.wire.sent() > sent)
                };
                Err(Failure { error, again, arrived })
            }
        }
    }
}

/// The stream of a response of 101.
async fn take_over(response: &mut Response<hyper::body::Incoming>) -> Result<Upgraded, Error> {
    let upgraded = hyper::upgrade::on(response).await.map_err(|error| head_error(&error, true))?;
    let upgraded = upgraded.downcast::<TokioIo<Metered>>().map_err(|_| Error::Closed { sent: true })?;
    Ok(Upgraded::new(upgraded.io.into_inner().into_socket(), upgraded.read_buf))
}

/// The reason phrase, where hyper's server looks for it.
pub(crate) fn set_reason(extensions: &mut Extensions, phrase: Vec<u8>) {
    if let Ok(phrase) = ReasonPhrase::try_from(phrase) {
        extensions.insert(phrase);
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
    // What is not the kernel's has words of its own, such as the alert that ends TLS.
    let worded = || io::Error::new(source.kind(), source.to_string());
    Some(source.raw_os_error().map_or_else(worded, io::Error::from_raw_os_error))
}
