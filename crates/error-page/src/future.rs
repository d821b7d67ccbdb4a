use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Response, response};
use pin_project_lite::pin_project;

use crate::layer::Rules;
use crate::{Page, ShownStatus};

/// A response that is to be replaced.
#[derive(Debug)]
pub struct Failure<'a, T, R> {
    /// What the page was registered with.
    pub target: &'a T,
    /// Which status the client is to see.
    pub shown: ShownStatus,
    /// The head of the response that is replaced: its status is the error.
    pub head: &'a response::Parts,
    /// Its body.
    pub body: R,
}

pin_project! {
    /// The response of the inner service, or what stands in its place.
    pub struct ResponseFuture<F, T, A> {
        #[pin]
        inner: F,
        rules: Option<Arc<Rules<T, A>>>,
    }
}

impl<F, T, A> ResponseFuture<F, T, A> {
    pub(crate) const fn new(inner: F, rules: Option<Arc<Rules<T, A>>>) -> Self {
        Self { inner, rules }
    }
}

impl<F, T, A> fmt::Debug for ResponseFuture<F, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F, T, A, R, E> Future for ResponseFuture<F, T, A>
where
    F: Future<Output = Result<Response<R>, E>>,
    A: Fn(Failure<'_, T, R>) -> Response<R>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        let Some(rules) = this.rules else { return Poll::Ready(Ok(response)) };
        let Some(page) = rules.pages.find(response.status()) else { return Poll::Ready(Ok(response)) };
        let (head, body) = response.into_parts();
        if !(rules.intercepts)(&head) {
            return Poll::Ready(Ok(Response::from_parts(head, body)));
        }
        let Page { target, shown } = page;
        Poll::Ready(Ok((rules.answer)(Failure { target, shown: *shown, head: &head, body })))
    }
}
