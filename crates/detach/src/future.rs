use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::Body;

use crate::Left;

/// How much of an answer is read for the sake of the connection that it comes on.
const MOST: usize = 64 * 1024;

type Inner<R, E> = Pin<Box<dyn Future<Output = Result<Response<R>, E>> + Send>>;

/// The future of a response. Dropped before that is there, it goes on in the background.
pub struct ResponseFuture<R, E>
where
    R: Body<Data = Bytes> + Send + 'static,
    E: Send + 'static,
{
    /// None when it has its response.
    inner: Option<Inner<R, E>>,
    left: Left,
}

impl<R, E> ResponseFuture<R, E>
where
    R: Body<Data = Bytes> + Send + 'static,
    E: Send + 'static,
{
    pub(crate) fn new(inner: Inner<R, E>, left: Left) -> Self {
        Self { inner: Some(inner), left }
    }
}

impl<R, E> Future for ResponseFuture<R, E>
where
    R: Body<Data = Bytes> + Send + 'static,
    E: Send + 'static,
{
    type Output = Result<Response<R>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(inner) = &mut self.inner else { return Poll::Pending };
        let result = ready!(inner.as_mut().poll(cx));
        self.inner = None;
        Poll::Ready(result)
    }
}

impl<R, E> Drop for ResponseFuture<R, E>
where
    R: Body<Data = Bytes> + Send + 'static,
    E: Send + 'static,
{
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take() {
            self.left.run(async move {
                if let Ok(response) = inner.await {
                    drain(response.into_body()).await;
                }
            });
        }
    }
}

impl<R, E> fmt::Debug for ResponseFuture<R, E>
where
    R: Body<Data = Bytes> + Send + 'static,
    E: Send + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("is_done", &self.inner.is_none()).finish_non_exhaustive()
    }
}

/// Reads a little of a body that nobody wants, up to its end if that comes soon: then its connection may be used again.
async fn drain<R: Body<Data = Bytes>>(body: R) {
    let mut body = pin!(body);
    let mut read = 0;
    while read < MOST {
        let Some(Ok(frame)) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await else { return };
        read += frame.data_ref().map_or(0, Bytes::len);
    }
}
