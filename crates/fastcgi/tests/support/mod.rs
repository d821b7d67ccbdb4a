//! A request body for tests.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;

/// A request body that does what it is told.
pub(crate) struct Script(VecDeque<Step>);

pub(crate) enum Step {
    Data(Bytes),
    Trailers,
    Fail,
    /// What follows waits for this.
    Wait(tokio::sync::oneshot::Receiver<()>),
    /// Nothing more comes, ever.
    Stall,
}

/// A body that does this, one after the other.
pub(crate) fn script(steps: impl IntoIterator<Item = Step>) -> Script {
    Script(steps.into_iter().collect())
}

impl http_body::Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(Step::Wait(told)) = self.0.front_mut() {
            std::task::ready!(Pin::new(told).poll(cx)).unwrap();
            self.0.pop_front();
        }
        let Some(step) = self.0.pop_front() else { return Poll::Ready(None) };
        match step {
            Step::Wait(_) => unreachable!("one at a time"),
            Step::Data(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Step::Trailers => Poll::Ready(Some(Ok(Frame::trailers(http::HeaderMap::new())))),
            Step::Fail => Poll::Ready(Some(Err(io::Error::other("client went away")))),
            Step::Stall => {
                self.0.push_front(Step::Stall);
                Poll::Pending
            }
        }
    }
}
