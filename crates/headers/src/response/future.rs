//! The future.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use super::fields::Fields;

pin_project! {
    /// The response of [`ResponseHeaders`](crate::ResponseHeaders).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        fields: Arc<Fields>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, fields: Arc<Fields>) -> Self {
        Self { inner, fields }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        let (mut parts, body) = response.into_parts();
        this.fields.apply(&mut parts);
        Poll::Ready(Ok(Response::from_parts(parts, body)))
    }
}
