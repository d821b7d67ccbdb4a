use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a response: the service's, or the answer to a challenge.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    #[derive(Debug)]
    enum Kind<B> {
        Inner { #[pin] inner: B },
        Answer { left: Bytes },
    }
}

impl<B> ResponseBody<B> {
    pub(crate) const fn inner(inner: B) -> Self {
        Self { kind: Kind::Inner { inner } }
    }

    pub(crate) const fn answer(answer: Bytes) -> Self {
        Self { kind: Kind::Answer { left: answer } }
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.project().kind.project() {
            KindProj::Inner { inner } => inner.poll_frame(cx),
            KindProj::Answer { left } if left.is_empty() => Poll::Ready(None),
            KindProj::Answer { left } => Poll::Ready(Some(Ok(Frame::data(std::mem::take(left))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { inner } => inner.is_end_stream(),
            Kind::Answer { left } => left.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { inner } => inner.size_hint(),
            Kind::Answer { left } => SizeHint::with_exact(left.len() as u64),
        }
    }
}
