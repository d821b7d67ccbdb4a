//! The layer.

use tower_layer::Layer;

use super::service::Sticky;

/// Lets clients come back to the peer that they had: a [`Sticky`] around a [`Balance`](crate::Balance) that is
/// [`sticky`](crate::Balance::sticky). It may stand outside a layer that tries requests again.
///
/// ```
/// use propylon_balance::{ByCookie, Cookie, StickyLayer};
///
/// let layer = StickyLayer::new(ByCookie::new(Cookie::new("srv").http_only(true)));
/// # let _ = layer;
/// ```
#[derive(Clone, Debug)]
pub struct StickyLayer<P>(Option<P>);

impl<P> StickyLayer<P> {
    /// Bound by this; `None`: not at all.
    #[must_use]
    pub fn new(binding: impl Into<Option<P>>) -> Self {
        Self(binding.into())
    }
}

impl<S, P: Clone> Layer<S> for StickyLayer<P> {
    type Service = Sticky<S, P>;

    fn layer(&self, inner: S) -> Sticky<S, P> {
        Sticky::new(inner, self.0.clone())
    }
}
