//! The response side.

mod body;
mod driver;
mod future;
mod layer;
mod service;
mod settings;
mod shared;
mod store;
mod way;

pub use body::ResponseBody;
pub use future::BufferedFuture;
pub use layer::ResponseBufferLayer;
pub use service::ResponseBuffer;
pub use shared::{Event, Report};
pub use way::{Way, Why};
