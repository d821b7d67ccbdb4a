use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use tower_layer::Layer;

use super::service::LimitRequests;
use super::{RequestLimit, RequestVerdict};

type Key = Arc<dyn Fn(&Parts) -> Option<Bytes> + Send + Sync>;
type Observer = Arc<dyn Fn(&Parts, &RequestVerdict) + Send + Sync>;

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
#[derive(Clone)]
pub struct RequestLimitLayer {
    limits: Vec<RequestLimit>,
    keys: Vec<Key>,
    settings: Settings,
}

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) status: StatusCode,
    pub(super) dry_run: bool,
    pub(super) observer: Option<Observer>,
}

impl RequestLimitLayer {
    /// Limits the requests of each key; none, or an empty one: they are not counted.
    #[must_use]
    pub fn new(limit: RequestLimit, key: impl Fn(&Parts) -> Option<Bytes> + Send + Sync + 'static) -> Self {
        let settings = Settings { status: StatusCode::SERVICE_UNAVAILABLE, dry_run: false, observer: None };
        Self { limits: Vec::new(), keys: Vec::new(), settings }.and(limit, key)
    }

    /// And by this limit.
    #[must_use]
    pub fn and(
        mut self,
        limit: RequestLimit,
        key: impl Fn(&Parts) -> Option<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.limits.push(limit);
        self.keys.push(Arc::new(key));
        self
    }

    /// The status of those that go no further. Default: 503.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.settings.status = status;
        self
    }

    /// Only counts, and tells the observer.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.settings.dry_run = dry_run;
        self
    }

    /// Hears of every decision.
    #[must_use]
    pub fn observer(mut self, hear: impl Fn(&Parts, &RequestVerdict) + Send + Sync + 'static) -> Self {
        self.settings.observer = Some(Arc::new(hear));
        self
    }
}

/// What a service asks.
pub(super) struct Rules {
    limits: Vec<RequestLimit>,
    keys: Vec<Key>,
    pub(super) settings: Settings,
}

impl Rules {
    /// Decides about a request.
    pub(super) fn check(&self, parts: &Parts) -> RequestVerdict {
        let now = tokio::time::Instant::now();
        let verdict = super::check_requests(&self.limits, now, |at| self.keys.get(at)?(parts));
        if let Some(hear) = &self.settings.observer {
            hear(parts, &verdict);
        }
        verdict
    }
}

impl<S> Layer<S> for RequestLimitLayer {
    type Service = LimitRequests<S>;

    fn layer(&self, inner: S) -> LimitRequests<S> {
        let Self { limits, keys, settings } = self.clone();
        LimitRequests::new(inner, Arc::new(Rules { limits, keys, settings }))
    }
}

impl fmt::Debug for RequestLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLimitLayer").field("limits", &self.limits).finish_non_exhaustive()
    }
}
