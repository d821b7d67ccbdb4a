use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use crate::ResponseBody;
use crate::engine::Engine;
use crate::layer::Of;
use crate::rules::Rules;

pin_project! {
    /// The response of an [`Ssi`](crate::Ssi).
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        rules: Arc<Rules>,
        host: Arc<Of>,
        // Whether the request is a HEAD.
        head: bool,
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) const fn new(inner: F, rules: Arc<Rules>, host: Arc<Of>, head: bool) -> Self {
        Self { inner, rules, host, head }
    }
}

impl<F: fmt::Debug> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("inner", &self.inner).finish_non_exhaustive()
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
        let page = this.rules.is_page(&parts, body.is_end_stream(), *this.head);
        let host = if page { (this.host)(&parts) } else { None };
        let body = match host {
            None => ResponseBody::as_it_came(body),
            Some(host) => {
                this.rules.write(&mut parts);
                let engine = (!*this.head).then(|| Box::new(Engine::new(host, this.rules.clone())));
                ResponseBody::page(body, engine)
            }
        };
        Poll::Ready(Ok(Response::from_parts(parts, body)))
    }
}
