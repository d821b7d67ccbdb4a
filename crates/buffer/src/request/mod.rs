//! The request side.

mod body;
mod fill;
mod future;
mod layer;
mod service;

pub use body::{Begun, RequestBody};
pub use future::ResponseFuture;
pub use layer::{Mode, RequestBufferLayer};
pub use service::RequestBuffer;
