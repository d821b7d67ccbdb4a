use tower_layer::Layer;

use crate::{Detach, Left};

/// Lets requests go on whose client leaves.
#[derive(Clone, Debug)]
pub struct DetachLayer {
    left: Left,
}

impl DetachLayer {
    /// They go on there.
    #[must_use]
    pub const fn new(left: Left) -> Self {
        Self { left }
    }
}

impl<S> Layer<S> for DetachLayer {
    type Service = Detach<S>;

    fn layer(&self, inner: S) -> Detach<S> {
        Detach { inner, left: self.left.clone() }
    }
}
