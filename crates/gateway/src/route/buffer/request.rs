//! `buffer`, the request side, and `limit.body_size`: bodies that can be sent again.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::Body as _;
use parking_lot::Mutex;
use pin_project_lite::pin_project;
use propylon_buffer::{Begun, Mode, Replay, RequestBody, RequestBuffer, RequestBufferLayer, ResponseFuture};
use propylon_config::{Runtime, Settings};
use propylon_exchange::{Exchange, Keep};
use propylon_stack::{Body, BoxError};
use tower_layer::Layer;
use tower_service::Service;

use super::noted::Noted;

/// Where a round leaves the request's body for the rounds that follow it (a request extension).
#[derive(Clone, Debug, Default)]
pub(crate) struct Keeper(Arc<Mutex<Option<Left>>>);

/// What a round has left of the request's body: all of it, unless it [is gone](Left::is_gone).
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) body: Body,
    /// Of a body that is passed on as it comes.
    begun: Option<Begun>,
}

impl Left {
    /// Whether some of it was passed on, and not kept: reading it is an error.
    pub(crate) fn is_gone(&self) -> bool {
        self.begun.as_ref().is_some_and(Begun::has_begun)
    }
}

impl Keeper {
    /// Leaves the body of a request to which it does not matter.
    pub(crate) fn give_back(request: &mut Request<Body>) {
        if request.body().is_end_stream() {
            return;
        }
        if let Some(Self(keeper)) = request.extensions_mut().remove() {
            *keeper.lock() = Some(Left { body: std::mem::take(request.body_mut()), begun: None });
        }
    }

    /// The body from its beginning, if a round has left it.
    pub(crate) fn take(&self) -> Option<Left> {
        self.0.lock().take()
    }
}

/// A body that was let go of half read: too large, or there was no room for it.
pub(crate) struct Lost;

impl http_body::Body for Lost {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>> {
        Poll::Ready(Some(Err(propylon_buffer::Error::Gone.into())))
    }
}

/// The body of a request with this extension is here as a whole, and can be had again: there is nothing to keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole;

/// Keeps request bodies as the settings say.
#[derive(Clone, Debug)]
pub(crate) struct BufferLayer {
    layer: RequestBufferLayer,
    memory: usize,
    max_size: Option<u64>,
}

impl BufferLayer {
    /// `wants_length`: for an upstream that has to be told a body's length before it. What has none is read as a whole.
    pub(crate) fn new(settings: &Settings, runtime: &Runtime, wants_length: bool) -> Self {
        let directory = super::directory(runtime);
        let buffer = &settings.buffer;
        let layer = RequestBufferLayer::new(directory)
            .mode(match (buffer.request, wants_length) {
                (true, _) => Mode::Whole,
                (false, true) => Mode::StreamAnnounced,
                (false, false) => Mode::Stream,
            })
            .memory(buffer.request_memory)
            .in_file_only(buffer.request_in_file_only)
            .max_size(settings.limit.body_size);
        Self { layer, memory: buffer.request_memory, max_size: settings.limit.body_size }
    }

    /// One that passes bodies on as they come, whatever the settings say of that.
    pub(crate) fn passing(settings: &Settings, runtime: &Runtime) -> Self {
        let mut buffer = Self::new(settings, runtime, false);
        buffer.layer = buffer.layer.mode(Mode::Stream);
        buffer
    }

    /// Reads all of a body now, whatever the settings say of that.
    pub(crate) async fn read(&self, body: Body) -> Result<Body, BoxError> {
        Ok(kept(&Box::pin(self.layer.read(body)).await?))
    }
}

fn kept(replay: &Replay) -> Body {
    match replay.as_bytes() {
        Some(bytes) => Body::from(bytes.clone()),
        None => Body::replayable(replay.clone()),
    }
}

impl<S> Layer<S> for BufferLayer {
    type Service = Buffer<S>;

    fn layer(&self, inner: S) -> Buffer<S> {
        let Self { layer, memory, max_size } = self;
        Buffer(layer.layer(Unwrap { inner, memory: *memory, max_size: *max_size }))
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
        if request.extensions().get::<Whole>().is_some() && self.0.get_ref().takes(&request) {
            return BufferFuture::Empty { future: self.0.get_mut().pass(request) };
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
    max_size: Option<u64>,
}

impl<S> Unwrap<S> {
    /// Whether a body that is here is not too large here.
    fn takes(&self, request: &Request<Body>) -> bool {
        request.body().size_hint().exact().is_some_and(|size| self.max_size.is_none_or(|most| size <= most))
    }

    /// Passes a request on whose body is here.
    #[cold]
    fn pass(&mut self, mut request: Request<Body>) -> S::Future
    where
        S: Service<Request<Body>>,
    {
        if let (Some(bytes), Some(exchange)) =
            (request.body().as_bytes(), request.extensions().get::<Exchange>())
        {
            exchange.request_body_came(bytes.clone());
        }
        if let Some(Keeper(keeper)) = request.extensions_mut().remove() {
            *keeper.lock() = request.body().try_clone().map(|body| Left { body, begun: None });
        }
        self.inner.call(request)
    }
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
        let begun = body.begun();
        if let Some(begun) = &begun {
            parts.extensions.insert(begun.clone());
        }
        let exchange = parts.extensions.get::<Exchange>();
        let noted = exchange.filter(|exchange| exchange.keeps(Keep::REQUEST_BODY));
        let body = match (body.replay(), noted) {
            (Some(replay), noted) => {
                if let (Some(exchange), Some(bytes)) = (noted, replay.as_bytes()) {
                    exchange.request_body_came(bytes.clone());
                }
                kept(replay)
            }
            (None, Some(exchange)) => Body::replayable(Noted::new(body, exchange.clone(), self.memory)),
            (None, None) => Body::replayable(body),
        };
        if let Some(Keeper(keeper)) = parts.extensions.remove() {
            *keeper.lock() = body.try_clone().map(|body| Left { body, begun });
        }
        self.inner.call(Request::from_parts(parts, body))
    }
}
