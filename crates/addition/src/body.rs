use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::Error;
use crate::rules::Additions;

pin_project! {
    /// The body of a response: as it came, or with others around it.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        // What is still to come before it and behind it; nothing where it is as it came.
        additions: Option<Additions>,
        // Whether the body inside has ended.
        read: bool,
        // Its trailers, which come at the very end.
        trailers: Option<Frame<Bytes>>,
        // Whether there was an error: nothing follows.
        failed: bool,
    }
}

impl<B> ResponseBody<B> {
    pub(crate) const fn new(inner: B, additions: Option<Additions>) -> Self {
        Self { inner, additions, read: false, trailers: None, failed: false }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut this = self.project();
        if *this.failed {
            return Poll::Ready(None);
        }
        let failed = |error: Error, failed: &mut bool| {
            *failed = true;
            Poll::Ready(Some(Err(error)))
        };
        let Some(Additions { before, after }) = this.additions.as_mut() else {
            let frame = ready!(this.inner.poll_frame(cx));
            return Poll::Ready(frame.map(|frame| frame.map_err(|error| Error::Response(error.into()))));
        };
        if let Some(first) = before {
            match ready!(first.poll_data(cx)) {
                Some(Ok(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(Err(error)) => return failed(Error::Addition(error), this.failed),
                None => *before = None,
            }
        }
        while !*this.read {
            match ready!(this.inner.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) if frame.is_data() => return Poll::Ready(Some(Ok(frame))),
                Some(Ok(trailers)) => *this.trailers = Some(trailers),
                Some(Err(error)) => return failed(Error::Response(error.into()), this.failed),
                None => *this.read = true,
            }
        }
        if let Some(last) = after {
            match ready!(last.poll_data(cx)) {
                Some(Ok(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(Err(error)) => return failed(Error::Addition(error), this.failed),
                None => *after = None,
            }
        }
        Poll::Ready(this.trailers.take().map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        match &self.additions {
            None => self.inner.is_end_stream(),
            Some(Additions { before, after }) => {
                self.failed
                    || before.is_none()
                        && after.is_none()
                        && self.trailers.is_none()
                        && (self.read || self.inner.is_end_stream())
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        if self.additions.is_some() { SizeHint::default() } else { self.inner.size_hint() }
    }
}
