//! What a connection tells: heads that were refused, and the true end of each exchange.

use bytes::Bytes;
use http::Response;

use crate::HeadError;

/// Is told what happens on a connection. `()` is one that answers refused heads with their bare status.
pub trait Observer: Send + Sync {
    /// The first byte of a request head came. Not called for a pipelined request, whose bytes came with another's.
    fn head_began(&self) {}

    /// A head was refused, or did not come to its end in time: the answer, or `None` to close in silence. The connection
    /// closes after it in any case, and `finished` is called when it has left.
    fn head_rejected(&self, rejected: Rejected<'_>) -> Option<Response<Bytes>> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = rejected.error.status();
        Some(response)
    }

    /// The exchange is over: the kernel has taken the last byte of the response, or never will.
    fn finished(&self, outcome: &Outcome) {
        let _ = outcome;
    }
}

impl Observer for () {}

impl<O: Observer> Observer for &O {
    fn head_began(&self) {
        O::head_began(self);
    }

    fn head_rejected(&self, rejected: Rejected<'_>) -> Option<Response<Bytes>> {
        O::head_rejected(self, rejected)
    }

    fn finished(&self, outcome: &Outcome) {
        O::finished(self, outcome);
    }
}

impl<O: Observer> Observer for std::sync::Arc<O> {
    fn head_began(&self) {
        O::head_began(self);
    }

    fn head_rejected(&self, rejected: Rejected<'_>) -> Option<Response<Bytes>> {
        O::head_rejected(self, rejected)
    }

    fn finished(&self, outcome: &Outcome) {
        O::finished(self, outcome);
    }
}

/// A request head that was refused.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Rejected<'a> {
    /// The number of the request on its connection, from 1.
    pub number: u64,
    /// What is wrong with it, the status it calls for, and what came of its first line. `Truncated`: the client has closed
    /// its side (an answer may still reach it); `TimedOut`: the head was late.
    pub error: &'a HeadError,
    /// How many bytes of it came.
    pub head_bytes: u64,
}

/// How an exchange ended, and what passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// The number of the request on its connection, from 1.
    pub number: u64,
    /// Bytes of the request's head.
    pub head_bytes: u64,
    /// Bytes of the request's body that came, without its framing.
    pub body_bytes: u64,
    /// Bytes that the kernel took: interim responses, head, body and framing.
    pub sent: u64,
    /// How many of them were interim responses and the response's head.
    pub sent_head: u64,
    /// How it ended.
    pub end: End,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum End {
    /// The kernel has taken the whole response.
    Complete,
    /// The client left before that (nginx: 499).
    ClientGone,
    /// The response's body failed, or was not as long as announced: the message was cut.
    Truncated,
    /// The client did not take the response in time.
    TimedOut,
    /// The service wanted no answer (nginx: 444).
    Unanswered,
    /// The connection was dropped, or a panic went through it.
    Aborted,
}
