//! `slice`: responses that are asked for in slices, each of which is kept by itself.

use std::future::Future;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::{HeaderValue, RANGE};
use http::{Request, Response, StatusCode, request};
use pin_project_lite::pin_project;
use propylon_config::{Runtime, Settings};
use propylon_exchange::Exchange;
use propylon_slice::{Slice, SliceLayer};
use propylon_stack::{Body, BoxError, Route};
use tower_service::Service;

use super::buffer::Keeping;
use super::{cache, passing};

/// A location's stack from here inwards, asked for slices of this size.
pub(super) fn sliced(size: NonZeroU64, kept: Route, settings: &Settings, runtime: &Runtime) -> Route {
    let keeping = Arc::new(Keeping::new(settings, runtime));
    // As in nginx, what the first slice was answered with is what is told of the request.
    let layer = SliceLayer::new(size).asking(ask).beside(cache::extensions_beside);
    passing::around(Route::plain(Kept { inner: kept, keeping }), Some(layer))
}

/// The key of the cache tells slices apart; it must not judge by `Range`, which is set [inside](Ranged) of it.
fn ask(request: &mut request::Parts, slice: Option<Slice>) {
    if let Some(exchange) = request.extensions.get::<Exchange>() {
        propylon_vars::set_slice_range(exchange, slice.map(|slice| slice.to_string().into()));
    }
}

/// Says in `Range` which slice a request is for. What is set nearer to the leaf goes before it.
#[derive(Clone)]
pub(super) struct Ranged<S>(pub(super) S);

impl<S> Service<Request<Body>> for Ranged<S>
where
    S: Service<Request<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> S::Future {
        let range = request.extensions().get().and_then(propylon_vars::slice_range);
        if let Some(range) = range.and_then(|range| HeaderValue::from_maybe_shared(range).ok()) {
            request.headers_mut().insert(RANGE, range);
        }
        self.0.call(request)
    }
}

/// Keeps each slice on its way, in the place of the whole: nothing is read ahead of a client but the rest of a slice.
#[derive(Clone)]
struct Kept {
    inner: Route,
    keeping: Arc<Keeping>,
}

impl Service<Request<Body>> for Kept {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = KeptFuture<<Route as Service<Request<Body>>>::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        <Route as Service<Request<Body>>>::poll_ready(&mut self.inner, cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let exchange = request.extensions().get::<Exchange>().cloned();
        KeptFuture { exchange, keeping: self.keeping.clone(), inner: self.inner.call(request) }
    }
}

pin_project! {
    struct KeptFuture<F> {
        #[pin]
        inner: F,
        keeping: Arc<Keeping>,
        exchange: Option<Exchange>,
    }
}

impl<F> Future for KeptFuture<F>
where
    F: Future<Output = Result<Response<Body>, BoxError>>,
{
    type Output = Result<Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        let slice = response.status() == StatusCode::PARTIAL_CONTENT && response.body().as_bytes().is_none();
        Poll::Ready(Ok(if slice {
            this.keeping.keep(response, false, this.exchange.as_ref())
        } else {
            response
        }))
    }
}
