use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use http::header::{LOCATION, REFRESH};
use pin_project_lite::pin_project;

use crate::rules::Rules;

pin_project! {
    /// The response of a [`Redirect`](crate::Redirect).
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
        let response = ready!(this.inner.poll(cx))?;
        let headers = response.headers();
        if !headers.contains_key(LOCATION) && !headers.contains_key(REFRESH) {
            return Poll::Ready(Ok(response));
        }
        let (mut parts, body) = response.into_parts();
        this.rules.apply(&mut parts);
        Poll::Ready(Ok(Response::from_parts(parts, body)))
    }
}
