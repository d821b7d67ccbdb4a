//! How many requests a key may send.

mod bucket;
mod future;
mod limit;
mod service;
mod zone;

pub use future::RequestLimitFuture;
pub use limit::{Excess, LONGEST_REQUEST_KEY, RequestLimit, RequestVerdict, check_requests};
pub use service::LimitRequests;
pub use zone::{RequestRate, RequestZone};
