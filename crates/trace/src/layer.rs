//! The layer.

use std::sync::Arc;

use http::request;
use tower_layer::Layer;

use crate::open::Rules;
use crate::{Sampler, Spans, Trace};

/// Records a span for each request of a service; see the [crate](crate) for an example.
///
/// The request has its [`TraceContext`](crate::TraceContext) among its extensions from here on, and the
/// [`TraceState`](crate::TraceState) if it came with one: whoever sends on in its name writes them there. A span is over when the
/// body of the response is, or is dropped.
#[derive(Clone, Debug)]
pub struct TraceLayer {
    rules: Rules,
}

impl TraceLayer {
    /// Records every request whose parent has not decided otherwise.
    #[must_use]
    pub fn new(spans: Spans) -> Self {
        Self { rules: Rules::new(spans) }
    }

    /// Decides which traces are recorded.
    #[must_use]
    pub fn sampler(mut self, sampler: Sampler) -> Self {
        self.rules.sampler = sampler;
        self
    }

    /// Begins a trace with each request, whatever `traceparent` it has: for services that anybody can reach.
    #[must_use]
    pub fn ignore_parents(mut self) -> Self {
        self.rules.extract = false;
        self
    }

    /// Names spans: by the method and the route, as a rule. Default: the method.
    #[must_use]
    pub fn name(mut self, name: impl Fn(&request::Parts) -> String + Send + Sync + 'static) -> Self {
        self.rules.name = Arc::new(name);
        self
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Trace::new(inner, self.rules.clone())
    }
}
