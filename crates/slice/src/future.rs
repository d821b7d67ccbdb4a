use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use crate::rest::{Asking, Began, Rest};
use crate::{BoxError, ResponseBody};

pin_project! {
    /// The future of a response's head.
    pub struct ResponseFuture<F, R> {
        #[pin]
        state: State<F, R>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, R> {
        /// It comes as it is.
        Past { #[pin] inner: F },
        /// It comes in slices. `rest` is taken when the first has come.
        Sliced { #[pin] inner: F, rest: Option<Box<Rest<R>>> },
        /// It is asked for anew.
        Again { asking: Asking<R> },
    }
}

impl<F, R> ResponseFuture<F, R> {
    pub(crate) const fn past(inner: F) -> Self {
        Self { state: State::Past { inner } }
    }

    pub(crate) fn sliced(inner: F, rest: Rest<R>) -> Self {
        Self { state: State::Sliced { inner, rest: Some(Box::new(rest)) } }
    }
}

impl<F, E, R> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
    E: Into<BoxError>,
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<R>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let asking = match state.as_mut().project() {
                StateProj::Past { inner } => {
                    let response = ready!(inner.poll(cx)).map_err(Into::into)?;
                    return Poll::Ready(Ok(response.map(ResponseBody::whole)));
                }
                StateProj::Again { asking } => {
                    let response = ready!(asking.as_mut().poll(cx))?;
                    return Poll::Ready(Ok(response.map(ResponseBody::whole)));
                }
                StateProj::Sliced { inner, rest } => {
                    let response = ready!(inner.poll(cx)).map_err(Into::into)?;
                    match rest.take() {
                        None => return Poll::Ready(Ok(response.map(ResponseBody::whole))),
                        Some(rest) => match (*rest).begin(response)? {
                            Began::Answer(response) => return Poll::Ready(Ok(response)),
                            Began::Again(asking) => asking,
                        },
                    }
                }
            };
            state.set(State::Again { asking });
        }
    }
}

impl<F, R> fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Past { .. } => "ResponseFuture::Past",
            State::Sliced { .. } => "ResponseFuture::Sliced",
            State::Again { .. } => "ResponseFuture::Again",
        })
    }
}
