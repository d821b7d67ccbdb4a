//! A request on its way, until its response goes to the engine.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use propylon_stack::RouteFuture;

use super::{Guard, ResponseBody, finish};
use crate::client::Closed;
use crate::dispatch::{self, Next, Visit};
use crate::worker::Worker;

type Answer = Result<Response<ResponseBody>, Closed>;

/// The future of one request. Nearly all of them have one round, for which this is all there is.
pub(super) struct Serving(State);

#[expect(clippy::large_enum_variant, reason = "nearly every request is the large one")]
enum State {
    Round { sent: RouteFuture, visit: Visit, guard: Option<Guard>, worker: Arc<Worker> },
    Rounds(Pin<Box<dyn Future<Output = Answer> + Send>>),
    Closed,
}

impl Serving {
    pub(super) fn new(next: Next, visit: Visit, guard: Guard, worker: Arc<Worker>) -> Self {
        match next {
            Next::Sent(sent) => Self(State::Round { sent, visit, guard: Some(guard), worker }),
            next => Self(State::Rounds(Box::pin(rounds(next, visit, guard, worker)))),
        }
    }

    /// The connection is to be closed.
    pub(super) fn closed() -> Self {
        Self(State::Closed)
    }
}

impl Future for Serving {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        loop {
            let (reroute, guard) = match &mut self.0 {
                State::Round { sent, visit, guard, worker } => {
                    let result = ready!(sent.as_mut().poll(cx));
                    // Taken once: nobody polls a future that has given its answer.
                    let Some(mut guard) = guard.take() else { return Poll::Ready(Err(Closed)) };
                    let Ok(mut response) = result else {
                        guard.closes();
                        return Poll::Ready(Err(Closed));
                    };
                    match dispatch::ended(visit, &mut guard.served, &mut response) {
                        None => return Poll::Ready(Ok(finish(response, visit.server(), guard, worker))),
                        Some(reroute) => (reroute, guard),
                    }
                }
                State::Rounds(rounds) => return rounds.as_mut().poll(cx),
                State::Closed => return Poll::Ready(Err(Closed)),
            };
            if let State::Round { visit, worker, .. } = std::mem::replace(&mut self.0, State::Closed) {
                let next = Next::Again(reroute, None);
                self.0 = State::Rounds(Box::pin(rounds(next, visit, guard, worker)));
            }
        }
    }
}

async fn rounds(next: Next, mut visit: Visit, mut guard: Guard, worker: Arc<Worker>) -> Answer {
    match dispatch::rounds(&mut visit, &mut guard.served, next).await {
        Ok(response) => Ok(finish(response, visit.server(), guard, &worker)),
        Err(Closed) => {
            guard.closes();
            Err(Closed)
        }
    }
}
