//! The response future.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::body::ResponseBody;
use super::layer::ResponseBufferLayer;

pin_project! {
    /// The response of [`ResponseBuffer`](crate::ResponseBuffer).
    #[derive(Debug)]
    pub struct BufferedFuture<F> {
        #[pin]
        pub(super) inner: F,
        pub(super) layer: ResponseBufferLayer,
        pub(super) connect: bool,
    }
}

impl<F, B, E> Future for BufferedFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (head, body) = ready!(this.inner.poll(cx))?.into_parts();
        let way = this.layer.way(&head, *this.connect);
        Poll::Ready(Ok(Response::from_parts(head, this.layer.body(way, body, None))))
    }
}
