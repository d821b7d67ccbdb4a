//! How many requests a key may send.

mod bucket;
mod future;
mod layer;
mod limit;
mod service;
mod zone;

pub use future::RequestLimitFuture;
pub use layer::RequestLimitLayer;
pub use limit::{Excess, RequestLimit, RequestVerdict, check_requests};
pub use service::LimitRequests;
pub use zone::{RequestRate, RequestZone};
