//! The service.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use tower_service::Service;

use super::body::RequestBody;
use super::fill::fill;
use super::future::ResponseFuture;
use super::layer::Settings;
use crate::error::BoxError;

/// A service whose requests have bodies that can be sent again. Made by
/// [`RequestBufferLayer`](crate::RequestBufferLayer).
#[derive(Clone, Debug)]
pub struct RequestBuffer<S> {
    pub(crate) inner: S,
    pub(crate) settings: Arc<Settings>,
}

impl<S> RequestBuffer<S> {
    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B> Service<Request<B>> for RequestBuffer<S>
where
    S: Service<Request<RequestBody<B>>> + Clone,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let body = request.body();
        if body.is_end_stream() {
            return ResponseFuture::calling(self.inner.call(request.map(|_| RequestBody::empty())));
        }
        if let Err(error) = self.settings.admit(body) {
            return ResponseFuture::failed(error.into());
        }
        if !self.settings.mode.is_whole(body) {
            let limit = self.settings.max_size;
            let request = request.map(|body| RequestBody::stream(body, limit));
            return ResponseFuture::calling(self.inner.call(request));
        }
        let (parts, body) = request.into_parts();
        let filling = Box::pin(fill(body, Arc::clone(&self.settings)));
        // The one that was ready goes along: its readiness may be a place that nobody else can have.
        let spare = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, spare);
        ResponseFuture::filling(filling, parts, ready)
    }
}
