use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Response, StatusCode};
use pin_project_lite::pin_project;

use crate::{BoxError, Error, Policy};

pin_project! {
    /// The response, whose two ends are joined if it switches protocols.
    #[derive(Debug)]
    pub struct ResponseFuture<F, P, C> {
        #[pin]
        inner: F,
        policy: P,
        client: Option<C>,
    }
}

impl<F, P, C> ResponseFuture<F, P, C> {
    pub(crate) const fn new(inner: F, policy: P, client: Option<C>) -> Self {
        Self { inner, policy, client }
    }
}

impl<F, P, B, E> Future for ResponseFuture<F, P, P::Client>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
    P: Policy<B>,
{
    type Output = Result<Response<B>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx)).map_err(Into::into)?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Poll::Ready(Ok(response));
        }
        Poll::Ready(match this.client.take() {
            Some(client) => this.policy.join(client, response),
            None => Err(Error::NotAsked.into()),
        })
    }
}
