use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

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
        let mut polled = this.inner.poll(cx);
        if let Poll::Ready(Ok(response)) = &mut polled
            // One look at the names costs less than a search for each.
            && response.headers().keys().any(|name| *name == LOCATION || *name == REFRESH)
        {
            rewrite(this.rules, response);
        }
        polled // where it is: a response is large
    }
}

/// Applies the rules to a response that stays where it is.
fn rewrite<B>(rules: &Rules, response: &mut Response<B>) {
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = response.status();
    head.version = response.version();
    head.headers = std::mem::take(response.headers_mut());
    head.extensions = std::mem::take(response.extensions_mut());
    rules.apply(&mut head);
    *response.headers_mut() = head.headers;
    *response.extensions_mut() = head.extensions;
}
