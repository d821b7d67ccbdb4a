use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::search::Search;

pin_project! {
    /// The body of a response: as it came, or with texts replaced. Trailers pass.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        search: Option<Search>,
        // Trailers that wait for what is left of the body.
        held: Option<Frame<Bytes>>,
        over: bool,
    }
}

impl<B> ResponseBody<B> {
    pub(crate) const fn new(inner: B, search: Option<Search>) -> Self {
        Self { inner, search, held: None, over: false }
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let Some(search) = this.search else { return this.inner.poll_frame(cx) };
        if let Some(trailers) = this.held.take() {
            return Poll::Ready(Some(Ok(trailers)));
        }
        while !*this.over {
            let rest = match ready!(this.inner.as_mut().poll_frame(cx)).transpose()? {
                Some(frame) => match frame.into_data() {
                    Ok(data) => {
                        let data = search.replace(data);
                        if data.is_empty() {
                            continue; // it may be part of a text
                        }
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                    Err(trailers) => Some(trailers),
                },
                None => {
                    *this.over = true;
                    None
                }
            };
            return Poll::Ready(match search.finish() {
                Some(last) => {
                    *this.held = rest;
                    Some(Ok(Frame::data(last)))
                }
                None => rest.map(Ok),
            });
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none()
            && !self.search.as_ref().is_some_and(Search::is_amid)
            && (self.over || self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        if self.search.is_some() { SizeHint::default() } else { self.inner.size_hint() }
    }
}
