use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::COOKIE;
use http::{HeaderValue, Request, Response};
use tower_service::Service;

use crate::layer::Shared;
use crate::{ResponseFuture, Visitor, issuer};

/// A service whose clients get a cookie. Made by [`UserIdLayer`](crate::UserIdLayer).
#[derive(Clone, Debug)]
pub struct UserId<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> UserId<S> {
    pub(crate) const fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
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

    /// The cookie that the client of a request gets.
    fn cookie<B>(&self, request: &Request<B>) -> Option<HeaderValue> {
        let Shared { rules, issuer, local } = &*self.shared;
        let lines = || request.headers().get_all(COOKIE).iter().map(HeaderValue::as_bytes);
        let set = |visitor: &Visitor| {
            let set = visitor.set(rules, issuer, lines(), |_| false, *local)?;
            rules.field(set, issuer::now())
        };
        match request.extensions().get::<Visitor>() {
            Some(visitor) => set(visitor),
            None => set(&Visitor::new()),
        }
    }
}

impl<S, B, R> Service<Request<B>> for UserId<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let cookie = self.cookie(&request);
        let p3p = cookie.as_ref().and_then(|_| self.shared.rules.p3p.clone());
        ResponseFuture::new(self.inner.call(request), cookie, p3p)
    }
}
