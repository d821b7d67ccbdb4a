use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body::Body;
use pin_project_lite::pin_project;
use propylon_conditions::{Shown, range, show};

use crate::{BoxError, ResponseBody};

pin_project! {
    /// The future of a response's head.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        pub(crate) inner: F,
        // The request's, if it asks for a range.
        pub(crate) fields: Option<Box<HeaderMap>>,
        pub(crate) head: bool,
    }
}

impl<F, E, R> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        response.headers_mut().remove(header::ACCEPT_RANGES);
        if response.status() != StatusCode::OK {
            return Poll::Ready(Ok(response.map(ResponseBody::whole)));
        }
        let (head, body) = response.into_parts();
        // The answer to HEAD has no body, and tells how long it would be.
        let said = || head.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
        let length = if *this.head { said() } else { body.size_hint().exact() };
        let mut response = Response::from_parts(head, ());
        let Some(length) = length else {
            return Poll::Ready(Ok(response.map(|()| ResponseBody::whole(body))));
        };
        let shown = this.fields.take().map_or(Shown::Whole, |fields| {
            let ours = response.headers();
            Shown::of(range::select(&Method::GET, &fields, StatusCode::OK, ours, length), length)
        });
        Poll::Ready(Ok(match show(&mut response, &shown) {
            None => {
                response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
                response.map(|()| ResponseBody::whole(body))
            }
            Some(part) => response.map(|()| ResponseBody::cut(body, &part)),
        }))
    }
}
