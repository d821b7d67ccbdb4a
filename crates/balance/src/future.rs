//! The response future.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::balancer::{Picked, Verdict};
use crate::body::ResponseBody;
use crate::error::Error;
use crate::service::{Dispatch, Outcome, begin};

/// A request whose service is not ready yet.
struct Prepared<T, D, S, B> {
    dispatch: D,
    picked: Picked<T>,
    service: S,
    request: Request<B>,
}

type Wait<T> = Pin<Box<dyn Future<Output = Result<(Picked<T>, Duration), Error>> + Send>>;

pin_project! {
    /// The response future of [`Balance`](crate::Balance). Dropping it says nothing about the peer.
    pub struct ResponseFuture<T, D, B>
    where
        D: Dispatch<T, B>,
    {
        #[pin]
        state: State<T, D, B, D::Service, <D::Service as Service<Request<B>>>::Future, D::Error>,
    }
}

pin_project! {
    #[project = Project]
    #[project_replace = Replace]
    enum State<T, D, B, S, F, E> {
        Failed { error: E },
        // No peer was to be had.
        Nobody { error: Error },
        // The slow ways: what they keep has a box, so that the quick one is small.
        Waiting { wait: Wait<T>, rest: Box<(D, Request<B>)> },
        Ready { rest: Box<Prepared<T, D, S, B>> },
        Sending { dispatch: D, picked: Option<Picked<T>>, #[pin] future: F },
        Done,
    }
}

impl<T, D, B> ResponseFuture<T, D, B>
where
    D: Dispatch<T, B>,
{
    pub(crate) fn failed(error: Error) -> Self {
        Self { state: State::Nobody { error } }
    }

    pub(crate) fn refused(dispatch: &D, mut picked: Picked<T>, error: D::Error) -> Self {
        judge(&mut picked, dispatch.outcome(Err(&error)));
        Self { state: State::Failed { error } }
    }

    pub(crate) fn waiting(dispatch: D, wait: Wait<T>, request: Request<B>) -> Self {
        Self { state: State::Waiting { wait, rest: Box::new((dispatch, request)) } }
    }

    pub(crate) fn ready(dispatch: D, picked: Picked<T>, service: D::Service, request: Request<B>) -> Self {
        Self { state: State::Ready { rest: Box::new(Prepared { dispatch, picked, service, request }) } }
    }

    #[inline]
    pub(crate) fn sending(
        dispatch: D,
        picked: Picked<T>,
        future: <D::Service as Service<Request<B>>>::Future,
    ) -> Self {
        Self { state: State::Sending { dispatch, picked: Some(picked), future } }
    }
}

impl<T, D, B> Future for ResponseFuture<T, D, B>
where
    D: Dispatch<T, B>,
{
    type Output = Result<Response<ResponseBody<T, D::Body>>, D::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                Project::Sending { dispatch, picked, future } => {
                    let mut result = ready!(future.poll(cx));
                    // Taken once: this arm is left for good.
                    let Some(mut picked) = picked.take() else { return Poll::Pending };
                    finish(dispatch, &mut picked, &result);
                    if let (Ok(response), Some(served)) = (&mut result, picked.name_for_sessions()) {
                        response.extensions_mut().insert(served);
                    }
                    state.set(State::Done);
                    return Poll::Ready(
                        result.map(|response| response.map(|body| ResponseBody::new(body, picked))),
                    );
                }
                Project::Ready { rest } => {
                    let ready = ready!(rest.service.poll_ready(cx));
                    if let Replace::Ready { rest } = state.as_mut().project_replace(State::Done) {
                        let Prepared { dispatch, mut picked, mut service, request } = *rest;
                        if let Err(error) = ready {
                            judge(&mut picked, dispatch.outcome(Err(&error)));
                            return Poll::Ready(Err(error));
                        }
                        let future = service.call(request);
                        state.set(State::Sending { dispatch, picked: Some(picked), future });
                    }
                }
                Project::Waiting { wait, .. } => {
                    let picked = ready!(wait.as_mut().poll(cx));
                    if let Replace::Waiting { rest, .. } = state.as_mut().project_replace(State::Done) {
                        let (dispatch, request) = *rest;
                        match picked {
                            Ok((picked, time)) => {
                                dispatch.waited(&request, time);
                                let next = begin(dispatch, picked, request);
                                state.set(next.state);
                            }
                            Err(error) => return Poll::Ready(Err(error.into())),
                        }
                    }
                }
                Project::Failed { .. } | Project::Nobody { .. } => {
                    match state.as_mut().project_replace(State::Done) {
                        Replace::Failed { error } => return Poll::Ready(Err(error)),
                        Replace::Nobody { error } => return Poll::Ready(Err(error.into())),
                        _ => return Poll::Pending,
                    }
                }
                // Polled after its end: pending for ever is the documented freedom of a future, and no panic.
                Project::Done => return Poll::Pending,
            }
        }
    }
}

fn finish<T, D, B>(dispatch: &D, picked: &mut Picked<T>, result: &Result<Response<D::Body>, D::Error>)
where
    D: Dispatch<T, B>,
{
    judge(picked, dispatch.outcome(result.as_ref()));
    if result.is_ok() && picked.verdict != Verdict::Open {
        picked.responded(); // after the judgement: times of what failed do not count
    }
}

fn judge<T>(picked: &mut Picked<T>, outcome: Outcome) {
    match outcome {
        Outcome::Success => picked.succeeded(),
        Outcome::Failure => picked.failed(),
        Outcome::Open => picked.verdict = Verdict::Open,
        Outcome::Neutral => {}
    }
}

impl<T, D, B> fmt::Debug for ResponseFuture<T, D, B>
where
    D: Dispatch<T, B>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
