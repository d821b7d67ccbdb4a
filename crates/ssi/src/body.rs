use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::engine::{Engine, Next};

type BoxError = Box<dyn StdError + Send + Sync>;

pin_project! {
    /// The body of a response: as it came, or a page whose commands are obeyed.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        engine: Option<Box<Engine>>,
        // Whether it is a page.
        page: bool,
        // Trailers, which come at the very end.
        trailers: Option<Frame<Bytes>>,
        // Whether nothing else comes.
        over: bool,
    }
}

impl<B> ResponseBody<B> {
    pub(crate) const fn as_it_came(inner: B) -> Self {
        Self { inner, engine: None, page: false, trailers: None, over: false }
    }

    /// `engine` is missing where only the head is wanted.
    pub(crate) const fn page(inner: B, engine: Option<Box<Engine>>) -> Self {
        Self { inner, engine, page: true, trailers: None, over: false }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let Some(engine) = this.engine.as_mut() else {
            return this.inner.poll_frame(cx).map_err(Into::into);
        };
        let failed = |error: BoxError, over: &mut bool| {
            *over = true;
            Poll::Ready(Some(Err(error)))
        };
        while !*this.over {
            match ready!(engine.poll_next(cx)) {
                Ok(Next::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(Next::End) => {
                    *this.over = true;
                    return Poll::Ready(this.trailers.take().map(Ok));
                }
                Err(error) => return failed(error, this.over),
                Ok(Next::More) => match ready!(this.inner.as_mut().poll_frame(cx)) {
                    None => engine.end(),
                    Some(Err(error)) => return failed(error.into(), this.over),
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => engine.push(data),
                        Err(trailers) => *this.trailers = Some(trailers),
                    },
                },
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        if self.engine.is_some() { self.over } else { self.inner.is_end_stream() }
    }

    fn size_hint(&self) -> SizeHint {
        if self.page { SizeHint::default() } else { self.inner.size_hint() }
    }
}
