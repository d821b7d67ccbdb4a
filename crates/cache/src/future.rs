//! The response, when it comes.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderValue, Response};
use pin_project_lite::pin_project;

use crate::answer::CACHE_STATUS;
use crate::{BoxError, ResponseBody};

pin_project! {
    /// The response: from the store, or from the service inside.
    ///
    /// Dropping it drops what the service inside does for the request. Whoever waits for the same thing asks by himself then.
    pub struct ResponseFuture<F, R> {
        #[pin]
        state: State<F, R>,
    }
}

type Result<R> = std::result::Result<Response<ResponseBody<R>>, BoxError>;

pin_project! {
    #[project = StateProj]
    enum State<F, R> {
        Ready { result: Option<Result<R>> },
        Past { #[pin] future: F, said: Option<HeaderValue> },
        Longer { future: Pin<Box<dyn Future<Output = Result<R>> + Send>> },
    }
}

impl<F, R> ResponseFuture<F, R> {
    pub(crate) const fn ready(result: Result<R>) -> Self {
        Self { state: State::Ready { result: Some(result) } }
    }

    /// `said`: what `Cache-Status` says of it.
    pub(crate) const fn past(future: F, said: Option<HeaderValue>) -> Self {
        Self { state: State::Past { future, said } }
    }

    pub(crate) fn longer(future: impl Future<Output = Result<R>> + Send + 'static) -> Self {
        Self { state: State::Longer { future: Box::pin(future) } }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = std::result::Result<Response<R>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<R>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<R>> {
        match self.project().state.project() {
            // As with any future: it is polled once after it is ready, and never again.
            StateProj::Ready { result } => result.take().map_or(Poll::Pending, Poll::Ready),
            StateProj::Past { future, said } => {
                let response = ready!(future.poll(cx)).map_err(Into::into)?;
                let mut response = response.map(ResponseBody::inner);
                if let Some(said) = said.take() {
                    response.headers_mut().append(CACHE_STATUS, said);
                }
                Poll::Ready(Ok(response))
            }
            StateProj::Longer { future } => future.as_mut().poll(cx),
        }
    }
}

impl<F, R> fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Ready { .. } => "ResponseFuture::Ready",
            State::Past { .. } => "ResponseFuture::Past",
            State::Longer { .. } => "ResponseFuture::Longer",
        })
    }
}
