//! One of the bodies that are added: asked for, then read.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;

type BoxError = Box<dyn StdError + Send + Sync>;
type Boxed = UnsyncBoxBody<Bytes, BoxError>;

/// What is to be added.
pub(crate) struct Asking(Step);

enum Step {
    Asked(Pin<Box<dyn Future<Output = Result<Boxed, BoxError>> + Send>>),
    There(Boxed),
    Over,
}

impl Asking {
    pub(crate) fn new<A, B, E>(asked: A) -> Self
    where
        A: Future<Output = Result<B, E>> + Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
        E: Into<BoxError>,
    {
        let boxed = |body: B| body.map_err(Into::into).boxed_unsync();
        Self(Step::Asked(Box::pin(async move { asked.await.map(boxed).map_err(Into::into) })))
    }

    /// The next of its data; nothing at its end.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        loop {
            match &mut self.0 {
                Step::Asked(asked) => match ready!(asked.as_mut().poll(cx)) {
                    Ok(body) => self.0 = Step::There(body),
                    Err(error) => {
                        self.0 = Step::Over;
                        return Poll::Ready(Some(Err(error)));
                    }
                },
                Step::There(body) => match ready!(Pin::new(body).poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        if let Ok(data) = frame.into_data() {
                            return Poll::Ready(Some(Ok(data)));
                        }
                    }
                    Some(Err(error)) => {
                        self.0 = Step::Over;
                        return Poll::Ready(Some(Err(error)));
                    }
                    None => self.0 = Step::Over,
                },
                Step::Over => return Poll::Ready(None),
            }
        }
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Step::Asked(_) => "Asked",
            Step::There(_) => "There",
            Step::Over => "Over",
        })
    }
}
