//! The future of a response.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use crate::ResponseBody;
use crate::open::OpenSpan;

pin_project! {
    /// The future that [`Trace`](crate::Trace) returns. Dropped before its end, it records the span of a request that has no status.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        open: Option<OpenSpan>,
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(inner: F, open: Option<OpenSpan>) -> Self {
        Self { inner, open }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx));
        let mut open = this.open.take();
        Poll::Ready(match result {
            Ok(response) => {
                if let Some(open) = &mut open {
                    open.responded(response.status());
                }
                Ok(response.map(|body| ResponseBody::new(body, open)))
            }
            Err(error) => {
                if let Some(open) = &mut open {
                    open.fails("service");
                }
                Err(error)
            }
        })
    }
}
