//! Layers that whoever starts the gateway brings along.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use propylon_config::{Settings, Spanned};
use propylon_stack::{Body, BoxError, Route, RouteFuture};
use tower_service::Service;

use crate::client::Closed;
use crate::error::BuildError;

/// Puts a layer around a route.
type Around = Arc<dyn Fn(Route) -> Route + Send + Sync>;

/// Layers by the names under which locations have them.
#[derive(Clone, Default)]
pub(crate) struct Layers(BTreeMap<Box<str>, Around>);

/// There is none with this name.
#[derive(Debug, thiserror::Error)]
enum Unknown {
    #[error("this binary has no layers of its own")]
    None,
    #[error("this binary has: {0}")]
    Other(String),
}

impl Layers {
    pub(crate) fn add(&mut self, name: Box<str>, around: impl Fn(Route) -> Route + Send + Sync + 'static) {
        self.0.insert(name, Arc::new(around));
    }

    /// Those that a location has; none, as nearly everywhere, costs nothing.
    pub(crate) fn of(&self, settings: &Settings) -> Result<Option<Chosen>, BuildError> {
        let chosen: Vec<Around> =
            settings.layers.iter().map(|name| self.find(name)).collect::<Result<_, _>>()?;
        Ok((!chosen.is_empty()).then_some(Chosen(chosen)))
    }

    fn find(&self, name: &Spanned<Box<str>>) -> Result<Around, BuildError> {
        if let Some(around) = self.0.get(&name.value) {
            return Ok(around.clone());
        }
        let known: Vec<_> = self.0.keys().map(|known| &**known).collect();
        let unknown = if known.is_empty() { Unknown::None } else { Unknown::Other(known.join(", ")) };
        Err(BuildError::value("unknown layer", name.span)(unknown))
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The layers of a location, the outermost first.
pub(crate) struct Chosen(Vec<Around>);

impl Chosen {
    pub(crate) fn around(&self, route: Route) -> Wrapped {
        Wrapped(self.0.iter().rev().fold(route, |route, around| around(route)))
    }
}

/// A layer has failed, and what it says of it.
#[derive(Debug, thiserror::Error)]
#[error("a layer of the location failed: {0}")]
pub(crate) struct Failed(#[source] BoxError);

/// A route with its layers, whose errors are told from those of upstreams.
#[derive(Clone)]
pub(crate) struct Wrapped(Route);

impl Service<Request<Body>> for Wrapped {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = RouteFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> RouteFuture {
        let answer = self.0.send(request);
        let failed = |error: BoxError| if error.is::<Closed>() { error } else { Failed(error).into() };
        Box::pin(async move { answer.await.map_err(failed) })
    }
}
