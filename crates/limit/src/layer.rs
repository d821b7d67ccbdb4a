//! What the layers of both limits have in common.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use tower_layer::Layer;

use crate::{
    ConnectionLimit, ConnectionVerdict, LimitConnections, LimitRequests, RequestLimit, RequestVerdict,
    check_connections, check_requests,
};

/// Puts a [`LimitRequests`] around a service.
///
/// ```
/// use std::num::NonZeroU32;
/// use bytes::Bytes;
/// use propylon_limit::{RequestLimit, RequestLimitLayer, RequestRate, RequestZone};
///
/// let rate = RequestRate::per_second(NonZeroU32::new(10).unwrap());
/// let zone = RequestZone::new(rate, 10 << 20);
/// let layer = RequestLimitLayer::new(RequestLimit::new(zone).burst(20), |head| {
///     Some(Bytes::copy_from_slice(head.headers.get("x-api-key")?.as_bytes()))
/// });
/// # let _ = layer;
/// ```
pub type RequestLimitLayer = LimitLayer<RequestLimit>;

/// Puts a [`LimitConnections`] around a service.
///
/// ```
/// use bytes::Bytes;
/// use propylon_limit::{ConnectionLimit, ConnectionLimitLayer, ConnectionZone};
///
/// let limit = ConnectionLimit::new(ConnectionZone::new(10 << 20), 8);
/// let layer = ConnectionLimitLayer::new(limit, |head| {
///     Some(Bytes::copy_from_slice(head.headers.get("x-api-key")?.as_bytes()))
/// });
/// # let _ = layer;
/// ```
pub type ConnectionLimitLayer = LimitLayer<ConnectionLimit>;

/// Limits the requests of each key: a [`RequestLimitLayer`] or a [`ConnectionLimitLayer`].
#[derive(Clone)]
pub struct LimitLayer<L: Limit>(Rules<L>);

/// What a [`LimitLayer`] limits by: a [`RequestLimit`] or a [`ConnectionLimit`].
pub trait Limit: sealed::Limit {}

impl<L: sealed::Limit> Limit for L {}

pub(crate) mod sealed {
    /// Decides about requests.
    pub trait Limit: Clone + std::fmt::Debug {
        /// What becomes of a request.
        type Verdict: 'static;

        /// Decides about a request by all limits.
        fn check(limits: &[Self], key: impl FnMut(usize) -> Option<bytes::Bytes>) -> Self::Verdict;
    }
}

impl sealed::Limit for RequestLimit {
    type Verdict = RequestVerdict;

    fn check(limits: &[Self], key: impl FnMut(usize) -> Option<Bytes>) -> RequestVerdict {
        check_requests(limits, tokio::time::Instant::now(), key)
    }
}

impl sealed::Limit for ConnectionLimit {
    type Verdict = ConnectionVerdict;

    fn check(limits: &[Self], key: impl FnMut(usize) -> Option<Bytes>) -> ConnectionVerdict {
        check_connections(limits, key)
    }
}

type Key = Arc<dyn Fn(&Parts) -> Option<Bytes> + Send + Sync>;
type Observer<L> = Arc<dyn Fn(&Parts, &<L as sealed::Limit>::Verdict) + Send + Sync>;

/// What a service asks.
#[derive(Clone)]
pub(crate) struct Rules<L: sealed::Limit> {
    limits: Vec<L>,
    keys: Vec<Key>,
    observer: Option<Observer<L>>,
    pub(crate) status: StatusCode,
    pub(crate) dry_run: bool,
}

impl<L: Limit> LimitLayer<L> {
    /// Limits the requests of each key; none, or an empty one: they are not counted.
    #[must_use]
    pub fn new(limit: L, key: impl Fn(&Parts) -> Option<Bytes> + Send + Sync + 'static) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self(Rules { limits: Vec::new(), keys: Vec::new(), observer: None, status, dry_run: false })
            .and(limit, key)
    }

    /// And by this limit.
    #[must_use]
    pub fn and(mut self, limit: L, key: impl Fn(&Parts) -> Option<Bytes> + Send + Sync + 'static) -> Self {
        self.0.limits.push(limit);
        self.0.keys.push(Arc::new(key));
        self
    }

    /// The status of those that go no further. Default: 503.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// Only counts, and tells the observer.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.0.dry_run = dry_run;
        self
    }

    /// Hears of every decision.
    #[must_use]
    pub fn observer(mut self, hear: impl Fn(&Parts, &L::Verdict) + Send + Sync + 'static) -> Self {
        self.0.observer = Some(Arc::new(hear));
        self
    }
}

impl<L: sealed::Limit> Rules<L> {
    /// Decides about a request.
    pub(crate) fn check(&self, parts: &Parts) -> L::Verdict {
        let verdict = L::check(&self.limits, |at| self.keys.get(at)?(parts));
        if let Some(hear) = &self.observer {
            hear(parts, &verdict);
        }
        verdict
    }
}

impl<S> Layer<S> for RequestLimitLayer {
    type Service = LimitRequests<S>;

    fn layer(&self, inner: S) -> LimitRequests<S> {
        LimitRequests::new(inner, Arc::new(self.0.clone()))
    }
}

impl<S> Layer<S> for ConnectionLimitLayer {
    type Service = LimitConnections<S>;

    fn layer(&self, inner: S) -> LimitConnections<S> {
        LimitConnections::new(inner, Arc::new(self.0.clone()))
    }
}

impl<L: Limit> fmt::Debug for LimitLayer<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitLayer").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}
