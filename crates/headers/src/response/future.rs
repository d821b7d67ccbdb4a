//! The future.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

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
        let mut polled = this.inner.poll(cx);
        if let Poll::Ready(Ok(response)) = &mut polled {
            write(this.fields, response);
        }
        polled // where it is: a response is large
    }
}

fn write<B>(fields: &Fields, response: &mut Response<B>) {
    if fields.only_removes() {
        return fields.clean(response.status(), response.headers_mut());
    }
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = response.status();
    head.version = response.version();
    head.headers = std::mem::take(response.headers_mut());
    head.extensions = std::mem::take(response.extensions_mut());
    fields.apply(&mut head);
    *response.headers_mut() = head.headers;
    *response.extensions_mut() = head.extensions;
}
