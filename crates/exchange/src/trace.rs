//! The trace that a request belongs to.

use http::HeaderValue;

use crate::Exchange;

/// The trace that a request belongs to, and its place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The id of the trace (`$otel_trace_id`).
    pub id: u128,
    /// The id of the request's own span (`$otel_span_id`).
    pub span: u64,
    /// The id of the span that the request came from, if it named one (`$otel_parent_id`).
    pub parent: Option<u64>,
    /// Whether that one is recorded (`$otel_parent_sampled`).
    pub parent_sampled: bool,
    /// The flags that go with the ids, this request's own decision among them.
    pub flags: u8,
    /// Whether the request's span is recorded.
    pub sampled: bool,
    /// Whether upstreams are told.
    pub passed_on: bool,
    /// What tracing systems pass on of the trace beside that.
    pub state: Option<HeaderValue>,
    /// What the ids of tries follow from; none: they have no spans of their own.
    pub tries: Option<u64>,
}

impl Exchange {
    /// The request belongs to this trace.
    pub fn set_trace(&self, trace: Trace) {
        self.late().keep(|kept| kept.trace = Some(Box::new(trace)));
    }

    /// Looks at the trace that the request belongs to, if anybody has said. `read` must not call back into the exchange.
    pub fn with_trace<T>(&self, read: impl FnOnce(&Trace) -> T) -> Option<T> {
        self.late().kept(|kept| kept.trace.as_deref().map(read))
    }

    /// How many tries there have been so far.
    #[must_use]
    pub fn tries(&self) -> usize {
        self.late().tries.len()
    }
}
