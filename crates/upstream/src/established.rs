//! The service that sends one request on an established connection.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version, response};
use propylon_exchange::Keep;
use propylon_h1::Unwanted;
use tower_service::Service;

use crate::attempt::Attempt;
use crate::body::is_sent;
use crate::client::Route;
use crate::connection::{Answer, Connection, Content, Failure, Outbound};
use crate::interim::Listener;
use crate::open::dial;
use crate::outgoing::{Outgoing, Progress, prepare};
use crate::pool::Lease;
use crate::{Body, BoxError, Error, Switched, Upgraded, h1, head};

/// A connection to a peer that is there, for one request: what the layer of a [`Client`](crate::Client) wraps.
///
/// A request body that fails closes the connection, and so does dropping the response future or the response body.
///
/// When a *kept* connection turns out dead, the request is sent once more on a fresh one, within the call: if provably
/// nothing of it was sent, whatever its method; if something may have been, only when the method is idempotent (RFC 9110
/// 9.2.2), the request has no body, and not a byte of a response came. Making that connection is part of the call, within
/// the connect timeout.
#[derive(Debug)]
pub struct Established {
    /// Boxed: it moves often.
    connection: Option<Box<Ready>>,
}

/// How often a request is sent again that the peer of a connection of HTTP/2 refuses: a peer that goes away may be a few.
const RESENDS: u32 = 3;

/// A connection, and what it takes to replace it.
#[derive(Debug)]
struct Ready {
    lease: Lease,
    kept: bool,
    attempt: Option<Attempt>,
    route: Arc<Route>,
}

impl Established {
    pub(crate) fn fresh(lease: Lease, attempt: Option<Attempt>, route: Arc<Route>) -> Self {
        Self { connection: Some(Box::new(Ready { lease, kept: false, attempt, route })) }
    }

    pub(crate) fn kept(lease: Lease, attempt: Option<Attempt>, route: Arc<Route>) -> Self {
        Self { connection: Some(Box::new(Ready { lease, kept: true, attempt, route })) }
    }
}

impl<B> Service<Request<B>> for Established
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Sending;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    /// A second call fails: the connection is taken by the first.
    fn call(&mut self, mut request: Request<B>) -> Sending {
        let Some(ready) = self.connection.take() else {
            return Sending::failed(Error::Closed { sent: false });
        };
        let listener = Listener::of(request.extensions_mut(), &ready.route.transport.interims);
        let kept = ready.attempt.as_ref().is_some_and(|attempt| attempt.keeps(Keep::UPSTREAM_HEAD));
        let without = if kept { Unwanted::NONE } else { ready.route.transport.without.clone() };
        let framing = match prepare(&mut request, &ready.route.transport) {
            Ok(framing) => framing,
            Err(error) => return Sending::failed(error),
        };
        if framing.is_empty() {
            return ready.send(&mut request, Outgoing::empty(), listener, without);
        }
        let (head, body) = request.into_parts();
        ready.send(&mut Request::from_parts(head, ()), framing.frame(body), listener, without)
    }
}

/// What there is in `request`, taken out of it, with `body` in the place of its own.
#[inline(never)] // not for the own engine's requests, which are never moved
fn taken<T>(request: &mut Request<T>, body: Outgoing) -> Outbound {
    let mut taken = Request::new(body);
    std::mem::swap(taken.method_mut(), request.method_mut());
    std::mem::swap(taken.uri_mut(), request.uri_mut());
    std::mem::swap(taken.version_mut(), request.version_mut());
    std::mem::swap(taken.headers_mut(), request.headers_mut());
    std::mem::swap(taken.extensions_mut(), request.extensions_mut());
    Outbound::Plain(taken)
}

/// What there is to know of a request once it is on its way.
struct Sent {
    progress: Option<Arc<Progress>>,
    /// Whether the request says that the connection ends with it.
    closes: bool,
    listener: Option<Listener>,
}

impl Ready {
    /// Sends `request`, out of which it is taken, for a request is large, with `body` in the place of its own.
    fn send<T>(
        mut self: Box<Self>,
        request: &mut Request<T>,
        body: Outgoing,
        listener: Option<Listener>,
        without: Unwanted,
    ) -> Sending {
        let progress = body.progress();
        self.lease.begin();
        let connection = match &mut self.lease.connection {
            Connection::H1(connection) => connection,
            Connection::Hyper(_)
            | Connection::Http2(_)
            | Connection::FastCgi(_)
            | Connection::Cgi(_)
            | Connection::Memcached(_) => {
                let closes = head::closes(request.headers());
                let sent = Sent { progress, closes, listener };
                return Sending(State::Slow(Box::pin(self.slow(taken(request, body), sent))));
            }
        };
        // The engine has seen to it by itself.
        let sent = Sent { progress, closes: false, listener: listener.clone() };
        let Some(free) = connection.free(request.method(), &body, self.kept) else {
            let failure = Failure::unsent(taken(request, body));
            return Sending(State::Slow(Box::pin(self.settle(Err(failure), sent))));
        };
        let room = Box::new_uninit(); // first: the future is made in its place
        let answer = connection.begin(free, request, body, listener, without);
        Sending(State::Quick(Box::write(room, Quick { answer, rest: Some((self, sent)) })))
    }

    async fn slow(mut self: Box<Self>, request: Outbound, sent: Sent) -> Result<Response<Body>, BoxError> {
        let answer = self.lease.connection.send(request, self.kept, sent.listener.clone()).await;
        self.settle(answer, sent).await
    }

