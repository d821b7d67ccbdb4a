use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use tower_layer::Layer;

use super::service::RateLimit;
use crate::Rate;

/// How fast the response to a request may go.
pub(crate) type Choose = Arc<dyn Fn(&Parts) -> Option<Rate> + Send + Sync>;

/// Puts a [`RateLimit`] around a service.
///
/// ```
/// use std::num::NonZeroU64;
/// use propylon_limit::{Rate, RateLayer};
///
/// let rate = Rate::new(NonZeroU64::new(100 << 10).unwrap()).after(1 << 20);
/// let layer = RateLayer::new(rate);
/// let but_not_all = RateLayer::with(move |head| head.uri.path().starts_with("/video/").then_some(rate)).accel(true);
/// # let _ = (layer, but_not_all);
/// ```
#[derive(Clone)]
pub struct RateLayer {
    choose: Choose,
    accel: bool,
}

impl RateLayer {
    /// Every response goes at this rate.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self::with(move |_| Some(rate))
    }

    /// The rate depends on the request; none: as fast as it can.
    #[must_use]
    pub fn with(choose: impl Fn(&Parts) -> Option<Rate> + Send + Sync + 'static) -> Self {
        Self { choose: Arc::new(choose), accel: false }
    }

    /// Whether the service may say it by a field `X-Accel-Limit-Rate` in its response: bytes each second, 0: as fast as it can.
    /// What counts is removed from the response.
    #[must_use]
    pub fn accel(mut self, obey: bool) -> Self {
        self.accel = obey;
        self
    }
}

impl<S> Layer<S> for RateLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit::new(inner, self.choose.clone(), self.accel)
    }
}

impl fmt::Debug for RateLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLayer").field("accel", &self.accel).finish_non_exhaustive()
    }
}
