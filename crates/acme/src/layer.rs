use tower_layer::Layer;

use crate::challenges::Challenges;
use crate::service::Http01;

/// Answers HTTP-01 in the place of a service, while challenges are pending.
///
/// ```
/// use propylon_acme::{Challenges, Http01Layer};
///
/// let challenges = Challenges::new(); // a keeper's
/// let layer = Http01Layer::new(challenges);
/// ```
#[derive(Clone, Debug)]
pub struct Http01Layer {
    challenges: Challenges,
}

impl Http01Layer {
    /// Answers these.
    #[must_use]
    pub fn new(challenges: Challenges) -> Self {
        Self { challenges }
    }
}

impl<S> Layer<S> for Http01Layer {
    type Service = Http01<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Http01::new(inner, self.challenges.clone())
    }
}
