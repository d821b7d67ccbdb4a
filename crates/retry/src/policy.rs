//! What a retry cannot know by itself.

use http::{Request, Response};

use crate::condition::Condition;

/// What became of a try that was no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why it was no good.
    pub condition: Condition,
    /// Whether the peer may have got any of the request. If not, sending it elsewhere repeats nothing.
    pub sent: bool,
}

/// Why a request was not tried again although the last try was no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// The condition is not among those that are wanted.
    Condition,
    /// It has been tried as often as it may be, or on every peer.
    Tries,
    /// The time for all tries is over.
    Timeout,
    /// It was sent, and a second time could do harm.
    NonIdempotent,
    /// Its body is gone.
    Body,
    /// Too many requests are being tried again.
    Budget,
}

impl Refused {
    /// In a few words, for a log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Condition => "the condition is not in the list",
            Self::Tries => "no tries are left",
            Self::Timeout => "the time for all tries is over",
            Self::NonIdempotent => "the request was sent and is not safe to repeat",
            Self::Body => "the request body is gone",
            Self::Budget => "the retry budget is spent",
        }
    }
}

/// What a retry cannot know by itself: how requests are repeated, and what a result means.
pub trait Policy<B, R, E> {
    /// How many peers there are to try. With fewer than two, nothing is prepared and nothing is tried again.
    fn peers(&self) -> usize;

    /// The same request once more, from its beginning; `None` if its body cannot be had again. Called before each try but the
    /// last: whatever the request was given that tries have in common goes into both.
    fn try_clone(&self, request: &mut Request<B>) -> Option<Request<B>>;

    /// Whether a request that [`try_clone`](Self::try_clone) made can still be sent: a body that is streamed may have begun since.
    /// Default: it can.
    fn can_be_sent(&self, request: &Request<B>) -> bool {
        let _ = request;
        true
    }

    /// What was wrong with a try; `None` if nothing was, or if it is not for another peer to make good.
    fn failure(&self, result: Result<&Response<R>, &E>) -> Option<Failure>;

    /// The request is tried again, for the last try was no good, and its result is not wanted. Default: it is dropped.
    fn retrying(&self, request: &Request<B>, failure: Failure, result: Result<Response<R>, E>) {
        let _ = (request, failure, result);
    }

    /// The request is not tried again. Default: nobody cares.
    fn refused(&self, failure: Failure, why: Refused) {
        let _ = (failure, why);
    }
}
