//! From a request to the head of its response.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::Body as HttpBody;
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::Body;
use super::error::{BoxError, Error, Failure, Progress};
use super::request::{Unsent, Written};
use super::upload::Upload;
use super::{Connection, Keeper};
use crate::{EncodeError, ResponseHead, Unwanted};

/// How many interim responses a request may have.
const MOST_INTERIM: u32 = 8;

/// Sends a request and waits for the head of its response. Dropping it closes the connection.
#[must_use = "nothing is sent until it is polled"]
pub struct Sending<I, B, K>(State<I, B, K>);

enum State<I, B, K> {
    Active(Active<I, B, K>),
    Refused(Option<(EncodeError, K)>),
}

/// A request on its way. It is not moved at its end, but three things are taken out of it.
struct Active<I, B, K> {
    connection: Option<Connection<I>>,
    keeper: Option<K>,
    request: Option<Written<B>>,
    /// What does not go into the response's map of fields.
    without: Unwanted,
    begun: bool,
    told: bool,
    interim: u32,
    /// What had passed on the connection before.
    sent: u64,
    received: u64,
}

impl<I, B, K> Sending<I, B, K> {
    #[inline]
    pub(super) fn new(
        connection: Connection<I>,
        request: Result<Written<B>, EncodeError>,
        keeper: K,
    ) -> Self {
        let request = match request {
            Ok(request) => request,
            Err(error) => return Self(State::Refused(Some((error, keeper)))),
        };
        let wire = &*connection.wire;
        let (sent, received) = (wire.output.sent(), wire.input.received());
        Self(State::Active(Active {
            begun: wire.requests == 0,
            connection: Some(connection),
            keeper: Some(keeper),
            request: Some(request),
            without: Unwanted::NONE,
            told: false,
            interim: 0,
            sent,
            received,
        }))
    }

    /// Leaves these out of the map of the response's fields: who forwards it does not pass them on, and has no need to remove them. [`ReceivedResponse`](crate::ReceivedResponse) still has them. See
    /// [`parse_without`](crate::proto::ResponseParser::parse_without).
    #[inline]
    pub fn without(mut self, fields: impl Into<Unwanted>) -> Self {
        if let State::Active(active) = &mut self.0 {
            active.without = fields.into();
        }
        self
    }
}

impl<I, B, K> Future for Sending<I, B, K>
where
    I: AsyncRead + AsyncWrite + Unpin,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
    K: Keeper<I> + Unpin,
{
    type Output = Result<Response<Body<I, K>>, Failure<B, K>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let active = match &mut self.0 {
            State::Active(active) => active,
            State::Refused(refused) => {
                let Some((error, keeper)) = refused.take() else { return Poll::Pending };
                let (error, progress) = (Error::Request(error), Progress::Nothing);
                return Poll::Ready(Err(Failure { error, progress, unsent: None, keeper }));
            }
        };
        let mut head = None;
        let polled = ready!(active.poll_head(&mut head, cx));
        let (Some(connection), Some(keeper), Some(request)) =
            (active.connection.take(), active.keeper.take(), &mut active.request)
        else {
            return Poll::Pending;
        };
        match (polled, head) {
            (Ok(()), Some(head)) => {
                let upload = (!active.told).then(|| request.upload.take());
                let reusable = request.keep_alive && head.keep_alive;
                Poll::Ready(Ok(respond(connection, keeper, upload, reusable, head)))
            }
            (polled, _) => {
                let error = polled.err().unwrap_or(Error::Closed);
                Poll::Ready(Err(active.fail(connection, keeper, error)))
            }
        }
    }
}

impl<I, B, K> Active<I, B, K>
where
    I: AsyncRead + AsyncWrite + Unpin,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
    K: Keeper<I>,
{
    /// Sends, and reads the head of the response meanwhile: to `response`, where it stays.
    fn poll_head(
        &mut self,
        response: &mut Option<ResponseHead>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        let (Some(connection), Some(keeper), Some(request)) =
            (&mut self.connection, &mut self.keeper, &mut self.request)
        else {
            return Poll::Pending;
        };
        if !self.begun {
            // A kept connection that the peer has closed meanwhile: nothing is sent on it.
            if !connection.is_quiet() && connection.poll_idle(cx).is_ready() {
                let closed = connection.wire.input.is_empty();
                return Poll::Ready(Err(if closed { Error::Closed } else { Error::Unasked }));
            }
            self.begun = true;
        }
        let wire = &mut *connection.wire;
        if !self.told {
            match request.upload.poll_send(wire, cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::RequestBody(error))),
                Poll::Ready(Ok(())) => {
                    self.told = true;
                    if !wire.deaf {
                        keeper.request_sent();
                    }
                }
                Poll::Pending => {}
            }
        }
        loop {
            if !wire.input.is_empty() {
                let method = &request.method;
                match wire.parser.parse_without(
                    wire.input.bytes(),
                    method,
                    &wire.config.limits,
                    &self.without,
                ) {
                    Ok(Some(head)) if head.is_interim() => {
                        self.interim += 1;
                        if self.interim > MOST_INTERIM {
                            return Poll::Ready(Err(Error::TooManyInterim));
                        }
                        keeper.interim(head);
                        continue;
                    }
                    // Nor before the whole request is there: its rest would be the other protocol's (RFC 9110 7.8).
                    Ok(Some(head))
                        if head.status == StatusCode::SWITCHING_PROTOCOLS
                            && !(request.upgrade && self.told) =>
                    {
                        return Poll::Ready(Err(Error::UnexpectedUpgrade));
                    }
                    Ok(head @ Some(_)) => {
                        *response = head;
                        return Poll::Ready(Ok(()));
                    }
                    Ok(None) => {}
                    Err(error) => return Poll::Ready(Err(Error::Head(error))),
                }
            }
            match wire.poll_fill(cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(Error::Closed)),
                Poll::Ready(Ok(_)) => wire.count(),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::Io(error))),
                Poll::Pending => {
                    wire.input.release();
                    return Poll::Pending;
                }
            }
        }
    }

    fn fail(&mut self, mut connection: Connection<I>, keeper: K, error: Error) -> Failure<B, K> {
        let wire = &mut *connection.wire;
        let progress = if wire.input.received() > self.received && !matches!(error, Error::Unasked) {
            Progress::Answered
        } else if wire.output.sent() > self.sent {
            Progress::Written
        } else {
            Progress::Nothing
        };
        let all_here = (progress == Progress::Nothing || wire.output.can_rewind())
            && !matches!(error, Error::RequestBody(_));
        let written = self.request.take().filter(|request| all_here && request.upload.is_rewindable());
        let unsent = written.map(|written| Unsent { output: std::mem::take(&mut wire.output), written });
        Failure { error, progress, unsent, keeper }
    }
}

fn respond<I, B, K>(
    mut connection: Connection<I>,
    keeper: K,
    upload: Option<Upload<B>>,
    reusable: bool,
    head: ResponseHead,
) -> Response<Body<I, K>>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
    K: Keeper<I>,
{
    if upload.is_none() {
        connection.wire.output.clear();
    }
    connection.wire.requests += 1;
    let (kind, upload) = (head.body, upload.map(Upload::erase));
    head.respond(|received| Body::new(connection, keeper, kind, reusable, upload, received))
}

impl<I, B, K> fmt::Debug for Sending<I, B, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}
