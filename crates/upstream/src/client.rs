//! The leaf service of one route.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use propylon_exchange::Exchange;
use tower_layer::{Identity, Layer};
use tower_service::Service;

use crate::future::ResponseFuture;
use crate::open::open;
use crate::{BoxError, Error, Established, Peer, Pool, Transport};

/// The leaf: sends each request to the [`Peer`] in its extensions, on a kept connection or a new one.
///
/// One for each route: the pool belongs to the worker and the upstream, the transport settings to the route. A clone costs
/// a refcount bump and a clone of the layer. See the [crate's documentation](crate) for what it does.
#[derive(Clone, Debug)]
pub struct Client<L = Identity> {
    pub(crate) route: Arc<Route>,
    pub(crate) layer: L,
}

/// What a route's requests share.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) pool: Pool,
    pub(crate) transport: Transport,
    pub(crate) failure_status: fn(&BoxError) -> Option<StatusCode>,
}

impl Client {
    /// A leaf that takes its connections from `pool`.
    #[must_use]
    pub fn new(pool: Pool, transport: Transport) -> Self {
        Self { route: Arc::new(Route { pool, transport, failure_status }), layer: Identity::new() }
    }
}

impl<L> Client<L> {
    /// Wraps what sends on an *established* connection, so that a timeout in `layer` does not count connecting. It replaces
    /// a layer set before.
    #[must_use]
    pub fn layer<M>(self, layer: M) -> Client<M> {
        Client { route: self.route, layer }
    }

    /// The status that is recorded for a try that failed with this error, the layer's own errors included (nginx:
    /// `$upstream_status`); none if it was not the peer that failed. Default: [`Error::status`], and 502 for what is no
    /// [`Error`].
    #[must_use]
    pub fn failure_status(mut self, status: fn(&BoxError) -> Option<StatusCode>) -> Self {
        Arc::make_mut(&mut self.route).failure_status = status;
        self
    }

    /// A service that sends to `peer`, whatever is in the request's extensions.
    #[must_use]
    pub fn to(&self, peer: Peer) -> ToPeer<L>
    where
        L: Clone,
    {
        ToPeer { client: self.clone(), peer }
    }

    /// Sends a request to `peer`, whatever is in its extensions: what a service of [`to`](Self::to) does, without one being made.
    #[inline]
    pub fn send<B>(&self, peer: &Peer, request: Request<B>) -> ResponseFuture<L, B>
    where
        L: Layer<Established> + Clone,
        L::Service: Service<Request<B>>,
    {
        let exchange = request.extensions().get::<Exchange>();
        let (opened, exchange) = (open(peer, &self.route, exchange, request.extensions()), exchange.cloned());
        ResponseFuture::new(opened, exchange, &self.layer, request, self.route.failure_status)
    }
}

impl<L, B, R> Service<Request<B>> for Client<L>
where
    L: Layer<Established> + Clone,
    L::Service: Service<Request<B>, Response = Response<R>>,
    <L::Service as Service<Request<B>>>::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes>,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = ResponseFuture<L, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match request.extensions_mut().remove::<Peer>() {
            Some(peer) => self.send(&peer, request),
            None => ResponseFuture::failed(Error::NoPeer),
        }
    }
}

/// A [`Client`] and one [`Peer`]: made by [`Client::to`].
#[derive(Clone, Debug)]
pub struct ToPeer<L = Identity> {
    client: Client<L>,
    peer: Peer,
}

impl<L, B, R> Service<Request<B>> for ToPeer<L>
where
    L: Layer<Established> + Clone,
    L::Service: Service<Request<B>, Response = Response<R>>,
    <L::Service as Service<Request<B>>>::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes>,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = ResponseFuture<L, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.client.send(&self.peer, request)
    }
}

fn failure_status(error: &BoxError) -> Option<StatusCode> {
    Some(error.downcast_ref::<Error>().map_or(StatusCode::BAD_GATEWAY, Error::status))
}
