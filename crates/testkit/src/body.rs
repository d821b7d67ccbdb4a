//! A body that follows a script.

use std::{
    collections::VecDeque,
    fmt, io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use crate::gate::Gate;

/// A [`Body`] made of steps, played in order.
///
/// Its length is unknown unless [`exact`](Self::exact) is asked for; its end is announced by `is_end_stream` as soon as
/// no step is left, unless [`end_unannounced`](Self::end_unannounced) is asked for. It can be polled after its end.
#[derive(Debug)]
pub struct Script {
    steps: VecDeque<Step>,
    exact: bool,
    announces_end: bool,
    ended: bool,
    fate: Arc<Fate>,
}

enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    Error(&'static str),
    Wait(Gate),
    Sleep(Duration),
    Sleeping(Pin<Box<Sleep>>),
}

#[derive(Debug, Default)]
struct Fate {
    polls: AtomicUsize,
    ended: AtomicBool,
    dropped: AtomicBool,
}

/// Sees what becomes of a [`Script`], also when it is gone.
#[derive(Clone, Debug)]
pub struct Watch(Arc<Fate>);

impl Script {
    /// A body without steps: empty until some are added.
    #[must_use]
    pub fn new() -> Self {
        Self { steps: VecDeque::new(), exact: false, announces_end: true, ended: false, fate: Arc::default() }
    }

    /// Then a frame of data.
    #[must_use]
    pub fn data(self, data: impl Into<Bytes>) -> Self {
        self.step(Step::Data(data.into()))
    }

    /// Then a frame of trailers.
    #[must_use]
    pub fn trailers(self, trailers: HeaderMap) -> Self {
        self.step(Step::Trailers(trailers))
    }

    /// Then an [`io::Error`] with this text, and the end.
    #[must_use]
    pub fn error(self, text: &'static str) -> Self {
        self.step(Step::Error(text))
    }

    /// Then `Pending` until the gate is open; the task is woken when it opens.
    #[must_use]
    pub fn wait(self, gate: &Gate) -> Self {
        self.step(Step::Wait(gate.clone()))
    }

    /// Then `Pending` for this long by tokio's clock, counted from the poll that comes to this step.
    #[must_use]
    pub fn sleep(self, duration: Duration) -> Self {
        self.step(Step::Sleep(duration))
    }

    /// Tells the exact number of bytes to come by `size_hint`.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    /// Leaves `is_end_stream` false until the end has been polled, as a chunked body from the network does.
    #[must_use]
    pub fn end_unannounced(mut self) -> Self {
        self.announces_end = false;
        self
    }

    /// A handle that sees what becomes of this body.
    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch(self.fate.clone())
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }

    fn end(&mut self) {
        self.steps.clear();
        self.ended = true;
        self.fate.ended.store(true, Ordering::Release);
    }

    /// Waits for the step at the front, if it is one that waits.
    fn poll_waits(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(step) = self.steps.front_mut() {
            let done = match step {
                Step::Wait(gate) => gate.poll_opened(cx).is_ready(),
                Step::Sleep(duration) => {
                    *step = Step::Sleeping(Box::pin(tokio::time::sleep(*duration)));
                    continue;
                }
                Step::Sleeping(sleep) => sleep.as_mut().poll(cx).is_ready(),
                Step::Data(_) | Step::Trailers(_) | Step::Error(_) => return Poll::Ready(()),
            };
            if !done {
                return Poll::Pending;
            }
            self.steps.pop_front();
        }
        Poll::Ready(())
    }
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.fate.polls.fetch_add(1, Ordering::AcqRel);
        if self.poll_waits(cx).is_pending() {
            return Poll::Pending;
        }
        let frame = match self.steps.pop_front() {
            Some(Step::Data(data)) => Some(Ok(Frame::data(data))),
            Some(Step::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Some(Step::Error(text)) => {
                self.end();
                Some(Err(io::Error::other(text)))
            }
            Some(Step::Wait(_) | Step::Sleep(_) | Step::Sleeping(_)) | None => {
                self.end();
                None
            }
        };
        if self.announces_end && self.steps.is_empty() {
            self.end();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || (self.announces_end && self.steps.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        if !self.exact {
            return SizeHint::default();
        }
        let left = self.steps.iter().map(|step| match step {
            Step::Data(data) => data.len() as u64,
            _ => 0,
        });
        SizeHint::with_exact(left.sum())
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if self.is_end_stream() {
            self.fate.ended.store(true, Ordering::Release);
        }
        self.fate.dropped.store(true, Ordering::Release);
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Data(_) => "Data",
            Self::Trailers(_) => "Trailers",
            Self::Error(_) => "Error",
            Self::Wait(_) => "Wait",
            Self::Sleep(_) | Self::Sleeping(_) => "Sleep",
        })
    }
}

impl Watch {
    /// How often the body was polled.
    #[must_use]
    pub fn polls(&self) -> usize {
        self.0.polls.load(Ordering::Acquire)
    }

    /// Whether the body has come to its end: the last step was taken, or an error was given.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.0.ended.load(Ordering::Acquire)
    }

    /// Whether the body was dropped.
    #[must_use]
    pub fn dropped(&self) -> bool {
        self.0.dropped.load(Ordering::Acquire)
    }

    /// Whether the body was dropped before its end.
    #[must_use]
    pub fn dropped_early(&self) -> bool {
        self.dropped() && !self.ended()
    }
}
