use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use crate::body::code;
use crate::rules::{Asked, Rules};
use crate::sizes::Sizes;
use crate::{BoxError, ResponseBody};

pin_project! {
    /// The response, compressed if it may be.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        asked: Asked,
        rules: Arc<Rules>,
        sizes: Option<Arc<Sizes>>,
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) const fn new(inner: F, asked: Asked, rules: Arc<Rules>, sizes: Option<Arc<Sizes>>) -> Self {
        Self { inner, asked, rules, sizes }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        let (mut parts, body) = response.into_parts();
        let length = if body.is_end_stream() { Some(0) } else { body.size_hint().exact() };
        let coding = this.rules.judge(*this.asked, &mut parts, length);
        let response = Response::from_parts(parts, body);
        Poll::Ready(Ok(match coding {
            None => response.map(ResponseBody::plain),
            Some(coding) => code(response, coding, this.rules.level, this.sizes.take()),
        }))
    }
}
