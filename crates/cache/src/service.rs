//! The service: what goes past the cache, what is answered at once, and what takes longer.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response, request};
use http_body::Body;
use tower_service::Service;

use crate::answer::{Asked, freshness, from_store};
use crate::asked::Fields;
use crate::future::ResponseFuture;
use crate::layer::{Options, Shared};
use crate::lookup::{self, Job, Start};
use crate::policy::{Handling, RequestDirectives, Reuse};
use crate::store::Lookup;
use crate::{BoxError, Event, Policy, ResponseBody, Status, invalidation};

/// A service whose answers are kept. Made by [`CacheLayer`](crate::CacheLayer).
pub struct Cache<S, P> {
    pub(crate) inner: S,
    pub(crate) shared: Arc<Shared<P>>,
}

impl<S, P> Cache<S, P> {
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
}

/// What is done with a request at first sight.
enum Seen<R> {
    /// The cache has nothing to do with it.
    Past(Past),
    /// It may change what is stored.
    Unsafe,
    /// It is answered.
    Answer(Result<Response<ResponseBody<R>>, crate::Error>),
    /// It takes longer.
    Longer(Box<(Job, Start)>),
}

/// Why a request goes past the cache.
#[derive(Clone, Copy)]
enum Past {
    /// Its method.
    Method,
    /// What it says.
    Request,
    /// Nobody knows a place for it.
    Policy,
}

impl<P: Policy> Shared<P> {
    /// `empty`: whether the request has no body.
    fn see<R>(&self, request: &request::Parts, empty: bool) -> Seen<R> {
        let Options { rules, .. } = &self.options;
        let fields = Fields::of(&request.headers);
        let stored_anyway = self.options.methods.contains(&request.method);
        if !(stored_anyway || matches!(request.method, Method::GET | Method::HEAD)) {
            let past = !rules.invalidate || is_safe(&request.method);
            return if past { Seen::Past(Past::Method) } else { Seen::Unsafe };
        }
        // What its key does not tell apart must not choose the answer of others: a body of a GET.
        let foreign =
            fields.has(Fields::UPGRADE) || (fields.has(Fields::PRECONDITION) && !rules.preconditions);
        if foreign || !(empty || stored_anyway) {
            return Seen::Past(Past::Request);
        }
        let Some((zone, key)) = self.policy.find(request) else { return Seen::Past(Past::Policy) };
        let listens = rules.request_directives && fields.has(Fields::DIRECTIVES);
        let directives =
            if listens { RequestDirectives::parse(&request.headers) } else { RequestDirectives::default() };
        if directives.no_store {
            return Seen::Past(Past::Request);
        }
        let job = |zone, key| Job { zone, key, fields, directives };
        if self.policy.bypass(request) {
            return Seen::Longer(Box::new((job(zone, key), Start::Bypass)));
        }
        let (lookup, others) = lookup::look(&zone, &key, &request.method, &request.headers);
        if let Lookup::Found(entry) = &lookup
            && let Some(freshness) = freshness(entry)
        {
            let now = (self.options.clock)();
            if freshness.reuse(rules, &directives, now) == Reuse::Fresh {
                self.policy.observe(&request.extensions, Event::Status(Status::Hit));
                let asked = Asked { method: &request.method, headers: &request.headers, fields };
                let handling = Handling::hit(freshness.ttl(now));
                let answer =
                    from_store(&self.options, asked, entry, None, &freshness, now, Status::Hit, handling);
                return Seen::Answer(answer);
            }
        }
        Seen::Longer(Box::new((job(zone, key), Start::Looked { lookup, others })))
    }
}

/// RFC 9110 9.2.1. RFC 9111 4.4: "A cache MUST invalidate [...] when it receives a non-error status code in response to an
/// unsafe request method (including methods whose safety is unknown)."
fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::CONNECT)
}

impl<S, P, B, R> Service<Request<B>> for Cache<S, P>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    P: Policy,
    B: Body + Default + Send + 'static,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        match self.shared.see(&parts, body.is_end_stream()) {
            Seen::Answer(answer) => ResponseFuture::ready(answer.map_err(Into::into)),
            Seen::Past(past) => {
                let said = match (&self.shared.options.past, past) {
                    (Some([method, _]), Past::Method) => Some(method.clone()),
                    (Some([_, request]), Past::Request) => Some(request.clone()),
                    _ => None,
                };
                ResponseFuture::past(self.inner.call(Request::from_parts(parts, body)), said)
            }
            Seen::Unsafe => {
                let (inner, shared) = self.both();
                ResponseFuture::longer(invalidation::run(inner, shared, parts, body))
            }
            Seen::Longer(found) => {
                let (inner, shared) = self.both();
                let (job, start) = *found;
                ResponseFuture::longer(lookup::run(
                    inner,
                    shared,
                    Request::from_parts(parts, body),
                    job,
                    start,
                ))
            }
        }
    }
}

impl<S: Clone, P> Cache<S, P> {
    /// The service that is ready, for which one is left that has to become so, and what all share.
    fn both(&mut self) -> (S, Arc<Shared<P>>) {
        let clone = self.inner.clone();
        (std::mem::replace(&mut self.inner, clone), Arc::clone(&self.shared))
    }
}

impl<S: Clone, P> Clone for Cache<S, P> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<S: fmt::Debug, P> fmt::Debug for Cache<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("inner", &self.inner).finish_non_exhaustive()
    }
}
