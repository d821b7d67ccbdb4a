use tower_layer::Layer;

use crate::ForceRanges;

/// Gives responses ranges.
#[derive(Clone, Copy, Debug, Default)]
pub struct ForceRangesLayer(());

impl ForceRangesLayer {
    /// For all responses that ranges can be cut out of.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for ForceRangesLayer {
    type Service = ForceRanges<S>;

    fn layer(&self, inner: S) -> ForceRanges<S> {
        ForceRanges { inner }
    }
}
