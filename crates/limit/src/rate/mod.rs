//! How fast a body may go.

mod accel;
mod body;
mod future;
mod layer;
mod pace;
mod service;

pub use accel::accel;
pub use body::RateBody;
pub use future::RateFuture;
pub use layer::RateLayer;
pub use pace::Rate;
pub use service::RateLimit;
