//! The service that sends one request on an established connection.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use propylon_h1::server::Interim;
use tower_service::Service;

use crate::attempt::Attempt;
use crate::client::Route;
use crate::connection::{Answer, Outbound};
use crate::open::Way;
use crate::outgoing::{Outgoing, prepare};
use crate::pool::Lease;
use crate::{Body, BoxError, Error, Switched, head};

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
    connection: Option<Ready>,
}

/// A connection, and what it takes to replace it.
#[derive(Debug)]
struct Ready {
    lease: Lease,
    kept: bool,
    way: Way,
    route: Arc<Route>,
}

impl Established {
    pub(crate) fn fresh(lease: Lease, way: Way, route: Arc<Route>) -> Self {
        Self::new(Ready { lease, kept: false, way, route })
    }

    pub(crate) fn kept(lease: Lease, way: Way, route: Arc<Route>) -> Self {
        Self::new(Ready { lease, kept: true, way, route })
    }

    fn new(ready: Ready) -> Self {
        if let Some(attempt) = &ready.way.attempt {
            attempt.connected(ready.lease.connection.traffic());
        }
        Self { connection: Some(ready) }
    }

    pub(crate) fn attempt(&self) -> Option<Arc<Attempt>> {
        self.connection.as_ref().and_then(|ready| ready.way.attempt.clone())
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
        let listener = request.extensions_mut().remove::<Interim>();
        match prepare(request, &ready.route.transport) {
            Ok(request) => Sending(Box::pin(ready.send(request, listener))),
            Err(error) => Sending::failed(error),
        }
    }
}

impl Ready {
    async fn send(
        mut self,
        request: Request<Outgoing>,
        listener: Option<Interim>,
    ) -> Result<Response<Body>, BoxError> {
        let progress = request.body().progress();
        let closes = head::closes(request.headers());

        self.lease.begin();
        let mut result =
            self.lease.connection.send(Outbound::Plain(request), self.kept, listener.clone()).await;
        if let Err(failure) = &mut result
            && self.kept
            && let Some(again) = failure.again.take()
        {
            self.replace(failure.arrived.then(|| failure.error.status())).await?;
            self.lease.begin();
            result = self.lease.connection.send(again, false, listener).await;
        }

        let Answer { mut parts, incoming, heads, upgraded } = result.map_err(|failure| {
            let cause = progress.as_ref().and_then(|progress| progress.take_error());
            cause.map_or(failure.error, |source| Error::RequestBody { source })
        })?;
        if let Some(attempt) = &self.way.attempt {
            attempt.responded(parts.status, &parts.headers);
        }
        if let Some(upgraded) = upgraded {
            parts.extensions.insert(Switched::new(upgraded.recorded(self.way.attempt)));
            return Ok(Response::from_parts(parts, Body::none(incoming)));
        }
        let reusable = !closes && head::keeps_alive(&parts);
        let body = Body::new(incoming, self.lease, reusable, progress, self.way.attempt, heads);
        Ok(Response::from_parts(parts, body))
    }

    /// `arrived`: the peer may have got the request, and this is the status that stands for what became of it.
    async fn replace(&mut self, arrived: Option<StatusCode>) -> Result<(), Error> {
        if let (Some(status), Some(attempt)) = (arrived, &self.way.attempt) {
            attempt.next(status, self.way.peer()); // a try of its own in the record, as in nginx
        }
        self.lease = self.way.dial(&self.route).await?;
        if let Some(attempt) = &self.way.attempt {
            attempt.connected(self.lease.connection.traffic());
        }
        Ok(())
    }
}

/// The response future of [`Established`]. Dropping it closes the connection.
pub struct Sending(Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>);

impl Sending {
    fn failed(error: Error) -> Self {
        Self(Box::pin(std::future::ready(Err(error.into()))))
    }
}

impl Future for Sending {
    type Output = Result<Response<Body>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}
