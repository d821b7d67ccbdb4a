use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::recode::Recoder;

pin_project! {
    /// The body of a response: as it came, or recoded. Trailers pass.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        recoder: Option<Recoder>,
        // Trailers that wait for what is left of the last character.
        held: Option<Frame<Bytes>>,
        over: bool,
    }
}

impl<B> ResponseBody<B> {
    pub(crate) const fn new(inner: B, recoder: Option<Recoder>) -> Self {
        Self { inner, recoder, held: None, over: false }
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
        let Some(recoder) = this.recoder else { return this.inner.poll_frame(cx) };
        if let Some(trailers) = this.held.take() {
            return Poll::Ready(Some(Ok(trailers)));
        }
        while !*this.over {
            let rest = match ready!(this.inner.as_mut().poll_frame(cx)).transpose()? {
                Some(frame) => match frame.into_data() {
                    Ok(data) => {
                        let data = recoder.recode(data);
                        if data.is_empty() {
                            continue; // a part of a character
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
            return Poll::Ready(match recoder.finish() {
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
            && !self.recoder.as_ref().is_some_and(Recoder::is_amid)
            && (self.over || self.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.recoder {
            Some(recoder) if !recoder.keeps_length() => SizeHint::default(),
            _ => self.inner.size_hint(),
        }
    }
}
