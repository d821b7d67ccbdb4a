//! The response future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, request};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::body::RequestBody;
use crate::error::BoxError;
use crate::replay::Replay;

type Filling = Pin<Box<dyn Future<Output = Result<Replay, BoxError>> + Send>>;

pin_project! {
    /// The response future of [`RequestBuffer`](crate::RequestBuffer).
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<RequestBody<B>>>,
    {
        #[pin]
        state: State<S, S::Future>,
    }
}

pin_project! {
    #[project = Project]
    #[project_replace = Replace]
    enum State<S, F> {
        Failed { error: BoxError },
        // What waits has a box, so that what does not is small.
        Filling { filling: Filling, rest: Box<(request::Parts, S)> },
        // The whole body is here, and the service is not ready yet.
        Waiting { replay: Replay, rest: Box<(request::Parts, S)> },
        Calling { #[pin] future: F },
        Done,
    }
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<RequestBody<B>>>,
{
    pub(crate) fn calling(future: S::Future) -> Self {
        Self { state: State::Calling { future } }
    }

    pub(crate) fn failed(error: BoxError) -> Self {
        Self { state: State::Failed { error } }
    }

    pub(crate) fn filling(filling: Filling, parts: request::Parts, service: S) -> Self {
        Self { state: State::Filling { filling, rest: Box::new((parts, service)) } }
    }
}

impl<S, B> Future for ResponseFuture<S, B>
where
    S: Service<Request<RequestBody<B>>>,
    S::Error: Into<BoxError>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                Project::Calling { future } => return future.poll(cx).map_err(Into::into),
                Project::Filling { filling, .. } => {
                    let replay = ready!(filling.as_mut().poll(cx));
                    if let Replace::Filling { rest, .. } = state.as_mut().project_replace(State::Done) {
                        state.set(match replay {
                            Ok(replay) => State::Waiting { replay, rest },
                            Err(error) => State::Failed { error },
                        });
                    }
                }
                Project::Waiting { rest, .. } => {
                    ready!(rest.1.poll_ready(cx)).map_err(Into::into)?;
                    if let Replace::Waiting { replay, rest } = state.as_mut().project_replace(State::Done) {
                        let (parts, mut service) = *rest;
                        let request = Request::from_parts(parts, RequestBody::whole(replay));
                        state.set(State::Calling { future: service.call(request) });
                    }
                }
                Project::Failed { .. } => {
                    return match state.as_mut().project_replace(State::Done) {
                        Replace::Failed { error } => Poll::Ready(Err(error)),
                        _ => Poll::Pending,
                    };
                }
                // Polled after its end: pending for ever is the documented freedom of a future, and no panic.
                Project::Done => return Poll::Pending,
            }
        }
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<RequestBody<B>>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
