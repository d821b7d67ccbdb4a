use std::{fmt, sync::Arc};

use bytes::Bytes;

use crate::gate::Gate;

pub(super) type PlanFor = Arc<dyn Fn(usize) -> Plan + Send + Sync>;

/// What a peer does on one connection, step by step. After the last step the connection is closed.
///
/// A step that the client makes impossible (it went away) ends the plan.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) forever: bool,
}

#[derive(Clone)]
pub(super) enum Step {
    ReadHead,
    ReadRequest,
    ReadToEnd,
    Answer(Arc<dyn Fn(&Bytes) -> Bytes + Send + Sync>),
    Write(Bytes),
    Wait(Gate),
    HalfClose,
    Close,
    Reset,
    Hang,
}

impl Plan {
    /// A plan without steps: closes the connection as soon as it is accepted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Then reads up to the empty line of a request's head. The body stays unread.
    #[must_use]
    pub fn read_head(self) -> Self {
        self.then(Step::ReadHead)
    }

    /// Then reads one whole request: the head, and the body by its Content-Length or chunks.
    #[must_use]
    pub fn read_request(self) -> Self {
        self.then(Step::ReadRequest)
    }

    /// Then reads until the client closes its side.
    #[must_use]
    pub fn read_to_end(self) -> Self {
        self.then(Step::ReadToEnd)
    }

    /// Then reads one whole request, and writes what the closure makes of it: head and body as they came.
    #[must_use]
    pub fn answer<T: Into<Bytes>>(self, answer: impl Fn(&Bytes) -> T + Send + Sync + 'static) -> Self {
        self.then(Step::Answer(Arc::new(move |request| answer(request).into())))
    }

    /// Then writes these bytes. Two writes with a [`wait`](Self::wait) between them come as two pieces.
    #[must_use]
    pub fn write(self, bytes: impl Into<Bytes>) -> Self {
        self.then(Step::Write(bytes.into()))
    }

    /// Then waits, neither reading nor writing, until the test opens the gate.
    #[must_use]
    pub fn wait(self, gate: &Gate) -> Self {
        self.then(Step::Wait(gate.clone()))
    }

    /// Then closes the writing side only.
    #[must_use]
    pub fn half_close(self) -> Self {
        self.then(Step::HalfClose)
    }

    /// Then closes the connection; the way to end a plan that goes on [`forever`](Self::forever).
    #[must_use]
    pub fn close(self) -> Self {
        self.then(Step::Close)
    }

    /// Then resets the connection (RST by a zero SO_LINGER; a unix socket is just closed).
    #[must_use]
    pub fn reset(self) -> Self {
        self.then(Step::Reset)
    }

    /// Then never answers: reads what comes and keeps the connection open until the client leaves.
    #[must_use]
    pub fn hang(self) -> Self {
        self.then(Step::Hang)
    }

    /// Starts again with the first step after the last one: a keepalive peer. A plan without a step that reads or
    /// waits does not repeat.
    #[must_use]
    pub fn forever(mut self) -> Self {
        self.forever = self.steps.iter().any(Step::can_wait);
        self
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

impl Step {
    fn can_wait(&self) -> bool {
        !matches!(self, Self::Write(_) | Self::HalfClose | Self::Close | Self::Reset)
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadHead => "ReadHead",
            Self::ReadRequest => "ReadRequest",
            Self::ReadToEnd => "ReadToEnd",
            Self::Answer(_) => "Answer",
            Self::Write(_) => "Write",
            Self::Wait(_) => "Wait",
            Self::HalfClose => "HalfClose",
            Self::Close => "Close",
            Self::Reset => "Reset",
            Self::Hang => "Hang",
        })
    }
}
