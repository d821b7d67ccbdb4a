use tower_layer::Layer;

use crate::Upgrade;

/// Puts an [`Upgrade`] around a service that passes requests on.
#[derive(Clone, Copy, Debug, Default)]
pub struct UpgradeLayer<P> {
    policy: P,
}

impl<P> UpgradeLayer<P> {
    /// Joins the two ends as `policy` says.
    pub const fn new(policy: P) -> Self {
        Self { policy }
    }
}

impl<S, P: Clone> Layer<S> for UpgradeLayer<P> {
    type Service = Upgrade<S, P>;

    fn layer(&self, inner: S) -> Upgrade<S, P> {
        Upgrade::new(inner, self.policy.clone())
    }
}
