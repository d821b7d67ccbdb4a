//! Listeners, virtual hosts, location routing, and the stack of layers of every route.

mod client;
mod dispatch;
mod edge;
mod error;
mod explain;
mod gateway;
mod listener;
mod names;
mod page;
mod reroute;
mod rescue;
mod route;
mod router;
pub mod routing;
mod runtime;
mod upstreams;
mod worker;

pub use error::{BuildError, StartError};
pub use explain::{ExplainError, Explanation, explain};
pub use gateway::{Gateway, report_trouble};

/// Where logs go: what a caller of [`Gateway::start`] needs to share the gateway's logs.
pub mod log {
    pub use propylon_access_log::{Buffering, OpenError, Sink, Sinks, Target};
}
