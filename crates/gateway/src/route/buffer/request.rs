//! `buffer`, the request side, and `limit.body_size`: bodies that can be sent again.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use http_body::Body as _;
use parking_lot::Mutex;
use pin_project_lite::pin_project;
use propylon_buffer::{Mode, RequestBody, RequestBuffer, RequestBufferLayer, ResponseFuture};
use propylon_config::{Runtime, Settings};
use propylon_exchange::{Exchange, Keep};
use propylon_stack::{Body, BoxError};
use tower_layer::Layer;
use tower_service::Service;

use super::noted::Noted;

/// Where a round leaves the request's body for the rounds that follow it, once it is whole (a request extension).
#[derive(Clone, Debug, Default)]
pub(crate) struct Keeper(Arc<Mutex<Option<Body>>>);

impl Keeper {
    /// The body from its beginning, if a round has read it whole.
    pub(crate) fn take(&self) -> Option<Body> {
        self.0.lock().take()
    }
}

/// Keeps request bodies as the settings say.
#[derive(Clone, Debug)]
pub(crate) struct BufferLayer {
    layer: RequestBufferLayer,
    memory: usize,
}

impl BufferLayer {
    pub(crate) fn new(settings: &Settings, runtime: &Runtime) -> Self {
        let directory = super::directory(runtime);
        let buffer = &settings.buffer;
        let layer = RequestBufferLayer::new(directory)
            .mode(if buffer.request { Mode::Whole } else { Mode::Stream })
            .memory(buffer.request_memory)
            .in_file_only(buffer.request_in_file_only)
            .max_size(settings.limit.body_size);
        Self { layer, memory: buffer.request_memory }
    }
}

impl<S> Layer<S> for BufferLayer {
    type Service = Buffer<S>;

    fn layer(&self, inner: S) -> Buffer<S> {
        Buffer(self.layer.layer(Unwrap { inner, memory: self.memory }))
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Buffer<S>(RequestBuffer<Unwrap<S>>);

impl<S> Service<Request<Body>> for Buffer<S>
where
    S: Service<Request<Body>, Error = BoxError> + Clone,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BufferFuture<S::Future, ResponseFuture<Unwrap<S>, Body>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.get_mut().inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.body().is_end_stream() {
            return BufferFuture::Empty { future: self.0.get_mut().inner.call(request) };
        }
        BufferFuture::Kept { future: self.0.call(request) }
    }
}

pin_project! {
    #[project = Project]
    pub(crate) enum BufferFuture<E, K> {
        Empty { #[pin] future: E },
        Kept { #[pin] future: K },
    }
}

impl<E, K, T> Future for BufferFuture<E, K>
where
    E: Future<Output = Result<T, BoxError>>,
    K: Future<Output = Result<T, BoxError>>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Project::Empty { future } => future.poll(cx),
            Project::Kept { future } => future.poll(cx),
        }
    }
}

/// Makes the stack's bodies of those that were kept.
#[derive(Clone, Debug)]
pub(crate) struct Unwrap<S> {
    inner: S,
    memory: usize,
}

impl<S> Service<Request<RequestBody<Body>>> for Unwrap<S>
where
    S: Service<Request<Body>, Error = BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<RequestBody<Body>>) -> S::Future {
        let (mut parts, body) = request.into_parts();
        if let Some(begun) = body.begun() {
            parts.extensions.insert(begun);
        }
        let exchange = parts.extensions.get::<Exchange>();
        let noted = exchange.filter(|exchange| exchange.keeps(Keep::REQUEST_BODY));
        let body = match (body.replay().map(|replay| (replay.as_bytes(), replay)), noted) {
            (Some((Some(bytes), _)), noted) => {
                if let Some(exchange) = noted {
                    exchange.request_body_came(bytes.clone());
                }
                Body::from(bytes.clone())
            }
            (Some((None, replay)), _) => Body::replayable(replay.clone()),
            (None, Some(exchange)) => {
                let body = Body::replayable(Noted::new(body, exchange.clone(), self.memory));
                return self.inner.call(Request::from_parts(parts, body));
            }
            (None, None) => return self.inner.call(Request::from_parts(parts, Body::replayable(body))),
        };
        if let Some(Keeper(keeper)) = parts.extensions.remove() {
            *keeper.lock() = body.try_clone();
        }
        self.inner.call(Request::from_parts(parts, body))
    }
}
