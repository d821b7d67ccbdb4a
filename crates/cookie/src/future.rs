use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;

use crate::rules::Rules;

pin_project! {
    /// The response of a [`Cookie`](crate::Cookie).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        rules: Arc<Rules>,
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) const fn new(inner: F, rules: Arc<Rules>) -> Self {
        Self { inner, rules }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut polled = this.inner.poll(cx);
        if let Poll::Ready(Ok(response)) = &mut polled {
            this.rules.apply(response);
        }
        polled // where it is: a response is large
    }
}
