use std::fmt;

use tower_layer::Layer;

use crate::{Copies, Mirror};

/// Sends a copy of each request to another service as well.
pub struct MirrorLayer<M, B> {
    mirror: M,
    copies: Copies,
    body: fn(&B) -> B,
    bodies: bool,
}

impl<M, B> MirrorLayer<M, B> {
    /// Copies with their bodies, which are [clones](Clone) of the request's: bytes, or a body that can be had again, such as
    /// `propylon_buffer::RequestBody`, which is read whole before it comes here.
    #[must_use]
    pub fn new(mirror: M, copies: Copies) -> Self
    where
        B: Clone,
    {
        Self { mirror, copies, body: B::clone, bodies: true }
    }

    /// Copies of heads, for bodies that go by as they come.
    #[must_use]
    pub fn without_bodies(mirror: M, copies: Copies) -> Self
    where
        B: Default,
    {
        Self { mirror, copies, body: |_| B::default(), bodies: false }
    }
}

impl<M: Clone, B> Clone for MirrorLayer<M, B> {
    fn clone(&self) -> Self {
        let Self { mirror, copies, body, bodies } = self;
        Self { mirror: mirror.clone(), copies: copies.clone(), body: *body, bodies: *bodies }
    }
}

impl<M: fmt::Debug, B> fmt::Debug for MirrorLayer<M, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MirrorLayer")
            .field("mirror", &self.mirror)
            .field("copies", &self.copies)
            .field("bodies", &self.bodies)
            .finish()
    }
}

impl<S, M: Clone, B> Layer<S> for MirrorLayer<M, B> {
    type Service = Mirror<S, M, B>;

    fn layer(&self, inner: S) -> Mirror<S, M, B> {
        Mirror::new(inner, self.mirror.clone(), self.copies.clone(), self.body, self.bodies)
    }
}
