//! Asking the upstream, and storing what it answers.

use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, Response, StatusCode, Uri, Version, request, response};
use http_body::Body;
use propylon_conditions as conditions;
use tower_service::Service;

use crate::answer::{Asked, from_store, shown, tell};
use crate::asked::Fields;
use crate::keeping::Kept;
use crate::layer::Shared;
use crate::lookup::Job;
use crate::policy::{Failure, Forward, Freshness, Handling, Terms, Times, validation};
use crate::revalidation::{self, Verdict};
use crate::store::tier::Mark;
use crate::store::{Entry, Guard, Meta, Released};
use crate::{BoxError, Event, Policy, ResponseBody, Status};

/// A request that is to be sent.
pub(crate) struct Errand<B> {
    parts: request::Parts,
    body: B,
    job: Job,
}

/// Why the upstream is asked, and what is made of its answer.
pub(crate) struct Upstream {
    pub(crate) status: Status,
    pub(crate) forward: Forward,
    /// What is stored, and not good enough.
    pub(crate) stale: Option<Stale>,
    /// The lock, if others wait.
    pub(crate) guard: Option<Guard>,
    /// Whether the answer is stored.
    pub(crate) store: bool,
    /// Whether the request has waited.
    pub(crate) collapsed: bool,
}

pub(crate) struct Stale {
    pub(crate) entry: Entry,
    pub(crate) freshness: Freshness,
}

impl<B> Errand<B> {
    pub(crate) const fn new(parts: request::Parts, body: B, job: Job) -> Self {
        Self { parts, body, job }
    }
}

impl Upstream {
    pub(crate) const fn new(status: Status, forward: Forward) -> Self {
        Self { status, forward, stale: None, guard: None, store: true, collapsed: false }
    }

    /// Whether others may wait for the answer. What is stale as soon as it is stored is of no use to them.
    pub(crate) fn collapses(&self) -> bool {
        let lasts = |stale: &Stale| !stale.freshness.terms.validate() && !stale.freshness.lifetime.is_zero();
        self.forward != Forward::Request && self.stale.as_ref().is_none_or(lasts)
    }

    /// What others wait for is stored already.
    pub(crate) fn filled(&mut self) {
        if let Some(guard) = self.guard.take() {
            guard.release(Released::Filled);
        }
    }
}

/// What is remembered of a request while it is under way.
pub(crate) struct Sent {
    /// The client's method, and the one that was sent.
    pub(crate) method: Method,
    pub(crate) sent: Method,
    uri: Uri,
    version: Version,
    /// The client's fields.
    pub(crate) headers: HeaderMap,
    pub(crate) fields: Fields,
    pub(crate) extensions: Extensions,
    pub(crate) job: Job,
    /// The upstream was asked whether what is stored is good.
    pub(crate) validates: bool,
    /// The last purge that was known to all who share the zone's tier.
    pub(crate) mark: Option<Mark>,
}

impl Sent {
    fn asked(&self) -> Asked<'_> {
        Asked { method: &self.method, headers: &self.headers, fields: self.fields }
    }

    /// The request once more, without a question about what is stored.
    fn again<B: Default>(&self) -> Request<B> {
        let mut request = Request::new(B::default());
        *request.method_mut() = self.sent.clone();
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = self.version;
        *request.headers_mut() = self.headers.clone();
        conditions::strip_conditions(request.headers_mut());
        *request.extensions_mut() = self.extensions.clone();
        request
    }
}

