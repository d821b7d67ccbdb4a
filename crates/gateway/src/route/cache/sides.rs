//! Bodies and what is known of them, on both sides of the cache.

use std::pin::Pin;
use std::task::{self, Context, Poll};

use futures_util::TryFutureExt as _;
use futures_util::future::{Either, MapOk, Ready, ready};
use http::{Request, Response};
use propylon_cache::ResponseBody;
use propylon_exchange::{Exchange, Keep};
use propylon_h1::server::SendBuffer;
use propylon_stack::{Body, BoxError};
use tower_service::Service;

use super::lookup::Lookup;
use crate::upstreams::{self, LeafBody};

/// Gives the responses of upstreams the body that everything around has.
#[derive(Clone)]
pub(super) struct Arrived<S> {
    pub(super) inner: S,
    pub(super) trailers: bool,
}

impl<S> Service<Request<Body>> for Arrived<S>
where
    S: Service<Request<Body>, Response = Response<LeafBody>, Error = BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = MapOk<S::Future, fn(Response<LeafBody>) -> Response<Body>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let with: fn(Response<LeafBody>) -> Response<Body> = match self.trailers {
            true => |response| response.map(|body| upstreams::body(body, true)),
            false => |response| response.map(|body| upstreams::body(body, false)),
        };
        self.inner.call(request).map_ok(with)
    }
}

/// Gives responses that passed the cache the body that everything around has.
#[derive(Clone)]
pub(super) struct Left<S> {
    pub(super) inner: S,
    /// Where variables name the zone.
    pub(super) named: Option<Lookup>,
}

impl<S> Service<Request<Body>> for Left<S>
where
    S: Service<Request<Body>, Response = Response<ResponseBody<Body>>, Error = BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Either<LeftFuture<S::Future>, Ready<Result<Response<Body>, BoxError>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let exchange = request.extensions().get::<Exchange>();
        if let Some((lookup, exchange)) = self.named.as_ref().zip(exchange)
            && let Some(missing) = lookup.missing(exchange, request.extensions())
        {
            return Either::Right(ready(Err(missing.into())));
        }
        let exchange = exchange.filter(|exchange| exchange.keeps(Keep::UPSTREAM_HEAD)).cloned();
        Either::Left(LeftFuture { exchange, inner: self.inner.call(request) })
    }
}

pin_project_lite::pin_project! {
    pub(super) struct LeftFuture<F> {
        #[pin]
        inner: F,
        // Of one that shows what upstreams say, which is what was kept of it.
        exchange: Option<Exchange>,
    }
}

impl<F> Future for LeftFuture<F>
where
    F: Future<Output = Result<Response<ResponseBody<Body>>, BoxError>>,
{
    type Output = Result<Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = task::ready!(this.inner.poll(cx))?;
        if let Some(exchange) = this.exchange {
            exchange.upstream_responded(response.headers());
        }
        if response.body().is_in_file() {
            response.extensions_mut().insert(SendBuffer(AHEAD));
        }
        Poll::Ready(Ok(response.map(body)))
    }
}

/// How much of a stored file may wait for its client: it is not kept in buffers.
const AHEAD: usize = 64 << 10;

/// What is whole in memory, or is the upstream's and nothing else, needs no box.
fn body(mut body: ResponseBody<Body>) -> Body {
    match body.take_bytes() {
        Some(bytes) => Body::from(bytes),
        None => match body.into_inner() {
            Ok(body) => body,
            Err(body) => Body::new(body),
        },
    }
}
