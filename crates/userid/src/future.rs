use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::SET_COOKIE;
use http::{HeaderName, HeaderValue, Response};
use pin_project_lite::pin_project;

const P3P: HeaderName = HeaderName::from_static("p3p");

pin_project! {
    /// The response of a [`UserId`](crate::UserId).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        cookie: Option<HeaderValue>,
        p3p: Option<HeaderValue>,
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) const fn new(inner: F, cookie: Option<HeaderValue>, p3p: Option<HeaderValue>) -> Self {
        Self { inner, cookie, p3p }
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
            for (name, value) in [(SET_COOKIE, this.cookie.take()), (P3P, this.p3p.take())] {
                if let Some(value) = value {
                    response.headers_mut().append(name, value);
                }
            }
        }
        polled // where it is: a response is large
    }
}
