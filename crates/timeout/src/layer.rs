use std::time::Duration;

use tower_layer::Layer;

use crate::{Limits, Timeout};

/// Puts a [`Timeout`] around a service.
///
/// Nothing is limited until a limit is set: [`send`](Self::send), [`read`](Self::read).
///
/// ```
/// use std::time::Duration;
/// use propylon_timeout::TimeoutLayer;
///
/// let nginx_like = TimeoutLayer::new().send(Duration::from_secs(60)).read(Duration::from_secs(60));
/// let reads_only = nginx_like.send(None);
/// # let _ = reads_only;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeoutLayer {
    limits: Limits,
}

impl TimeoutLayer {
    /// A layer that limits nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The longest time between two takings from the request: see [`Limits::send`]. Default: none.
    #[must_use]
    pub fn send(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limits.send = limit.into();
        self
    }

    /// The longest wait for the response head, and then for each frame: see [`Limits::read`]. Default: none.
    #[must_use]
    pub fn read(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limits.read = limit.into();
        self
    }

    /// Sets both limits at once. A request's own [`Limits`] extension goes before them.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        Timeout::new(inner, self.limits)
    }
}
