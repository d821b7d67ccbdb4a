//! The end of a proxied location's stack: an upstream's leaf.

use std::task::{Context, Poll};

use http::{Request, Response};
use propylon_config::{self as config, Settings};
use propylon_stack::{Body, BoxError};
use tower_service::Service;

use crate::upstreams::{self, LeafBody, Upstreams};

/// The leaf that a template named, on its way to [`Leaf`].
#[derive(Clone)]
pub(super) struct Chosen(pub(super) upstreams::Leaf);

/// The leaf of a location: known when it was built, or chosen for each request.
#[derive(Clone)]
pub(crate) struct Leaf {
    leaf: upstreams::Leaf,
    /// Whether each request brings its leaf; the one here then leads nowhere.
    chosen: bool,
}

impl Leaf {
    pub(crate) fn new(pass: &config::ProxyPass, settings: &Settings, upstreams: &mut Upstreams<'_>) -> Self {
        let (leaf, chosen) = match pass {
            config::ProxyPass::Static(target) => (upstreams.leaf(target, settings), false),
            config::ProxyPass::Template(_) => (upstreams::nowhere(settings), true),
        };
        Self { leaf, chosen }
    }
}

impl Service<Request<Body>> for Leaf {
    type Response = Response<LeafBody>;
    type Error = BoxError;
    type Future = <upstreams::Leaf as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.chosen {
            return Poll::Ready(Ok(()));
        }
        Service::<Request<Body>>::poll_ready(&mut self.leaf, cx)
    }

    #[inline]
    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if self.chosen { self.call_chosen(request) } else { self.leaf.call(request) }
    }
}

impl Leaf {
    /// By itself: a request that is looked into is copied on its way, whether it is or not.
    #[inline(never)]
    fn call_chosen(&mut self, mut request: Request<Body>) -> <Self as Service<Request<Body>>>::Future {
        match request.extensions_mut().remove::<Chosen>() {
            Some(Chosen(mut leaf)) => leaf.call(request),
            // The target layer puts it there; without one there is no peer.
            None => self.leaf.call(request),
        }
    }
}
