//! The response future.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response};
use pin_project_lite::pin_project;

use crate::balancer::{Picked, Verdict};
use crate::body::ResponseBody;
use crate::error::Error;
use crate::service::{Dispatch, Outcome};

type Wait<T> = Pin<Box<dyn Future<Output = Result<(Picked<T>, Duration), Error>> + Send>>;

pin_project! {
    /// The response future of [`Balance`](crate::Balance). Dropping it says nothing about the peer.
    pub struct ResponseFuture<T, D, B>
    where
        D: Dispatch<T, B>,
    {
        #[pin]
        state: State<T, D, B, D::Future>,
    }
}

pin_project! {
    #[project = Project]
    enum State<T, D, B, F> {
        // No peer was to be had.
        Nobody { error: Option<Error> },
        // The slow way: what it keeps has a box, so that the quick one is small.
        Waiting { wait: Wait<T>, rest: Option<Box<(D, Request<B>)>> },
        // Until there is a response.
        Sending { dispatch: D, picked: Option<Picked<T>>, #[pin] future: F },
    }
}

impl<T, D, B> ResponseFuture<T, D, B>
where
    D: Dispatch<T, B>,
{
    pub(crate) fn failed(error: Error) -> Self {
        Self { state: State::Nobody { error: Some(error) } }
    }

    pub(crate) fn waiting(dispatch: D, wait: Wait<T>, request: Request<B>) -> Self {
        Self { state: State::Waiting { wait, rest: Some(Box::new((dispatch, request))) } }
    }

    #[inline]
    pub(crate) fn sending(dispatch: D, picked: Picked<T>, future: D::Future) -> Self {
        Self { state: State::Sending { dispatch, picked: Some(picked), future } }
    }
}

impl<T, D, B> Future for ResponseFuture<T, D, B>
where
    D: Dispatch<T, B>,
{
    type Output = Result<Response<ResponseBody<T, D::Body>>, D::Error>;

    // Polled after its end: pending for ever is the documented freedom of a future, and no panic.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                Project::Sending { picked: None, .. } => return Poll::Pending,
                Project::Sending { dispatch, picked, future } => {
                    let mut result = ready!(future.poll(cx));
                    let Some(mut picked) = picked.take() else { return Poll::Pending };
                    finish(dispatch, &mut picked, &result);
                    if result.is_err() {
                        // What a limit has cut short ends before its place is free.
                        state.set(State::Nobody { error: None });
                    }
                    if let (Ok(response), Some(served)) = (&mut result, picked.name_for_sessions()) {
                        response.extensions_mut().insert(served);
                    }
                    return Poll::Ready(
                        result.map(|response| response.map(|body| ResponseBody::new(body, picked))),
                    );
                }
                Project::Waiting { wait, rest } => {
                    if rest.is_none() {
                        return Poll::Pending;
                    }
                    let waited = ready!(wait.as_mut().poll(cx));
                    // Gone before an error is told, for nobody polls that wait again.
                    let Some(rest) = rest.take() else { return Poll::Pending };
                    let ((picked, time), (dispatch, request)) = (waited?, *rest);
                    dispatch.waited(&request, time);
                    let future = dispatch.send(picked.peer().server().payload(), request);
                    state.set(State::Sending { dispatch, picked: Some(picked), future });
                }
                Project::Nobody { error } => {
                    return error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error.into())));
                }
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
