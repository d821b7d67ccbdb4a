use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use pin_project_lite::pin_project;

use crate::body::ResponseBody;
use crate::service::response;

pin_project! {
    /// The future of a response of [`Http01`](crate::Http01).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    #[derive(Debug)]
    enum State<F> {
        Inner { #[pin] inner: F },
        Answered { answer: Bytes },
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) const fn inner(inner: F) -> Self {
        Self { state: State::Inner { inner } }
    }

    pub(crate) const fn answered(answer: Bytes) -> Self {
        Self { state: State::Answered { answer } }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Inner { inner } => {
                let response = ready!(inner.poll(cx))?;
                Poll::Ready(Ok(response.map(ResponseBody::inner)))
            }
            StateProj::Answered { answer } => Poll::Ready(Ok(response(std::mem::take(answer)))),
        }
    }
}
