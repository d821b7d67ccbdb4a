use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use propylon_conditions::Cut;

use crate::BoxError;

pin_project! {
    /// A body, or a part of one.
    #[derive(Debug)]
    pub struct ResponseBody<R> {
        #[pin]
        kind: Kind<R>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = KindProj]
    enum Kind<R> {
        Whole { #[pin] body: R },
        Part { #[pin] body: Cut<R> },
    }
}

impl<R> ResponseBody<R> {
    pub(crate) const fn whole(body: R) -> Self {
        Self { kind: Kind::Whole { body } }
    }

    pub(crate) const fn cut(body: R, part: &Range<u64>) -> Self {
        Self { kind: Kind::Part { body: Cut::new(body, part) } }
    }

    /// The inner service's body, if it is all of it.
    ///
    /// # Errors
    /// Gives this body back if it is a part.
    pub fn into_inner(self) -> Result<R, Self> {
        match self.kind {
            Kind::Whole { body } => Ok(body),
            kind @ Kind::Part { .. } => Err(Self { kind }),
        }
    }
}

impl<R> Body for ResponseBody<R>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project().kind.project() {
            KindProj::Whole { body } => body.poll_frame(cx).map_err(Into::into),
            KindProj::Part { body } => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole { body } => body.is_end_stream(),
            Kind::Part { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole { body } => body.size_hint(),
            Kind::Part { body } => body.size_hint(),
        }
    }
}
