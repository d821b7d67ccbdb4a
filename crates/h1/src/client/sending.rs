//! From a request to the head of its response.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::Body as HttpBody;
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::Body;
use super::error::{BoxError, Error, Failure, Progress};
use super::request::{Unsent, Written};
use super::{Connection, Keeper};
use crate::{EncodeError, Marks, ResponseHead};

/// How many interim responses a request may have.
const MOST_INTERIM: u32 = 8;

/// Sends a request and waits for the head of its response. Dropping it closes the connection.
#[must_use = "nothing is sent until it is polled"]
pub struct Sending<I, B, K>(State<I, B, K>);

enum State<I, B, K> {
    Active(Active<I, B, K>),
    Refused(EncodeError, K),
    Done,
}

struct Active<I, B, K> {
    connection: Connection<I>,
    keeper: K,
    request: Written<B>,
    /// What does not go into the response's map of fields.
    without: Marks,
    begun: bool,
    told: bool,
    interim: u32,
    /// What had passed on the connection before.
    sent: u64,
    received: u64,
}

impl<I, B, K> Sending<I, B, K> {
    pub(super) fn new(
        mut connection: Connection<I>,
        request: Result<Written<B>, EncodeError>,
        keeper: K,
    ) -> Self {
        let request = match request {
            Ok(request) => request,
            Err(error) => return Self(State::Refused(error, keeper)),
        };
        let wire = &mut *connection.wire;
        let (sent, received) = (wire.output.sent(), wire.input.received());
        Self(State::Active(Active {
            begun: wire.requests == 0,
            connection,
            keeper,
            request,
            without: Marks::NONE,
            told: false,
            interim: 0,
            sent,
            received,
        }))
    }

    /// Leaves fields with one of these marks out of the map of the response's fields: who forwards it does not pass them on, and
    /// has no need to remove them. [`ReceivedResponse`](crate::ReceivedResponse) still has them. See
    /// [`parse_without`](crate::proto::ResponseParser::parse_without).
    pub fn without(mut self, marks: Marks) -> Self {
        if let State::Active(active) = &mut self.0 {
            active.without = marks;
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
        let polled = match &mut self.0 {
            State::Active(active) => match active.poll_head(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(polled) => polled,
            },
            // Refused, or polled after its end.
            _ => Err(Error::Closed),
        };
        Poll::Ready(match (std::mem::replace(&mut self.0, State::Done), polled) {
            (State::Active(active), Ok(head)) => Ok(active.respond(head)),
            (State::Active(active), Err(error)) => Err(active.fail(error)),
            (State::Refused(error, keeper), _) => Err(Failure {
                error: Error::Request(error),
                progress: Progress::Nothing,
                unsent: None,
                keeper,
            }),
            (State::Done, _) => return Poll::Pending,
        })
    }
}

impl<I, B, K> Active<I, B, K>
where
    I: AsyncRead + AsyncWrite + Unpin,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
    K: Keeper<I>,
{
    /// Sends, and reads the head of the response meanwhile.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, Error>> {
        if !self.begun {
            // A kept connection that the peer has closed meanwhile: nothing is sent on it.
            if !self.connection.is_quiet() && self.connection.poll_idle(cx).is_ready() {
                let closed = self.connection.wire.input.is_empty();
                return Poll::Ready(Err(if closed { Error::Closed } else { Error::Unasked }));
            }
            self.begun = true;
        }
        let wire = &mut *self.connection.wire;
        if !self.told {
            match self.request.upload.poll_send(wire, cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::RequestBody(error))),
                Poll::Ready(Ok(())) => {
                    self.told = true;
                    if !wire.deaf {
                        self.keeper.request_sent();
                    }
                }
                Poll::Pending => {}
            }
        }
        loop {
            if !wire.input.is_empty() {
                let method = &self.request.method;
                match wire.parser.parse_without(wire.input.bytes(), method, &wire.config.limits, self.without)
                {
                    Ok(Some(head)) if head.is_interim() => {
                        self.interim += 1;
                        if self.interim > MOST_INTERIM {
                            return Poll::Ready(Err(Error::TooManyInterim));
                        }
                        self.keeper.interim(head);
                        continue;
                    }
                    Ok(Some(head)) => return Poll::Ready(self.judge(head)),
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

    fn judge(&self, head: ResponseHead) -> Result<ResponseHead, Error> {
        // Nor before the whole request is there: its rest would be the other protocol's (RFC 9110 7.8).
        if head.status == StatusCode::SWITCHING_PROTOCOLS && !(self.request.upgrade && self.told) {
            return Err(Error::UnexpectedUpgrade);
        }
        Ok(head)
    }

    fn respond(self, head: ResponseHead) -> Response<Body<I, K>> {
        let Self { mut connection, keeper, request, told, .. } = self;
        let reusable = request.keep_alive && head.keep_alive;
        let upload = if told {
            connection.wire.output.clear();
            None
        } else {
            Some(request.upload.erase())
        };
        connection.wire.requests += 1;
        let kind = head.body;
        head.respond(|received| Body::new(connection, keeper, kind, reusable, upload, received))
    }

    fn fail(self, error: Error) -> Failure<B, K> {
        let Self { mut connection, keeper, request, sent, received, .. } = self;
        let wire = &mut *connection.wire;
        let progress = if wire.input.received() > received && !matches!(error, Error::Unasked) {
            Progress::Answered
        } else if wire.output.sent() > sent {
            Progress::Written
        } else {
            Progress::Nothing
        };
        let all_here = request.upload.is_rewindable()
            && (progress == Progress::Nothing || wire.output.can_rewind())
            && !matches!(error, Error::RequestBody(_));
        let output = std::mem::take(&mut wire.output);
        let unsent = all_here.then_some(Unsent { output, written: request });
        Failure { error, progress, unsent, keeper }
    }
}

impl<I, B, K> fmt::Debug for Sending<I, B, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}
