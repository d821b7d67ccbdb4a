use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use super::accel::{X_ACCEL_LIMIT_RATE, accel};
use super::body::RateBody;
use crate::Rate;

pin_project! {
    /// The response, at its rate.
    #[derive(Debug)]
    pub struct RateFuture<F> {
        #[pin]
        inner: F,
        rate: Option<Rate>,
        accel: bool,
    }
}

impl<F> RateFuture<F> {
    pub(crate) const fn new(inner: F, rate: Option<Rate>, accel: bool) -> Self {
        Self { inner, rate, accel }
    }
}

impl<F, B, E> Future for RateFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<RateBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        if *this.accel
            && let Some(said) = accel(response.headers())
        {
            response.headers_mut().remove(X_ACCEL_LIMIT_RATE);
            let after = this.rate.map_or(0, |rate| rate.after);
            *this.rate = said.map(|rate| rate.after(after));
        }
        let rate = *this.rate;
        Poll::Ready(Ok(response.map(|body| RateBody::new(body, rate))))
    }
}
