use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::request;
use tower_layer::Layer;

use crate::{Place, Store};

/// The rest of a response whose client has left, to be run until it ends.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Stores responses.
#[derive(Clone)]
pub struct StoreLayer {
    to: Arc<To>,
    spawn: Option<Arc<Spawn>>,
}

pub(crate) type To = dyn Fn(&request::Parts) -> Option<Place> + Send + Sync;

/// Who runs what outlives its client.
pub(crate) type Spawn = dyn Fn(Work) + Send + Sync;

impl StoreLayer {
    /// What is answered to a GET goes to the place that `to` has for it; none: it is not stored.
    #[must_use]
    pub fn new(to: impl Fn(&request::Parts) -> Option<Place> + Send + Sync + 'static) -> Self {
        Self { to: Arc::new(to), spawn: None }
    }

    /// Runs what outlives its client: the rest of its response. How many run at once is up to `spawn`, which may drop one: then it is not
    /// stored. Default: what its client does not read is not stored.
    #[must_use]
    pub fn spawner(mut self, spawn: impl Fn(Work) + Send + Sync + 'static) -> Self {
        self.spawn = Some(Arc::new(spawn));
        self
    }
}

impl fmt::Debug for StoreLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreLayer").field("spawns", &self.spawn.is_some()).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for StoreLayer {
    type Service = Store<S>;

    fn layer(&self, inner: S) -> Store<S> {
        Store { inner, to: Arc::clone(&self.to), spawn: self.spawn.clone() }
    }
}
