//! A request on its way, until its response goes to the engine.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use propylon_stack::RouteFuture;

use super::{Guard, ResponseBody, closes, finish};
use crate::client::Closed;
use crate::dispatch::{self, Next};
use crate::error_log;

type Answer = Result<Response<ResponseBody>, Closed>;

/// The future of one request. Nearly all of them have one round, for which this is all there is.
pub(crate) struct Serving(State);

enum State {
    Round { sent: RouteFuture, guard: Option<Box<Guard>> },
    Rounds(Pin<Box<dyn Future<Output = Answer> + Send>>),
    Closed,
}

impl Serving {
    pub(super) fn new(next: Next, guard: Box<Guard>) -> Self {
        match next {
            Next::Sent(sent) => Self(State::Round { sent, guard: Some(guard) }),
            next => Self(State::Rounds(Box::pin(rounds(next, guard)))),
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
            match &mut self.0 {
                State::Round { sent, guard } => {
                    let result = ready!(match guard.as_ref().and_then(|guard| guard.visit.errors()) {
                        None => sent.as_mut().poll(cx),
                        errors => error_log::at(errors.as_ref(), || sent.as_mut().poll(cx)),
                    });
                    // Taken once: nobody polls a future that has given its answer.
                    let Some(mut guard) = guard.take() else { return Poll::Ready(Err(Closed)) };
                    let Ok(mut response) = result else {
                        closes(guard.exchange());
                        return Poll::Ready(Err(Closed));
                    };
                    match dispatch::ended(&mut guard.visit, &mut response) {
                        None => return Poll::Ready(Ok(finish(response, guard))),
                        Some(reroute) => {
                            self.0 = State::Rounds(Box::pin(rounds(Next::Again(reroute, None), guard)));
                        }
                    }
                }
                State::Rounds(rounds) => return rounds.as_mut().poll(cx),
                State::Closed => return Poll::Ready(Err(Closed)),
            }
        }
    }
}

async fn rounds(next: Next, mut guard: Box<Guard>) -> Answer {
    match dispatch::rounds(&mut guard.visit, next).await {
        Ok(response) => Ok(finish(response, guard)),
        Err(Closed) => {
            closes(guard.exchange());
            Err(Closed)
        }
    }
}