    /// Sends it again as long as that does no harm: once more if the connection was a kept one that turned out dead, over HTTP/2
    /// also what the peer provably did nothing with.
    async fn settle(
        mut self: Box<Self>,
        mut answer: Result<Answer, Failure>,
        sent: Sent,
    ) -> Result<Response<Body>, BoxError> {
        let mut more = match self.lease.connection {
            Connection::Http2(_) => RESENDS,
            _ => u32::from(self.kept),
        };
        while more > 0
            && let Err(failure) = &mut answer
            && let Some(again) = failure.again.take()
        {
            more = if failure.arrived { 0 } else { more - 1 };
            self.replace(failure.arrived.then(|| failure.error.status())).await?;
            self.lease.begin();
            answer = self.lease.connection.send(again, false, sent.listener.clone()).await;
        }
        self.finish(answer, sent)
    }

    #[expect(clippy::boxed_local, reason = "it is in its box already, and large")]
    fn finish(
        mut self: Box<Self>,
        answer: Result<Answer, Failure>,
        sent: Sent,
    ) -> Result<Response<Body>, BoxError> {
        let Sent { progress, closes, .. } = sent;
        let Answer { parts, content, heads } = match answer {
            Ok(answer) => answer,
            Err(failure) => return Err(why(failure, progress)),
        };
        // A peer that speaks HTTP/1.0 may keep the connection, but nginx does not believe it, and neither do we. All else the
        // own engine has judged.
        let reusable = match self.lease.connection {
            Connection::H1(_) => parts.version == Version::HTTP_11,
            Connection::Http2(_) | Connection::FastCgi(_) | Connection::Memcached(_) => true, // it comes back if it can be used
            Connection::Cgi(_) => false,
            Connection::Hyper(_) => !closes && head::keeps_alive(&parts),
        };
        let heads = heads.map(|heads| heads + self.lease.connection.interim());
        let body = match content {
            Content::Whole(data) => {
                let Self { lease, attempt, route, .. } = *self;
                let heads = heads.unwrap_or_default();
                let arrived = |attempt: Attempt| attempt.arrived(parts.status, &parts.headers, heads);
                let (record, length) = attempt.map_or((None, 0), arrived);
                if reusable && is_sent(progress.as_ref()) {
                    lease.give_back(&route.pool);
                }
                Body::whole(data, record, length)
            }
            Content::Streaming(incoming) => {
                let attempt = self.responded(&parts);
                Body::streaming(incoming, self.lease, &self.route.pool, reusable, progress, attempt, heads)
            }
            Content::Switched(upgraded) => {
                let attempt = self.responded(&parts);
                return Ok(switched(parts, upgraded.recorded(attempt)));
            }
        };
        Ok(Response::from_parts(parts, body))
    }

    /// The attempt has its head; its body is still to come.
    fn responded(&mut self, parts: &response::Parts) -> Option<Attempt> {
        let attempt = self.attempt.take()?;
        attempt.responded(parts.status, &parts.headers);
        Some(attempt)
    }

    /// `arrived`: the peer may have got the request, and this is the status that stands for what became of it.
    async fn replace(&mut self, arrived: Option<StatusCode>) -> Result<(), Error> {
        let key = Arc::clone(&self.lease.key);
        if let (Some(status), Some(attempt)) = (arrived, &mut self.attempt) {
            attempt.next(status); // a try of its own in the record, as in nginx
        }
        self.lease = dial(&self.route, &key.peer, key.special.as_ref(), self.attempt.as_mut()).await?;
        Ok(())
    }
}

#[cold]
fn switched(mut parts: response::Parts, upgraded: Upgraded) -> Response<Body> {
    parts.extensions.insert(Switched::new(upgraded));
    Response::from_parts(parts, Body::none())
}

/// Why there is no response: the request's own body, perhaps.
#[cold]
fn why(failure: Failure, progress: Option<Arc<Progress>>) -> BoxError {
    let cause = progress.and_then(|progress| progress.take_error());
    cause.map_or(failure.error, |source| Error::RequestBody { source }).into()
}

/// The response future of [`Established`]. Dropping it closes the connection.
pub struct Sending(State);

enum State {
    /// On the own engine, as long as nothing goes wrong.
    Quick(Box<Quick>),
    Slow(Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>),
    /// Also polled after its end.
    Failed(Option<Error>),
}

struct Quick {
    answer: h1::Sending,
    /// Until there is an answer.
    rest: Option<(Box<Ready>, Sent)>,
}

impl Sending {
    fn failed(error: Error) -> Self {
        Self(State::Failed(Some(error)))
    }
}

impl Future for Sending {
    type Output = Result<Response<Body>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match &mut self.0 {
                State::Quick(quick) => {
                    let answer = ready!(Pin::new(&mut quick.answer).poll(cx));
                    let Some((ready, sent)) = quick.rest.take() else { return Poll::Pending };
                    if ready.kept && answer.as_ref().is_err_and(|failure| failure.again.is_some()) {
                        self.0 = State::Slow(Box::pin(ready.settle(answer, sent)));
                    } else {
                        return Poll::Ready(ready.finish(answer, sent));
                    }
                }
                State::Slow(slow) => return slow.as_mut().poll(cx),
                State::Failed(error) => {
                    return error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error.into())));
                }
            }
        }
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}
