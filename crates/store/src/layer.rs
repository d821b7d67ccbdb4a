use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

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

/// Who runs what outlives its client, and how much of it there is.
pub(crate) struct Spawn {
    spawn: Box<dyn Fn(Work) + Send + Sync>,
    running: Arc<AtomicUsize>,
    limit: usize,
}

impl StoreLayer {
    /// What is answered to a GET goes to the place that `to` has for it; none: it is not stored.
    #[must_use]
    pub fn new(to: impl Fn(&request::Parts) -> Option<Place> + Send + Sync + 'static) -> Self {
        Self { to: Arc::new(to), spawn: None }
    }

    /// Runs what outlives its client: the rest of its response, 1000 at once. Default: what its client does not read is not stored.
    #[must_use]
    pub fn spawner(mut self, spawn: impl Fn(Work) + Send + Sync + 'static) -> Self {
        self.spawn = Some(Arc::new(Spawn { spawn: Box::new(spawn), running: Arc::default(), limit: 1000 }));
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

impl Spawn {
    pub(crate) fn run(&self, work: Work) {
        let place = Running(Arc::clone(&self.running));
        if place.0.fetch_add(1, Relaxed) < self.limit {
            (self.spawn)(Box::pin(async move {
                let _place = place;
                work.await;
            }));
        }
    }
}

/// Given back however it ends.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
