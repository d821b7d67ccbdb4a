//! Layers around routes whose bodies merely pass, most of the time.

use std::task::{Context, Poll};

use futures_util::TryFutureExt as _;
use futures_util::future::MapOk;
use http::{Request, Response};
use http_body::Body as HttpBody;
use propylon_stack::{Body, BoxError, Route};
use tower_layer::Layer;
use tower_service::Service;

/// Puts `layer` around the route, if there is one. A body that it lets pass is what it was: it has no box of its own, and what is whole in
/// memory is known to be that.
pub(super) fn around<L, B>(route: Route, layer: Option<L>) -> Route
where
    L: Layer<Route>,
    L::Service:
        Service<Request<Body>, Response = Response<B>, Error = BoxError> + Clone + Send + Sync + 'static,
    <L::Service as Service<Request<Body>>>::Future: Send,
    B: Passing,
{
    match layer {
        Some(layer) => Route::plain(Passed(layer.layer(route))),
        None => route,
    }
}

/// A layer's body.
pub(super) trait Passing:
    HttpBody<Data = bytes::Bytes, Error = BoxError> + Send + Sized + 'static
{
    /// The body inside, if nothing is done with it.
    fn inside(self) -> Result<Body, Self>;
}

macro_rules! passing {
    ($($body:ty)*) => {$(
        impl Passing for $body {
            fn inside(self) -> Result<Body, Self> {
                self.into_inner()
            }
        }
    )*};
}

passing! {
    propylon_force_ranges::ResponseBody<Body>
    propylon_slice::ResponseBody<Body>
    propylon_store::ResponseBody<Body>
}

#[derive(Clone)]
struct Passed<S>(S);

impl<S, B> Service<Request<Body>> for Passed<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
    B: Passing,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = MapOk<S::Future, fn(Response<B>) -> Response<Body>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.call(request).map_ok(|response| response.map(|body| body.inside().unwrap_or_else(Body::new)))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use propylon_force_ranges::ForceRangesLayer;
    use propylon_slice::SliceLayer;
    use propylon_store::StoreLayer;

    use super::*;

    #[derive(Clone)]
    struct Hello;

    impl Service<Request<Body>> for Hello {
        type Response = Response<Body>;
        type Error = BoxError;
        type Future = std::future::Ready<Result<Response<Body>, BoxError>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            std::future::ready(Ok(Response::new(Body::from("hello"))))
        }
    }

    #[tokio::test]
    async fn what_passes_is_what_it_was() {
        let hello = || Route::plain(Hello);
        for route in [
            around(hello(), Some(ForceRangesLayer::new())),
            around(hello(), Some(SliceLayer::new(NonZeroU64::MIN))),
            around(hello(), Some(StoreLayer::new(|_| None))),
        ] {
            let response = route.call(Request::new(Body::empty())).await.unwrap();
            assert_eq!(response.body().as_bytes().unwrap(), "hello");
        }
    }
}
