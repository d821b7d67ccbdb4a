use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use http::header::{CONTENT_LENGTH, EXPECT, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::Copies;

/// How much of an answer is read for the sake of the connection that it comes on.
const MOST: u64 = 64 * 1024;

/// A service whose requests go to another one as well. Made by [`MirrorLayer`](crate::MirrorLayer).
pub struct Mirror<S, M, B> {
    inner: S,
    mirror: M,
    copies: Copies,
    body: fn(&B) -> B,
    bodies: bool,
}

impl<S, M, B> Mirror<S, M, B> {
    pub(crate) const fn new(inner: S, mirror: M, copies: Copies, body: fn(&B) -> B, bodies: bool) -> Self {
        Self { inner, mirror, copies, body, bodies }
    }

    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }

    fn copy(&self, request: &Request<B>) -> Request<B> {
        let mut copy = Request::new((self.body)(request.body()));
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.version_mut() = request.version();
        copy.headers_mut().clone_from(request.headers());
        strip(copy.headers_mut(), self.bodies);
        copy
    }
}

/// Takes out of a copy's fields what only its client can have: another protocol on its connection, a go-ahead for its body; and, where the
/// copy has no body, what is said of that.
pub fn strip(fields: &mut HeaderMap, bodies: bool) {
    fields.remove(UPGRADE);
    fields.remove(EXPECT);
    if !bodies {
        for name in [CONTENT_LENGTH, TRANSFER_ENCODING, TRAILER] {
            fields.remove(name);
        }
    }
}

impl<S: Clone, M: Clone, B> Clone for Mirror<S, M, B> {
    fn clone(&self) -> Self {
        let Self { inner, mirror, copies, body, bodies } = self;
        Self::new(inner.clone(), mirror.clone(), copies.clone(), *body, *bodies)
    }
}

impl<S: fmt::Debug, M: fmt::Debug, B> fmt::Debug for Mirror<S, M, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror")
            .field("inner", &self.inner)
            .field("mirror", &self.mirror)
            .field("copies", &self.copies)
            .finish_non_exhaustive()
    }
}

impl<S, M, B, R> Service<Request<B>> for Mirror<S, M, B>
where
    S: Service<Request<B>>,
    M: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    M::Future: Send,
    M::Error: Send,
    B: Send + 'static,
    R: Body + Send + 'static,
    R::Data: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        // That there are too many is counted; the request itself knows nothing of it.
        let _ = self.copies.send(|| mirrored(self.mirror.clone(), self.copy(&request)));
        self.inner.call(request)
    }
}

/// Sends a copy and throws away what comes of it.
async fn mirrored<M, B, R>(mut mirror: M, copy: Request<B>)
where
    M: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    if poll_fn(|cx| mirror.poll_ready(cx)).await.is_err() {
        return;
    }
    if let Ok(response) = mirror.call(copy).await {
        drain(response.into_body()).await;
    }
}

/// Reads a little of a body that nobody wants, up to its end if that comes soon: then its connection may be used again.
pub async fn drain<R: Body>(body: R) {
    let mut body = pin!(body);
    let mut read = 0;
    while read < MOST {
        let Some(Ok(frame)) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await else { return };
        read += frame.data_ref().map_or(0, |data| bytes::Buf::remaining(data) as u64);
    }
}