/// Asks the upstream.
pub(crate) async fn fetch<S, P, B, R>(
    mut inner: S,
    shared: Arc<Shared<P>>,
    errand: Errand<B>,
    mut upstream: Upstream,
) -> Result<Response<ResponseBody<R>>, BoxError>
where
    S: Service<Request<B>, Response = Response<R>> + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    P: Policy,
    B: Body + Default + Send + 'static,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    let (mut request, mut sent) = shared.prepare(errand, &upstream);
    loop {
        let requested = (shared.options.clock)();
        let result = call(&mut inner, request).await;
        let times = Times { requested, received: (shared.options.clock)() };
        let (head, body) = match result {
            Ok(response) => response.into_parts(),
            Err(error) => return shared.failed(error, &sent, upstream, times.received),
        };
        if let Some(stale) = &upstream.stale {
            if sent.validates || sent.sent == Method::HEAD {
                let guard = upstream.guard.take();
                match revalidation::judge(&shared, &sent, stale, &head, times, guard) {
                    Verdict::Good(good) => {
                        return shared.revalidated(&sent, stale, good, &upstream, times.received);
                    }
                    Verdict::Other(guard) => upstream.guard = guard,
                    Verdict::Unrelated(guard) => {
                        upstream.guard = guard;
                        // It is about something that is not here: what is here cannot be validated.
                        request = sent.again();
                        sent.validates = false;
                        continue;
                    }
                }
            }
            let failure = Failure::Status(head.status);
            if stale.freshness.instead_of(&shared.options.rules, failure, times.received) {
                if let Some(guard) = upstream.guard {
                    guard.pass();
                }
                return shared.instead(&sent, stale, Some(head.status), times.received);
            }
        }
        let kept = shared.keep(&sent, &mut upstream, &head, &body, times);
        return Ok(shared.forward(&sent, &upstream, head, body, kept, times.received));
    }
}

async fn call<S, B>(inner: &mut S, request: Request<B>) -> Result<S::Response, BoxError>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    std::future::poll_fn(|cx| inner.poll_ready(cx)).await.map_err(Into::into)?;
    inner.call(request).await.map_err(Into::into)
}

impl<P: Policy> Shared<P> {
    /// The request that is sent.
    fn prepare<B>(&self, errand: Errand<B>, upstream: &Upstream) -> (Request<B>, Sent) {
        let Errand { mut parts, body, job } = errand;
        self.policy.observe(&parts.extensions, Event::Status(upstream.status));
        let mut sent = Sent {
            method: parts.method.clone(),
            sent: parts.method.clone(),
            uri: parts.uri.clone(),
            version: parts.version,
            headers: parts.headers.clone(),
            fields: job.fields,
            extensions: self.policy.remember(&parts.extensions),
            mark: job.zone.mark(),
            job,
            validates: false,
        };
        if !upstream.store {
            // Nothing is judged here: conditions and ranges are the upstream's.
            sent.fields = Fields::default();
            return (Request::from_parts(parts, body), sent);
        }
        conditions::strip_conditions(&mut parts.headers);
        let get_or_head = matches!(parts.method, Method::GET | Method::HEAD);
        if let Some(stale) = &upstream.stale
            && self.options.rules.revalidate
            && get_or_head
            && (self.options.rules.update_fields || is_validated_by_nginx(stale.entry.meta().status))
            && !stale.freshness.terms.remembered()
        {
            sent.validates = validation::validate(&mut parts.headers, &stale.entry.meta().headers);
            if sent.validates {
                self.policy.observe(&parts.extensions, Event::Validating(stale.entry.meta()));
            }
        }
        let converts = self.options.convert_head && self.options.background.is_some();
        if converts && parts.method == Method::HEAD {
            parts.method = Method::GET;
            sent.sent = Method::GET;
        }
        (Request::from_parts(parts, body), sent)
    }

    /// There is no answer.
    fn failed<R>(
        &self,
        error: BoxError,
        sent: &Sent,
        upstream: Upstream,
        now: u64,
    ) -> Result<Response<ResponseBody<R>>, BoxError> {
        let failure = self.policy.failure(&error);
        if let Some(stale) = &upstream.stale
            && failure.is_some_and(|failure| stale.freshness.instead_of(&self.options.rules, failure, now))
        {
            // Whoever waits would only hear the same, one after the other.
            if let Some(guard) = upstream.guard {
                guard.pass();
            }
            return self.instead(sent, stale, None, now);
        }
        // An error takes the place of an older one, but not of an answer.
        let replaceable = upstream.stale.as_ref().is_none_or(|stale| stale.freshness.terms.remembered());
        if upstream.store && failure.is_some() && replaceable {
            self.remember(&error, sent, upstream.guard, now);
        }
        Err(error)
    }

