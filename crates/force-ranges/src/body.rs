use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use propylon_conditions::Window;

use crate::{BoxError, Error};

pin_project! {
    /// A body, or a part of one.
    #[derive(Debug)]
    pub struct ResponseBody<R> {
        #[pin]
        inner: R,
        // None: all of it.
        window: Option<Window>,
    }
}

impl<R> ResponseBody<R> {
    pub(crate) const fn whole(inner: R) -> Self {
        Self { inner, window: None }
    }

    pub(crate) const fn cut(inner: R, part: &Range<u64>) -> Self {
        Self { inner, window: Some(Window::new(part)) }
    }

    /// The inner service's body, if it is all of it.
    ///
    /// # Errors
    /// Gives this body back if it is a part.
    pub fn into_inner(self) -> Result<R, Self> {
        if self.window.is_none() { Ok(self.inner) } else { Err(self) }
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
        let mut this = self.project();
        let Some(window) = this.window else { return this.inner.poll_frame(cx).map_err(Into::into) };
        while !window.is_over() {
            let Some(frame) = ready!(this.inner.as_mut().poll_frame(cx)) else {
                let missing = window.left();
                *window = Window::new(&(0..0));
                return Poll::Ready(Some(Err(Error { missing }.into())));
            };
            // A part has no trailers.
            let data = window.cut(frame.map_err(Into::into)?.into_data().unwrap_or_default());
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.window.as_ref().map_or_else(|| self.inner.is_end_stream(), Window::is_over)
    }

    fn size_hint(&self) -> SizeHint {
        self.window
            .as_ref()
            .map_or_else(|| self.inner.size_hint(), |window| SizeHint::with_exact(window.left()))
    }
}
