#![doc = include_str!("../README.md")]

mod answer;
mod backoff;
mod body;
mod connection;
mod context;
mod error;
mod event;
mod exporter;
mod future;
mod ids;
mod layer;
mod open;
mod queue;
mod sampler;
pub mod semantic;
mod service;
mod settings;
mod span;
mod state;
mod wire;

pub use body::ResponseBody;
pub use context::{Flags, TRACEPARENT, TRACESTATE, TraceContext};
pub use error::Error;
pub use event::Event;
pub use exporter::{Builder, Exporter};
pub use future::ResponseFuture;
pub use ids::{SpanId, TraceId};
pub use layer::TraceLayer;
pub use queue::{Counts, Spans};
pub use sampler::{Ratio, Sampler};
pub use service::Trace;
pub use settings::{Protocol, Settings};
pub use span::{Kind, Span, Value};
pub use state::TraceState;