    /// nginx: its own 502 and 504 are kept as well, if there is a time for them.
    fn remember(&self, error: &BoxError, sent: &Sent, guard: Option<Guard>, now: u64) {
        let status = self.policy.status_of(error);
        let remembered = [StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT];
        let Some(status) = status.filter(|status| remembered.contains(status)) else { return };
        let Some(time) = self.options.rules.valid_for(status).filter(|time| !time.is_zero()) else { return };
        let mut meta = Meta::new(status);
        (meta.stored_at, meta.lifetime, meta.terms) = (now, time, Terms::of_error().encode());
        if let Some(fill) = sent.job.zone.fill(&sent.job.key, meta, Some(0), guard) {
            fill.finish();
        }
    }

    /// The stale answer in the place of none, or of one with this status.
    fn instead<R>(
        &self,
        sent: &Sent,
        stale: &Stale,
        answered: Option<StatusCode>,
        now: u64,
    ) -> Result<Response<ResponseBody<R>>, BoxError> {
        self.policy.observe(&sent.extensions, Event::Status(Status::Stale));
        let handling = Handling {
            forward_status: answered,
            ttl: Some(stale.freshness.ttl(now)),
            detail: answered.is_none().then_some("error"),
            ..Handling::forwarded(Forward::Stale)
        };
        let Stale { entry, freshness } = stale;
        let status = Status::Stale;
        Ok(from_store(&self.options, sent.asked(), entry, None, freshness, now, status, handling)?)
    }

    /// What was stale is good.
    fn revalidated<R>(
        &self,
        sent: &Sent,
        stale: &Stale,
        good: revalidation::Good,
        upstream: &Upstream,
        now: u64,
    ) -> Result<Response<ResponseBody<R>>, BoxError> {
        self.policy.observe(&sent.extensions, Event::Status(Status::Revalidated));
        let revalidation::Good { headers, freshness, status, updated } = good;
        let handling = Handling {
            forward_status: Some(status),
            ttl: Some(freshness.ttl(now)),
            stored: updated,
            collapsed: upstream.collapsed,
            ..Handling::forwarded(upstream.forward)
        };
        let (asked, entry) = (sent.asked(), &stale.entry);
        let status = Status::Revalidated;
        Ok(from_store(&self.options, asked, entry, Some(headers), &freshness, now, status, handling)?)
    }

    /// The upstream's answer, or as much of it as the client wants.
    fn forward<R>(
        &self,
        sent: &Sent,
        upstream: &Upstream,
        head: response::Parts,
        body: R,
        kept: Kept,
        now: u64,
    ) -> Response<ResponseBody<R>>
    where
        R: Body<Data = Bytes> + Send + 'static,
        R::Error: Into<BoxError>,
    {
        let Kept { fill, ttl, refused } = kept;
        let upstream_status = head.status;
        let handling = |shown: StatusCode| Handling {
            forward_status: (shown != upstream_status).then_some(upstream_status),
            ttl: ttl.filter(|_| refused.is_none()),
            stored: fill.is_some() && refused.is_none(),
            collapsed: upstream.collapsed,
            detail: refused,
            ..Handling::forwarded(upstream.forward)
        };
        let length = body.size_hint().exact();
        let mut response = Response::from_parts(head, ());
        // Conditions were taken out of what was sent: they are judged here.
        let shown = shown(sent.asked(), response.status(), response.headers(), length, now);
        let part = conditions::show(&mut response, &shown);
        // A HEAD that was sent as a GET.
        let part = part.or_else(|| (sent.method != sent.sent).then_some(0..0));
        let handling = handling(response.status());
        tell(&self.options, &mut response, upstream.status, handling);
        let nothing = part.as_ref().is_some_and(std::ops::Range::is_empty);
        response.map(|()| match (fill, part) {
            (None, None) => ResponseBody::inner(body),
            (fill, part) => {
                let copied = ResponseBody::copied(body, fill, part.as_ref(), self.options.background.clone());
                if nothing { ResponseBody::empty() } else { copied }
            }
        })
    }
}

/// nginx keeps no validators of other answers.
fn is_validated_by_nginx(status: StatusCode) -> bool {
    matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT)
}
