use tower_layer::Layer;

use crate::{Limits, Preread};

/// Reads ahead of connections what their clients ask for.
#[derive(Clone, Copy, Debug, Default)]
pub struct PrereadLayer {
    limits: Limits,
}

impl PrereadLayer {
    /// Within these limits.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits }
    }
}

impl<S> Layer<S> for PrereadLayer {
    type Service = Preread<S>;

    fn layer(&self, inner: S) -> Preread<S> {
        Preread::new(inner, self.limits)
    }
}
