use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::connections::Places;

pin_project! {
    /// The body of a response: the service's, or the empty one of a refusal.
    ///
    /// Where connections are counted, it holds the place of its request until it is at its end or dropped.
    #[derive(Debug)]
    pub struct LimitBody<B> {
        #[pin]
        inner: Option<B>,
        places: Option<Places>,
    }
}

impl<B> LimitBody<B> {
    pub(crate) const fn inner(inner: B) -> Self {
        Self { inner: Some(inner), places: None }
    }

    pub(crate) const fn holding(inner: B, places: Option<Places>) -> Self {
        Self { inner: Some(inner), places }
    }

    /// The service's body, if it is one.
    pub const fn get_ref(&self) -> Option<&B> {
        self.inner.as_ref()
    }
}

/// The answer to a request that goes no further.
pub(crate) fn refusal<B>(status: StatusCode) -> Response<LimitBody<B>> {
    let mut response = Response::new(LimitBody { inner: None, places: None });
    *response.status_mut() = status;
    response
}

impl<B: Body<Data = Bytes>> Body for LimitBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let frame = inner.as_mut().poll_frame(cx);
        if let Poll::Ready(frame) = &frame
            && (!matches!(frame, Some(Ok(_))) || inner.is_end_stream())
        {
            *this.places = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
