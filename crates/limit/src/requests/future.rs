use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_service::Service;

use crate::LimitBody;
use crate::body::refusal;

pin_project! {
    /// The response to a request that may have to wait, or is refused.
    pub struct RequestLimitFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, S::Future>,
    }
}

pin_project! {
    #[project = Project]
    enum State<S, B, F> {
        Waits { sleep: Pin<Box<Sleep>>, held: Option<(S, Request<B>)> },
        Asks { #[pin] future: F },
        Refused { status: StatusCode },
    }
}

impl<S, B> RequestLimitFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(super) fn now(future: S::Future) -> Self {
        Self { state: State::Asks { future } }
    }

    pub(super) fn later(service: S, request: Request<B>, by: Duration) -> Self {
        let sleep = Box::pin(tokio::time::sleep(by));
        Self { state: State::Waits { sleep, held: Some((service, request)) } }
    }

    pub(super) fn refused(status: StatusCode) -> Self {
        Self { state: State::Refused { status } }
    }
}

impl<S, B, R> Future for RequestLimitFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<LimitBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let future = match state.as_mut().project() {
                Project::Asks { future } => {
                    return future.poll(cx).map_ok(|response| response.map(LimitBody::inner));
                }
                Project::Refused { status } => return Poll::Ready(Ok(refusal(*status))),
                Project::Waits { sleep, held } => {
                    ready!(sleep.as_mut().poll(cx));
                    match held.take() {
                        Some((mut service, request)) => service.call(request),
                        None => return Poll::Pending, // it has been taken: the state is another by now
                    }
                }
            };
            state.set(State::Asks { future });
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for RequestLimitFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLimitFuture").finish_non_exhaustive()
    }
}
