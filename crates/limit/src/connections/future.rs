use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Response, StatusCode};
use pin_project_lite::pin_project;

use super::Places;
use crate::LimitBody;
use crate::body::refusal;

pin_project! {
    /// The response to a request that has a place, or is refused.
    #[derive(Debug)]
    pub struct ConnectionLimitFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = Project]
    #[derive(Debug)]
    enum State<F> {
        Asks { #[pin] future: F, places: Option<Places> },
        Refused { status: StatusCode },
    }
}

impl<F> ConnectionLimitFuture<F> {
    pub(super) const fn new(future: F, places: Option<Places>) -> Self {
        Self { state: State::Asks { future, places } }
    }

    pub(super) const fn refused(status: StatusCode) -> Self {
        Self { state: State::Refused { status } }
    }
}

impl<F, B, E> Future for ConnectionLimitFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<LimitBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Project::Refused { status } => Poll::Ready(Ok(refusal(*status))),
            Project::Asks { future, places } => {
                let response = ready!(future.poll(cx))?;
                Poll::Ready(Ok(response.map(|body| LimitBody::holding(body, places.take()))))
            }
        }
    }
}
