//! The one seam type of a stack.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use parking_lot::Mutex;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Body, BoxError};

/// The future of a [`Route`]'s response.
pub type RouteFuture = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

/// A service with its type erased; a clone is a refcount bump.
#[derive(Clone)]
pub struct Route(Arc<dyn Erased>);

trait Erased: Send + Sync {
    fn call(&self, request: Request<Body>) -> RouteFuture;
}

impl Route {
    /// Erases the type of `service`.
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Arc::new(Seam { turn: Mutex::new(service.clone()), service }))
    }

    /// Puts `layer` around the route.
    #[must_use]
    pub fn layer<L, B>(self, layer: L) -> Self
    where
        L: Layer<Self>,
        L::Service: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request<Body>>>::Error: Into<BoxError>,
        <L::Service as Service<Request<Body>>>::Future: Send,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::new(layer.layer(self))
    }

    /// Puts `layer` around the route, if there is one; else the route stays as it is.
    #[must_use]
    pub fn layer_opt<L, B>(self, layer: Option<L>) -> Self
    where
        L: Layer<Self>,
        L::Service: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request<Body>>>::Error: Into<BoxError>,
        <L::Service as Service<Request<Body>>>::Future: Send,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        match layer {
            Some(layer) => self.layer(layer),
            None => self,
        }
    }

    /// Sends a request through the route. The future awaits readiness itself.
    pub fn call<B>(&self, request: Request<B>) -> RouteFuture
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.send(request.map(Body::new))
    }

    /// [`call`](Self::call) with a request that has the stack's own body, and so needs not move into another.
    #[inline]
    pub fn send(&self, request: Request<Body>) -> RouteFuture {
        self.0.call(request)
    }
}

impl<B> Service<Request<B>> for Route
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = RouteFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> RouteFuture {
        Self::call(self, request)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").finish_non_exhaustive()
    }
}

struct Seam<S> {
    service: S,
    /// A clone for who comes first: calls return at once, so that it is free but for another thread's call at that very moment,
    /// and a call costs no clone of its own.
    turn: Mutex<S>,
}

impl<S, B> Erased for Seam<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn call(&self, request: Request<Body>) -> RouteFuture {
        match self.turn.try_lock() {
            Some(mut service) => call(&mut *service, request),
            None => call(&mut self.service.clone(), request),
        }
    }
}

fn call<S, B>(service: &mut S, request: Request<Body>) -> RouteFuture
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    // Nearly always ready at once: then the request moves straight into its future.
    match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(())) => Box::pin(SeamFuture::<S, S::Future>::Called { future: service.call(request) }),
        Poll::Ready(Err(error)) => Box::pin(std::future::ready(Err(error.into()))),
        Poll::Pending => Box::pin(SeamFuture::Waiting { service: service.clone(), request: Some(request) }),
    }
}

pin_project! {
    #[project = Project]
    enum SeamFuture<S, F> {
        // The group has not said yet that it is ready.
        Waiting { service: S, request: Option<Request<Body>> },
        Called { #[pin] future: F },
        Done,
    }
}

impl<S, B> Future for SeamFuture<S, S::Future>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<Body>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let next = match self.as_mut().project() {
                Project::Waiting { service, request } => {
                    ready!(service.poll_ready(cx)).map_err(Into::into)?;
                    request.take().map(|request| service.call(request))
                }
                Project::Called { future } => {
                    let result = ready!(future.poll(cx));
                    self.set(Self::Done);
                    return Poll::Ready(match result {
                        Ok(response) => Ok(response.map(Body::new)),
                        Err(error) => Err(error.into()),
                    });
                }
                // Polled after its end: pending for ever is the documented freedom of a future, and no panic.
                Project::Done => return Poll::Pending,
            };
            let Some(future) = next else { return Poll::Pending };
            self.set(Self::Called { future });
        }
    }
}
