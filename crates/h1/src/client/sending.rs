//! From a request to the head of its response.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body::Body as HttpBody;
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::Body;
use super::connection::Wire;
use super::error::{BoxError, Error, Failure, Progress};
use super::request::{Unsent, Written};
use super::upload::Upload;
use super::{Connection, Keeper};
use crate::proto::is_interim;
use crate::{EncodeError, ResponseHead, Unwanted, maps, sends};

/// How many interim responses a request may have.
const MOST_INTERIM: u32 = 8;

/// Sends a request and waits for the head of its response. Dropping it closes the connection.
///
/// It is not moved at its end, but three things are taken out of it.
#[must_use = "nothing is sent until it is polled"]
pub struct Sending<I, B, K> {
    connection: Option<Connection<I>>,
    keeper: Option<K>,
    request: Option<Written<B>>,
    /// Why there is no request.
    refused: Option<EncodeError>,
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
        let wire = &*connection.wire;
        let (sent, received) = (wire.output.sent(), wire.input.received());
        let (request, refused) = match request {
            Ok(request) => (Some(request), None),
            Err(error) => (None, Some(error)),
        };
        Self {
            begun: wire.requests == 0,
            connection: Some(connection),
            keeper: Some(keeper),
            request,
            refused,
            without: Unwanted::NONE,
            told: false,
            interim: 0,
            sent,
            received,
        }
    }

    /// Leaves these out of the map of the response's fields: who forwards it does not pass them on, and has no need to remove them. [`ReceivedResponse`](crate::ReceivedResponse) still has them. See
    /// [`parse_without`](crate::proto::ResponseParser::parse_without).
    #[inline]
    pub fn without(mut self, fields: impl Into<Unwanted>) -> Self {
        self.without = fields.into();
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
        if self.request.is_none() {
            return self.refuse().map_or(Poll::Pending, |failure| Poll::Ready(Err(failure)));
        }
        let polled = ready!(self.poll_head(cx));
        let this = &mut *self;
        let (Some(mut connection), Some(keeper), Some(request)) =
            (this.connection.take(), this.keeper.take(), &mut this.request)
        else {
            return Poll::Pending;
        };
        if let Err(error) = polled {
            return Poll::Ready(Err(this.fail(connection, keeper, error)));
        }
        // Made where it goes, step by step: a head is large, and much of the work would be to move it.
        let wire = &mut *connection.wire;
        let (raw, mut headers) = (wire.parser.cut(wire.input.bytes()), maps::take());
        let judged = match wire.parser.judge(&raw, &request.method, &this.without, &mut headers) {
            Ok(judged) => judged,
            Err(kind) => {
                let error = Error::Head(wire.parser.refused(kind, &raw));
                return Poll::Ready(Err(this.fail(connection, keeper, error)));
            }
        };
        let head = wire.parser.head(&judged, raw, headers);
        // Not before the whole request is there either: its rest would be the other protocol's (RFC 9110 7.8).
        if head.status == StatusCode::SWITCHING_PROTOCOLS && !(request.upgrade && this.told) {
            return Poll::Ready(Err(this.fail(connection, keeper, Error::UnexpectedUpgrade)));
        }
        let upload = (!this.told).then(|| request.upload.take());
        let reusable = request.keep_alive && head.keep_alive;
        Poll::Ready(Ok(respond(connection, keeper, upload, reusable, head)))
    }
}

impl<I, B, K> Sending<I, B, K>
where
    I: AsyncRead + AsyncWrite + Unpin,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
    K: Keeper<I>,
{
    /// There was nothing to send.
    #[cold]
    fn refuse(&mut self) -> Option<Failure<B, K>> {
        self.connection = None;
        let (error, keeper) = (Error::Request(self.refused.take()?), self.keeper.take()?);
        Some(Failure { error, progress: Progress::Nothing, unsent: None, keeper })
    }

    /// Sends, and reads the head of the response meanwhile. It is left where it came.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
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
                match wire.parser.find(wire.input.bytes(), &wire.config.limits) {
                    Ok(Some(status)) if is_interim(status) => {
                        interim(wire, keeper, &request.method, &self.without, &mut self.interim)?;
                        continue;
                    }
                    Ok(Some(_)) => return Poll::Ready(Ok(())),
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

    #[cold]
    fn fail(&mut self, mut connection: Connection<I>, keeper: K, error: Error) -> Failure<B, K> {
        let wire = &mut *connection.wire;
        let unsent = if let Error::Io(error) = &error { sends::unsent(error) } else { 0 };
        let progress = if wire.input.received() > self.received && !matches!(error, Error::Unasked) {
            Progress::Answered
        } else if wire.output.sent() > self.sent + unsent {
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

/// Takes an interim response, the next of `count`, and gives it to whoever wants to hear of it.
#[cold]
fn interim<I, K: Keeper<I>>(
    wire: &mut Wire<I>,
    keeper: &mut K,
    method: &Method,
    without: &Unwanted,
    count: &mut u32,
) -> Result<(), Error> {
    let head = wire.parser.take(wire.input.bytes(), method, without).map_err(Error::Head)?;
    *count += 1;
    if *count > MOST_INTERIM {
        return Err(Error::TooManyInterim);
    }
    keeper.interim(head);
    Ok(())
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
