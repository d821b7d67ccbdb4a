//! One inclusion: asked for, then read.

use std::error::Error as StdError;
use std::mem;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::StatusCode;

use crate::host::{IncludedBody, Including};
use crate::page::{Inclusion, Then};
use crate::text::lossy;
use crate::{Error, Host, Included};

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// What is included at a place.
pub(crate) struct Part {
    path: Bytes,
    then: Then,
    step: Step,
    /// Whether something of it was shown.
    shown: bool,
    /// What is to become a variable.
    kept: BytesMut,
    longest: usize,
}

enum Step {
    Asked(Including),
    There(StatusCode, IncludedBody),
    Nothing,
    Failed(BoxError),
    Over,
}

/// How it ended.
pub(crate) enum Ended {
    Shown,
    /// The page cannot go on.
    Failed(BoxError),
    /// The page says so.
    Wrong(Error),
    /// This block takes its place.
    Replaced(Bytes),
    /// A variable gets this value.
    Set(Bytes, Bytes),
}

impl Part {
    pub(crate) fn new(host: &dyn Host, inclusion: Inclusion, longest: usize) -> Self {
        let Inclusion { path, args, then, .. } = inclusion;
        let step = Step::Asked(host.include(path.clone(), args));
        Self { path, then, step, shown: false, kept: BytesMut::new(), longest }
    }

    /// Asks for it, if that is not done, and looks for the answer.
    pub(crate) fn ask(&mut self, cx: &mut Context<'_>) {
        let Step::Asked(asked) = &mut self.step else { return };
        if let Poll::Ready(answer) = asked.as_mut().poll(cx) {
            self.step = match answer {
                Ok(Included::Answer { status, body }) => Step::There(status, body),
                Ok(Included::Nothing) => Step::Nothing,
                Err(error) => Step::Failed(error),
            };
        }
    }

    /// The next of what is shown of it, or how it ended.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Ended>> {
        loop {
            let (status, body) = match &mut self.step {
                Step::Asked(_) => return Poll::Pending, // whoever asked is woken
                Step::There(status, body) => (*status, body),
                Step::Nothing | Step::Over | Step::Failed(_) => return Poll::Ready(Err(self.ended())),
            };
            let replaced = matches!(self.then, Then::ShowOr(_)) && is_error(status);
            if replaced {
                self.step = Step::Over;
                continue;
            }
            match ready!(body.as_mut().poll_frame(cx)) {
                None => self.step = Step::Over,
                Some(Err(error)) => self.step = Step::Failed(error),
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    if let Some(data) = self.data(status, data)? {
                        return Poll::Ready(Ok(data));
                    }
                }
            }
        }
    }

    /// What is shown of some data.
    fn data(&mut self, status: StatusCode, data: Bytes) -> Result<Option<Bytes>, Ended> {
        let Then::Set(name) = &self.then else {
            self.shown |= !data.is_empty();
            return Ok((!data.is_empty()).then_some(data));
        };
        if !is_error(status) && !status.is_redirection() {
            if self.kept.len() + data.len() > self.longest {
                return Err(Ended::Wrong(Error::TooBig(lossy(name))));
            }
            self.kept.extend_from_slice(&data);
        }
        Ok(None)
    }

    fn ended(&mut self) -> Ended {
        let shown = mem::take(&mut self.shown);
        match (mem::replace(&mut self.step, Step::Over), mem::replace(&mut self.then, Then::Show)) {
            (Step::Failed(_) | Step::Nothing, Then::ShowOr(block)) if !shown => Ended::Replaced(block),
            (Step::Failed(error), _) => Ended::Failed(error),
            (Step::Nothing, _) => Ended::Wrong(Error::NotIncluded(lossy(&self.path))),
            (_, Then::ShowOr(block)) if !shown => Ended::Replaced(block),
            (_, Then::Show | Then::ShowOr(_)) => Ended::Shown,
            (_, Then::Set(name)) => Ended::Set(name, mem::take(&mut self.kept).freeze()),
        }
    }
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}
