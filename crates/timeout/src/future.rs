use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;

use crate::{BoxError, Limits, ResponseBody, watch::Watch};

pin_project! {
    /// The response, or the [`Error`](crate::Error) of a limit that was exceeded before its head came.
    ///
    /// Dropping it drops the inner future, and with it whatever the inner service does for this exchange.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        connect: bool,
        watch: Option<Watch>,
    }
}

impl<F> ResponseFuture<F> {
    /// `connect`: whether the request's method is CONNECT; `watch`: `None` if nothing is limited.
    pub(crate) const fn new(inner: F, connect: bool, watch: Option<Watch>) -> Self {
        Self { inner, connect, watch }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<B>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Inner first: a response that is there is never thrown away because the limit has passed as well.
        if let Poll::Ready(result) = this.inner.poll(cx) {
            let watch = this.watch.take();
            return Poll::Ready(match result {
                Ok(response) if opens_tunnel(response.status(), *this.connect) => {
                    Ok(hand_over(response, watch.map_or(Limits::new(), |watch| watch.limits())))
                }
                Ok(response) => Ok(limit(response, watch)),
                Err(error) => Err(error.into()),
            });
        }
        let Some(watch) = this.watch else { return Poll::Pending };
        let error = ready!(watch.poll_head(cx));
        Poll::Ready(Err(error.into()))
    }
}

/// After such a head the connection is a tunnel: RFC 9110 15.2.2 and 9.3.6.
fn opens_tunnel(status: StatusCode, connect: bool) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS || (connect && status.is_success())
}

fn hand_over<B>(response: Response<B>, limits: Limits) -> Response<ResponseBody<B>> {
    let mut response = response.map(ResponseBody::untimed);
    response.extensions_mut().insert(limits);
    response
}

fn limit<B: Body>(response: Response<B>, watch: Option<Watch>) -> Response<ResponseBody<B>> {
    response.map(|body| match watch {
        Some(mut watch) => {
            watch.came();
            ResponseBody::timed(body, watch)
        }
        None => ResponseBody::untimed(body),
    })
}
