//! The response future.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Method, Request, Response};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_service::Service;

use crate::condition::is_idempotent;
use crate::layer::Shared;
use crate::policy::{Failure, Policy, Refused};

pin_project! {
    /// The response future of [`Retry`](crate::Retry).
    pub struct ResponseFuture<S, P, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S::Future>,
        // In a box, so that what is not repeated moves on as a small future.
        more: Option<Box<More<S, P, B>>>,
    }
}

pin_project! {
    #[project = Project]
    enum State<F> {
        Trying { #[pin] future: F },
        Waiting,
        Done,
    }
}

/// What another try takes.
struct More<S, P, B> {
    service: S,
    shared: Arc<Shared<P>>,
    spare: Option<Request<B>>,
    method: Method,
    /// How many tries are left.
    left: usize,
    /// Where there is a limit on the time.
    since: Option<Instant>,
}

impl<S, P, B> ResponseFuture<S, P, B>
where
    S: Service<Request<B>>,
{
    #[inline]
    pub(crate) fn once(future: S::Future) -> Self {
        Self { state: State::Trying { future }, more: None }
    }

    pub(crate) fn first(
        service: S,
        shared: Arc<Shared<P>>,
        future: S::Future,
        spare: Option<Request<B>>,
        method: Method,
        tries: usize,
    ) -> Self {
        let since = shared.settings.timeout.map(|_| Instant::now());
        let more = More { service, shared, spare, method, left: tries - 1, since };
        Self { state: State::Trying { future }, more: Some(Box::new(more)) }
    }
}

impl<S, P, B> More<S, P, B> {
    /// The request for another try, or why there is none.
    fn next<R, E>(&mut self, failure: Failure) -> Result<Request<B>, Refused>
    where
        P: Policy<B, R, E>,
    {
        let Shared { settings, budget, policy } = &*self.shared;
        if !settings.on.contains(failure.condition) {
            return Err(Refused::Condition);
        }
        if self.left == 0 {
            return Err(Refused::Tries);
        }
        if let (Some(since), Some(timeout)) = (self.since, settings.timeout)
            && since.elapsed() >= timeout
        {
            return Err(Refused::Timeout);
        }
        if failure.sent && !settings.on.non_idempotent() && !is_idempotent(&self.method) {
            return Err(Refused::NonIdempotent);
        }
        let spare = self.spare.take().filter(|request| policy.can_be_sent(request));
        let Some(request) = spare else { return Err(Refused::Body) };
        // What reached nobody is nobody's load.
        if let Some(budget) = budget.as_ref().filter(|_| failure.sent)
            && !budget.withdraw()
        {
            return Err(Refused::Budget);
        }
        Ok(request)
    }
}

impl<S, P, B, R> Future for ResponseFuture<S, P, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    P: Policy<B, R, S::Error>,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                Project::Trying { future } => {
                    // There is no other try: what comes is what there is.
                    let Some(more) = this.more.as_mut() else { return future.poll(cx) };
                    let result = ready!(future.poll(cx));
                    let shared = Arc::clone(&more.shared);
                    let Some(failure) = shared.policy.failure(result.as_ref()) else {
                        return Poll::Ready(result);
                    };
                    match more.next::<R, S::Error>(failure) {
                        // The response that is not wanted goes, its body unread, before the next try begins.
                        Ok(request) => {
                            shared.policy.retrying(&request, failure, result);
                            more.spare = Some(request);
                            this.state.set(State::Waiting);
                        }
                        Err(why) => {
                            shared.policy.refused(failure, why);
                            return Poll::Ready(result);
                        }
                    }
                }
                Project::Waiting => {
                    let Some(more) = this.more.as_mut() else { return Poll::Pending };
                    if let Err(error) = ready!(more.service.poll_ready(cx)) {
                        this.state.set(State::Done);
                        return Poll::Ready(Err(error));
                    }
                    let Some(mut request) = more.spare.take() else { return Poll::Pending };
                    more.left -= 1;
                    if more.left > 0 {
                        more.spare = more.shared.policy.try_clone(&mut request);
                    }
                    let future = more.service.call(request);
                    this.state.set(State::Trying { future });
                }
                // Polled after its end: pending for ever is the documented freedom of a future, and no panic.
                Project::Done => return Poll::Pending,
            }
        }
    }
}

impl<S, P, B> fmt::Debug for ResponseFuture<S, P, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
