use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use crate::ResponseBody;
use crate::rules::{Additions, Rules};

pin_project! {
    /// The response of an [`Addition`](crate::Addition).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        rules: Arc<Rules>,
        // Whether the request is a HEAD.
        head: bool,
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) const fn new(inner: F, rules: Arc<Rules>, head: bool) -> Self {
        Self { inner, rules, head }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut parts, body) = ready!(this.inner.poll(cx))?.into_parts();
        let additions = this.rules.judge(&mut parts);
        let additions = if *this.head { additions.map(|_| Additions::default()) } else { additions };
        Poll::Ready(Ok(Response::from_parts(parts, ResponseBody::new(body, additions))))
    }
}
