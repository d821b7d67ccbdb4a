//! The body that the client gets: slices put together, or what came in their place.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use propylon_conditions::{Cut, Window};

use crate::rest::{Ask, Asking, next};
use crate::slice::Validators;
use crate::{BoxError, Error, Slice};

pin_project! {
    /// The body of a response.
    pub struct ResponseBody<R> {
        #[pin]
        kind: Kind<R>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<R> {
        /// The inner service's, as it is.
        Whole { #[pin] body: R },
        /// A part of it.
        Cut { #[pin] body: Cut<R> },
        /// Slices.
        Sliced { sliced: Box<Sliced<R>> },
        Empty,
    }
}

impl<R> ResponseBody<R> {
    pub(crate) const fn whole(body: R) -> Self {
        Self { kind: Kind::Whole { body } }
    }

    pub(crate) const fn cut(body: R, part: &Range<u64>) -> Self {
        Self { kind: Kind::Cut { body: Cut::new(body, part) } }
    }

    pub(crate) fn sliced(sliced: Sliced<R>) -> Self {
        Self { kind: Kind::Sliced { sliced: Box::new(sliced) } }
    }

    pub(crate) const fn empty() -> Self {
        Self { kind: Kind::Empty }
    }

    /// The inner service's body, if it is this one, as it is.
    ///
    /// # Errors
    /// Gives this body back if it is another one.
    pub fn into_inner(self) -> Result<R, Self> {
        match self.kind {
            Kind::Whole { body } => Ok(body),
            kind => Err(Self { kind }),
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
            KindProj::Cut { body } => body.poll_frame(cx),
            KindProj::Sliced { sliced } => sliced.poll_frame(cx),
            KindProj::Empty => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole { body } => body.is_end_stream(),
            Kind::Cut { body } => body.is_end_stream(),
            Kind::Sliced { sliced } => sliced.wanted.is_empty(),
            Kind::Empty => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole { body } => body.size_hint(),
            Kind::Cut { body } => body.size_hint(),
            Kind::Sliced { sliced } => {
                SizeHint::with_exact(sliced.wanted.end.saturating_sub(sliced.wanted.start))
            }
            Kind::Empty => SizeHint::with_exact(0),
        }
    }
}

impl<R> fmt::Debug for ResponseBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Whole { .. } => "ResponseBody::Whole",
            Kind::Cut { .. } => "ResponseBody::Cut",
            Kind::Sliced { .. } => "ResponseBody::Sliced",
            Kind::Empty => "ResponseBody::Empty",
        })
    }
}

/// A body that is asked for one slice after the other, each when the one before it has been read.
pub(crate) struct Sliced<R> {
    /// What the client is yet to get.
    wanted: Range<u64>,
    size: NonZeroU64,
    validators: Validators,
    ask: Ask<R>,
    at: At<R>,
}

/// How far it has come.
enum At<R> {
    /// In a slice, of which these bytes are yet to come.
    Slice { left: Range<u64>, body: Pin<Box<R>> },
    /// Before the next one, which was asked for.
    Asking { slice: Slice, asking: Asking<R> },
    /// Before the next one.
    Between,
}

impl<R> Sliced<R>
where
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    pub(crate) fn new(wanted: Range<u64>, size: NonZeroU64, validators: Validators, ask: Ask<R>) -> Self {
        Self { wanted, size, validators, ask, at: At::Between }
    }

    /// The slice that has come already. If the client wants other ones alone it is let go of.
    pub(crate) fn beginning_with(mut self, part: Range<u64>, body: R) -> Self {
        if part.contains(&self.wanted.start) {
            self.at = At::Slice { left: part, body: Box::pin(body) };
        }
        self
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            if self.wanted.is_empty() {
                return Poll::Ready(None);
            }
            match &mut self.at {
                At::Between => {
                    let slice = Slice::around(self.wanted.start, self.size);
                    self.at = At::Asking { slice, asking: (self.ask)(Some(slice)) };
                }
                At::Asking { slice, asking } => {
                    let result = ready!(asking.as_mut().poll(cx));
                    let begun = result.and_then(|response| {
                        let left = next(&response, *slice, &self.validators)?;
                        Ok(At::Slice { left, body: Box::pin(response.into_body()) })
                    });
                    match begun {
                        Ok(begun) => self.at = begun,
                        Err(error) => return self.fail(error),
                    }
                }
                At::Slice { left, body } => match ready!(body.as_mut().poll_frame(cx)) {
                    None if left.is_empty() => self.at = At::Between,
                    None => return self.fail(Error::Body.into()),
                    Some(Err(error)) => return self.fail(error.into()),
                    Some(Ok(frame)) => {
                        // Trailers are of one slice alone.
                        let Ok(data) = frame.into_data() else { continue };
                        let start = left.start;
                        left.start = start.saturating_add(data.len() as u64);
                        if left.start > left.end {
                            return self.fail(Error::Body.into());
                        }
                        let mut window = Window::new(
                            &(self.wanted.start.saturating_sub(start)..self.wanted.end.saturating_sub(start)),
                        );
                        let data = window.cut(data);
                        if !data.is_empty() {
                            self.wanted.start += data.len() as u64;
                            return Poll::Ready(Some(Ok(Frame::data(data))));
                        }
                    }
                },
            }
        }
    }

    /// Nothing comes behind an error.
    fn fail(&mut self, error: BoxError) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        (self.wanted, self.at) = (0..0, At::Between);
        Poll::Ready(Some(Err(error)))
    }
}
