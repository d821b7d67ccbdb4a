//! A part of a body.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::{BoxError, Window};

pin_project! {
    /// A part of a body, without its trailers. What is before it is read, what is behind it is not.
    #[derive(Debug)]
    pub struct Cut<R> {
        #[pin]
        inner: R,
        window: Window,
    }
}

/// A body that ended before its length said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the response ended {missing} bytes before the end of the range")]
pub struct Short {
    /// How many bytes of the range did not come.
    pub missing: u64,
}

impl<R> Cut<R> {
    /// This part of that body.
    pub const fn new(inner: R, part: &Range<u64>) -> Self {
        Self { inner, window: Window::new(part) }
    }
}

impl<R> Body for Cut<R>
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
        let mut this = self.project();
        let window = this.window;
        while !window.is_over() {
            let Some(frame) = ready!(this.inner.as_mut().poll_frame(cx)) else {
                let missing = window.left();
                *window = Window::new(&(0..0));
                return Poll::Ready(Some(Err(Short { missing }.into())));
            };
            let data = window.cut(frame.map_err(Into::into)?.into_data().unwrap_or_default());
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.window.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.window.left())
    }
}
